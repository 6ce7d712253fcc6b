"""What people answer to a text message, and what a vendor's report of it means."""

from __future__ import annotations

from datetime import datetime

from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.stop import wants_start, wants_stop
from relance.providers import hooks


def answered(
    provider: str,
    *,
    event_id: str,
    sender: str,
    text: str,
    at: datetime | None,
    message_id: str | None = None,
) -> list[Receipt]:
    """STOP and START, as receipts about the sender's number; any other answer is nobody's
    business here and leaves no trace.

    `message_id` is ours, where the vendor says which message was answered.
    """
    if wants_stop(text):
        kind = ReceiptKind.UNSUBSCRIBED
    elif wants_start(text):
        kind = ReceiptKind.RESUBSCRIBED
    else:
        return []
    receipt = Receipt(
        provider=provider,
        event_id=event_id,
        kind=kind,
        at=at,
        message_id=message_id,
        recipient=hooks.recipient(sender),
        reason="answer",
    )
    return [receipt]


def unknown(provider: str, event: object) -> list[Receipt]:
    """A genuine event that relance does not know: kept as it came."""
    receipt = Receipt(
        provider=provider,
        event_id=hooks.identity("", event),
        kind=ReceiptKind.UNKNOWN,
        raw=hooks.raw(event),
    )
    return [receipt]
