"""Postmark: e-mail, up to 500 messages per call (postmarkapp.com/developer, read 2026-11).

Postmark takes one tag a message, which is the trigger's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from relance.domain.message import Accepted, Email, Packed
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unreadable
from relance.providers import hooks, wire
from relance.providers.base import BatchProvider, Endpoint, Named
from relance.providers.options import Options, http_options, webhook_login
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

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
        *webhook_login(),
        *http_options("https://api.postmarkapp.com"),
    ),
    can=Capabilities(
        batch=500,
        look_up=True,
        headers=True,
        reply_to=True,
        message_id=True,
        events=True,
        signed="basic authentication",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Postmark's options, checked."""

    endpoint: Endpoint
    stream: str
    webhook_user: str
    webhook_password: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"X-Postmark-Server-Token": options.required_secret("token")},
            timeout=options.number("timeout"),
        )
        user, password = options.webhook_login()
        return cls(
            endpoint=endpoint,
            stream=options.text("stream"),
            webhook_user=user,
            webhook_password=password,
        )


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Email], *, stream: str) -> Request:
    """POST /email for one message, /email/batch for more."""
    return wrap([write(message, stream=stream) for message in messages]).joined()


def wrap(emails: Sequence[tuple[bytes, ...]]) -> Request:
    """The request of e-mails that are written down."""
    if len(emails) == 1:
        return Request(path="/email", pieces=emails[0], headers=_HEADERS)
    return Request(path="/email/batch", pieces=tuple(wire.listed(emails)), headers=_HEADERS)


def write(message: Email, *, stream: str) -> tuple[bytes, ...]:
    """One e-mail as Postmark reads it, alone and in a batch."""
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
        "TextBody": message.text,
        "ReplyTo": message.reply_to,
        "Tag": message.trigger,
        "MessageStream": stream,
        "Metadata": {"relance_message": message.message_id},
        "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
    }
    return wire.written(fields, "HtmlBody", message.html_parts)


def read(response: Response, messages: Sequence[Named]) -> list[Answer]:
    """One answer per message: a batch succeeds with HTTP 200 whatever befell its messages."""
    body = wire.json(response)
    if response.status != 200:
        known = _decision(wire.fields(body)) if response.status == 422 else None
        raise known or wire.judge(response)
    results = [body] if len(messages) == 1 else body
    if not isinstance(results, list) or len(results) != len(messages):
        raise wire.unreadable(response)
    return [_answer(response, m, wire.fields(r)) for m, r in zip(messages, results, strict=True)]


def _answer(response: Response, message: Named, result: Mapping[str, object]) -> Answer:
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


_KINDS = {  # developer/webhooks/webhooks-overview; Bounce and SubscriptionChange say more
    "Delivery": ReceiptKind.DELIVERED,
    "SpamComplaint": ReceiptKind.COMPLAINED,
    "Open": ReceiptKind.OPENED,
    "Click": ReceiptKind.CLICKED,
}
_BOUNCES = {  # developer/api/bounce-api, bounce types
    "HardBounce": ReceiptKind.HARD_BOUNCED,
    "BadEmailAddress": ReceiptKind.HARD_BOUNCED,
    "SoftBounce": ReceiptKind.SOFT_BOUNCED,
    "Blocked": ReceiptKind.SOFT_BOUNCED,
    "DMARCPolicy": ReceiptKind.SOFT_BOUNCED,
    "DnsError": ReceiptKind.SOFT_BOUNCED,
    "SpamNotification": ReceiptKind.SOFT_BOUNCED,  # a filter said no, not a person
    "Unknown": ReceiptKind.SOFT_BOUNCED,
    "VirusNotification": ReceiptKind.SOFT_BOUNCED,
    "Transient": ReceiptKind.DEFERRED,
    "AutoResponder": ReceiptKind.DELIVERED,
    "SpamComplaint": ReceiptKind.COMPLAINED,
    "Unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "ManuallyDeactivated": ReceiptKind.DROPPED,
    "SMTPApiError": ReceiptKind.DROPPED,
    "TemplateRenderingFailed": ReceiptKind.DROPPED,
    "Unconfirmed": ReceiptKind.DROPPED,
}
_SUPPRESSIONS = {
    "HardBounce": ReceiptKind.HARD_BOUNCED,
    "SpamComplaint": ReceiptKind.COMPLAINED,
    "ManualSuppression": ReceiptKind.UNSUBSCRIBED,
}
_WHEN = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


