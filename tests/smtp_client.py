"""An SMTP provider that writes to a server on this machine, and what became of its message."""

from __future__ import annotations

from pathlib import Path

from relance.domain.message import Accepted, Email
from relance.domain.workspace import ChannelSpec
from relance.errors import SendError
from relance.providers.smtp import Smtp

PASSWORD = "s3cret-passw0rd"
ADDRESS = "chloe.private@example.com"
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to=ADDRESS,
    sender="La Boutique <bonjour@boutique.example>",
    subject="Vous nous manquez",
    html_parts=("<p>Bonjour</p>",),
    text="Bonjour\n.\n..\n",
)


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def channel(port: int, **options: object) -> ChannelSpec:
    options = {"host": "127.0.0.1", "port": port, "security": "none", "timeout": 5, **options}
    return ChannelSpec(
        name="email", provider="smtp", sender="", options=options, path="relance.yaml:9:1"
    )


def opened(port: int, **options: object) -> Smtp:
    return Smtp.open(channel(port, **options), Path("/nowhere"), sleep=no_nap)


async def outcome(provider: Smtp, message: Email = EMAIL) -> Accepted | SendError:
    try:
        (answer,) = await provider.send([message])
    except SendError as error:
        return error
    return answer


async def one_send(port: int, message: Email = EMAIL, **options: object) -> Accepted | SendError:
    provider = opened(port, **options)
    try:
        return await outcome(provider, message)
    finally:
        await provider.close()
