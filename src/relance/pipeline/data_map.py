"""The page a data protection officer asks for: every mapped column, and what becomes of it.

Derived from the YAML and the templates alone; no data is looked at. What conditions and names read
is told by the engine itself (`Reads`), so that the page cannot drift from what is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from relance.domain.channel import CHANNELS
from relance.domain.condition import Condition, ScoreIs, SqlIs, leaves
from relance.domain.data_map import DataMap, Destination, Kept, MappedColumn, Storage, Use, UseKind
from relance.domain.live import LIVE_CUSTOMERS, LIVE_EVENTS, LIVE_IDENTITIES
from relance.domain.trigger import OnDate, Trigger
from relance.domain.workspace import ChannelSpec, CustomersSpec, EventSpec, Workspace
from relance.pipeline.outlets import specs
from relance.pipeline.ports import Renderer

Place = tuple[str, str]
_OWN = ("email", "phone", "locale", "timezone", "country", "household", "account", "role")
_FETCHED = ("email", "phone", "locale", "timezone", "country", "household")
_OUTBOX = "outbox"


class Reads(Protocol):
    """What the engine looks at: tables of the source and their columns."""

    def read_by(self, condition: Condition, workspace: Workspace) -> Iterable[Place]: ...

    def asks_itself(self, condition: Condition, workspace: Workspace) -> bool: ...

    def read_by_name(self, name: str, workspace: Workspace) -> Iterable[Place]: ...

    def behind(self, customers: CustomersSpec, column: str | None) -> Iterable[Place]: ...

    def read_of_event(self, event: EventSpec, fields: list[str]) -> Iterable[Place]: ...


def data_map(workspace: Workspace, renderer: Renderer, reads: Reads) -> DataMap:
    """Which columns are mapped, what uses each, what is kept, and where it goes."""
    uses = _Uses(workspace, renderer, reads)
    uses.gather()
    return DataMap(
        workspace=workspace.name,
        source=workspace.source.shown,
        columns=uses.columns(),
        queries=sorted(uses.queries),
        kept=list(_kept(workspace)),
        destinations=list(_destinations(workspace, renderer)),
    )


@dataclass
class _Uses:
    """Collects what each column is used for."""

    workspace: Workspace
    renderer: Renderer
    reads: Reads
    found: dict[Place, set[Use]] = field(default_factory=dict)
    queries: set[Use] = field(default_factory=set)

    def gather(self) -> None:
        """Look at everything that reads."""
        workspace = self.workspace
        self._always()
        for name in workspace.named_segments:
            segment = workspace.segments[name]
            self._condition(segment.condition, Use(UseKind.SEGMENT, name))
        for trigger in workspace.triggers.values():
            self._trigger(trigger)
        for name in workspace.scores:
            self._used(self.reads.read_by(ScoreIs(name), workspace), Use(UseKind.SCORE, name))
        for name, query in workspace.source.tables.items():
            self._mentioned(query, Use(UseKind.TABLE, name))
        if workspace.global_holdout and workspace.rfm.event in workspace.events:
            event = workspace.events[workspace.rfm.event]
            self._used(self.reads.read_of_event(event, ["amount"]), Use(UseKind.REPORT))

    def columns(self) -> list[MappedColumn]:
        """Every mapped column in the order of the YAML."""
        fetched = set(self._fetched())
        return [
            MappedColumn(
                table=table,
                column=column,
                meanings=tuple(meanings),
                uses=tuple(sorted(self.found.get((table, column), ()))),
                fetched=(table, column) in fetched,
            )
            for (table, column), meanings in _mapped(self.workspace).items()
        ]

    def _used(self, places: Iterable[Place], use: Use) -> None:
        for place in places:
            self.found.setdefault(place, set()).add(use)

    def _of(self, column: str | None, use: Use) -> None:
        self._used(self.reads.behind(self.workspace.customers, column), use)

    def _always(self) -> None:
        """What is read whoever is written to."""
        workspace = self.workspace
        customers = workspace.customers
        for table in customers.tables or (customers,):
            self._used([(table.table, table.key)], Use(UseKind.KEY))
        for link in workspace.identities:
            columns = (link.id, link.customer, link.at)
            self._used([(link.table, c) for c in columns if c], Use(UseKind.IDENTITY))
        if workspace.accounts is not None:
            self._used([(workspace.accounts.table, workspace.accounts.key)], Use(UseKind.ACCOUNT))
            self._of(customers.account, Use(UseKind.ACCOUNT))
            self._of(customers.role, Use(UseKind.ACCOUNT))
        self._used(_of_ids(workspace), Use(UseKind.IDENTITY))
        self._of(customers.household, Use(UseKind.HOUSEHOLD))
        if workspace.limits.quiet_hours:
            self._of(customers.timezone, Use(UseKind.QUIET_HOURS))

    def _fetched(self) -> Iterator[Place]:
        customers = self.workspace.customers
        for name in _FETCHED:
            yield from self.reads.behind(customers, getattr(customers, name))
        for column in customers.consent.values():
            if isinstance(column, str):
                yield from self.reads.behind(customers, column)

    def _condition(self, condition: Condition, use: Use) -> None:
        self._used(self.reads.read_by(condition, self.workspace), use)
        if self.reads.asks_itself(condition, self.workspace):
            self.queries.add(use)
            for leaf in leaves(condition):
                if isinstance(leaf, SqlIs):
                    self._mentioned(leaf.query, use)

    def _mentioned(self, query: str, use: Use) -> None:
        """Live tables that a query names: which of their columns it reads is not worked out."""
        for table, column, _ in _of_live(self.workspace):
            if re.search(rf"\b{table}\b", query, re.IGNORECASE):
                self._used([(table, column)], use)

    def _trigger(self, trigger: Trigger) -> None:
        use, customers = Use(UseKind.TRIGGER, trigger.name), self.workspace.customers
        for name in _watched(trigger, self.workspace):
            self._condition(self.workspace.segments[name].condition, use)
        if isinstance(trigger.on, OnDate):
            self._of(customers.column(trigger.on.attribute), use)
            self._of(customers.timezone, use)
        if trigger.goal is not None:
            event = self.workspace.events[trigger.goal.event]
            fields = ["amount", *(test.field for test in trigger.goal.where)]
            self._used(self.reads.read_of_event(event, fields), use)
        for step in trigger.steps:
            for condition in (step.only_if, step.unless):
                if condition is not None:
                    self._condition(condition, use)
            self._channel(step.channel)
            template = Use(UseKind.TEMPLATE, f"{step.template} ({step.channel})")
            for name in self.renderer.names(step.template, step.channel):
                if not name.startswith("message."):
                    self._used(self.reads.read_by_name(name, self.workspace), template)

    def _channel(self, channel: str) -> None:
        """The address, whether it may be written to, and in which language."""
        customers, use = self.workspace.customers, Use(UseKind.CHANNEL, channel)
        kind = CHANNELS[channel]
        if kind.address == "email":
            self._of(customers.email, use)
        elif kind.address == "phone":
            self._of(customers.phone, use)
            self._of(customers.country, use)
        self._of(customers.locale, use)
        consent = customers.consent.get(channel)
        if isinstance(consent, str):
            self._of(consent, use)


def _watched(trigger: Trigger, workspace: Workspace) -> list[str]:
    from relance.pipeline.compare import watched

    return [name for name in watched(trigger) if name in workspace.segments]


def _mapped(workspace: Workspace) -> dict[Place, list[str]]:
    """Every column of the source that the YAML names, with what it is called there."""
    found: dict[Place, list[str]] = {}
    places = (*_of_people(workspace), *_of_events(workspace), *_of_live(workspace))
    for table, column, meaning in places:
        if isinstance(column, str) and column:
            meanings = found.setdefault((table, column), [])
            if meaning not in meanings:
                meanings.append(meaning)
    return found


def _of_people(workspace: Workspace) -> Iterator[tuple[str, object, str]]:
    for table in workspace.customers.tables or (workspace.customers,):
        named = {
            "customer": table.key,
            **{name: getattr(table, name) for name in _OWN},
            **{f"consent.{channel}": column for channel, column in table.consent.items()},
            **{f"customer.{name}": column for name, column in table.attributes.items()},
        }
        yield from ((table.table, column, meaning) for meaning, column in named.items())
    if (accounts := workspace.accounts) is not None:
        yield accounts.table, accounts.key, "account"
        for name, column in accounts.attributes.items():
            yield accounts.table, column, f"account.{name}"


def _of_events(workspace: Workspace) -> Iterator[tuple[str, object, str]]:
    for link in workspace.identities:
        yield link.table, link.id, "identities.id"
        yield link.table, link.customer, "identities.customer"
        yield link.table, link.at, "identities.at"
    for event in workspace.events.values():
        named = {"customer": event.customer, "account": event.account, "at": event.at,
                 "amount": event.amount, **event.fields}  # fmt: skip
        yield from ((event.table, column, f"{event.name}.{n}") for n, column in named.items())
        told = event.live.fields if event.live else {}
        for name, place in told.items():  # the property behind a field of a live call
            yield event.table, event.column(name), f"properties.{place}"


def _of_live(workspace: Workspace) -> Iterator[tuple[str, str, str]]:
    """What clients tell: ids, and the properties and traits that the YAML reads as columns."""
    live = workspace.live
    if live is None:
        return
    yield LIVE_EVENTS, "customer", "userId"
    yield LIVE_EVENTS, "anonymous_id", "anonymousId"
    for name, place in live.fields.items():
        yield LIVE_EVENTS, name, f"properties.{place}"
    yield LIVE_IDENTITIES, "customer", "userId"
    yield LIVE_IDENTITIES, "anonymous_id", "anonymousId"
    if live.traits:
        yield LIVE_CUSTOMERS, "customer", "userId"
    for name, place in live.traits.items():
        yield LIVE_CUSTOMERS, name, f"traits.{place}"


def _of_ids(workspace: Workspace) -> Iterator[Place]:
    """The ids by which every live call is somebody's."""
    ids = ("userId", "anonymousId")
    yield from ((table, column) for table, column, told in _of_live(workspace) if told in ids)


