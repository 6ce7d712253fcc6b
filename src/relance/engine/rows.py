"""What delivery and the gates need to know of some customers, in the ports' own columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.condition import Aggregate, Measure
from relance.domain.workspace import AccountsSpec, EventSpec, Workspace
from relance.engine.clock import Clock, Kind
from relance.engine.columns import YES, Reading
from relance.engine.narrowing import Only
from relance.engine.needs import AccountKey, AccountNeed, Attribute, Column, Need
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench
from relance.errors import SourceError

_MEASURES = {str(measure): measure for measure in Measure}
OF_THE_LAST = "last_"  # before a field: its value of the last event
_TEXTS = ("email", "phone", "locale", "timezone")
Keys = Sequence[int | str]
CHUNK = 5_000  # keys that go to a server in one query


def need_of(name: str, workspace: Workspace) -> Need:
    """What a template's name looks at. Raises SourceError for a name that means nothing."""
    group, _, rest = name.partition(".")
    if group == "account" and workspace.accounts is not None:
        return AccountNeed(_account_need(rest, workspace.accounts, workspace.events))
    if group == "customer" and rest:
        return Attribute(rest, Reading.PLAIN)
    if rest in _MEASURES:
        return _aggregate(group, _MEASURES[rest])
    if rest.startswith(OF_THE_LAST):
        return Aggregate(group, Measure.LAST, rest.removeprefix(OF_THE_LAST))
    raise SourceError(
        f"{name!r} is no name that a template can use",
        hint="customer.<attribute>, <event>.<count|sum|average|first|last> or <event>.last_<field>",
    )


def _account_need(
    name: str, accounts: AccountsSpec, events: Collection[str]
) -> Attribute | Aggregate:
    """An attribute of the account; else `<event>_<measure>`, over all of its contacts."""
    event, _, measure = name.rpartition("_")
    if name in accounts.attributes or event not in events or measure not in _MEASURES:
        return Attribute(name, Reading.PLAIN)
    return _aggregate(event, _MEASURES[measure])


def _aggregate(event: str, measure: Measure) -> Aggregate:
    summed = measure in (Measure.SUM, Measure.AVERAGE)
    return Aggregate(event, measure, "amount" if summed else None)


def ask_for(workbench: Workbench, profiles: Profiles, customers: pa.Array | pa.ChunkedArray) -> str:
    """A workbench table with the column `key` of customers given as text.

    Those that cannot be a key of this source are left out.
    """
    loaded = workbench.load(pa.table({"customer": customers}), "wanted")
    kind = "BIGINT" if profiles.key_kind is Kind.INTEGER else "VARCHAR"
    return workbench.create(
        f"SELECT DISTINCT key FROM (SELECT try_cast(customer AS {kind}) AS key FROM {loaded})"
        " WHERE key IS NOT NULL",
        "asked",
    )


def chunked(workbench: Workbench, asked: str) -> list[Keys]:
    """The keys of a table in portions that one query to a server may carry."""
    keys = [key for (key,) in workbench.run(f"SELECT key FROM {asked}")]
    typed = [key for key in keys if isinstance(key, int | str)]
    return [typed[start : start + CHUNK] for start in range(0, len(typed), CHUNK)]


def gather(workbench: Workbench, profiles: Profiles, needs: Mapping[Need, str], asked: str) -> str:
    """The profile of some customers, stored in the workbench; returns the table's name."""
    if not profiles.source.remote:
        return workbench.create(profiles.build(needs, Only(table=workbench.scratch(asked))), "rows")
    chunks = chunked(workbench, asked)
    schema = profiles.build(needs).schema().to_pyarrow()
    batches = (
        batch
        for chunk in chunks
        for batch in profiles.source.fetch(profiles.build(needs, Only(keys=chunk)))
    )
    return workbench.load(pa.RecordBatchReader.from_batches(schema, batches), "rows")


def count_rows(profiles: Profiles, event: EventSpec) -> int:
    """How many rows an event's table has up to the profiles' instant, whoever they are about."""
    events = profiles.records(event, ())
    past = events.filter(~profiles.clock.later(events.at, profiles.clock.at))
    found = profiles.source.fetch(past.aggregate(rows=past.count())).read_all()
    return int(found["rows"][0].as_py())


