"""Mailgun: e-mail, one message per call (documentation.mailgun.com, read 2026-11).

Mailgun's batch of 1,000 is one text with variables. A whole text as a variable is not documented;
variables are cut off at 16 KB a recipient (mailgun-php, issue 768), and have been left unreplaced
in large calls (issue 374): the customer would read "%recipient.html%". So `batch` is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unreadable, Unverified
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, basic_auth, http_options
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="mailgun",
    channels=frozenset({"email"}),
    description="Mailgun, e-mail. For a domain in the EU: base_url https://api.eu.mailgun.net.",
    options=(
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="An API key; a domain's sending key cannot look messages up.",
            required=True,
        ),
        OptionSpec(
            name="domain",
            kind=OptionKind.TEXT,
            description="The sending domain, as it is called at Mailgun.",
            required=True,
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="The account's HTTP webhook signing key.",
        ),
        *http_options("https://api.mailgun.net"),
    ),
    can=Capabilities(
        look_up=True,
        tags=True,
        headers=True,
        reply_to=True,
        message_id=True,
        events=True,
        signed="HMAC-SHA256 over timestamp and token",
    ),
)
_MOST_TAGS = 9  # of ten, the first is the trigger


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Mailgun's options, checked."""

    endpoint: Endpoint
    domain: str
    webhook_key: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_tags(_MOST_TAGS, r"[ -~]{1,128}", "up to 128 ASCII characters")
        domain = options.text("domain")
        if not re.fullmatch(r"[0-9A-Za-z.-]+", domain):
            options.wrong("domain", "is not a domain", hint="mg.example.com")
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": basic_auth("api", options.required_secret("token"))},
            timeout=options.number("timeout"),
        )
        return cls(endpoint=endpoint, domain=domain, webhook_key=options.secret("webhook_key"))


def build(messages: Sequence[Email], *, domain: str) -> Request:
    """POST /v3/<domain>/messages for the one message, as a multipart form."""
    (message,) = messages
    fields = list(_fields(message))
    boundary = f"relance-{message.message_id}"
    while any(boundary in value for _, value in fields):
        boundary += "-"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return Request(
        path=f"/v3/{domain}/messages",
        body=f"{''.join(parts)}--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def _fields(message: Email) -> Iterator[tuple[str, str]]:
    yield "from", wire.ascii_sender(message.sender)
    yield "to", wire.to_ascii(message.to)
    yield "subject", message.subject
    texts = (("text", message.text), ("html", message.html))
    yield from ((name, value) for name, value in texts if value)
    yield from (("o:tag", tag) for tag in dict.fromkeys((message.trigger, *message.tags)))
    if message.reply_to:
        yield "h:Reply-To", message.reply_to
    yield from ((f"h:{name}", value) for name, value in message.headers.items())
    yield "h:X-Relance-Message", message.message_id
    yield "h:Message-Id", wire.message_id_header(message)
    yield "v:relance_message", message.message_id


def read(response: Response, messages: Sequence[Email]) -> list[Answer]:
    """The id of what was queued, or what the refusal's text means."""
    (message,) = messages
    if response.status == 200 and b"Mailgun Magnificent API" in response.body:
        raise Paused("no_such_endpoint", detail="Mailgun's front page")
    body = wire.fields(wire.json(response))
    if response.status != 200:
        raise _decision(response, hooks.text(body, "message").lower()) or wire.judge(response)
    given = hooks.text(body, "id").strip("<>")
    if not given:
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=given)]


# Mailgun has no codes: parts of its texts, in lower case, as its help pages quote them
_TEXTS: tuple[tuple[str, type[SendError], str], ...] = (
    ("'from' parameter", Paused, "invalid_sender"),
    ("from parameter", Paused, "invalid_sender"),
    ("'to' parameter", Refused, "invalid_recipient"),
    ("to parameter", Refused, "invalid_recipient"),
    ("domain not found", Paused, "unknown_domain"),
    ("limit exceeded", NotSent, "rate_limited"),
    ("too many requests", NotSent, "rate_limited"),
    ("not allowed to send", Paused, "not_allowed_to_send"),
    ("sandbox subdomains", Paused, "sandbox_domain"),
    ("free accounts", Paused, "not_allowed_to_send"),
    ("on probation", Paused, "on_probation"),
    ("disabled", Paused, "account_disabled"),
)


def _decision(response: Response, text: str) -> SendError | None:
    """What a refusal's text means; None where it says no more than the status."""
    if response.status >= 500:
        return None
    detail = f"HTTP {response.status}"
    for part, decision, reason in _TEXTS:
        if part in text and decision is NotSent:
            return NotSent(reason, detail=detail, retry_after=response.retry_after)
        if part in text:
            return decision(reason, detail=detail)
    return None


