"""Rows counted by four of their columns: over all messages, which have no index for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, column, func, select, table, text
from sqlalchemy import literal_column as sql
from sqlalchemy.dialects.sqlite import insert

_KEYS = ("k1", "k2", "k3", "k4")
_CREATE = text(
    "CREATE TEMP TABLE relance_counted (k1, k2, k3, k4, n, total, squares,"
    " PRIMARY KEY (k1, k2, k3, k4)) WITHOUT ROWID"
)
_DROP = text("DROP TABLE temp.relance_counted")
_COUNTED = table("relance_counted", *map(column, (*_KEYS, "n", "total", "squares")))


def counted(connection: Connection, query: Select[Any]) -> Sequence[Sequence[Any]]:
    """Each four values that rows of the query have, none of them null, and how many rows do;
    then, where the query has a fifth column, its sum and the sum of its squares."""
    rows = query.subquery().c
    keys, numbers = list(rows)[:4], list(rows)[4:]
    if connection.dialect.name == "sqlite":
        return _on_sqlite(connection, keys, numbers)
    sums = [total for number in numbers for total in (func.sum(number), func.sum(number * number))]
    grouped = select(*keys, func.count(), *sums).group_by(*keys).order_by(*keys)
    return connection.execute(grouped).all()


def _on_sqlite(
    connection: Connection, keys: Sequence[Any], numbers: Sequence[Any]
) -> Sequence[Sequence[Any]]:
    """SQLite groups by sorting every row; few groups in a small table take half the time."""
    kept = _COUNTED.c
    [number] = numbers or [sql("0.0")]
    of_each = select(*keys, sql("1"), number, number * number).where(sql("true"))  # for its parser
    put = insert(_COUNTED).from_select(list(kept), of_each)
    sums = [kept.total, kept.squares] if numbers else []
    changed = {one.name: one + put.excluded[one.name] for one in (kept.n, *sums)}
    connection.execute(_CREATE)
    connection.execute(put.on_conflict_do_update(index_elements=_KEYS, set_=changed))
    found = connection.execute(select(*list(kept)[:5], *sums).order_by(*list(kept)[:4])).all()
    connection.execute(_DROP)
    return found
