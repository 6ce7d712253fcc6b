"""Stand-ins for delivery's ports: a queue, an engine, a renderer and a provider in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from relance.domain.condition import Condition, CustomerIs
from relance.domain.ledger import Claimed, Outcome
from relance.domain.message import Accepted, MessageState, Outgoing, Rendered
from relance.domain.trigger import OnEnter, Schedule, Step, Trigger
from relance.domain.workspace import ChannelSpec, CustomersSpec, RfmSpec, SourceSpec, Workspace
from relance.errors import Problem, RenderError

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


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
    senders = {"email": "La Boutique <bonjour@boutique.example>", "sms": "+33700000000"}
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
            name: ChannelSpec(name=name, provider="fake", sender=senders[name]) for name in channels
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
    outcome: Outcome | None = None


class FakeQueue:
    """The queue's promises in memory. `trace` lists what happened, in order."""

    def __init__(self, *messages: Claimed) -> None:
        self.rows = {m.id: Row(m) for m in messages}
        self.blocked_customers: set[str] = set()
        self.recorded_consents: dict[str, bool] = {}
        self.errors: dict[str, list[Exception]] = {}
        self.trace: list[str] = []
        self.most_sending = 0
        self.groups: list[int] = []

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
        due.sort(key=lambda row: (-row.message.priority, row.message.due_at, row.message.id))
        for row in due[:limit]:
            row.state, row.lease_until, row.worker = MessageState.CLAIMED, lease_until, worker
        return [row.message for row in due[:limit]]

    def release_expired(self, at: datetime) -> tuple[int, int]:
        counts = {MessageState.CLAIMED: 0, MessageState.SENDING: 0}
        for row in self.rows.values():
            if row.state in counts and row.lease_until and row.lease_until < at:
                counts[row.state] += 1
                was_sending = row.state is MessageState.SENDING
                row.state = MessageState.UNKNOWN if was_sending else MessageState.QUEUED
        return counts[MessageState.CLAIMED], counts[MessageState.SENDING]

    def sending(self, messages: Sequence[str], at: datetime, worker: str) -> list[str]:
        self._maybe_fail("sending")
        ours = [
            m
            for m in messages
            if self.rows[m].state is MessageState.CLAIMED and self.rows[m].worker == worker
        ]
        for key in ours:
            self.rows[key].state = MessageState.SENDING
        on_wire = sum(row.state is MessageState.SENDING for row in self.rows.values())
        self.most_sending = max(self.most_sending, on_wire)
        return ours

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self._maybe_fail("record")
        self.groups.append(len(outcomes))
        for outcome in outcomes:
            row = self.rows[outcome.message]
            assert row.state in (MessageState.CLAIMED, MessageState.SENDING), row
            assert outcome.worker == row.worker
            row.state, row.outcome = outcome.state, outcome
            if outcome.state is MessageState.QUEUED:
                row.message = replace(
                    row.message,
                    due_at=outcome.due_at,
                    attempts=row.message.attempts + outcome.attempted,
                )

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        return self.blocked_customers & set(customers)

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        return {c: g for c, g in self.recorded_consents.items() if c in customers}

    def pending(self) -> int:
        waiting = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)
        return sum(row.state in waiting for row in self.rows.values())

    def states(self) -> dict[str, str]:
        return {key: row.state.value for key, row in self.rows.items()}


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
                **{name: f"{name} now" for name in names},
                **self.people.get(customer, {}),
            }
            answers = {key: self.holds(c, customer) for key, c in questions.items()}
            rows.append({"id": one["id"], "customer": customer, **person, **answers})
        text = ["id", "customer", "email", "phone", "locale", "timezone", "region", *names]
        flags = ["consent_email", "consent_sms", *questions]
        columns = {
            **{name: pa.array([row[name] for row in rows], pa.string()) for name in text},
            **{name: pa.array([row[name] for row in rows], pa.bool_()) for name in flags},
        }
        return pa.table(columns)


class FakeRenderer:
    """Greets by first name; a person called Broken cannot be rendered."""

    uses = frozenset({"customer.first_name"})

    def names(self, template: str, channel: str) -> frozenset[str]:
        return self.uses

    def fingerprint(self, template: str, channel: str) -> str:
        return "1"

    def render(
        self, template: str, channel: str, *, locale: str | None, values: Mapping[str, object]
    ) -> Rendered:
        name = values["customer"]["first_name"]  # type: ignore[index]
        if name == "Broken":
            raise RenderError(
                Problem(path="templates/winback/email.html", line=3, column=7, message="no name")
            )
        return Rendered(text=f"Bonjour {name} ({locale})", subject="Bonjour", html=f"<p>{name}</p>")


class FakeProvider:
    """Accepts everything, unless `script` answers for a message. `sent` are the ids it got."""

    def __init__(self, *, batch_size: int = 1, idempotent: bool = False) -> None:
        self.name = "fake"
        self.batch_size = batch_size
        self.idempotent = idempotent
        self.script: Callable[[Outgoing], Exception | None] = lambda outgoing: None
        self.hold: asyncio.Event | None = None
        self.got: list[Outgoing] = []
        self.calls: list[int] = []
        self.in_flight = 0
        self.most_in_flight = 0

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
        return [
            self.script(m) or Accepted(message_id=m.message_id, provider_id=f"p-{m.message_id}")
            for m in messages
        ]

    async def close(self) -> None:
        return None


def is_attribute(condition: Condition, attribute: str) -> bool:
    """Whether a question is the test's stand-in condition on one attribute."""
    return isinstance(condition, CustomerIs) and condition.attribute == attribute
