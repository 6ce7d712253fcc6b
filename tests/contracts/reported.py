"""Words for tests of reports: a message that left, and what a provider says of it."""

from __future__ import annotations

import itertools
from datetime import datetime

from contracts.state_words import MINUTE, day, entry, message, outcome, tick
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.pipeline.ports import Receipts
from relance.store import MessageNote, State

NOW = day(0)
LEASE = NOW + 15 * MINUTE
LATER = LEASE + MINUTE
POLICY = BouncePolicy()
numbers = itertools.count()


def receipt(
    kind: ReceiptKind,
    message_id: str | None = None,
    *,
    event: str | None = None,
    at: datetime | None = LATER,
    provider_id: str | None = None,
    recipient: str | None = None,
    raw: str = "",
) -> Receipt:
    return Receipt(
        provider="postmark",
        event_id=event or f"event-{next(numbers)}",
        kind=kind,
        at=at,
        message_id=message_id,
        provider_id=provider_id,
        recipient=recipient,
        raw=raw,
    )


def report(state: State, *receipts: Receipt, channel: str = "email", at: datetime = LATER) -> int:
    receiver: Receipts = state.receipts
    return receiver.record(channel, receipts, at, POLICY)


def put(state: State, customer: str, at: datetime = NOW, channel: str = "email") -> str:
    one = message(entry(customer, at), channel=channel, due_at=NOW)
    state.ledger.commit(tick(at, messages=[one]))
    return one.id


def mark(state: State, *ids: str, recipient: str = "r-ann", provider: str = "postmark") -> None:
    state.queue.claim(NOW, 99, LEASE, "w1")
    marks = [Mark(message=one, provider=provider, recipient=recipient) for one in ids]
    assert list(state.queue.sending(marks, NOW, "w1").ours) == list(ids)


def accept(state: State, one: str, provider_id: str | None = "p-1", at: datetime = NOW) -> None:
    taken = outcome(one, MessageState.ACCEPTED, at, provider_id=provider_id, provider="postmark")
    state.queue.record([taken])


def sent(state: State, customer: str = "ann", recipient: str = "r-ann") -> str:
    """A message that the provider has taken."""
    one = put(state, customer, NOW + next(numbers) * MINUTE)
    mark(state, one, recipient=recipient)
    accept(state, one, f"p-{one}")
    return one


def note(state: State, customer: str = "ann") -> MessageNote:
    [found] = state.reader.history(customer).messages
    return found
