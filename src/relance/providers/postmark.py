"""Postmark: e-mail, up to 500 messages per call (postmarkapp.com/developer, read 2026-11)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from relance.domain.message import Accepted, Email
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError
from relance.providers import wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options
from relance.providers.rate import Sleep, Take, own
from relance.providers.wire import Answer, Request, Response

SPEC = VendorSpec(
    name="postmark",
    channels=frozenset({"email"}),
    description="Postmark, e-mail in batches of up to 500.",
    options=(
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="The server's API token.",
            required=True,
        ),
        OptionSpec(
            name="stream",
            kind=OptionKind.TEXT,
            description="The message stream; without one Postmark takes `outbound`.",
        ),
        *http_options("https://api.postmarkapp.com"),
    ),
    can=Capabilities(batch=500, tags=True, headers=True, reply_to=True, message_id=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Postmark's options, checked."""

    endpoint: Endpoint
    stream: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"X-Postmark-Server-Token": options.required_secret("token")},
            timeout=options.number("timeout"),
        )
        return cls(endpoint=endpoint, stream=options.text("stream"))


def build(messages: Sequence[Email], *, stream: str) -> Request:
    """POST /email for one message, /email/batch for more."""
    emails = [_email(message, stream) for message in messages]
    return Request(
        path="/email" if len(emails) == 1 else "/email/batch",
        body=orjson.dumps(emails[0] if len(emails) == 1 else emails),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


def _email(message: Email, stream: str) -> dict[str, object]:
    headers = {
        **message.headers,
        "X-Relance-Message": message.message_id,
        "Message-ID": wire.message_id_header(message),
        "X-PM-KeepID": "true",  # else Postmark replaces the Message-ID by its own
    }
    fields: dict[str, object] = {
        "From": wire.ascii_sender(message.sender),
        "To": wire.to_ascii(message.to),
        "Subject": message.subject,
        "HtmlBody": message.html,
        "TextBody": message.text,
        "ReplyTo": message.reply_to,
        "Tag": message.trigger,
        "MessageStream": stream,
        "Metadata": {"relance_message": message.message_id},
        "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
    }
    return {name: value for name, value in fields.items() if value}


def read(response: Response, messages: Sequence[Email]) -> list[Answer]:
    """One answer per message: a batch succeeds with HTTP 200 whatever befell its messages."""
    body = wire.json(response)
    if response.status != 200:
        known = _decision(wire.fields(body)) if response.status == 422 else None
        raise known or wire.judge(response)
    results = [body] if len(messages) == 1 else body
    if not isinstance(results, list) or len(results) != len(messages):
        raise wire.unreadable(response)
    return [_answer(response, m, wire.fields(r)) for m, r in zip(messages, results, strict=True)]


def _answer(response: Response, message: Email, result: Mapping[str, object]) -> Answer:
    if result.get("ErrorCode") == 0 and isinstance(result.get("MessageID"), str):
        return Accepted(message_id=message.message_id, provider_id=str(result["MessageID"]))
    return _decision(result) or wire.unreadable(response)


_OURS = {  # the account or the sender is at fault, whoever the message is for
    10: "unauthorised",
    400: "unknown_sender",
    401: "unconfirmed_sender",
    405: "not_allowed_to_send",
    412: "account_pending",
    413: "account_may_not_send",
}
_STREAM_ERRORS = range(1200, 1300)


def _decision(result: Mapping[str, object]) -> SendError | None:
    """What an ErrorCode means (developer/api/overview, API error codes); None without one.

    `Message` is never told: it holds addresses.
    """
    code = result.get("ErrorCode")
    if not isinstance(code, int) or code == 0:
        return None
    detail = f"Postmark error {code}"
    if code == 406:  # bounced before, complained, or suppressed by hand
        return Refused("inactive_recipient", detail=detail, unsubscribe=True)
    if code in {100, 429}:
        return NotSent("maintenance" if code == 100 else "rate_limited", detail=detail)
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _STREAM_ERRORS:
        return Paused("unknown_stream", detail=detail)
    if code == 300 and str(result.get("Message")).startswith("Invalid 'From'"):
        return Paused("invalid_sender", detail=detail)
    return Refused("invalid_message", detail=detail)


class Postmark(HttpProvider[Email]):
    """See the module."""

    spec = SPEC
    kind = Email

    def __init__(self, settings: Settings, sleep: Sleep, take: Take) -> None:
        super().__init__(settings.endpoint, sleep, take)
        self._settings = settings

    @classmethod
    def open(
        cls,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Postmark:
        return cls(Settings.of(channel, root), sleep, own(take, channel.rate, sleep))

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, stream=self._settings.stream)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)
