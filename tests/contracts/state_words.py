"""Short ways to say what a tick stores, for the tests of the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from relance.domain.arm import HASH_VERSION, Arm, salt_of
from relance.domain.fits import Fits
from relance.domain.ledger import (
    Entries,
    EntryRecord,
    Messages,
    Outcome,
    Refusal,
    RefusalRecord,
    Refusals,
    RunKind,
    RunRecord,
)
from relance.domain.message import MessageState, entry_id, message_id
from relance.domain.study import Draw
from relance.pipeline.ports import Ledger, SpellChange, TickRecord

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRecord:
    """One message as a story tells it; the state takes them by the column."""

    id: str
    of: EntryRecord
    step: int
    channel: str
    due_at: datetime
    priority: int
    context: str
    expires_at: datetime | None

    @property
    def entry(self) -> str:
        return self.of.id

    @property
    def customer(self) -> str:
        return self.of.customer


def day(number: int) -> datetime:
    """09:00 of the n-th day of the story."""
    return START + number * DAY


def array(*customers: str) -> pa.Array:
    return pa.array(customers, pa.string())


def baseline(segment: str, *customers: str, version: str = "1") -> SpellChange:
    return SpellChange(
        segment=segment, version=version, fresh=True, opened=[array(*customers)], closed=()
    )


def change(
    segment: str, *, opened: Sequence[str] = (), closed: Sequence[str] = (), version: str = "1"
) -> SpellChange:
    return SpellChange(
        segment=segment,
        version=version,
        fresh=False,
        opened=[array(*opened)],
        closed=[array(*closed)],
    )


def run(
    at: datetime,
    trigger: str = "winback",
    *,
    version: str = "v1",
    kind: RunKind = RunKind.TICK,
    entered: int = 0,
    treated: int = 0,
    held_out: int = 0,
    refused: dict[str, int] | None = None,
) -> RunRecord:
    return RunRecord(
        trigger=trigger,
        at=at,
        kind=kind,
        version=version,
        segment_version="s1",
        baseline=False,
        members=0,
        entered=entered,
        left=0,
        treated=treated,
        held_out=held_out,
        refused=refused or {},
    )


def tick(
    at: datetime,
    *,
    runs: Sequence[RunRecord] | None = None,
    spells: Iterable[SpellChange] = (),
    entries: Iterable[EntryRecord] = (),
    messages: Iterable[MessageRecord] = (),
    refusals: Iterable[RefusalRecord] = (),
    fits: Fits | None = None,
    seen: Mapping[str, datetime | None] | None = None,
    draws: Sequence[Draw] = (),
    events: Mapping[str, int] | None = None,
) -> TickRecord:
    return TickRecord(
        id="tick",
        at=at,
        runs=[run(at)] if runs is None else runs,
        spells=spells,
        entries=(_entries(one) for one in entries),
        messages=(_messages(one) for one in messages),
        refusals=(_refusals(one) for one in refusals),
        fits=fits or Fits(),
        seen=seen or {},
        draws=draws,
        events_seen=events or {},
    )


def _entries(one: EntryRecord) -> Entries:
    return Entries(
        trigger=one.trigger,
        version=one.version,
        at=one.at,
        customers=[one.customer],
        ids=[one.id],
        arms=[one.arm],
        units=[one.unit] if one.unit != one.customer else (),
    )


def _messages(one: MessageRecord) -> Messages:
    return Messages(
        entries=_entries(one.of),
        step=one.step,
        channel=one.channel,
        template="winback",
        due_at=one.due_at,
        priority=one.priority,
        expires_at=one.expires_at,
        ids=[one.id],
        contexts=[one.context],
    )


def _refusals(one: RefusalRecord) -> Refusals:
    return Refusals(
        trigger=one.trigger, reason=one.reason, customers=[one.customer], details=[one.detail]
    )


def entry(
    customer: str,
    at: datetime,
    trigger: str = "winback",
    *,
    version: str = "v1",
    arm: Arm = Arm.TREATED,
    unit: str | None = None,
) -> EntryRecord:
    return EntryRecord(
        id=entry_id(trigger, version, customer, at),
        trigger=trigger,
        version=version,
        customer=customer,
        at=at,
        arm=arm,
        unit=unit or customer,
    )


def draw(trigger: str = "winback", *, version: str = "v1", at: datetime = START) -> Draw:
    return Draw(
        trigger=trigger,
        version=version,
        at=at,
        hash_version=HASH_VERSION,
        salt=salt_of(trigger, version),
        share=0.1,
        read_out=4000,
    )


def message(
    of: EntryRecord,
    *,
    step: int = 0,
    channel: str = "email",
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    priority: int = 50,
) -> MessageRecord:
    return MessageRecord(
        id=message_id(of.id, step),
        of=of,
        step=step,
        channel=channel,
        due_at=of.at if due_at is None else due_at,
        priority=priority,
        context='{"customer.first_name":"Zoé"}',
        expires_at=expires_at,
    )


def refusal(customer: str, at: datetime, reason: Refusal = Refusal.NO_CONSENT) -> RefusalRecord:
    return RefusalRecord(trigger="winback", at=at, customer=customer, reason=reason)


def outcome(
    message_id: str,
    state: MessageState,
    at: datetime,
    *,
    reason: str = "",
    due_at: datetime | None = None,
    suppress: bool = False,
    attempted: bool = True,
    worker: str = "",
    doubtful: bool = False,
    provider: str = "outbox",
    provider_id: str | None = "p-1",
) -> Outcome:
    return Outcome(
        message=message_id,
        state=state,
        at=at,
        provider=provider,
        provider_id=provider_id if state is MessageState.ACCEPTED else None,
        reason=reason,
        due_at=due_at,
        suppress=suppress,
        attempted=attempted,
        worker=worker,
        doubtful=doubtful,
    )


def members(ledger: Ledger, segment: str, at: object, version: str = "1") -> list[str]:
    batches = ledger.members({segment: version}, at)  # type: ignore[arg-type]
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert {row["segment"] for row in rows} <= {segment}
    return sorted(row["customer"] for row in rows)
