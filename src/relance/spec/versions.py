"""Versions of segments and triggers: 12 hex digits over everything that decides what they mean.

Comments, key order, descriptions and the order inside all/any/none and in/not_in do not count.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum

from relance.domain.condition import (
    AllOf,
    AnyOf,
    CellIs,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    NoneOf,
    OfAccount,
    Op,
    RfmIs,
    ScoreIs,
    SegmentIs,
    SqlIs,
    StageIs,
    leaves,
)
from relance.domain.identity import origins
from relance.domain.lifecycle import LifecycleSpec
from relance.domain.score import ScoreSpec
from relance.domain.trigger import Goal, OnDate, OnEvent, OnMove, Step
from relance.domain.workspace import RfmSpec
from relance.spec.relance_file import RelanceFile
from relance.spec.trigger_file import TriggerFile

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def digest(value: Json) -> str:
    """The version of a canonical value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def canonical(value: object) -> Json:
    """A domain value as JSON, the same for everything that means the same."""
    if isinstance(value, AllOf | AnyOf | NoneOf):
        return [type(value).__name__, _sorted(canonical(each) for each in value.conditions)]
    if isinstance(value, Comparison) and value.op in {Op.IN, Op.NOT_IN}:
        return [value.op.value, _sorted(canonical(each) for each in _tuple(value.value))]
    if is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: canonical(getattr(value, each.name)) for each in fields(value)}
        return [type(value).__name__, inner]
    return _plain(value)


