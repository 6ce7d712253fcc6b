"""Some customers among all: which rows of a table are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import ibis.expr.types as ir

from relance.engine.clock import Kind, kind_of


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