_KINDS = {  # user-manual/events/event-types
    "accepted": ReceiptKind.ACCEPTED,
    "delivered": ReceiptKind.DELIVERED,
    "failed": ReceiptKind.HARD_BOUNCED,
    "rejected": ReceiptKind.DROPPED,
    "opened": ReceiptKind.OPENED,
    "clicked": ReceiptKind.CLICKED,
    "complained": ReceiptKind.COMPLAINED,
    "unsubscribed": ReceiptKind.UNSUBSCRIBED,
}
# It repeats a report under its first signature for 8 hours and 5 minutes (webhook-retries), so
# that one which waited for us comes late; its token keeps it from counting twice.
_WINDOW = timedelta(hours=9)
_DEAD = frozenset({"bounce", "suppress-bounce"})  # why a message failed for good
_UNWANTED = frozenset({"suppress-unsubscribe", "suppress-complaint"})


def events(call: Inbound, at: datetime, *, key: Secret | None) -> list[Receipt]:
    """One event per request, with its signature beside it. Raises Unverified or Unreadable.

    The signature covers a token, not the event. So the token is the event's id: who caught one
    cannot report a second thing with it.
    """
    key = hooks.key_or_unverified(key)
    try:
        body = wire.fields(hooks.parsed(call.body))
    except Unreadable as error:
        raise Unverified("no_signature") from error
    token = _verify(wire.fields(body.get("signature")), at, key)
    event = body.get("event-data")
    if not isinstance(event, dict):
        raise Unreadable("no_event")
    return _receipts(event, hooks.identity(token, event))


def _verify(signature: Mapping[str, object], at: datetime, key: Secret) -> str:
    stamp, token = hooks.text(signature, "timestamp"), hooks.text(signature, "token")
    # of a subaccount's event the second is by its parent's key
    given = [hooks.text(signature, name) for name in ("signature", "parent-signature")]
    if not stamp or not token or not any(given):
        raise Unverified("no_signature")
    expected = hooks.hmac_sha256(key, (stamp + token).encode(errors="surrogatepass")).hex()
    if not any(hooks.same(each, expected) for each in given):
        raise Unverified("wrong_signature")
    hooks.check_fresh(hooks.epoch(stamp), at, _WINDOW)
    return token


def _receipts(event: Mapping[str, object], event_id: str) -> list[Receipt]:
    kind, reason = _kind(event)
    headers = wire.fields(wire.fields(event.get("message")).get("headers"))
    receipt = Receipt(
        provider=SPEC.name,
        event_id=event_id,
        kind=kind,
        at=hooks.epoch(event.get("timestamp")),
        message_id=hooks.some(wire.fields(event.get("user-variables")), "relance_message"),
        provider_id=hooks.text(headers, "message-id").strip("<>") or None,
        recipient=hooks.recipient(hooks.text(event, "recipient")),
        reason=reason,
        machine=bool(hooks.text(wire.fields(event.get("client-info")), "bot")),
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )
    unwanted = kind is ReceiptKind.DROPPED and reason in _UNWANTED
    return hooks.unsubscribed_too(receipt) if unwanted else [receipt]


def _kind(event: Mapping[str, object]) -> tuple[ReceiptKind, str]:
    kind = _KINDS.get(hooks.text(event, "event"), ReceiptKind.UNKNOWN)
    if kind is not ReceiptKind.HARD_BOUNCED:
        return kind, ""
    reason = hooks.short(hooks.text(event, "reason"))
    if hooks.text(event, "severity") == "temporary":
        return ReceiptKind.DEFERRED, reason
    if reason in _UNWANTED:
        return ReceiptKind.DROPPED, reason
    bounce = hooks.text(wire.fields(event.get("delivery-status")), "bounce-type")
    hard = bounce == "hard" or (not bounce and reason in _DEAD)
    return (kind if hard else ReceiptKind.SOFT_BOUNCED), reason


_EARLIER = timedelta(minutes=10)  # our clock may be ahead of Mailgun's


def question(doubtful: Doubtful, *, domain: str) -> Request:
    """GET /v3/<domain>/events: what happened to the address since shortly before the send."""
    query = {
        "recipient": wire.to_ascii(doubtful.to),
        "begin": str(int((doubtful.sent_at - _EARLIER).timestamp())),
        "ascending": "yes",
        "limit": "300",
    }
    return Request(method="GET", path=f"/v3/{domain}/events?{urlencode(query, quote_via=quote)}")


def found(response: Response, message_id: str) -> Receipt | None:
    """What those events say of our message; None where the key may only send. Raises SendError."""
    if response.status in {401, 403}:
        return None
    if response.status != 200:
        raise wire.judge(response)
    items = hooks.objects(wire.fields(wire.json(response)).get("items"))
    receipts = [receipt for item in items for receipt in _receipts(item, "")]
    return hooks.most_telling((r for r in receipts if r.message_id == message_id), message_id)


class Mailgun(HttpProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, domain=self._settings.domain)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        request = question(doubtful, domain=self._settings.domain)
        return found(await self.ask(request), doubtful.message_id)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, key=self._settings.webhook_key)