def _plain(value: object) -> Json:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return int(value) if float(value).is_integer() else value
    if isinstance(value, date):
        return [type(value).__name__, value.isoformat()]
    if isinstance(value, Mapping):
        return {str(key): canonical(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [canonical(each) for each in value]
    return str(value)


def _tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _sorted(values: Iterable[Json]) -> list[Json]:
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


@dataclass(frozen=True, slots=True)
class Definitions:
    """What conditions refer to. `segments` holds the conditions of the named segments."""

    file: RelanceFile
    rfm: RfmSpec
    segments: Mapping[str, Condition]
    lifecycle: LifecycleSpec | None = None
    scores: Mapping[str, ScoreSpec] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def segment(self, name: str) -> str:
        """The version of a named segment."""
        if name not in self._known:
            self._known[name] = digest(self.condition(self.segments[name]))
        return self._known[name]

    def condition(self, condition: Condition) -> Json:
        """A condition with all it depends on."""
        found = {key: value for leaf in leaves(condition) for key, value in self._needs(leaf)}
        return {
            "condition": canonical(condition),
            "needs": found,
            "customers": self._customers(),
            "zones": [self.file.zone.key, self.file.source.zone.key],
            **self._identities(),
        }

    def _customers(self) -> list[Json]:
        """The table of the customers, or all of them."""
        customers = self.file.customers
        if not customers.tables:
            return [customers.table, customers.key, self._queries(customers.table)]
        return [[each.table, each.key, self._queries(each.table)] for each in customers.tables]

    def _identities(self) -> dict[str, Json]:
        """Which tables say who is who; nothing where there are none."""
        if not self.file.identities:
            return {}
        told = [[canonical(each), self._queries(each.table)] for each in self.file.identities]
        return {"identities": _sorted(told)}

    def attribute(self, name: str) -> Json:
        """The column behind an attribute; of several tables those that have it, in their order."""
        column = self.file.customers.column(name)
        if not self.file.customers.tables or column is None:
            return column
        found = origins(self.file.customers)[column]
        return [[origin.table.table, origin.column] for origin in found]

    def _needs(self, leaf: object) -> Iterable[tuple[str, Json]]:
        if isinstance(leaf, SegmentIs):
            yield f"segment {leaf.segment}", self.segment(leaf.segment)
        elif isinstance(leaf, CustomerIs):
            yield f"attribute {leaf.attribute}", self.attribute(leaf.attribute)
        elif isinstance(leaf, EventIs):
            names = {test.field for test in leaf.aggregate.where} | {leaf.aggregate.field}
            yield from self.event(leaf.aggregate.event, names)
        elif isinstance(leaf, RfmIs):
            yield from self._rfm(monetary=bool(leaf.monetary))
        elif isinstance(leaf, CellIs):
            areas = {name: self.rfm.grid.cell(name).areas for name in leaf.cells}
            yield "cells", canonical(areas)
            yield from self._rfm(monetary=self.rfm.grid.monetary)
        elif isinstance(leaf, StageIs) and self.lifecycle is not None:
            spec = self.lifecycle
            yield "lifecycle", [spec.event, canonical(spec.where), canonical(spec.lengths)]
            yield from self.event(spec.event, {test.field for test in spec.where})
        elif isinstance(leaf, OfAccount):
            yield from self._account_needs(leaf.leaf)
        elif isinstance(leaf, ScoreIs):
            yield from self._score(leaf)
        elif isinstance(leaf, SqlIs):
            yield f"sql {leaf.query}", self._queries(leaf.query)

    def _account_needs(self, leaf: object) -> Iterable[tuple[str, Json]]:
        """What a leaf about the account needs, and who belongs to which."""
        accounts = self.file.accounts
        if accounts is None:
            return
        yield "accounts", [accounts.table, accounts.key, self._queries(accounts.table),
                           self.file.customers.account]  # fmt: skip
        if isinstance(leaf, CustomerIs):
            yield f"account {leaf.attribute}", accounts.attributes.get(leaf.attribute)
            return
        yield from self._needs(leaf)
        if isinstance(leaf, EventIs):
            event = leaf.aggregate.event
            yield f"event {event} account", self.file.events[event].account

    def _rfm(self, *, monetary: bool) -> Iterable[tuple[str, Json]]:
        """How scores are made, and of which columns."""
        rfm = self.rfm
        since_the_first_release = {
            "event": rfm.event,
            "within": canonical(rfm.within),
            "monetary": rfm.monetary.value,
            "refit": canonical(rfm.refit),
        }
        later = _told(where=rfm.where, thresholds=rfm.thresholds)
        yield "rfm", ["RfmSpec", since_the_first_release, *later]
        tested = {test.field for test in rfm.where}
        yield from self.event(rfm.event, tested | {"amount"} if monetary else tested)

    def _score(self, leaf: ScoreIs) -> Iterable[tuple[str, Json]]:
        """What a score means, not the model: fitting it again changes no version."""
        spec = self.scores[leaf.score]
        base = self.scores[spec.model]
        meaning = [spec.event, canonical(spec.within), spec.rule.value, spec.complement_of]
        yield f"score {leaf.score}", canonical(tuple(meaning))
        if leaf.expected_value or leaf.expected_return:
            yield f"score {spec.model} value", "average" if base.value_fitted else base.value
        if leaf.expected_return:
            channel = self.file.channels[leaf.expected_return.channel]
            yield f"channel {channel.name} cost", channel.cost
        paid = self.file.events[spec.event].amount is not None
        yield from self.event(spec.event, {"amount"} if paid else ())

    def event(self, name: str, names: Iterable[str | None]) -> Iterable[tuple[str, Json]]:
        """An event's table and those of its columns that are used."""
        spec = self.file.events[name]
        yield f"event {name}", [spec.table, spec.customer, spec.at, self._queries(spec.table)]
        if spec.live is not None:
            yield f"event {name} live", canonical(spec.live)
        for each in names:
            if each is not None:
                yield f"event {name} field {each}", spec.column(each)

    def _queries(self, text: str) -> Json:
        """The named queries that a table's name or a query mentions, directly or through others."""
        tables = self.file.source.tables
        found: dict[str, Json] = {}
        todo = [text]
        while todo:
            words = set(re.findall(r"\w+", todo.pop()))
            for name in (words & tables.keys()) - found.keys():
                found[name] = tables[name]
                todo.append(tables[name])
        return found

    def date_column(self, attribute: str, *, of_accounts: bool) -> Json:
        """The column behind a date of who enters."""
        accounts = self.file.accounts
        if of_accounts and accounts is not None:
            return accounts.attributes.get(attribute)
        return self.attribute(attribute)

    def contacts(self, file: TriggerFile) -> Json:
        """Which contact of an account is written to, and whose the goal's event is."""
        accounts, customers = self.file.accounts, self.file.customers
        event = self.file.events.get(file.goal.event) if file.goal else None
        return [
            canonical(file.write_to),
            [accounts.table, accounts.key] if accounts else None,
            [customers.account, customers.role],
            event.account if event else None,
        ]

    def goal(self, goal: Goal | None) -> Json:
        """A goal with the event it counts."""
        if goal is None:
            return None
        needs = dict(self.event(goal.event, {test.field for test in goal.where}))
        return [canonical(goal), needs]

    def step(self, step: Step, text: str) -> Json:
        """A step with the fingerprint of its text."""
        asked = [self.condition(each) if each else None for each in (step.only_if, step.unless)]
        said = [step.channel, step.template, text, canonical(step.waits), *asked]
        return [*said, *_told(while_member=step.while_member, expires=step.expires)]


def _told(**given: object) -> list[Json]:
    """What was added to the format later: nothing where it is left out, so that the experiments
    of those who do not use it go on through an update."""
    told = {name: canonical(value) for name, value in given.items() if value}
    return [told] if told else []


def baseline_version(definitions: Definitions, file: TriggerFile, condition: Condition) -> str:
    """What decides about a new baseline: the segments of the transition, and the transition."""
    parts = [definitions.condition(condition), canonical(file.on)]
    if isinstance(file.on, OnMove):
        parts.append(definitions.segment(file.on.source))
    if isinstance(file.on, OnDate):
        parts.append(definitions.date_column(file.on.attribute, of_accounts=file.of_accounts))
    if isinstance(file.on, OnEvent):
        parts.append(dict(definitions.event(file.on.event, (t.field for t in file.on.where))))
        if file.on.unless is not None:
            parts.append(dict(definitions.event(file.on.unless, ())))
    return digest([*parts, *_told(enters=file.of_accounts)])


def trigger_version(
    definitions: Definitions, file: TriggerFile, baseline: str, texts: Mapping[tuple[str, str], str]
) -> str:
    """What makes two results comparable: only those of one version are ever added up."""
    steps = [definitions.step(step, texts[step.template, step.channel]) for step in file.steps]
    parts: list[Json] = [baseline, steps, file.holdout, definitions.goal(file.goal)]
    household = definitions.file.customers.household
    later = _told(topic=file.topic, read_out=file.read_out, household=household)
    if file.of_accounts:
        later.append(definitions.contacts(file))
    return digest([*parts, canonical(file.reentry), *later])
