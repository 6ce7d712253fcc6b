"""One row per customer as of an instant: the needed columns only, each event table read once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.accounts import as_customers
from relance.domain.condition import Aggregate, FieldTest, Measure, Window
from relance.domain.workspace import CustomersSpec, EventSpec, Workspace
from relance.engine.aggregates import Field, field_name, fields_of, filled, measured
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.columns import (
    Reader,
    Reading,
    as_key,
    checked_key_kind,
    column_of,
    in_bytes,
    key,
)
from relance.engine.comparing import compare, fitting
from relance.engine.identities import Identities
from relance.engine.instants import as_text, as_timestamp
from relance.engine.narrowing import Only
from relance.engine.needs import (
    AccountKey,
    AccountNeed,
    Answer,
    Attribute,
    Column,
    Earlier,
    Need,
    reading_of,
)
from relance.engine.people import People
from relance.engine.selecting import checked, with_instant
from relance.engine.source import Source
from relance.errors import SourceError


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """Builds profile expressions over one source as of one instant."""

    source: Source
    workspace: Workspace
    clock: Clock
    text_times: dict[tuple[str, str], bool] = field(default_factory=dict)
    contacts: Profiles | None = None  # where the customers are accounts: those of their contacts
    identities: Identities | None = None  # None where nobody is known by several ids

    @functools.cached_property
    def reader(self) -> Reader:
        return Reader(dialect=self.source.dialect)

    @property
    def customers(self) -> ir.Table:
        return self._people(None)

    def _people(self, only: Only | None) -> ir.Table:
        """The customers table, or what several tables and ids make of it; `only` may be heeded."""
        spec = self.workspace.customers
        if not spec.tables:
            return self.source.table(spec.table)
        narrowed = None if only is None else lambda table: only.rows(table, table[spec.key])
        return People(self.source, self.clock, spec, self.identities).table(narrowed)

    def own_key(self, table: CustomersSpec) -> ir.Value:
        """The key of one of the customers' tables as text. Raises SourceError."""
        return People(self.source, self.clock, self.workspace.customers, None).own_key(table)

    def kin(self, customers: Sequence[str]) -> pa.Table:
        """See `relance.pipeline.ports.Engine.kin`."""
        if self.identities is not None:
            return self.identities.kin(customers)
        ids = pa.array(dict.fromkeys(customers), pa.string())
        return pa.table({"asked": ids, "customer": ids, "id": ids})

    def whose(self, ids: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        """The customers whom ids belong to, in their order."""
        return ids if self.identities is None else self.identities.customers(ids)

    def close(self) -> None:
        """Forget what was computed beside the expressions. Safe to call twice."""
        if self.identities is not None:
            self.identities.close()

    @functools.cached_property
    def key_kind(self) -> Kind:
        """INTEGER or TEXT. Raises SourceError for a key of another type."""
        spec = self.workspace.customers
        if spec.tables:
            return Kind.TEXT  # ids of several kinds meet as text
        return checked_key_kind(
            column_of(self.customers, spec.table, spec.key), spec.table, spec.key
        )

    def key(self, people: ir.Table | None = None) -> ir.Value:
        """The clean key of the customers table (or of `people` of it)."""
        spec = self.workspace.customers
        people = self.customers if people is None else people
        return key(column_of(people, spec.table, spec.key), self.key_kind)

    @functools.cached_property
    def accounts(self) -> Profiles:
        """The accounts as customers. Raises SourceError where there are none."""
        spec = self.workspace.accounts
        if spec is None:
            raise SourceError("there are no accounts", hint="`accounts` defines their table")
        return Profiles(
            source=self.source,
            workspace=as_customers(self.workspace, spec),
            clock=self.clock,
            text_times=self.text_times,
            contacts=self,
        )

    def account(self, people: ir.Table | None = None) -> ir.Value:
        """The clean key of each customer's account, of the accounts' kind of key."""
        spec = self.workspace.customers
        people = self.customers if people is None else people
        column = column_of(people, spec.table, spec.account or "")
        own = key(column, checked_key_kind(column, spec.table, spec.account or ""))
        kind = self.accounts.key_kind
        return own if kind_of(own.type()) is kind else as_key(own, kind)

    def attribute(
        self, need: Attribute | Column | AccountKey, people: ir.Table | None = None
    ) -> ir.Value:
        """An attribute or a column of the customers table (or of `people` of it), clean."""
        if isinstance(need, AccountKey):
            return self.account(people)
        spec = self.workspace.customers
        people = self.customers if people is None else people
        if isinstance(need, Column):
            return self.reader.read(column_of(people, spec.table, need.name))
        name = spec.column(need.name)
        if name is None:
            raise SourceError(
                f"customer {need.name}: no column is mapped to it",
                hint="`customers.attributes` in config/relance.yaml maps names to columns",
            )
        return self._read(people, spec.table, name, need.reading)

    def _read(self, table: ir.Table, shown: str, name: str, reading: Reading) -> ir.Value:
        """A column, clean; text that is dates without any time of day becomes days."""
        column = column_of(table, shown, name)
        text = kind_of(column.type()) is Kind.TEXT
        if text and reading is Reading.MOMENT and not self._has_times(table, shown, name):
            reading = Reading.DAY
        return self.reader.read(column, reading)

    def _has_times(self, table: ir.Table, shown: str, name: str) -> bool:
        """Whether any text of a column is longer than a date."""
        known = self.text_times.get((shown, name))
        if known is None:
            longest = table.aggregate(longest=table[name].cast("string").strip().length().max())
            value = self.source.fetch(longest).read_all()["longest"][0].as_py()
            known = self.text_times[shown, name] = (value or 0) > len("2026-11-21")
        return known

    def event(self, name: str) -> EventSpec:
        spec = self.workspace.events.get(name)
        if spec is None:
            raise SourceError(f"there is no event {name!r}", hint="`events` defines them")
        return spec

    def build(self, names: Mapping[Need, str], only: Only | None = None) -> ir.Table:
        """The profile: the column `key`, and one column of the given name per need."""
        table = self._people(only)
        own = {
            name: self.attribute(need, table)
            for need, name in names.items()
            if isinstance(need, Attribute | Column | AccountKey)
        }
        people = table.select(key=self.key(table), **own)
        if only is not None:
            people = only.rows(people, people.key)
        joined = people.mutate(key_text=people.key.cast("string"))
        for part, name in self.parts(names, only):
            on = "key" if kind_of(part[name].type()) is self.key_kind else "key_text"
            part = part if on == "key" else part.mutate(**{name: part[name].cast("string")})
            joined = joined.left_join(part, [(on, name)])
        return joined.select(
            "key", **{name: filled(joined[name], need) for need, name in names.items()}
        )

    def parts(
        self, names: Mapping[Need, str], only: Only | None = None
    ) -> Iterable[tuple[ir.Table, str]]:
        """What is joined to the customers, each with the name of its key column."""
        by_event: dict[str, dict[str, Aggregate]] = {}
        for need, name in names.items():
            if isinstance(need, Aggregate):
                by_event.setdefault(need.event, {})[name] = need
            elif isinstance(need, Answer):
                yield self._answer(need.query, name), f"owner_{name}"
        for number, (event, aggregates) in enumerate(by_event.items()):
            part = self.aggregated(self.event(event), aggregates, only)
            yield part.rename({f"owner{number}": "owner"}), f"owner{number}"
        behind: dict[Need, str] = {
            need.need: name for need, name in names.items() if isinstance(need, AccountNeed)
        }
        if behind:
            yield self._behind(behind, only), "contact"

    def _behind(self, needs: Mapping[Need, str], only: Only | None) -> ir.Table:
        """Customers, as `contact`, with the profiles of their accounts."""
        people = self._people(only)
        contacts = people.select(contact=self.key(people), account=self.account(people))
        theirs: Only | None = None
        if only is not None:
            contacts = only.rows(contacts, contacts.contact)
            theirs = Only(table=contacts.select(key=contacts.account).distinct())
        profile = self.accounts.build(needs, theirs).rename(account_key="key")
        joined = contacts.inner_join(profile, [("account", "account_key")])
        return joined.drop("account", "account_key")

    def _answer(self, query: str, name: str) -> ir.Table:
        found = self.source.answer(
            with_instant(
                checked(query, self.source.dialect, "sql"), self._instant(), self.source.dialect
            )
        )
        first = found[found.columns[0]]
        owner = key(first, checked_key_kind(first, "sql", found.columns[0]))
        named = self._owned(found.select(**{f"owner_{name}": owner}), f"owner_{name}")
        return named.distinct().mutate(**{name: ibis.literal(True)})

    def _owned(self, rows: ir.Table, column: str) -> ir.Table:
        """Rows whose column with ids names the customers that those are."""
        if self.identities is None:
            return rows
        return self.identities.resolved(
            rows.mutate(**{column: rows[column].cast("string")}), column
        )

    def _instant(self) -> str:
        """The instant as SQL text, as the source's own event columns are written."""
        events = self.workspace.events.values()
        if self.source.dialect == "sqlite":
            return as_text(self.clock, self.source, events)
        return as_timestamp(
            self.clock, {kind_of(self.records(spec, ())["at"].type()) for spec in events}
        )

    def events(
        self, spec: EventSpec, fields: Iterable[Field], more: Mapping[str, ir.Value] | None = None
    ) -> ir.Table:
        """An event table, clean: `owner` (the customer whom the id belongs to), `at`, a column per
        field (see `field_name`), and `more` columns made of its own."""
        if self.contacts is not None and self.contacts.event(spec.name).account is None:
            return self.contacts.events_by_account(spec, fields, more)
        return self._owned(self.records(spec, fields, more), "owner")

    def records(
        self, spec: EventSpec, fields: Iterable[Field], more: Mapping[str, ir.Value] | None = None
    ) -> ir.Table:
        """The same with the ids as they are written."""
        table = self.source.table(spec.table)
        at = self._read(table, spec.table, spec.at, Reading.MOMENT)
        if not kind_of(at.type()).is_moment:
            raise SourceError(
                f"{spec.table}.{spec.at} holds {kind_of(at.type())}, not dates",
                hint="`at` must be a date, a timestamp, or text that can be read as one",
            )
        return table.select(
            owner=self._owner(table, spec),
            at=at,
            **{field_name(each): self.field(spec, each) for each in fields},
            **(more or {}),
        )

    def _owner(self, table: ir.Table, spec: EventSpec) -> ir.Value:
        """Whose event it is; nobody's where its table names accounts alone."""
        if spec.of_accounts:
            return ibis.null("string")
        owner = column_of(table, spec.table, spec.customer)
        return key(owner, checked_key_kind(owner, spec.table, spec.customer))

    def events_by_account(
        self, spec: EventSpec, fields: Iterable[Field], more: Mapping[str, ir.Value] | None = None
    ) -> ir.Table:
        """`events`, with the customer's account as the `owner`."""
        events = self.events(spec, fields, more)
        people = self.customers
        contacts = people.select(contact=self.key(people), account=self.account(people))
        if kind_of(events.owner.type()) is not self.key_kind:
            events = events.mutate(owner=events.owner.cast("string"))
            contacts = contacts.mutate(contact=contacts.contact.cast("string"))
        joined = events.inner_join(contacts, [("owner", "contact")])
        return joined.select(
            owner=joined.account,
            **{name: joined[name] for name in events.columns if name != "owner"},
        )

    def field(self, spec: EventSpec, wanted: Field) -> ir.Value:
        """A field of an event table, clean. Raises SourceError where it does not fit."""
        name, reading = wanted
        table, column = self.source.table(spec.table), spec.column(name)
        if column is None:
            raise SourceError(
                f"event {spec.name}: no column is mapped to the field {name!r}",
                hint=f"`events.{spec.name}` in config/relance.yaml maps them",
            )
        value = self._read(table, spec.table, column, reading)
        kind = kind_of(value.type())
        if reading is Reading.NUMBER and not kind.is_number:
            raise SourceError(f"{spec.table}.{column} holds {kind}, which cannot be added up")
        return value

    def aggregated(
        self, spec: EventSpec, aggregates: Mapping[str, Aggregate], only: Only | None = None
    ) -> ir.Table:
        """`owner` and one column per aggregate: one pass over the event table."""
        if any(aggregate.window.since_entry for aggregate in aggregates.values()):
            raise SourceError("`since: entry` means something in the steps of a trigger only")
        if spec.of_accounts and self.contacts is None:
            raise SourceError(
                f"event {spec.name} names accounts and no customer",
                hint=f"write {{event: {spec.name}, of: account}}",
            )
        events = self.events(spec, fields_of(aggregates.values()), self._tie(spec, aggregates))
        past = events.filter(~self.clock.later(events.at, self.clock.at))
        if only is not None:
            past = only.rows(past, past.owner)
        windows = {aggregate.window for aggregate in aggregates.values()}
        shared = windows.pop() if len(windows) == 1 else None
        past = self._narrowed(past, aggregates.values(), shared)
        return past.group_by("owner").aggregate(
            **{
                name: measured(past, aggregate, self._inside(past, spec, aggregate, shared))
                for name, aggregate in aggregates.items()
            }
        )

    def _tie(self, spec: EventSpec, aggregates: Mapping[str, Aggregate]) -> dict[str, ir.Value]:
        """What tells events of one instant apart, where fields of the last one are asked for:
        these fields themselves."""
        fields = {a.field for a in aggregates.values() if a.measure is Measure.LAST and a.field}
        if not fields:
            return {}
        texts = [
            self.field(spec, (name, Reading.PLAIN)).cast("string").fill_null("")
            for name in sorted(fields)
        ]
        return {"tie": in_bytes(ibis.literal("|").join(texts), self.source.dialect)}

    def _narrowed(
        self, past: ir.Table, aggregates: Iterable[Aggregate], shared: Window | None
    ) -> ir.Table:
        """Rows that some window can see: the scan need not read older ones."""
        if shared is not None:
            opens = self.clock.opens(past.at, shared)
            return past if opens is None else past.filter(opens)
        starts = [self.clock.start(aggregate.window) for aggregate in aggregates]
        known = [start for start in starts if start is not None]
        if len(known) < len(starts):
            return past
        return past.filter(self.clock.since(past.at, min(known)))

    def _inside(
        self, past: ir.Table, spec: EventSpec, aggregate: Aggregate, shared: Window | None
    ) -> ir.BooleanValue | None:
        tests = [self.passes(past, spec, test) for test in aggregate.where]
        opens = self.clock.opens(past.at, aggregate.window) if shared is None else None
        closes = self.closes(past.at, aggregate)
        tests += [test for test in (opens, closes) if test is not None]
        return ibis.and_(*tests) if tests else None

    def closes(self, column: ir.Value, aggregate: Aggregate) -> ir.BooleanValue | None:
        """Whether an event is early enough for an aggregate; None where it need not be."""
        if not isinstance(aggregate, Earlier):
            return None
        return ~self.clock.later(column, self.clock.ago(aggregate.ago))

    def passes(self, events: ir.Table, spec: EventSpec, test: FieldTest) -> ir.BooleanValue:
        """Whether a field of clean events passes a test."""
        wanted = (test.field, reading_of(test.comparisons))
        with fitting(f"event {spec.name}, field {test.field}", spec.table, spec.column(test.field)):
            return compare(events[field_name(wanted)], test.comparisons, self.clock, days=True)