def _kept(workspace: Workspace) -> Iterator[Storage]:
    """What the state and the workbench hold, by their real rules."""
    for what in (Kept.VALUES, Kept.DIGESTS, Kept.ENTRIES, Kept.MEMBERSHIPS, Kept.CHOICES):
        yield Storage(what=what)
    providers = {spec.provider for each in workspace.channels.values() for spec in specs(each)}
    if providers - {_OUTBOX}:
        yield Storage(what=Kept.REPORTS)
    if workspace.source.workbench is not None:
        yield Storage(what=Kept.WORKBENCH, detail=workspace.source.workbench.name)
    if workspace.live is not None:
        yield Storage(what=Kept.LIVE, detail=str(workspace.live.keep))
    if _OUTBOX in providers:
        yield Storage(what=Kept.OUTBOX)


def _destinations(workspace: Workspace, renderer: Renderer) -> Iterator[Destination]:
    """Each provider of each channel, its fallback among them."""
    for channel in workspace.channels.values():
        values: set[str] = set()
        triggers = []
        for trigger in workspace.triggers.values():
            steps = [step for step in trigger.steps if step.channel == channel.name]
            if steps:
                triggers.append(trigger.name)
            for step in steps:
                values |= renderer.names(step.template, step.channel)
        for spec in specs(channel):
            yield _destination(channel, spec, values, triggers)


def _destination(
    channel: ChannelSpec, spec: ChannelSpec, values: set[str], triggers: list[str]
) -> Destination:
    kind = CHANNELS.get(channel.name)
    return Destination(
        channel=channel.name,
        provider=spec.provider,
        address=(kind.address or "") if kind else "",
        values=tuple(sorted(name for name in values if not name.startswith("message."))),
        triggers=tuple(triggers),
    )
