"""What a provider reports after it took a message, or is asked about one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from relance.domain.message import MessageState


class ReceiptKind(StrEnum):
    """What happened to a message, or what its reader did."""

    ACCEPTED = "accepted"  # the vendor has it: queued, processed, sent on
    DEFERRED = "deferred"  # the vendor is still trying
    DELIVERED = "delivered"
    DROPPED = "dropped"  # the vendor took it and did not send it
    SOFT_BOUNCED = "soft_bounced"  # given up for a passing reason (mailbox full)
    HARD_BOUNCED = "hard_bounced"  # the address does not work and will not
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"  # by the vendor's own link or page, or STOP by SMS
    RESUBSCRIBED = "resubscribed"  # START by SMS
    OPENED = "opened"
    CLICKED = "clicked"
    UNKNOWN = "unknown"  # an event that relance does not know; its raw form is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """One event of a provider's.

    `event_id` is the provider's id of the event, or a digest of what it says where it has none:
    the same event has the same id however often it comes. `message_id` is ours (from the
    metadata that the message carried), `provider_id` the provider's; either may be missing.
    `recipient` is `recipient_digest` of the address that the event names. `machine` marks an
    open or a click that the vendor says no person made. `raw` is kept for UNKNOWN only.
    """

    provider: str
    event_id: str
    kind: ReceiptKind
    at: datetime | None = None
    message_id: str | None = None
    provider_id: str | None = None
    recipient: str | None = None
    reason: str = ""
    machine: bool = False
    raw: str = field(default="", repr=False)


# A later state wins over an earlier one in whatever order the events arrive.
_STATES: Mapping[ReceiptKind, MessageState] = {
    ReceiptKind.ACCEPTED: MessageState.ACCEPTED,
    ReceiptKind.DEFERRED: MessageState.ACCEPTED,
    ReceiptKind.DELIVERED: MessageState.DELIVERED,
    ReceiptKind.OPENED: MessageState.DELIVERED,
    ReceiptKind.CLICKED: MessageState.DELIVERED,
    ReceiptKind.DROPPED: MessageState.BOUNCED,
    ReceiptKind.SOFT_BOUNCED: MessageState.BOUNCED,
    ReceiptKind.HARD_BOUNCED: MessageState.BOUNCED,
    ReceiptKind.COMPLAINED: MessageState.COMPLAINED,
    ReceiptKind.UNSUBSCRIBED: MessageState.DELIVERED,
}
RANK: Mapping[MessageState, int] = {
    MessageState.ACCEPTED: 1,
    MessageState.DELIVERED: 2,
    MessageState.BOUNCED: 3,
    MessageState.COMPLAINED: 4,
}


def state_after(kind: ReceiptKind, state: MessageState) -> MessageState | None:
    """The state that an event moves a message to; None where it stays as it is.

    What the provider reports is the truth about a message whatever we believed of it, but for
    the held-out: nobody ever sent a ghost.
    """
    new = _STATES.get(kind)
    if new is None or state is MessageState.GHOST or RANK[new] <= RANK.get(state, 0):
        return None
    return new


def recipient_digest(address: str) -> str:
    """An address as the state keeps it: 32 hex digits of SHA-256.

    E-mail without regard to case, a phone number by its digits. A pseudonym, not a secret: who
    has the address can make it.
    """
    text = address.strip().casefold()
    if "@" not in text:
        text = "+" + "".join(each for each in text if each.isdigit())
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """A request that came to our web server. `url` is as the caller sees it; header names are
    lower-case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubtful:
    """A message that may have been sent through `provider` at `sent_at`: a look-up's question.

    `to` is the customer's present address. `taken` are the provider's ids of other messages, so
    that a look-up by address does not find those.
    """

    message_id: str
    provider: str
    channel: str
    sent_at: datetime
    to: str = field(repr=False)
    taken: frozenset[str] = frozenset()
