"""Twilio: SMS, one message per call (twilio.com/docs/messaging and docs/api/errors, 2026-11)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote_plus

from relance.domain.message import Accepted, Sms
from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError
from relance.providers import wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options
from relance.providers.rate import Sleep, Take, own
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="twilio",
    channels=frozenset({"sms"}),
    description="Twilio, SMS. A sender beginning with MG is a messaging service.",
    options=(
        OptionSpec(
            name="account",
            kind=OptionKind.TEXT,
            description="The account's SID, beginning with AC.",
            required=True,
        ),
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="The account's auth token, or the secret of `key`.",
            required=True,
        ),
        OptionSpec(
            name="key",
            kind=OptionKind.TEXT,
            description="An API key's SID, beginning with SK, used instead of the account's token.",
        ),
        *http_options("https://api.twilio.com"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Twilio's options, checked."""

    endpoint: Endpoint
    account: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        account = options.text("account")
        if not account.startswith("AC"):
            options.wrong("account", "must be an account SID", hint="it begins with AC")
        pair = f"{options.text('key') or account}:{options.required_secret('token').reveal()}"
        basic = Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": basic},
            timeout=options.number("timeout"),
        )
        return cls(endpoint=endpoint, account=account)


_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_quoted = lru_cache(maxsize=1024)(quote_plus)


def build(messages: Sequence[Sms], *, account: str) -> Request:
    """POST Messages.json for the one message."""
    (message,) = messages
    sender = "MessagingServiceSid" if message.sender.startswith("MG") else "From"
    # urlencode would quote the keys and the sender anew for every message
    form = f"To={quote_plus(message.to)}&{sender}={_quoted(message.sender)}"
    return Request(
        path=f"/2010-04-01/Accounts/{_quoted(account)}/Messages.json",
        body=f"{form}&Body={quote_plus(message.text)}".encode(),
        headers=_HEADERS,
    )


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """The message's SID, or what its error code means."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        raise _decision(response, body.get("code")) or wire.judge(response)
    sid = body.get("sid")
    if not isinstance(sid, str):
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=sid)]


_REFUSED = {
    21211: "invalid_recipient",
    21214: "invalid_recipient",
    21217: "invalid_recipient",
    21265: "invalid_recipient",
    21408: "region_not_enabled",
    21602: "empty_text",
    21604: "invalid_recipient",
    21608: "unverified_recipient",  # trial accounts
    21610: "unsubscribed",
    21612: "unroutable",
    21614: "not_a_mobile",
    21617: "text_too_long",
}
_OURS = {  # the account or the sender is at fault, whoever the message is for
    20003: "unauthorised",
    20005: "account_not_active",
    20404: "unknown_account",
    21212: "invalid_sender",
    21603: "invalid_sender",
    21606: "invalid_sender",
    21659: "invalid_sender",
    21660: "invalid_sender",
    21701: "unknown_messaging_service",
    21703: "empty_messaging_service",
    30002: "account_suspended",
}
_LATER = {
    14107: "rate_limited",
    20429: "rate_limited",
    21611: "queue_full",
    21730: "maintenance",
    30001: "queue_full",
    63038: "daily_limit",
}


def _decision(response: Response, code: object) -> SendError | None:
    """What an error code means; None for codes that say no more than the HTTP status."""
    if not isinstance(code, int):
        return None
    detail = f"Twilio error {code}"
    if code in _REFUSED:
        return Refused(_REFUSED[code], detail=detail, unsubscribe=code == 21610)
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _LATER:
        return NotSent(_LATER[code], detail=detail, retry_after=response.retry_after)
    return None


class Twilio(HttpProvider[Sms]):
    """See the module."""

    spec = SPEC
    kind = Sms

    def __init__(self, settings: Settings, sleep: Sleep, take: Take) -> None:
        super().__init__(settings.endpoint, sleep, take)
        self._account = settings.account

    @classmethod
    def open(
        cls,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Twilio:
        return cls(Settings.of(channel, root), sleep, own(take, channel.rate, sleep))

    def build(self, messages: Sequence[Sms]) -> Request:
        return build(messages, account=self._account)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)
