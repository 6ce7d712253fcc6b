"""What the state tells people: tallies for reports, histories for `why`, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa

from relance.domain.ledger import EntryRecord, RefusalRecord
from relance.domain.message import MessageState
from relance.domain.receipt import ReceiptKind

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Everything counted about one version of a trigger; messages without the ghosts."""

    trigger: str
    version: str
    first_at: datetime
    last_at: datetime
    runs: int
    entered: int  # the segment's transitions, baselines aside
    left: int
    treated: int
    held_out: int
    refused: Mapping[str, int]  # by reason
    messages: Mapping[str, int]  # by state
    skipped: Mapping[str, int]  # by reason
    failed: Mapping[str, int]  # by reason


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberList:
    """A segment's members at an instant, under the definition that held then."""

    segment: str
    version: str
    at: datetime
    customers: pa.Array  # in the order of their keys


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSpan:
    """From its first run to its last one, a version of a trigger."""

    version: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownMessage:
    """A message that may have been sent; `since` is when that was noticed.

    `doubtful_at` is the first time at which it may have left; `look_ups` counts how often the
    provider was asked in vain, and `look_up_at` is when it is asked next.
    """

    id: str
    trigger: str
    version: str
    customer: str
    step: int
    channel: str
    since: datetime
    reason: str
    provider: str
    doubtful_at: datetime | None
    look_up_at: datetime | None  # None: never by itself
    look_ups: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppressed:
    """A customer or an address (`domain.receipt.recipient_digest`) not to be written to."""

    channel: str
    reason: str
    at: datetime
    customer: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """What one customer said here: consents by channel, topics, and a pause that still lasts."""

    channels: Mapping[str, bool]
    topics_refused: frozenset[str]
    paused_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A segment that a customer is in. Of a baseline spell nobody knows when it really began."""

    segment: str
    version: str
    entered_at: datetime
    baseline: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """A stretch of time in a segment; None for one that goes on."""

    segment: str
    entered_at: datetime
    left_at: datetime | None
    baseline: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempted:
    """One attempt at a message."""

    at: datetime
    provider: str
    state: MessageState
    reason: str
    detail: str
    provider_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """One event that a provider reported about a message."""

    at: datetime
    provider: str
    kind: ReceiptKind
    reason: str
    machine: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageNote:
    """One message in a customer's history; `reason` is that of its latest state."""

    id: str
    entry: str
    trigger: str
    version: str
    step: int
    channel: str
    template: str
    due_at: datetime
    ghost: bool
    state: MessageState
    changed_at: datetime
    reason: str
    attempts: tuple[Attempted, ...]
    receipts: tuple[Reported, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionNote:
    """A channel on which a customer must not be written to, or `by_address` an address that
    they were written to at."""

    channel: str
    reason: str
    at: datetime
    by_address: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentNote:
    """A consent given or taken back."""

    channel: str
    granted: bool
    at: datetime
    source: str
    topic: str = ""  # about that alone, on every channel


@dataclass(frozen=True, kw_only=True, slots=True)
class PauseNote:
    """A customer who asked not to be written to until later than `until`."""

    until: datetime
    at: datetime
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Everything the state knows about one customer, each list in the order of time. `also` are
    the other ids under which it came, `stages` the spells in lifecycle stages. With `of_account`
    it is about an account, by its key."""

    customer: str
    segments: tuple[Stay, ...]
    entries: tuple[EntryRecord, ...]
    messages: tuple[MessageNote, ...]
    refusals: tuple[RefusalRecord, ...]
    suppressions: tuple[SuppressionNote, ...]
    consents: tuple[ConsentNote, ...]
    pause: PauseNote | None = None
    also: tuple[str, ...] = ()
    of_account: bool = False
    stages: tuple[Spell, ...] = ()


def together(customer: str, histories: Sequence[History]) -> History:
    """What is known under several ids of one customer, each list in the order of time."""

    def every(of: Callable[[History], Iterable[T]], when: Callable[[T], Any]) -> tuple[T, ...]:
        return tuple(sorted((one for each in histories for one in of(each)), key=when))

    pauses = [each.pause for each in histories if each.pause is not None]
    return History(
        customer=customer,
        segments=every(lambda h: h.segments, lambda s: (s.entered_at, s.segment)),
        entries=every(lambda h: h.entries, lambda e: (e.at, e.trigger)),
        messages=every(lambda h: h.messages, lambda m: (m.due_at, m.id)),
        refusals=every(lambda h: h.refusals, lambda r: (r.at, r.trigger)),
        suppressions=every(lambda h: h.suppressions, lambda s: (s.at, s.channel)),
        consents=every(lambda h: h.consents, lambda c: (c.at, c.channel, c.topic)),
        pause=max(pauses, key=lambda pause: pause.until, default=None),
        also=tuple(each.customer for each in histories if each.customer != customer),
        stages=every(lambda h: h.stages, lambda s: s.entered_at),
    )