def events(call: Inbound, *, user: str, password: Secret | None) -> list[Receipt]:
    """One event per request. Postmark signs nothing: who calls proves it by the password in the
    webhook's address. Raises Unverified or Unreadable."""
    hooks.check_basic_auth(call, user, password)
    event = hooks.parsed(call.body)
    if not isinstance(event, dict):
        raise Unreadable("not_an_object")
    return [_receipt(event)]


def _receipt(event: Mapping[str, object]) -> Receipt:
    kind, reason = _kind(event)
    given = hooks.text(event, "ID")
    address = hooks.text(event, "Email") or hooks.text(event, "Recipient")
    return Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(given and f"bounce-{given}", event),
        kind=kind,
        at=next((at for at in (hooks.iso(event.get(name)) for name in _WHEN) if at), None),
        message_id=hooks.some(wire.fields(event.get("Metadata")), "relance_message"),
        provider_id=hooks.some(event, "MessageID"),
        recipient=hooks.recipient(address),
        reason=reason,
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )


def _kind(event: Mapping[str, object]) -> tuple[ReceiptKind, str]:
    record = hooks.text(event, "RecordType")
    if record == "Bounce":
        type_ = hooks.text(event, "Type")
        kind = _BOUNCES.get(type_, ReceiptKind.UNKNOWN)
        if kind is ReceiptKind.SOFT_BOUNCED and event.get("Inactive") is True:
            kind = ReceiptKind.HARD_BOUNCED  # Postmark itself gave the address up
        return kind, hooks.short(type_)
    if record == "SubscriptionChange":
        return _subscription(event)
    return _KINDS.get(record, ReceiptKind.UNKNOWN), ""


def _subscription(event: Mapping[str, object]) -> tuple[ReceiptKind, str]:
    reason = hooks.text(event, "SuppressionReason")
    if event.get("SuppressSending") is True:
        return _SUPPRESSIONS.get(reason, ReceiptKind.UNSUBSCRIBED), hooks.short(reason)
    # taking somebody back is for that person to say, not for an administrator
    theirs = event.get("SuppressSending") is False and hooks.text(event, "Origin") == "Recipient"
    return (ReceiptKind.RESUBSCRIBED if theirs else ReceiptKind.UNKNOWN), ""


def question(message_id: str, *, stream: str) -> Request:
    """GET /messages/outbound, by the metadata that every message carries."""
    query = {"count": "10", "offset": "0", "metadata_relance_message": message_id}
    if stream:
        query["messagestream"] = stream
    return Request(
        method="GET",
        path=f"/messages/outbound?{urlencode(query)}",
        headers={"Accept": "application/json"},
    )


def found(response: Response, message_id: str) -> Receipt | None:
    """Whether Postmark has the message; its search tells no more. Raises SendError."""
    if response.status != 200:
        raise wire.judge(response)
    messages = hooks.objects(wire.fields(wire.json(response)).get("Messages"))
    receipts = [
        Receipt(
            provider=SPEC.name,
            event_id="",
            kind=ReceiptKind.ACCEPTED,
            at=hooks.iso(message.get("ReceivedAt")),
            provider_id=hooks.some(message, "MessageID"),
        )
        for message in messages
        if wire.fields(message.get("Metadata")).get("relance_message") == message_id
    ]
    return hooks.most_telling(receipts, message_id)


class Postmark(BatchProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    def write(self, message: Email) -> tuple[bytes, ...]:
        return write(message, stream=self._settings.stream)

    def wrap(self, messages: Sequence[Packed]) -> Request:
        return wrap([message.pieces for message in messages])

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        request = question(doubtful.message_id, stream=self._settings.stream)
        return found(await self.ask(request), doubtful.message_id)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:  # noqa: ARG002
        settings = self._settings
        return events(call, user=settings.webhook_user, password=settings.webhook_password)
