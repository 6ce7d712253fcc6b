"""Stand-ins for delivery's ports: a queue, an engine, a renderer and a provider in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from relance.domain.condition import Condition, CustomerIs
from relance.domain.ledger import Budget, Claimed, Mark, Marked, Outcome
from relance.domain.message import Accepted, MessageState, Outgoing, Rendered
from relance.domain.receipt import Doubtful, Receipt, state_after
from relance.domain.trigger import OnEnter, Schedule, Step, Trigger
from relance.domain.vendor import Capabilities
from relance.domain.workspace import (
    BouncePolicy,
    ChannelSpec,
    CustomersSpec,
    RfmSpec,
    SourceSpec,
    Workspace,
)
from relance.errors import Problem, RenderError

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
NEVER = datetime.max.replace(tzinfo=UTC)


def make_trigger(name: str = "winback", steps: tuple[Step, ...] = (), **changes: object) -> Trigger:
    values = {
        "name": name,
        "segment": f"trigger/{name}",
        "on": OnEnter(),
        "schedule": Schedule(cron="0 9 * * *"),
        "steps": steps or (Step(index=0, channel="email", template="winback"),),
        "version": "v1",
        "segment_version": "s1",
    }
    return Trigger(**{**values, **changes})  # type: ignore[arg-type]


def make_workspace(*triggers: Trigger, channels: Sequence[str] = ("email", "sms"), **changes):
    email, number = "La Boutique <bonjour@boutique.example>", "+33700000000"
    senders = {"email": email, "sms": number, "whatsapp": number}
    values = {
        "root": Path("/nowhere"),
        "name": "boutique",
        "zone": PARIS,
        "locale": "fr",
        "currency": "EUR",
        "state": "sqlite://",
        "source": SourceSpec(location="data", shown="data", zone=PARIS),
        "customers": CustomersSpec(table="customers", key="customer_id"),
        "events": {},
        "rfm": RfmSpec(),
        "segments": {},
        "triggers": {t.name: t for t in triggers or (make_trigger(),)},
        "channels": {
            name: ChannelSpec(name=name, provider="fake", sender=senders.get(name, ""))
            for name in channels
        },
    }
    return Workspace(**{**values, **changes})


def message(number: int = 1, **changes: object) -> Claimed:
    """A due message of customer c<number>."""
    values = {
        "id": f"m{number:05}",
        "entry": f"e{number:05}",
        "trigger": "winback",
        "version": "v1",
        "customer": f"c{number}",
        "step": 0,
        "channel": "email",
        "template": "winback",
        "entry_at": AT - timedelta(hours=1),
        "due_at": AT,
        "priority": 50,
        "ghost": False,
        "attempts": 0,
        "context": json.dumps({"customer.first_name": "Camille"}),
    }
    return Claimed(**{**values, **changes})  # type: ignore[arg-type]


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
        self, marks: Sequence[Mark], at: datetime, worker: str, budgets: Sequence[Budget] = ()
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
            self._move(row, outcome)

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


@dataclass
class FakeEngine:
    """Answers `ask` from a dictionary of people; who is not in it lives in Paris and agrees."""

    people: dict[str, dict[str, object]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    holds: Callable[[Condition, str], bool] = lambda condition, customer: False
    error: Exception | None = None
    asked: list[Mapping[str, Condition]] = field(default_factory=list)
    names: list[Sequence[str]] = field(default_factory=list)

    def ask(
        self,
        cohort: pa.Table,
        questions: Mapping[str, Condition],
        names: Sequence[str],
        at: datetime,
    ) -> pa.Table:
        if self.error is not None:
            raise self.error
        self.asked.append(dict(questions))
        self.names.append(list(names))
        rows = []
        for one in cohort.to_pylist():
            customer = one["customer"]
            if customer in self.gone:
                continue
            person = {
                "email": f"{customer}@shop.example",
                "phone": "0612345678",
                "locale": "fr",
                "timezone": None,
                "region": "FR",
                "consent_email": True,
                "consent_sms": True,
                "consent_whatsapp": True,
                **{name: f"{name} now" for name in names},
                **self.people.get(customer, {}),
            }
            answers = {key: self.holds(c, customer) for key, c in questions.items()}
            rows.append({"id": one["id"], "customer": customer, **person, **answers})
        text = ["id", "customer", "email", "phone", "locale", "timezone", "region", *names]
        flags = ["consent_email", "consent_sms", "consent_whatsapp", *questions]
        columns = {
            **{name: pa.array([row[name] for row in rows], pa.string()) for name in text},
            **{name: pa.array([row[name] for row in rows], pa.bool_()) for name in flags},
        }
        return pa.table(columns)


class FakeRenderer:
    """Greets by first name; a person called Broken cannot be rendered."""

    uses = frozenset({"customer.first_name"})
    own = frozenset[str]()

    def names(self, template: str, channel: str) -> frozenset[str]:
        return self.uses

    def message_names(self, template: str, channel: str) -> frozenset[str]:
        return self.own

    def fingerprint(self, template: str, channel: str) -> str:
        return "1"

    def render(
        self, template: str, channel: str, *, locale: str | None, values: Mapping[str, object]
    ) -> Rendered:
        self.rendered = values
        name = values["customer"]["first_name"]  # type: ignore[index]
        if name == "Broken":
            raise RenderError(
                Problem(path="templates/winback/email.html", line=3, column=7, message="no name")
            )
        return Rendered(text=f"Bonjour {name} ({locale})", subject="Bonjour", html=f"<p>{name}</p>")


class FakeLinks:
    """Links that name their message; `made` counts them."""

    def __init__(self) -> None:
        self.made = 0

    def unsubscribe(self, message: Claimed, locale: str | None) -> str:
        self.made += 1
        return f"https://boutique.example/u/{message.id}"

    def preferences(self, message: Claimed, locale: str | None) -> str:
        self.made += 1
        return f"https://boutique.example/p/{message.id}"


class FakeProvider:
    """Accepts everything, unless `script` answers for a message or `outage` for a request.

    `sent` are the ids it got; `known` is what it says to look-ups, by message id.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        batch_size: int = 1,
        idempotent: bool = False,
        look_up: bool = False,
    ) -> None:
        self.name = name
        self.batch_size = batch_size
        self.idempotent = idempotent
        window = timedelta(hours=24) if idempotent else None
        self.can = Capabilities(batch=batch_size, idempotent_for=window, look_up=look_up)
        self.script: Callable[[Outgoing], Exception | None] = lambda outgoing: None
        self.outage: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.got: list[Outgoing] = []
        self.calls: list[int] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.known: dict[str, Receipt | Exception] = {}
        self.asked: list[Doubtful] = []

    @property
    def sent(self) -> list[str]:
        return [outgoing.message_id for outgoing in self.got]

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Accepted | Exception]:
        self.calls.append(len(messages))
        self.got.extend(messages)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await (self.hold.wait() if self.hold else asyncio.sleep(0))
        finally:
            self.in_flight -= 1
        if self.outage is not None:
            raise self.outage
        return [
            self.script(m) or Accepted(message_id=m.message_id, provider_id=f"p-{m.message_id}")
            for m in messages
        ]

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        self.asked.append(doubtful)
        await asyncio.sleep(0)
        found = self.known.get(doubtful.message_id)
        if isinstance(found, Exception):
            raise found
        return None if found and found.provider_id in doubtful.taken else found

    async def close(self) -> None:
        return None


def is_attribute(condition: Condition, attribute: str) -> bool:
    """Whether a question is the test's stand-in condition on one attribute."""
    return isinstance(condition, CustomerIs) and condition.attribute == attribute
