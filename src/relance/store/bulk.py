"""Many rows at once: executemany of plain tuples on SQLite, COPY on PostgreSQL; Arrow out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, Table

BATCH = 20_000
# SQLite before 3.32 takes 999 bound values in one statement
CHUNK = 900

INSTANT = pa.timestamp("us", "UTC")


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows inside the connection's transaction, streaming: memory stays flat.

    Values are as the database stores them (see instants.encoder). What `rows` raises passes
    through; the transaction is the caller's.
    """
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(name) for name in columns)
    target = f"{preparer.format_table(table)} ({names})"
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        run_many(connection, f"INSERT INTO {target} VALUES ({marks})", rows)  # noqa: S608  names only
        return
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def run_many(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Run one SQLite statement for each row of values; how many rows of the table it touched."""
    raw: Any = connection.connection.driver_connection
    return int(raw.executemany(statement, rows).rowcount)


def insert_keys(
    connection: Connection,
    table: Table,
    column: str,
    keys: Iterable[pa.Array],
    constants: Mapping[str, int | datetime],
) -> int:
    """Insert rows that differ in one text column only; how many.

    Sorted piece by piece and with the constants in the statement, which together halve the time
    of a clustered table on SQLite.
    """
    inserted = 0
    for array in keys:
        ordered = array.take(pc.sort_indices(array)).to_pylist()
        if connection.dialect.name == "sqlite":
            _insert_keys_sqlite(connection, table, column, ordered, constants)
        else:
            rows = zip(ordered, *map(repeat, constants.values()), strict=False)
            insert_rows(connection, table, (column, *constants), rows)
        inserted += len(array)
    return inserted


def _insert_keys_sqlite(
    connection: Connection,
    table: Table,
    column: str,
    keys: list[str],
    constants: Mapping[str, int | datetime],
) -> None:
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in (column, *constants))
    marks = ", ".join(["?", *map(str, map(int, constants.values()))])  # type: ignore[arg-type]
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608  names and numbers
    run_many(connection, statement, zip(keys, strict=True))


def stream(
    connection: Connection, query: Select[Any], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of a query as Arrow batches; no batch for no rows."""
    for rows in _pieces(connection, query):
        # not zip(*rows): with so many arguments it takes three times as long
        arrays = [_array([row[i] for row in rows], field.type) for i, field in enumerate(schema)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _pieces(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """Rows as lists. Instants as they are stored where that is faster: Arrow takes both forms."""
    if connection.dialect.name == "sqlite":
        cursor: Any = connection.execute(query).cursor  # a Row object each would double the time
        while rows := cursor.fetchmany(BATCH):
            yield rows
    else:
        options = {"yield_per": BATCH}  # a cursor on the server: memory stays flat
        yield from connection.execute(query, execution_options=options).partitions()


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):  # 0 and 1 on SQLite
        values = [bool(value) for value in values]
    return pa.array(values, kind)


def table(connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
    """The rows of a query as one Arrow table."""
    return pa.Table.from_batches(stream(connection, query, schema), schema)


def column(connection: Connection, query: Select[Any], kind: pa.DataType) -> pa.Array:
    """The rows of a query with one column as one Arrow array."""
    schema = pa.schema([("value", kind)])
    arrays = [batch.column(0) for batch in stream(connection, query, schema)]
    return pa.concat_arrays(arrays) if arrays else pa.array([], kind)


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Pieces small enough for one IN list."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
