"""A queue in memory, with the real one's promises, and what takes reports for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from relance.domain.ledger import Budget, Claimed, Mark, Marked, Outcome
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, state_after
from relance.domain.workspace import BouncePolicy

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Row:
    """One message in the fake queue."""

    message: Claimed
    state: MessageState = MessageState.QUEUED
    lease_until: datetime | None = None
    worker: str = ""
    sent_at: datetime | None = None  # marked `sending`
    outcome: Outcome | None = None


class FakeQueue:
    """The queue's promises in memory. `trace` lists what happened, in order."""

    in_process = True

    def __init__(self, *messages: Claimed) -> None:
        self.rows = {m.id: Row(m) for m in messages}
        self.blocked_customers: set[str] = set()
        self.blocked_recipients: set[str] = set()
        self.recorded_consents: dict[str, bool] = {}
        self.refused_topics: set[tuple[str, str]] = set()
        self.pauses: dict[str, datetime] = {}
        self.errors: dict[str, list[Exception]] = {}
        self.trace: list[str] = []
        self.most_sending = 0
        self.groups: list[int] = []
        self.marks: list[Mark] = []
        self.spent: dict[tuple[str, date], int] = {}
        self.free: dict[str, datetime] = {}
        self.reserved: list[int] = []
        self.look_ups: dict[str, datetime | None] = {}
        self.known_ids: set[str] = set()

    def _maybe_fail(self, name: str) -> None:
        self.trace.append(name)
        if self.errors.get(name):
            raise self.errors[name].pop(0)

    def claim(
        self,
        at: datetime,
        limit: int,
        lease_until: datetime,
        worker: str,
        channel: str | None = None,
    ) -> list[Claimed]:
        self._maybe_fail("claim")
        due = [
            row
            for row in self.rows.values()
            if row.state is MessageState.QUEUED
            and row.message.due_at <= at
            and channel in (None, row.message.channel)
        ]
        due.sort(key=_urgency)
        for row in due[:limit]:
            row.state, row.lease_until, row.worker = MessageState.CLAIMED, lease_until, worker
        return [row.message for row in due[:limit]]

    def release_expired(self, at: datetime, repeatable: Mapping[str, timedelta]) -> tuple[int, int]:
        back = unknown = 0
        for key, row in self.rows.items():
            if row.lease_until is None or row.lease_until >= at:
                continue
            if row.state is MessageState.SENDING and row.message.provider not in repeatable:
                row.state = MessageState.UNKNOWN
                row.message = replace(row.message, doubtful_at=row.sent_at)
                self.look_ups[key] = at
                unknown += 1
            elif row.state in (MessageState.SENDING, MessageState.CLAIMED):
                if row.state is MessageState.SENDING:
                    row.message = replace(row.message, doubtful_at=row.sent_at)
                row.state = MessageState.QUEUED
                back += 1
        return back, unknown

    def sending(
        self,
        marks: Sequence[Mark],
        at: datetime,
        worker: str,
        budgets: Sequence[Budget] = (),
        unspent: Sequence[Budget] = (),
    ) -> Marked:
        self._maybe_fail("sending")
        ours: list[str] = []
        over: list[str] = []
        for mark in marks:
            row = self.rows[mark.message]
            if row.worker != worker or row.state not in (
                MessageState.CLAIMED,
                MessageState.SENDING,
            ):
                continue
            if any(self.spent.get((b.name, b.day), 0) >= b.limit for b in budgets):
                over.append(mark.message)
                continue
            for budget in budgets:
                key = (budget.name, budget.day)
                self.spent[key] = self.spent.get(key, 0) + 1
            if row.state is MessageState.SENDING:
                self._give_back(unspent)
            row.state, row.sent_at = MessageState.SENDING, row.sent_at or at
            row.message = replace(row.message, provider=mark.provider)
            self.marks.append(mark)
            ours.append(mark.message)
        on_wire = sum(row.state is MessageState.SENDING for row in self.rows.values())
        self.most_sending = max(self.most_sending, on_wire)
        return Marked(ours=ours, over=over)

    def reserve(self, name: str, messages: int, gap: float, at: datetime) -> datetime:
        self._maybe_fail("reserve")
        start = max(self.free.get(name, at), at)
        self.free[name] = start + timedelta(seconds=messages * gap)
        self.reserved.append(messages)
        return start

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self._maybe_fail("record")
        self.groups.append(len(outcomes))
        for outcome in outcomes:
            row = self.rows[outcome.message]
            assert row.state in (MessageState.CLAIMED, MessageState.SENDING), row
            assert outcome.worker == row.worker
            if row.state is MessageState.SENDING:
                self._give_back(outcome.unspent)
            self._move(row, outcome)

    def _give_back(self, unspent: Sequence[Budget]) -> None:
        for budget in unspent:
            self.spent[(budget.name, budget.day)] -= 1
            assert self.spent[(budget.name, budget.day)] >= 0, budget

    def _move(self, row: Row, outcome: Outcome) -> None:
        row.state, row.outcome = outcome.state, outcome
        if outcome.doubtful or outcome.state is MessageState.UNKNOWN:
            doubtful_at = row.message.doubtful_at or row.sent_at or outcome.at
            row.message = replace(row.message, doubtful_at=doubtful_at)
        row.sent_at = None
        if outcome.state is MessageState.UNKNOWN:
            self.look_ups[outcome.message] = outcome.at + timedelta(minutes=1)
        if outcome.state is MessageState.QUEUED:
            row.message = replace(
                row.message,
                due_at=outcome.due_at,
                attempts=row.message.attempts + outcome.attempted,
            )

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        return self.blocked_customers & set(customers)

    def blocked_addresses(self, channel: str, recipients: Sequence[str]) -> set[str]:
        return self.blocked_recipients & set(recipients)

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        return {c: g for c, g in self.recorded_consents.items() if c in customers}

    def topics_refused(self, customers: Sequence[str]) -> set[tuple[str, str]]:
        self.trace.append("topics_refused")
        return {each for each in self.refused_topics if each[0] in customers}

    def paused(self, customers: Sequence[str], at: datetime) -> Mapping[str, datetime]:
        return {c: until for c, until in self.pauses.items() if c in customers and until > at}

    def doubtful(self, at: datetime, limit: int) -> list[Claimed]:
        due = [key for key, when in self.look_ups.items() if when is not None and when <= at]
        unknown = [k for k in due if self.rows[k].state is MessageState.UNKNOWN]
        return [self.rows[key].message for key in unknown[:limit]]

    def taken(self, provider: str, provider_ids: Sequence[str]) -> set[str]:
        return self.known_ids & set(provider_ids)

    def look_again(self, messages: Sequence[str], at: datetime | None) -> None:
        self.look_ups.update(dict.fromkeys(messages, at))

    def pending(self) -> int:
        waiting = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)
        return sum(row.state in waiting for row in self.rows.values())

    def states(self) -> dict[str, str]:
        return {key: row.state.value for key, row in self.rows.items()}


def _urgency(row: Row) -> tuple[object, ...]:
    message = row.message
    return (-message.priority, message.expires_at or NEVER, message.due_at, message.id)


class FakeReceipts:
    """Applies what look-ups find to a fake queue."""

    def __init__(self, queue: FakeQueue) -> None:
        self._queue = queue
        self.got: list[Receipt] = []

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int:
        for receipt in receipts:
            row = self._queue.rows[receipt.message_id or ""]
            row.state = state_after(receipt.kind, row.state) or row.state
        self.got.extend(receipts)
        return len(receipts)
