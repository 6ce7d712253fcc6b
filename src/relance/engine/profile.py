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
from relance.engine.clock import Clock, Kind, has_time, kind_of
from relance.engine.columns import Reader, Reading, column_of, in_bytes, key, key_kind
from relance.engine.comparing import compare
from relance.engine.identities import Identities
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
from relance.engine.workbench import literal
from relance.errors import SourceError

Field = tuple[str, Reading]


@dataclass(frozen=True, kw_only=True, slots=True)
class Only:
    """Some customers: a table with the column `key` beside local data, or the keys themselves."""

    table: ir.Table | None = None
    keys: Sequence[int | str] = field(default=(), repr=False)

    def rows(self, table: ir.Table, column: ir.Value) -> ir.Table:
        """The rows of a table whose (clean) key column is one of these."""
        if self.table is None:
            return table.filter(column.isin(self._as(kind_of(column.type()))))
        alike = kind_of(self.table.key.type()) is kind_of(column.type())
        wanted = self.table.select(
            wanted=self.table.key if alike else self.table.key.cast("string")
        )
        return table.semi_join(
            wanted, (column if alike else column.cast("string")) == wanted.wanted
        )

    def _as(self, kind: Kind) -> list[int | str]:
        """The keys as a column of this kind could have them."""
        if kind is not Kind.INTEGER:
            return [str(key) for key in self.keys]
        return [int(key) for key in self.keys if str(key).removeprefix("-").isdecimal()]


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
        return _key_kind(column_of(self.customers, spec.table, spec.key), spec.table, spec.key)

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
        own = key(column, _key_kind(column, spec.table, spec.account or ""))
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
        owner = key(first, _key_kind(first, "sql", found.columns[0]))
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
        if self.source.dialect == "sqlite":
            return literal(self.clock.written_like(self._sample()))
        kinds = {kind_of(self.records(spec, ())["at"].type()) for spec in self._event_specs()}
        if Kind.INSTANT in kinds:  # without its zone, one in an hour that comes twice is two
            zoned = self.clock.at.astimezone(self.clock.source).isoformat(sep=" ")
            return f"CAST('{zoned}' AS TIMESTAMPTZ)"
        local = self.clock.local(self.clock.at).isoformat(sep=" ")
        return f"CAST('{local}' AS TIMESTAMP)"

    def _sample(self) -> str:
        """How the source's own event instants are written, where it has no type for them. A bare
        date only where nothing else is."""
        days = ""
        for spec in self._event_specs():
            table = self.source.table(spec.table)
            latest = table.aggregate(at=column_of(table, spec.table, spec.at).cast("string").max())
            value = str(self.source.fetch(latest).read_all()["at"][0].as_py() or "")
            if has_time(value):
                return value
            days = days or value
        return days

    def _event_specs(self) -> Iterable[EventSpec]:
        return self.workspace.events.values()

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
        if not spec.customer:
            return ibis.null("string")
        owner = column_of(table, spec.table, spec.customer)
        return key(owner, _key_kind(owner, spec.table, spec.customer))

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
        if not spec.customer and self.contacts is None:
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


class fitting:  # noqa: N801 - reads as a word
    """Says which leaf and which column a misfit is about."""

    def __init__(self, leaf: str, table: str, column: str | None) -> None:
        self._prefix = f"{leaf}: column {table}.{column} "

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            raise SourceError(self._prefix + error.message, hint=error.hint) from None


def measured(events: ir.Table, aggregate: Aggregate, inside: ir.BooleanValue | None) -> ir.Value:
    """One aggregate over clean events, still null where there were none.

    Sums and averages are rounded to six decimals: the order in which doubles are added up
    differs from run to run, and its noise must not move anybody across a threshold.
    """
    if aggregate.measure is Measure.COUNT:
        return events.count(where=inside)
    if aggregate.measure is Measure.FIRST:
        return events.at.min(where=inside)
    if aggregate.measure is Measure.LAST and aggregate.field is not None:
        return _of_the_last(events, aggregate.field, inside)
    if aggregate.measure is Measure.LAST:
        return events.at.max(where=inside)
    column = events[field_name((aggregate.field or "amount", Reading.NUMBER))].cast("float64")
    if aggregate.measure is Measure.SUM:
        return column.sum(where=inside).round(6)
    return column.mean(where=inside).round(6)


def _of_the_last(events: ir.Table, name: str, inside: ir.BooleanValue | None) -> ir.Value:
    """A field's value of the last event, a gap where it has none. Of several at one instant the
    same one is taken for every field."""
    value = events[field_name((name, Reading.PLAIN))]
    order = [events.at.desc(), *((events["tie"],) if "tie" in events.columns else ())]
    there = events.at.notnull() if inside is None else events.at.notnull() & inside
    return value.collect(where=there, order_by=order, include_null=True)[0]


def fields_of(aggregates: Iterable[Aggregate]) -> list[Field]:
    """The event fields that aggregates look at."""
    found: dict[Field, None] = {}
    for aggregate in aggregates:
        if aggregate.measure in (Measure.SUM, Measure.AVERAGE):
            found[aggregate.field or "amount", Reading.NUMBER] = None
        elif aggregate.field is not None:
            found[aggregate.field, Reading.PLAIN] = None
        found.update(dict.fromkeys(fields_tested(aggregate.where)))
    return list(found)


def fields_tested(tests: Iterable[FieldTest]) -> list[Field]:
    """The event fields that tests look at."""
    return list(dict.fromkeys((test.field, reading_of(test.comparisons)) for test in tests))


def field_name(wanted: Field) -> str:
    """The name of a field's column in clean events."""
    return f"field_{wanted[1]}_{wanted[0]}"


def as_key(own: ir.Value, kind: Kind) -> ir.Value:
    """A clean key as one of another kind; a text that is no number is nobody's."""
    if kind is not Kind.INTEGER:
        return own.cast("string")
    return own.re_search(r"^-?[0-9]{1,18}$").ifelse(own, ibis.null("string")).cast("int64")


def _key_kind(column: ir.Value, table: str, name: str) -> Kind:
    kind = key_kind(column)
    if kind is None:
        raise SourceError(
            f"{table}.{name} holds {kind_of(column.type())}, which cannot be a customer's key",
            hint="a key is a whole number, a text or a UUID",
        )
    return kind


def filled(value: ir.Value, need: Need) -> ir.Value:
    """Nothing counts and adds up to 0; a customer whom a query does not name is not in it."""
    if isinstance(need, AccountNeed):
        if isinstance(
            need.need, Answer
        ):  # yes or no already, but for a customer without an account
            return ibis.coalesce(value, ibis.literal(False))
        return filled(value, need.need)
    if isinstance(need, Answer):
        return value.notnull()
    if isinstance(need, Aggregate) and need.measure is Measure.COUNT:
        return ibis.coalesce(value, ibis.literal(0, type="int64"))
    if isinstance(need, Aggregate) and need.measure is Measure.SUM:
        return ibis.coalesce(value, ibis.literal(0.0))
    return value
