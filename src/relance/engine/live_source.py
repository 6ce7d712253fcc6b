"""A source that has the live events among its tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.live import LIVE_TABLES, ColumnKind, LiveColumn, LiveEventSpec, LiveSpec
from relance.domain.workspace import EventSpec, Workspace
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import key
from relance.engine.live import RECEIVED, LiveCache, Version, calls, live_table
from relance.engine.source import Source
from relance.engine.workbench import Workbench, identifier, literal
from relance.errors import SourceError

_MENTIONED = re.compile(rf"\b({'|'.join(LIVE_TABLES)})\b", re.IGNORECASE)
# how each kind of column is written where rows of both sides come together: DuckDB's type, Ibis's
_COMMON: Mapping[Kind, tuple[str, str]] = {
    Kind.INTEGER: ("BIGINT", "int64"),
    Kind.NUMBER: ("DOUBLE", "float64"),
    Kind.TRUTH: ("BOOLEAN", "boolean"),
    Kind.TEXT: ("VARCHAR", "string"),
    Kind.DAY: ("DATE", "date"),
    Kind.LOCAL: ("TIMESTAMP", "timestamp(6)"),
    Kind.INSTANT: ("TIMESTAMPTZ", "timestamp('UTC', 6)"),
    Kind.OTHER: ("VARCHAR", "string"),
}
_ID = "relance: id"
_FIELD = "relance: field"
_AT, _CUSTOMER = "at", "customer"  # what every call has
_Told = LiveColumn | str  # what stands in a column: one of these, or a property


@runtime_checkable
class Adopting(Protocol):
    """A server that keeps rows of ours for as long as we are connected."""

    def adopt(self, name: str, rows: pa.RecordBatchReader) -> ir.Table:
        """Take rows in as a table of this name, in place of an earlier one. Raises SourceError."""

    def adopted(self, name: str) -> ir.Table | None:
        """The table, where the connection that took it in still stands."""


def told_apart(workspace: Workspace) -> Workspace:
    """The workspace with a table for each event where several read the same live call."""
    live = Counter(event.table for event in workspace.events.values() if event.live is not None)
    events = {
        name: replace(event, table=f"{event.table} as {name}") if live[event.table] > 1 else event
        for name, event in workspace.events.items()
    }
    return replace(workspace, events=events)


class LiveSource:
    """Another source, with the live tables and the events that are live calls among its tables."""

    def __init__(
        self, inner: Source, workspace: Workspace, spec: LiveSpec, workbench: Workbench,
        cache: LiveCache,
    ) -> None:  # fmt: skip
        self._inner = inner
        self._workspace = workspace
        self._spec = spec
        self._workbench = workbench
        self._cache = cache
        self._events = {e.table: e for e in workspace.events.values() if e.live is not None}
        self._version: Version | None = None  # of the cache; None where it may be stale
        self._uploaded: dict[str, tuple[str, Version]] = {}
        self._tables: dict[str, ir.Table] = {}
        if not inner.remote:  # what people wrote finds them by their names
            for name in LIVE_TABLES:
                sql = live_table(name, spec)
                workbench.run(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")

    @property
    def remote(self) -> bool:
        return self._inner.remote

    @property
    def dialect(self) -> str:
        return self._inner.dialect

    def catch_up(self) -> Version:
        """Have here what the state has, once in a piece of work."""
        if self._version is None:
            self._version = self._cache.refresh()
        return self._version

    def refresh(self) -> None:
        self._version = None
        self._tables.clear()
        self._inner.refresh()

    def release(self) -> None:
        self._inner.release()

    def close(self) -> None:
        self._inner.close()

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        return self._inner.fetch(expression)

    def table(self, name: str) -> ir.Table:
        if name not in self._tables:
            self._tables[name] = self._found(name)
        return self._tables[name]

    def _found(self, name: str) -> ir.Table:
        query = self._workspace.source.tables.get(name)
        if query is not None:
            self._prepare(query)
            return self._inner.table(name)
        if name in LIVE_TABLES:
            return self._live(live_table(name, self._spec), name)
        event = self._events.get(name)
        if event is None or event.live is None:
            return self._inner.table(name)
        return self._event(event, event.live)

    def answer(self, query: str) -> ir.Table:
        self._prepare(query)
        return self._inner.answer(query)

    def _prepare(self, query: str) -> None:
        """Have the live tables there that a query may read, also through named ones."""
        named = self._workspace.source.tables.values()
        for text in (query, *named):
            for name in dict.fromkeys(each.lower() for each in _MENTIONED.findall(text)):
                self._live(live_table(name, self._spec), name)

    # -- events

    def _event(self, event: EventSpec, live: LiveEventSpec) -> ir.Table:
        if live.table is None:
            return self._live(calls(live.name, live.fields))
        rows = self.table(live.table)
        # a column of several names is first of all what the event is made of
        told: dict[str, _Told] = {
            column: live.fields[name]
            for name in (*event.fields, "amount")
            if name in live.fields and (column := event.column(name)) is not None
        }
        told |= {event.at: _AT, event.customer: _CUSTOMER}
        there = {column: what for column, what in told.items() if column in rows.columns}
        kinds = {
            column: _meeting(kind_of(rows[column].type()), what) for column, what in there.items()
        }
        mine = rows.select(
            **{column: rows[column].cast(_COMMON[kind][1]) for column, kind in kinds.items()},
            **{RECEIVED: ibis.null("timestamp('UTC', 6)")},
            **self._own_id(rows, live),
        )
        theirs = self._live(self._alike(live, there, kinds))
        if live.id is not None:
            known = mine.select(known=mine[_ID])
            theirs = theirs.anti_join(known, theirs[_ID] == known.known)
        return mine.union(theirs.select(mine.columns)).drop(_ID)

    def _own_id(self, rows: ir.Table, live: LiveEventSpec) -> dict[str, ir.Value]:
        if live.table_id is None:
            return {_ID: ibis.null("string")}
        if live.table_id not in rows.columns:
            raise SourceError(f"table {live.table} has no column {live.table_id!r}")
        return {_ID: key(rows[live.table_id], Kind.TEXT)}

    def _alike(
        self, live: LiveEventSpec, told: Mapping[str, _Told], kinds: Mapping[str, Kind]
    ) -> str:
        """SQL for the calls with the columns of the table, each of the same type as there."""
        # numbered, for what people call a field may be `at`, or differ from another by capitals
        names = {column: f"{_FIELD} {number}" for number, column in enumerate(told)}
        read = {names[column]: what for column, what in told.items() if not isinstance(what, str)}
        own_id = {_ID: live.id} if live.id is not None else {}
        inner = calls(live.name, {**read, **own_id})
        listed = ", ".join(
            f"{self._as(what, names[column], kinds[column])} AS {identifier(column)}"
            for column, what in told.items()
        )
        known = identifier(_ID) if live.id is not None else f"NULL::VARCHAR AS {identifier(_ID)}"
        return f"SELECT {listed}, {identifier(RECEIVED)}, {known} FROM ({inner})"

    def _as(self, what: _Told, name: str, kind: Kind) -> str:
        """SQL for one column of the calls as a kind of column of the table's."""
        column, target = identifier(what if isinstance(what, str) else name), _COMMON[kind][0]
        if what == _AT:
            zone = literal(str(self._workspace.source.zone))
            if kind is Kind.DAY:
                return f"timezone({zone}, {column})::{target}"
            if kind is Kind.TEXT:
                return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%f+00:00')"
        if what == _CUSTOMER and kind.is_number:
            whole = f"try_cast({column} AS BIGINT)"  # `7.2` would be 7, and so would `007`
            return f"CASE WHEN {whole}::VARCHAR = {column} THEN {whole} END::{target}"
        if kind is Kind.INTEGER:  # a cast would round
            number = f"try_cast({column} AS DOUBLE)"
            return f"CASE WHEN {number} = trunc({number}) THEN try_cast({column} AS BIGINT) END"
        return f"try_cast({column} AS {target})"

    # -- where the rows are

    def _live(self, sql: str, name: str | None = None) -> ir.Table:
        """The rows of a query over the cache, where the source's own rows are."""
        version = self.catch_up()
        if not self._inner.remote:
            return self._workbench.query(sql)
        if not isinstance(self._inner, Adopting):
            raise SourceError(
                f"live events cannot be held against tables of {self._inner.dialect}",
                hint="sources for them are folders, DuckDB, SQLite and PostgreSQL",
            )
        return self._adopted(self._inner, sql, version, name or self._called(sql))

    def _adopted(self, server: Adopting, sql: str, version: Version, called: str) -> ir.Table:
        """The rows at the server; sent again only where they may have changed."""
        known = server.adopted(called)
        if known is not None and self._uploaded.get(called) == (sql, version):
            return known
        table = server.adopt(called, self._workbench.arrow(sql).to_reader(max_chunksize=20_000))
        self._uploaded[called] = (sql, version)
        return table

    def _called(self, sql: str) -> str:
        """A name for the rows of a query, the same each time."""
        for called, (known, _) in self._uploaded.items():
            if known == sql:
                return called
        return f"relance_live_{len(self._uploaded)}"


def _meeting(kind: Kind, what: _Told) -> Kind:
    """What a column of the table is read as where calls stand in it too, so that no amount is
    rounded, and no call happens twice in the hour that a clock shows again."""
    if what == _AT:
        return Kind.INSTANT if kind is Kind.LOCAL else kind
    number = isinstance(what, LiveColumn) and what.kind is ColumnKind.NUMBER
    return Kind.NUMBER if number and kind is Kind.INTEGER else kind
