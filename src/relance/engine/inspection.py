"""What is wrong with the data, before anything is built on it: every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Condition, leaves
from relance.domain.fits import Fits
from relance.domain.lifecycle import Stage
from relance.domain.trigger import OnDate
from relance.domain.workspace import EventSpec, Workspace
from relance.engine.account_inspection import account_problems
from relance.engine.checks import (
    TextColumn,
    counted,
    figures,
    key_problem,
    text_columns,
    unreadable_rows,
)
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.columns import Reading
from relance.engine.compiler import Compiler
from relance.engine.needs import Attribute, Need, inlined, needs_of, without_entry
from relance.engine.profile import Profiles, column_of
from relance.engine.rows import NO, YES
from relance.engine.source import Source
from relance.engine.workbench import Workbench
from relance.errors import Problem, SourceError

CONFIG = "config/relance.yaml"
SEGMENTS = "config/segments.yaml"


def inspect(workbench: Workbench, source: Source, workspace: Workspace) -> list[Problem]:
    """See `relance.pipeline.ports.Engine.inspect`."""
    at = workbench.now()
    clock = Clock(at=at, zone=workspace.zone, source=workspace.source.zone)
    profiles = Profiles(source=source, workspace=workspace, clock=clock)
    return Inspection(profiles=profiles).problems()


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """One look at the whole source."""

    profiles: Profiles

    def problems(self) -> list[Problem]:
        found = self._customers()
        found += account_problems(self.profiles) if not _stops(found) else []
        for spec in self.profiles.workspace.events.values():
            found += self._event(spec)
        if not _stops(found):
            found += self._conditions()
        return list(dict.fromkeys(found))

    # -- customers

    def _customers(self) -> list[Problem]:
        spec = self.profiles.workspace.customers
        found = self._failure(CONFIG, "customers.table", lambda: self.profiles.customers)
        if found:
            return found
        columns = {"customers.key": spec.key, **self._customer_columns()}
        for where, column in columns.items():
            found += self._failure(CONFIG, where, partial(self._own, column))
        if not found:
            found = self._failure(CONFIG, "customers.key", lambda: self.profiles.key_kind)
        return found or [*self._keys(), *self._consents()]

    def _customer_columns(self) -> dict[str, str]:
        spec = self.profiles.workspace.customers
        own = {
            name: getattr(spec, name)
            for name in ("email", "phone", "locale", "timezone", "country", "household")
        }
        columns = {
            f"customers.{name}": column for name, column in own.items() if column is not None
        }
        columns |= {f"customers.attributes.{n}": column for n, column in spec.attributes.items()}
        consents = {
            f"customers.consent.{n}": c for n, c in spec.consent.items() if isinstance(c, str)
        }
        return columns | consents

    def _own(self, column: str) -> ir.Value:
        return column_of(self.profiles.customers, self.profiles.workspace.customers.table, column)

    def _keys(self) -> Iterator[Problem]:
        spec = self.profiles.workspace.customers
        key = self.profiles.key()
        numbers = figures(
            self.profiles,
            self.profiles.customers.select(key=key),
            {"rows": ibis._.count(), "keys": ibis._.key.count(), "different": ibis._.key.nunique()},
        )
        if not numbers["rows"]:
            yield _warning("customers.table", f"table {spec.table} has no rows")
        missing = numbers["rows"] - numbers["keys"]
        problem = key_problem(spec.table, spec.key, missing, numbers["keys"] - numbers["different"])
        if problem:
            yield Problem(
                path=CONFIG, where="customers.key", message=problem,
                hint="each customer needs a key of its own",
            )  # fmt: skip

    def _consents(self) -> Iterator[Problem]:
        spec = self.profiles.workspace.customers
        for channel, column in spec.consent.items():
            if isinstance(column, str) and kind_of(self._own(column).type()) is not Kind.TRUTH:
                answer = self._own(column).cast("string").strip().lower()
                strange = answer.notin([*YES, *NO])
                table = self.profiles.customers.select(strange=strange)
                rows = figures(self.profiles, table, {"rows": ibis._.strange.sum()})["rows"]
                if rows:
                    yield _warning(
                        f"customers.consent.{channel}",
                        f"{spec.table}.{column}: {counted(rows)} say neither yes nor no",
                        "they count as no consent",
                    )

    # -- events

    def _event(self, spec: EventSpec) -> list[Problem]:
        place = f"events.{spec.name}"
        found = self._failure(
            CONFIG, f"{place}.table", lambda: self.profiles.source.table(spec.table)
        )
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
                found += self._failure(
                    CONFIG, f"{place}.{where}",
                    partial(column_of, table, spec.table, column),
                )  # fmt: skip
        if found:
            return found
        found = self._failure(CONFIG, f"{place}.at", lambda: self.profiles.events(spec, ()))
        found += self._failure(CONFIG, f"{place}.amount", lambda: self._amount(spec))
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
        events = self.profiles.events(spec, ()).mutate(
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
            yield _warning(f"{place}.table", f"table {table} has no rows")
            return
        if numbers["nobody"] and spec.customer:
            yield _warning(
                f"{place}.customer",
                f"{table}.{spec.customer}: {counted(numbers['nobody'])} without a customer",
            )
        if numbers["undated"]:
            yield _warning(
                f"{place}.at", f"{table}.{spec.at}: {counted(numbers['undated'])} without a date"
            )
        if numbers["future"]:
            yield _warning(
                f"{place}.at", f"{table}.{spec.at}: {counted(numbers['future'])} in the future"
            )
        if spec.customer:
            yield from self._strangers(spec)

    def _strangers(self, spec: EventSpec) -> Iterator[Problem]:
        """Events of customers who are not in the customers table."""
        try:
            people = self.profiles.customers.select(key=self.profiles.key().cast("string"))
        except SourceError:
            return  # told about the customers already
        owners = self.profiles.events(spec, ()).select(owner=lambda t: t.owner.cast("string"))
        strange = owners.filter(owners.owner.notnull()).anti_join(people, [("owner", "key")])
        rows = figures(self.profiles, strange, {"rows": strange.count()})["rows"]
        if rows:
            yield _warning(
                f"events.{spec.name}.customer",
                f"{spec.table}.{spec.customer}: {counted(rows)} of customers who are not in"
                f" {self.profiles.workspace.customers.table}",
            )

    # -- conditions

    def _conditions(self) -> list[Problem]:
        found = []
        for path, where, condition in self._every_condition():
            found += self._failure(path, where, partial(self._compile, condition)) or list(
                self._condition_texts(path, where, condition)
            )
        return [*found, *self._dates()]

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
        profile = self.profiles.build(names)
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
                found += self._failure(trigger.path, "on.date", partial(self._moment, need))
                if not found:
                    for text in text_columns(self.profiles, {need: "c0"}):
                        found += self._unreadable(trigger.path, "on.date", text)
        return found

    def _moment(self, need: Attribute) -> None:
        kind = kind_of(self.profiles.attribute(need).type())
        if not kind.is_moment:
            raise SourceError(f"customer {need.name} holds {kind}, not dates")

    def _failure(self, path: str, where: str, work: Callable[[], object]) -> list[Problem]:
        """The SourceError of some work as a problem; none where it succeeds."""
        try:
            work()
        except SourceError as error:
            return [Problem(path=path, where=where, message=error.message, hint=error.hint)]
        return []


def _stops(found: Iterable[Problem]) -> bool:
    return any(not problem.warning for problem in found)


def _place(workspace: Workspace, name: str) -> str:
    """Where a named segment comes from, in config/segments.yaml."""
    lifecycle, cell = workspace.lifecycle, name.removeprefix("rfm_")
    if lifecycle is not None and name in {lifecycle.name(stage) for stage in Stage}:
        return "lifecycle"
    cells = {each.name for each in workspace.rfm.grid.cells} if workspace.rfm.segments else set()
    return "rfm" if cell != name and cell in cells else f"segments.{name}"


def _warning(where: str, message: str, hint: str | None = None) -> Problem:
    return Problem(path=CONFIG, where=where, message=message, hint=hint, warning=True)