@dataclass(frozen=True, kw_only=True)
class RowPlan:
    """The columns of the ports' rows: what to fetch of each customer, and how to finish it."""

    workspace: Workspace
    clock: Clock
    needs: Mapping[Need, str]
    names: Mapping[str, Need]

    @classmethod
    def of(cls, workspace: Workspace, clock: Clock, names: Iterable[str]) -> RowPlan:
        named = {name: need_of(name, workspace) for name in names}
        spec = workspace.customers
        consents = (column for column in spec.consent.values() if isinstance(column, str))
        own = (spec.email, spec.phone, spec.locale, spec.timezone, spec.country,
               spec.household, *consents)  # fmt: skip
        needs: list[Need] = [Column(column) for column in own if column is not None]
        if workspace.accounts is not None:
            needs.append(AccountKey())
        every = dict.fromkeys([*needs, *named.values()])
        return cls(
            workspace=workspace,
            clock=clock,
            needs={need: f"r{number}" for number, need in enumerate(every)},
            names=named,
        )

    def finish(self, rows: pa.Table) -> pa.Table:
        """Rows with a `key` and the planned columns, as the ports want them."""
        spec = self.workspace.customers
        columns: dict[str, pa.ChunkedArray] = {"customer": pc.cast(rows["key"], pa.string())}
        for name in _TEXTS:
            columns[name] = self._text(rows, getattr(spec, name))
        columns["region"] = self._region(rows)
        columns["household"] = self._household(rows)
        if self.workspace.accounts is not None:
            columns["account"] = pc.cast(rows[self.needs[AccountKey()]], pa.string())
        for channel in dict.fromkeys([*self.workspace.channels, *spec.consent]):
            columns[f"consent_{channel}"] = self._consent(rows, spec.consent.get(channel, False))
        for name, need in self.names.items():
            columns[name] = self._value(rows[self.needs[need]])
        return pa.table(columns)

    def _text(self, rows: pa.Table, column: str | None) -> pa.ChunkedArray:
        if column is None:
            return pa.chunked_array([pa.nulls(len(rows), pa.string())])
        return pc.cast(rows[self.needs[Column(column)]], pa.string())

    def _region(self, rows: pa.Table) -> pa.ChunkedArray:
        """The column's country, or the one region that holds for everybody."""
        spec = self.workspace.customers
        own = pc.utf8_upper(self._text(rows, spec.country))
        return own if spec.region is None else pc.fill_null(own, spec.region.upper())

    def _household(self, rows: pa.Table) -> pa.ChunkedArray:
        """Keys in one way of writing, so that a new export draws nobody anew; a blank is a gap."""
        column = self.workspace.customers.household
        if column is None:
            return self._text(rows, None)
        text = pc.utf8_trim_whitespace(_written(rows[self.needs[Column(column)]]))
        clean = pc.utf8_normalize(text, form="NFC")
        return pc.if_else(pc.equal(clean, ""), pa.scalar(None, pa.string()), clean)

    def _consent(self, rows: pa.Table, column: str | bool) -> pa.ChunkedArray:  # noqa: FBT001
        """True where the customer said yes; a gap or any other text is no consent."""
        if not isinstance(column, str):
            return pa.chunked_array([pa.repeat(pa.scalar(column), len(rows))])
        value = rows[self.needs[Column(column)]]
        if not pa.types.is_boolean(value.type):
            text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(value, pa.string())))
            value = pc.is_in(text, value_set=pa.array(YES))
        return pc.fill_null(value, False)

    def _value(self, value: pa.ChunkedArray) -> pa.ChunkedArray:
        """Instants in UTC; those that the source wrote without a zone are in its own."""
        if not pa.types.is_timestamp(value.type):
            return value
        if value.type.tz is None:
            value = pc.assume_timezone(
                value, str(self.clock.source), ambiguous="earliest", nonexistent="earliest"
            )
        return pc.cast(value, pa.timestamp("us", tz="UTC"), safe=False)


def _written(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keys as text; a whole number that a gap in its column made a double is one still."""
    text = pc.cast(keys, pa.string())
    if not pa.types.is_floating(keys.type):
        return text
    whole = pc.and_(pc.equal(pc.floor(keys), keys), pc.less(pc.abs(keys), 2.0**53))
    numbers = pc.cast(pc.if_else(whole, keys, pa.scalar(None, keys.type)), pa.int64())
    return pc.coalesce(pc.cast(numbers, pa.string()), text)
