"""SMTP: e-mail to any mail server, over one connection that is kept and re-made (RFC 5321)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from relance.domain.message import Accepted, Email, Outgoing
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.providers import wire
from relance.providers.base import Provider
from relance.providers.mime import to_bytes
from relance.providers.options import Options, is_loopback
from relance.providers.rate import Sleep, Take, own
from relance.providers.wire import Answer
from relance.settings import Secret

if TYPE_CHECKING:
    from relance.providers.mailserver import MailServer

_PORTS = {"starttls": 587, "tls": 465, "none": 25}

SPEC = VendorSpec(
    name="smtp",
    channels=frozenset({"email"}),
    description="Any mail server.",
    options=(
        OptionSpec(
            name="host", kind=OptionKind.TEXT, description="The mail server.", required=True
        ),
        OptionSpec(
            name="port",
            kind=OptionKind.INTEGER,
            description="Its port; by default 587 for starttls, 465 for tls, 25 for none.",
        ),
        OptionSpec(name="username", kind=OptionKind.TEXT, description="Whom to log in as."),
        OptionSpec(name="password", kind=OptionKind.SECRET, description="The password for it."),
        OptionSpec(
            name="security",
            kind=OptionKind.TEXT,
            description="starttls, tls, or none (then only to this machine, or with insecure).",
            default="starttls",
            choices=tuple(_PORTS),
        ),
        OptionSpec(
            name="insecure",
            kind=OptionKind.FLAG,
            description="Allow security none to another machine: anyone on the way can read.",
            default=False,
        ),
        OptionSpec(
            name="ca_file",
            kind=OptionKind.TEXT,
            description="Certificates to trust instead of the system's, as a PEM file.",
        ),
        OptionSpec(
            name="timeout",
            kind=OptionKind.NUMBER,
            description="Seconds to wait for each answer.",
            default=30.0,
        ),
    ),
    can=Capabilities(tags=True, headers=True, reply_to=True, message_id=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """SMTP's options, checked."""

    host: str
    port: int
    username: str
    password: Secret | None
    security: str
    ca_file: Path | None
    timeout: float

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        host, security = options.text("host"), options.text("security")
        if security == "none" and not is_loopback(host) and not options.flag("insecure"):
            options.wrong(
                "security",
                "none sends customers' addresses in clear text",
                hint="use starttls or tls, or say insecure: true",
            )
        username, password = options.text("username"), options.secret("password")
        if bool(username) != bool(password):
            options.wrong("username", "username and password go together")
        return cls(
            host=host,
            port=options.integer("port") or _PORTS[security],
            username=username,
            password=password,
            security=security,
            ca_file=options.file("ca_file"),
            timeout=options.number("timeout"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """One mail transaction. `utf8`: the recipient's name needs SMTPUTF8 (RFC 6531)."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    utf8: bool


def build(message: Email) -> Envelope:
    """The envelope and the message in it."""
    recipient = wire.to_ascii(message.to)
    return Envelope(
        sender=wire.sender_address(message.sender),
        recipient=recipient,
        content=to_bytes(message),
        utf8=not recipient.isascii(),
    )


class Smtp(Provider):
    """Not idempotent: the Message-ID is stable, but no server promises to look at it."""

    spec = SPEC
    kind = Email

    def __init__(self, settings: Settings, sleep: Sleep, take: Take) -> None:
        from relance.providers.mailserver import MailServer  # late, as in HttpProvider
        from relance.providers.retry import Retry

        self._server: MailServer = MailServer(settings)
        self._take = take
        self._retry = Retry(sleep)

    @classmethod
    def open(
        cls,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Smtp:
        return cls(Settings.of(channel, root), sleep, own(take, channel.rate, sleep))

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        return [await self._retry(self._once, m) for m in messages if isinstance(m, Email)]

    async def _once(self, message: Email) -> Answer:
        await self._take(1)
        failure = await self._server.hand_over(build(message))
        return failure or Accepted(
            message_id=message.message_id, provider_id=wire.message_id_header(message)
        )

    async def close(self) -> None:
        await self._server.close()
