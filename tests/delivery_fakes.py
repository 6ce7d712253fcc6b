"""Stand-ins for delivery's ports: an engine, a renderer, links and a provider in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from relance.domain.condition import Condition, CustomerIs
from relance.domain.ledger import Claimed
from relance.domain.message import Accepted, Outgoing, Rendered
from relance.domain.receipt import Doubtful, Receipt
from relance.domain.trigger import OnEnter, Schedule, Step, Trigger
from relance.domain.vendor import Capabilities
from relance.domain.workspace import (
    ChannelSpec,
    CustomersSpec,
    RfmSpec,
    SourceSpec,
    Workspace,
)
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
        name = values["customer.first_name"]
        if name == "Broken":
            raise RenderError(
                Problem(path="templates/winback/email.html", line=3, column=7, message="no name")
            )
        return Rendered(
            text=f"Bonjour {name} ({locale})", subject="Bonjour", html_parts=(f"<p>{name}</p>",)
        )


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

    def pack(self, message: Outgoing) -> Outgoing:
        return message

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
