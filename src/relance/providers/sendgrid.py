"""SendGrid v3: e-mail, one message per call (docs at twilio.com/docs/sendgrid, read 2026-11).

One call may carry 1,000 personalizations, but of the same content: a substitution holds 10,000
bytes, less than a body. So each text, which differs per recipient, is a call of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, Refused, SendError, Unverified
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

SPEC = VendorSpec(
    name="sendgrid",
    channels=frozenset({"email"}),
    description="SendGrid (Twilio), e-mail.",
    options=(
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="An API key, beginning with SG.",
            required=True,
        ),
        OptionSpec(
            name="sandbox",
            kind=OptionKind.FLAG,
            description="SendGrid checks every message and sends none.",
            default=False,
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.TEXT,
            description="The verification key of the signed Event Webhook (public, base64).",
        ),
        *http_options("https://api.sendgrid.com"),
    ),
    can=Capabilities(
        look_up=True,
        tags=True,
        headers=True,
        reply_to=True,
        message_id=True,
        events=True,
        signed="ECDSA over timestamp and body",
    ),
)
_RESERVED = frozenset({
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type",
    "content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc",
})  # fmt: skip
_MOST_TAGS = 9  # of ten categories, the first is the trigger


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """SendGrid's options, checked."""

    endpoint: Endpoint
    sandbox: bool
    webhook_key: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_tags(_MOST_TAGS, r"[ -~]{1,255}", "up to 255 ASCII characters")
        # the API reference: values must be encoded, and it does not say how
        options.check_headers(_RESERVED, ascii_only=True)
        key = _bare(options.text("webhook_key"))
        if key and _public_key(key) is None:
            options.wrong("webhook_key", "is no ECDSA public key", hint="copy it whole")
        token = Secret(f"Bearer {options.required_secret('token').reveal()}")
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": token},
            timeout=options.number("timeout"),
        )
        return cls(endpoint=endpoint, sandbox=options.flag("sandbox"), webhook_key=key)


def _bare(key: str) -> str:
    """The base64 of a key, with or without PEM's first and last line around it."""
    return "".join(re.sub(r"-----[A-Z ]+-----", "", key).split())


@lru_cache(maxsize=16)
def _public_key(key: str) -> EllipticCurvePublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        loaded = load_der_public_key(hooks.decoded_base64(key) or b"")
    except (ValueError, UnsupportedAlgorithm):
        return None
    return loaded if isinstance(loaded, EllipticCurvePublicKey) else None


def build(messages: Sequence[Email], *, sandbox: bool = False) -> Request:
    """POST /v3/mail/send for the one message."""
    (message,) = messages
    headers = {
        **message.headers,
        "X-Relance-Message": message.message_id,
        "Message-ID": wire.message_id_header(message),
    }
    texts = (("text/plain", message.text), ("text/html", message.html))  # SendGrid wants this order
    mail: dict[str, object] = {
        "personalizations": [
            {
                "to": [{"email": wire.to_ascii(message.to)}],
                "custom_args": {"relance_message": message.message_id},
            }
        ],
        "from": _person(message.sender),
        "subject": message.subject,
        "content": [{"type": kind, "value": value} for kind, value in texts if value],
        "headers": headers,
        "categories": list(dict.fromkeys((message.trigger, *message.tags))),
    }
    if message.reply_to:
        mail["reply_to"] = _person(message.reply_to)
    if sandbox:
        mail["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return Request(
        path="/v3/mail/send",
        body=orjson.dumps(mail),
        headers={"Content-Type": "application/json"},
    )


@lru_cache(maxsize=256)
def _person(mailbox: str) -> dict[str, str]:
    name, _ = parseaddr(mailbox)
    address = wire.sender_address(mailbox)
    return {"email": address, "name": name} if name else {"email": address}


def read(response: Response, messages: Sequence[Email], *, sandbox: bool = False) -> list[Answer]:
    """202 with the id in a header; the sandbox says 200, and keeps nothing to have an id."""
    (message,) = messages
    if response.status == 202 or (sandbox and response.status == 200):
        given = response.headers.get("x-message-id")
        if not given and not sandbox:
            raise wire.unreadable(response)
        return [Accepted(message_id=message.message_id, provider_id=given)]
    if 200 <= response.status < 300:
        raise wire.unreadable(response)
    raise _decision(response) or wire.judge(response)


# what `errors[].field` begins with; the documentation has no codes
_OURS = {"from": "invalid_sender", "reply_to": "invalid_reply_to"}


def _decision(response: Response) -> SendError | None:
    """A 400 names the field at fault; one of the sender's would refuse every message."""
    if response.status != 400:
        return None
    errors = hooks.objects(wire.fields(wire.json(response)).get("errors"))
    at_fault = [hooks.text(error, "field").partition(".")[0] for error in errors]
    detail = "HTTP 400"
    for field in at_fault:
        if field in _OURS:
            return Paused(_OURS[field], detail=detail)
    if "personalizations" in at_fault:
        return Refused("invalid_recipient", detail=detail)
    return None


