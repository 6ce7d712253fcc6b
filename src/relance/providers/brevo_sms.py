"""Brevo's text messages (developers.brevo.com, transactional SMS and webhooks, read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from relance.domain.gsm import in_gsm
from relance.domain.message import Sms
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import ChannelSpec
from relance.providers import hooks
from relance.providers.options import Options
from relance.providers.replies import answered
from relance.providers.wire import Request

_SENDER = r"\+?[0-9]{1,15}|[0-9A-Za-z]{1,11}"
_OURS = "relance_message:"


def check(channel: ChannelSpec, options: Options) -> None:
    """Refuse by name what a text message by Brevo cannot have. Raises WorkspaceError."""
    options.check_sender(_SENDER, "11 letters and digits, or a number of 15 digits")
    if channel.reply_to or channel.headers:
        options.wrong("reply_to" if channel.reply_to else "headers", "is for e-mail only")
    options.check_tags(8, r".+", "any text")  # ten with the message's id and the trigger


def build(messages: Sequence[Sms], *, sms_type: str) -> Request:
    """POST /v3/transactionalSMS/sms for the one message."""
    (message,) = messages
    body = {
        "sender": message.sender.removeprefix("+"),
        "recipient": message.to,
        "content": message.text,
        "type": sms_type,
        "tag": [f"{_OURS}{message.message_id}", message.trigger, *message.tags],
        # else what GSM-7 lacks is replaced
        "unicodeEnabled": not in_gsm(message.text),
    }
    return Request(
        path="/v3/transactionalSMS/sms",
        body=orjson.dumps(body),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


_KINDS: Mapping[str, ReceiptKind] = {
    "sent": ReceiptKind.ACCEPTED,
    "accepted": ReceiptKind.ACCEPTED,
    "delivered": ReceiptKind.DELIVERED,
    "softbounce": ReceiptKind.SOFT_BOUNCED,
    "hardbounce": ReceiptKind.HARD_BOUNCED,
    "rejected": ReceiptKind.DROPPED,
    "skip": ReceiptKind.DROPPED,
    "skipped": ReceiptKind.DROPPED,
    "blacklisted": ReceiptKind.DROPPED,
    "subscribe": ReceiptKind.RESUBSCRIBED,
    "unsubscribe": ReceiptKind.UNSUBSCRIBED,
}


def receipts(event: Mapping[str, object]) -> list[Receipt]:
    """What one event says; nothing where a customer answered something else than STOP or START."""
    name = (hooks.text(event, "msg_status") or hooks.text(event, "event")).lower().replace("_", "")
    event_id, at = hooks.identity("", event), hooks.epoch(event.get("ts_event"))
    message_id, number = _message_id(event.get("tag")), hooks.text(event, "to")
    if name == "replied":
        reply = hooks.text(event, "reply")
        return answered(
            "brevo", event_id=event_id, sender=number, text=reply, at=at, message_id=message_id
        )
    kind = _KINDS.get(name, ReceiptKind.UNKNOWN)
    receipt = Receipt(
        provider="brevo",
        event_id=event_id,
        kind=kind,
        at=at,
        message_id=message_id,
        provider_id=hooks.some(event, "messageId"),
        recipient=hooks.recipient(number),
        reason=name if kind is ReceiptKind.DROPPED else "",
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )
    return hooks.unsubscribed_too(receipt) if name == "blacklisted" else [receipt]


def _message_id(tags: object) -> str | None:
    for tag in tags if isinstance(tags, list) else [tags]:
        if isinstance(tag, str) and tag.startswith(_OURS):
            return tag.removeprefix(_OURS).replace("\0", "") or None
    return None
