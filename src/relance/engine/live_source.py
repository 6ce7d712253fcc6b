"""A source that has the live events among its tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.live import LIVE_TABLES, LiveEventSpec, LiveSpec
from relance.domain.workspace import EventSpec, Workspace
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import key
from relance.engine.live import LiveCache, Version, calls, live_table
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
_ID = "relance_id"
RECEIVED = "received_at"


@runtime_checkable
class Adopting(Protocol):
    """A server that keeps rows of ours for as long as we are connected."""

    def adopt(self, name: str, rows: pa.RecordBatchReader) -> ir.Table:
        """Take rows in as a table of this name, in place of an earlier one. Raises SourceError."""

    def adopted(self, name: str) -> ir.Table | None:
        """The table, where the connection that took it in still stands."""


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
        columns = {event.customer: "customer", event.at: "at"}
        columns |= {column: name for name, column in event.fields.items()}
        if event.amount is not None:
            columns[event.amount] = "amount"
        there = {column: name for column, name in columns.items() if column in rows.columns}
        kinds = {column: kind_of(rows[column].type()) for column in there}
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
        self, live: LiveEventSpec, columns: Mapping[str, str], kinds: Mapping[str, Kind]
    ) -> str:
        """SQL for the calls with the columns of the table, each of the same type as there."""
        own_id = {_ID: live.id} if live.id is not None else {}
        inner = calls(live.name, {**live.fields, **own_id})
        listed = ", ".join(
            f"{self._as(name, kinds[column])} AS {identifier(column)}"
            for column, name in columns.items()
        )
        told = _ID if live.id is not None else f"NULL::VARCHAR AS {_ID}"
        return f"SELECT {listed}, {RECEIVED}, {told} FROM ({inner})"

    def _as(self, name: str, kind: Kind) -> str:
        """SQL for one column of the calls as a kind of column of the table's."""
        column, target = identifier(name), _COMMON[kind][0]
        if name == "at":
            zone = literal(str(self._workspace.source.zone))
            if kind in (Kind.LOCAL, Kind.DAY):
                return f"timezone({zone}, {column})::{target}"
            if kind is Kind.TEXT:
                return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%f+00:00')"
        if kind is Kind.INTEGER and name != "customer":
            return f"try_cast(try_cast({column} AS DOUBLE) AS BIGINT)"
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
