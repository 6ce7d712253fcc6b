"""SMTP: e-mail to any mail server, over one connection that is kept and re-made (RFC 5321)."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from relance.domain.message import Accepted, Email, Outgoing
from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import wire
from relance.providers.base import Provider
from relance.providers.mime import to_bytes
from relance.providers.options import Options, is_loopback
from relance.providers.rate import Rate, Sleep
from relance.providers.wire import Answer
from relance.settings import Secret

if TYPE_CHECKING:
    import aiosmtplib

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
            kind=OptionKind.FOLDER,
            description="Certificates to trust instead of the system's, as a PEM file.",
        ),
        OptionSpec(
            name="timeout",
            kind=OptionKind.NUMBER,
            description="Seconds to wait for each answer.",
            default=30.0,
        ),
    ),
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


def read(error: Exception, *, in_data: bool) -> SendError:
    """What an error inside a transaction means.

    Before DATA nothing has left. Inside it, only an answer of the server's says what became of
    the message; a lost connection says nothing. 4yz is "try again", 5yz is "never" (RFC 5321,
    4.2.1); a refused sender is our mistake, whoever the message is for.
    """
    import aiosmtplib

    if not isinstance(error, aiosmtplib.SMTPResponseException):
        lost = "read_timeout" if isinstance(error, TimeoutError) else "disconnected"
        return (Unsure if in_data else NotSent)(lost, detail=type(error).__name__)
    code, detail = error.code, _told(error)
    if 400 <= code < 500:
        return NotSent("deferred", detail=detail)
    if code < 400:  # an answer out of place, or none at all
        return (Unsure if in_data else NotSent)("protocol", detail=detail)
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and code != 552:
        return Paused("sender_refused", detail=detail)
    recipient = isinstance(error, aiosmtplib.SMTPRecipientRefused)
    return Refused("recipient_refused" if recipient else "message_refused", detail=detail)


def _told(error: aiosmtplib.SMTPResponseException) -> str:
    """The codes only (`SMTP 550 5.1.1`): the text after them often repeats the address."""
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", error.message)
    return f"SMTP {error.code} {enhanced[0]}" if enhanced else f"SMTP {error.code}"


def unconnected(error: Exception) -> SendError:
    """What an error on the way to a usable connection means: nothing has left yet."""
    import aiosmtplib

    detail = type(error).__name__
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Paused("tls", detail=detail)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
        if error.code < 500:
            return NotSent("unavailable", detail=_told(error))
        return Paused("unauthorised" if login else "forbidden", detail=_told(error))
    if isinstance(error.__cause__, socket.gaierror):
        return NotSent("dns", detail=detail)
    if isinstance(error, TimeoutError):
        return NotSent("connect_timeout", detail=detail)
    if isinstance(error, OSError):
        return NotSent("connect", detail=detail)
    return Paused("not_supported", detail="the server offers no STARTTLS, or no login")


class Smtp(Provider):
    """Not idempotent: the Message-ID is stable, but no server promises to look at it."""

    spec = SPEC
    kind = Email

    def __init__(self, settings: Settings, rate: float | None, sleep: Sleep) -> None:
        from relance.providers.retry import Retry  # see HttpProvider

        self._settings = settings
        self._rate = Rate(rate, sleep=sleep)
        self._retry = Retry(sleep)
        self._lock = asyncio.Lock()  # one connection carries one message at a time
        self._client: aiosmtplib.SMTP | None = None

    @classmethod
    def open(cls, channel: ChannelSpec, root: Path, *, sleep: Sleep = asyncio.sleep) -> Smtp:
        return cls(Settings.of(channel, root), channel.rate, sleep)

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        return [await self._retry(self._one, m) for m in messages if isinstance(m, Email)]

    async def _one(self, message: Email) -> Answer:
        await self._rate.take()
        envelope = build(message)
        async with self._lock:
            client = await self._connected()
            try:
                failed = await self._transact(client, envelope)
            except BaseException:
                client.close()  # interrupted half-way: what the server says next is for nobody
                raise
        return failed or Accepted(
            message_id=message.message_id, provider_id=wire.message_id_header(message)
        )

    async def _transact(self, client: aiosmtplib.SMTP, envelope: Envelope) -> SendError | None:
        """Answers with what befell this message; raises what befell the connection."""
        import aiosmtplib

        if envelope.utf8 and not client.supports_extension("smtputf8"):
            return Refused("needs_smtputf8", detail="the server takes ASCII addresses only")
        options, encoding = (["SMTPUTF8"], "utf-8") if envelope.utf8 else ([], "ascii")
        in_data = False
        try:
            await client.mail(envelope.sender, options=options, encoding=encoding)
            await client.rcpt(envelope.recipient, encoding=encoding)
            in_data = True
            await client.data(envelope.content)
        except (aiosmtplib.SMTPException, OSError) as error:
            decision = read(error, in_data=in_data)
            decision.__cause__ = error
            if not client.is_connected or not isinstance(error, aiosmtplib.SMTPResponseException):
                raise decision from error
            await self._reset(client)
            return decision
        return None

    async def _reset(self, client: aiosmtplib.SMTP) -> None:
        import aiosmtplib

        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        import aiosmtplib

        if self._client is not None and self._client.is_connected:
            return self._client
        self._client = self._made()
        try:
            await self._client.connect()
            await self._client.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise unconnected(error) from error
        return self._client

    def _made(self) -> aiosmtplib.SMTP:
        import aiosmtplib

        settings = self._settings
        secured = settings.security != "none"
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password.reveal() if settings.password else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=ssl.create_default_context(cafile=settings.ca_file) if secured else None,
            timeout=settings.timeout,
        )

    async def close(self) -> None:
        """Say goodbye where somebody listens."""
        import aiosmtplib

        async with self._lock:
            client, self._client = self._client, None
            if client is None or not client.is_connected:
                return
            try:
                await client.quit()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
