"""Many rows at once: executemany of plain tuples on SQLite, COPY on PostgreSQL; Arrow out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, Table

BATCH = 50_000
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
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101  the connection is open
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        raw.executemany(f"INSERT INTO {target} VALUES ({marks})", rows)  # noqa: S608  names only
        return
    with raw.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def stream(
    connection: Connection, query: Select[Any], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of a query as Arrow batches; no batch for no rows."""
    result = connection.execute(query, execution_options={"yield_per": BATCH})
    for rows in result.partitions():
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


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