_KINDS = {  # for-developers/tracking-events/event
    "processed": ReceiptKind.ACCEPTED,
    "deferred": ReceiptKind.DEFERRED,
    "delivered": ReceiptKind.DELIVERED,
    "bounce": ReceiptKind.HARD_BOUNCED,
    "dropped": ReceiptKind.DROPPED,
    "open": ReceiptKind.OPENED,
    "click": ReceiptKind.CLICKED,
    "spamreport": ReceiptKind.COMPLAINED,
    "unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "group_unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "group_resubscribe": ReceiptKind.RESUBSCRIBED,
}
_DEAD = frozenset({"bounced address", "invalid"})  # reasons for which a message is dropped
_UNWANTED = frozenset({"unsubscribed address", "spam reporting address"})
# what SendGrid's servers append to X-Message-Id to make sg_message_id of it
_SERVER = re.compile(r"\.(filter|recv).*")


def events(call: Inbound, at: datetime, *, key: str) -> list[Receipt]:
    """The Event Webhook: a JSON list of events. Raises Unverified or Unreadable."""
    _verify(call, at, key)
    found = hooks.objects(hooks.parsed(call.body))
    return [receipt for event in found for receipt in _receipts(event)]


def _verify(call: Inbound, at: datetime, key: str) -> None:
    public = _public_key(key) if key else None
    if public is None:
        raise Unverified("no_webhook_key")
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    stamp = hooks.header(call, "x-twilio-email-event-webhook-timestamp")
    given = hooks.header(call, "x-twilio-email-event-webhook-signature")
    signature = hooks.decoded_base64(given)
    if not stamp or not signature:
        raise Unverified("no_signature")
    try:
        public.verify(signature, stamp.encode() + call.body, ECDSA(SHA256()))
    except InvalidSignature as error:
        raise Unverified("wrong_signature") from error
    hooks.check_fresh(hooks.epoch(stamp), at)


def _receipts(event: Mapping[str, object]) -> list[Receipt]:
    kind, reason = _kind(event)
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(hooks.text(event, "sg_event_id"), event),
        kind=kind,
        at=hooks.epoch(event.get("timestamp")),
        message_id=hooks.some(event, "relance_message"),
        provider_id=_SERVER.sub("", hooks.text(event, "sg_message_id")) or None,
        recipient=hooks.recipient(hooks.text(event, "email")),
        reason=reason,
        machine=event.get("sg_machine_open") is True,
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )
    unwanted = kind is ReceiptKind.DROPPED and reason in _UNWANTED
    return hooks.unsubscribed_too(receipt) if unwanted else [receipt]


def _kind(event: Mapping[str, object]) -> tuple[ReceiptKind, str]:
    """What an event is, and a short name for why: never the server's own text."""
    kind = _KINDS.get(hooks.text(event, "event"), ReceiptKind.UNKNOWN)
    if kind is ReceiptKind.HARD_BOUNCED:
        # "blocked" and "expired": this message was not let in, the address is not given up
        type_ = hooks.text(event, "type")
        soft = type_ not in {"", "bounce"}
        return (ReceiptKind.SOFT_BOUNCED if soft else kind), hooks.short(type_)
    if kind is ReceiptKind.DROPPED:
        why = hooks.short(hooks.text(event, "reason"))
        return (ReceiptKind.HARD_BOUNCED if why in _DEAD else kind), why
    return kind, ""


_STATUSES = {
    "processed": ReceiptKind.ACCEPTED,
    "delivered": ReceiptKind.DELIVERED,
    "not_delivered": ReceiptKind.DROPPED,  # bounced, blocked or dropped: it does not say which
}


def question(message_id: str) -> Request:
    """GET /v3/messages (Email Activity), by the custom argument that every message carries."""
    query = quote(f"(unique_args['relance_message']=\"{message_id}\")", safe="()")
    return Request(method="GET", path=f"/v3/messages?limit=10&query={query}")


def found(response: Response, message_id: str) -> Receipt | None:
    """What Email Activity knows. It is an add-on: without it SendGrid answers 403, and whoever
    has none simply does not know. Raises SendError for other failures."""
    if response.status in {401, 403}:
        return None
    if response.status != 200:
        raise wire.judge(response)
    messages = hooks.objects(wire.fields(wire.json(response)).get("messages"))
    receipts = [
        Receipt(
            provider=SPEC.name,
            event_id="",
            kind=_STATUSES.get(hooks.text(message, "status"), ReceiptKind.UNKNOWN),
            at=hooks.iso(message.get("last_event_time")),
            provider_id=_SERVER.sub("", hooks.text(message, "msg_id")) or None,
        )
        for message in messages
    ]
    return hooks.most_telling(receipts, message_id)


class Sendgrid(HttpProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, sandbox=self._settings.sandbox)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages, sandbox=self._settings.sandbox)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        return found(await self.ask(question(doubtful.message_id)), doubtful.message_id)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, key=self._settings.webhook_key)
