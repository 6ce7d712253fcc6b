"""Customers out of several tables, or of several rows: one row each, the preferred value of each
column.

A column's value is the first that is there, in the order of the tables; in one table the row of
the id that lives on comes before those of ids merged into it, and these in the order of their
letters. A blank text counts only where nothing else is said.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from relance.domain.identity import Origin, origins
from relance.domain.workspace import CustomersSpec
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.columns import YES, Reader, column_of, in_bytes, key, key_kind
from relance.engine.identities import Identities
from relance.engine.source import Source
from relance.errors import SourceError

Narrowed = Callable[[ir.Table], ir.Table]
_OWN, _ID = "is own", "id written"  # no column of the YAML has a blank in its name


@dataclass(frozen=True)
class People:
    """The customers of joined tables (see `domain.identity.joined`), as of the clock's instant."""

    source: Source
    clock: Clock
    spec: CustomersSpec
    identities: Identities | None

    def table(self, narrowed: Narrowed | None = None) -> ir.Table:
        """The key and every column. `narrowed` keeps rows of some customers, before the rest.

        Raises SourceError for a key that cannot be one, and for columns that do not go together.
        """
        kinds = self.kinds()
        parts = [self._part(place, kinds) for place in range(len(self.spec.tables))]
        rows = functools.reduce(ir.Table.union, parts)
        if narrowed is not None:
            rows = narrowed(rows)
        if len(parts) == 1 and not self._merges():
            return rows.select(self.spec.key, *kinds)
        return rows.group_by(self.spec.key).aggregate(
            **{column: self._one(rows, column, kind) for column, kind in kinds.items()}
        )

    def kinds(self) -> dict[str, Kind]:
        """What each column holds, over all tables. Raises SourceError where they disagree."""
        return {column: self._kind(column, found) for column, found in self._origins.items()}

    @functools.cached_property
    def _origins(self) -> dict[str, list[Origin]]:
        return origins(self.spec)

    @functools.cached_property
    def _consents(self) -> frozenset[str]:
        return frozenset(c for c in self.spec.consent.values() if isinstance(c, str))

    def _kind(self, column: str, found: list[Origin]) -> Kind:
        if column in self._consents:
            for origin in found:
                self._raw(origin)
            return Kind.TRUTH
        kinds = {self._name(origin): kind_of(self._raw(origin).type()) for origin in found}
        together = _common(set(kinds.values()))
        if together is None:
            told = ", ".join(f"{name} holds {kind}" for name, kind in kinds.items())
            raise SourceError(
                f"{column} is of different kinds: {told}",
                hint="make them alike in a query under `tables`",
            )
        return together

    def _name(self, origin: Origin) -> str:
        return f"{origin.table.table}.{origin.column}"

    def _raw(self, origin: Origin) -> ir.Value:
        if not isinstance(origin.column, str):
            return ibis.literal(True)
        return column_of(self.source.table(origin.table.table), origin.table.table, origin.column)

    def own_key(self, table: CustomersSpec) -> ir.Value:
        """The key of one table as text. Raises SourceError for one that cannot be a key."""
        column = column_of(self.source.table(table.table), table.table, table.key)
        kind = key_kind(column)
        if kind is None:
            raise SourceError(
                f"{table.table}.{table.key} holds {kind_of(column.type())}, which cannot be a"
                " customer's key",
                hint="a key is a whole number, a text or a UUID",
            )
        return key(column, kind).cast("string")

    def _part(self, place: int, kinds: Mapping[str, Kind]) -> ir.Table:
        """The rows of one table under the joined names, its rank for each column beside it."""
        table = self.spec.tables[place]
        mine = self.own_key(table)
        columns: dict[str, ir.Value] = {self.spec.key: mine, _ID: mine}
        for column, kind in kinds.items():
            order = [origin.table.table for origin in self._origins[column]]
            if table.table in order:
                origin = self._origins[column][order.index(table.table)]
                columns[column] = self._value(column, origin, kind)
            else:
                columns[column] = ibis.null(_TYPES[kind])
            rank = order.index(table.table) if table.table in order else len(order)
            columns[f"rank {column}"] = ibis.literal(rank, type="int64")
        rows = self.source.table(table.table).select(**columns)
        if self.identities is not None:
            rows = self.identities.resolved(rows, self.spec.key)
        return rows

    def _value(self, column: str, origin: Origin, kind: Kind) -> ir.Value:
        raw = self._raw(origin)
        if column in self._consents:
            return _answer(raw)
        return Reader(dialect=self.source.dialect).read(raw).cast(_TYPES[kind])

    def _merges(self) -> bool:
        """Whether rows of one table may be one customer's: any that lie here are looked for."""
        if self.identities is None:
            return False
        if self.source.remote:
            return True
        if not self.identities.some:
            return False
        known = self.identities.workbench.scratch(self.identities.table)
        mine = self.source.table(self.spec.tables[0].table).select(
            identity_alias=self.own_key(self.spec.tables[0])
        )
        met = known.semi_join(mine, [("alias", "identity_alias")]).limit(1)
        return bool(self.source.fetch(met).read_all().num_rows)

    def _one(self, rows: ir.Table, column: str, kind: Kind) -> ir.Value:
        """The value of a customer with several rows."""
        value = rows[column]
        if column in self._consents and self.spec.no_wins:
            return value.all()
        order = [
            rows[f"rank {column}"],
            ibis.ifelse(rows[_ID] == rows[self.spec.key], 0, 1),
            in_bytes(rows[_ID], self.source.dialect),
        ]
        found = self._first(value, order, value.notnull())
        if kind is Kind.TEXT:
            said = value.notnull() & (value.strip() != "")
            found = ibis.coalesce(self._first(value, order, said), found)
        return found

    def _first(self, value: ir.Value, order: list[ir.Value], where: ir.BooleanValue) -> ir.Value:
        """The first of a customer's values; PostgreSQL has no such aggregate."""
        if self.source.dialect == "postgres":
            return value.collect(order_by=order, where=where)[0]
        return value.first(order_by=order, where=where)


_TYPES = {
    Kind.INTEGER: "int64",
    Kind.NUMBER: "float64",
    Kind.TRUTH: "boolean",
    Kind.TEXT: "string",
    Kind.DAY: "date",
    Kind.LOCAL: "timestamp",
    Kind.INSTANT: "timestamp('UTC')",
}


def _common(kinds: set[Kind]) -> Kind | None:
    """What columns of these kinds are together; None where they do not go together."""
    if len(kinds) == 1:
        (kind,) = kinds
        return None if kind is Kind.OTHER else kind
    if all(kind.is_number for kind in kinds):
        return Kind.NUMBER
    if all(kind.is_moment for kind in kinds):
        return Kind.INSTANT if Kind.INSTANT in kinds else Kind.LOCAL
    return None


def _answer(raw: ir.Value) -> ir.Value:
    """Yes, no, or nothing said; what is neither is a no."""
    if kind_of(raw.type()) is Kind.TRUTH:
        return raw
    text = raw.cast("string").strip().lower()
    return text.nullif("").isin(YES)
