"""What is wrong with the data, before anything is built on it: every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import ibis

from relance.domain.condition import Condition, leaves
from relance.domain.fits import Fits
from relance.domain.lifecycle import Stage
from relance.domain.trigger import OnDate, OnEvent
from relance.domain.workspace import EventSpec, Workspace
from relance.engine.account_inspection import account_problems
from relance.engine.checks import (
    TextColumn,
    counted,
    figures,
    text_columns,
    unreadable_rows,
)
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import Reading, column_of
from relance.engine.compiler import Compiler
from relance.engine.happened import fell_due_since
from relance.engine.inspecting_people import inspect_customers, inspect_identities
from relance.engine.needs import Attribute, Need, inlined, needs_of, without_entry
from relance.engine.problems import CONFIG, SEGMENTS, failure, warning
from relance.engine.profile import Profiles
from relance.engine.scored import with_scores
from relance.errors import Problem, SourceError


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """One look at the whole source."""

    profiles: Profiles

    def problems(self) -> list[Problem]:
        found = inspect_customers(self.profiles)
        found += inspect_identities(self.profiles)
        found += account_problems(self.profiles) if not _stops(found) else []
        for spec in self.profiles.workspace.events.values():
            found += self._event(spec)
        if not _stops(found):
            found += self._conditions()
        return list(dict.fromkeys(found))

    # -- events

    def _event(self, spec: EventSpec) -> list[Problem]:
        place = f"events.{spec.name}"
        found = failure(CONFIG, f"{place}.table", lambda: self.profiles.source.table(spec.table))
        if found:
            return found
        columns = {
            "customer": spec.customer or None,
            "account": spec.account,
            "at": spec.at,
            "amount": spec.amount,
        }
        columns |= {f"fields.{name}": column for name, column in spec.fields.items()}
        table = self.profiles.source.table(spec.table)
        for where, column in columns.items():
            if column is not None:
                found += failure(
                    CONFIG, f"{place}.{where}",
                    partial(column_of, table, spec.table, column),
                )  # fmt: skip
        if found:
            return found
        found = failure(CONFIG, f"{place}.at", lambda: self.profiles.records(spec, ()))
        found += failure(CONFIG, f"{place}.amount", lambda: self._amount(spec))
        return found or [*self._texts(spec), *self._event_rows(spec)]

    def _amount(self, spec: EventSpec) -> None:
        if spec.amount is not None:
            self.profiles.field(spec, ("amount", Reading.NUMBER))

    def _texts(self, spec: EventSpec) -> Iterator[Problem]:
        table = self.profiles.source.table(spec.table)
        for where, column, reading in (
            ("at", spec.at, Reading.MOMENT),
            ("amount", spec.amount, Reading.NUMBER),
        ):
            if column is not None and kind_of(table[column].type()) is Kind.TEXT:
                text = TextColumn(spec.table, column, reading)
                yield from self._unreadable(CONFIG, f"events.{spec.name}.{where}", text)

    def _unreadable(self, path: str, where: str, text: TextColumn) -> Iterator[Problem]:
        rows = unreadable_rows(self.profiles, text)
        if rows:
            yield Problem(path=path, where=where, message=text.complaint(rows), hint=text.hint)

    def _event_rows(self, spec: EventSpec) -> Iterator[Problem]:
        events = self.profiles.records(spec, ()).mutate(
            future=lambda t: self.profiles.clock.later(t.at, self.profiles.clock.at)
        )
        numbers = figures(
            self.profiles,
            events,
            {
                "rows": ibis._.count(),
                "nobody": ibis._.owner.isnull().sum(),
                "undated": ibis._["at"].isnull().sum(),
                "future": ibis._.future.sum(),
            },
        )
        place, table = f"events.{spec.name}", spec.table
        if not numbers["rows"]:
            yield warning(f"{place}.table", f"table {table} has no rows")
            return
        if numbers["nobody"] and spec.customer:
            yield warning(
                f"{place}.customer",
                f"{table}.{spec.customer}: {counted(numbers['nobody'])} without a customer",
            )
        if numbers["undated"]:
            yield warning(
                f"{place}.at", f"{table}.{spec.at}: {counted(numbers['undated'])} without a date"
            )
        if numbers["future"]:
            yield warning(
                f"{place}.at", f"{table}.{spec.at}: {counted(numbers['future'])} in the future"
            )
        if spec.customer:
            yield from self._strangers(spec)

    def _strangers(self, spec: EventSpec) -> Iterator[Problem]:
        """Events of customers who are not in the customers table."""
        try:
            people = self.profiles.customers
            people = people.select(key=self.profiles.key(people).cast("string"))
        except SourceError:
            return  # told about the customers already
        owners = self.profiles.events(spec, ()).select(owner=lambda t: t.owner.cast("string"))
        strange = owners.filter(owners.owner.notnull()).anti_join(people, [("owner", "key")])
        rows = figures(self.profiles, strange, {"rows": strange.count()})["rows"]
        if rows:
            yield warning(
                f"events.{spec.name}.customer",
                f"{spec.table}.{spec.customer}: {counted(rows)} of customers who are not in"
                f" {self.profiles.workspace.customers.table}",
            )

    # -- conditions

    def _conditions(self) -> list[Problem]:
        found = []
        for path, where, condition in self._every_condition():
            found += failure(path, where, partial(self._compile, condition)) or list(
                self._condition_texts(path, where, condition)
            )
        return [*found, *self._dates(), *self._happened()]

    def _every_condition(self) -> Iterator[tuple[str, str, Condition]]:
        """Each condition of the workspace with the file and the place where it stands."""
        workspace = self.profiles.workspace
        own = {trigger.segment: trigger.path for trigger in workspace.triggers.values()}
        for name, segment in workspace.segments.items():
            named = not name.startswith("trigger/")
            path = SEGMENTS if named else own.get(name, "")
            yield path, _place(workspace, name) if named else "segment", segment.condition
        for trigger in workspace.triggers.values():
            for step in trigger.steps:
                for word, condition in (("if", step.only_if), ("unless", step.unless)):
                    if condition is not None:
                        yield trigger.path, f"steps.{step.index}.{word}", condition

    def _compile(self, condition: Condition) -> None:
        names = self._names(condition)
        profile = with_scores(
            self.profiles, self.profiles.build(names), names, Fits(), [condition],
            self.profiles.source.dialect,
        )  # fmt: skip
        Compiler(
            workspace=self.profiles.workspace, clock=self.profiles.clock, table=profile,
            names=names, fits=Fits(),
        ).holds(without_entry(inlined(condition, self.profiles.workspace.segments)))  # fmt: skip

    def _names(self, condition: Condition) -> dict[Need, str]:
        workspace = self.profiles.workspace
        plain = without_entry(inlined(condition, workspace.segments))
        needs = dict.fromkeys(
            need for leaf in leaves(plain) for need in needs_of(leaf, workspace, Fits())
        )
        return {need: f"c{number}" for number, need in enumerate(needs)}

    def _condition_texts(self, path: str, where: str, condition: Condition) -> Iterator[Problem]:
        """Unreadable text that only this condition reads as dates or numbers."""
        mapped = {(spec.table, spec.at) for spec in self.profiles.workspace.events.values()}
        mapped |= {
            (spec.table, spec.amount or "") for spec in self.profiles.workspace.events.values()
        }
        for text in dict.fromkeys(text_columns(self.profiles, self._names(condition))):
            if (text.table, text.column) not in mapped:
                yield from self._unreadable(path, where, text)

    def _dates(self) -> list[Problem]:
        found: list[Problem] = []
        for trigger in self.profiles.workspace.triggers.values():
            if isinstance(trigger.on, OnDate):
                need = Attribute(trigger.on.attribute, Reading.MOMENT)
                whose = self.profiles.accounts if trigger.of_accounts else self.profiles
                found += failure(trigger.path, "on.date", partial(self._moment, whose, need))
                if not found:
                    for text in text_columns(whose, {need: "c0"}):
                        found += self._unreadable(trigger.path, "on.date", text)
        return found

    def _happened(self) -> list[Problem]:
        found: list[Problem] = []
        for trigger in self.profiles.workspace.triggers.values():
            if isinstance(trigger.on, OnEvent):
                whose = self.profiles.accounts if trigger.of_accounts else self.profiles
                work = partial(fell_due_since, whose, trigger.on, self.profiles.clock.at)
                found += failure(trigger.path, "on.where", work)
        return found

    def _moment(self, whose: Profiles, need: Attribute) -> None:
        kind = kind_of(whose.attribute(need).type())
        if not kind.is_moment:
            raise SourceError(f"customer {need.name} holds {kind}, not dates")


def _stops(found: Iterable[Problem]) -> bool:
    return any(not problem.warning for problem in found)


def _place(workspace: Workspace, name: str) -> str:
    """Where a named segment comes from, in config/segments.yaml."""
    lifecycle, cell = workspace.lifecycle, name.removeprefix("rfm_")
    if lifecycle is not None and name in {lifecycle.name(stage) for stage in Stage}:
        return "lifecycle"
    cells = {each.name for each in workspace.rfm.grid.cells} if workspace.rfm.segments else set()
    return "rfm" if cell != name and cell in cells else f"segments.{name}"
