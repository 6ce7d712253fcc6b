"""A SQLite file: the columns that the YAML mentions are copied into the workbench, typed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.workspace import SourceSpec
from relance.engine.selecting import NamedQueries
from relance.engine.source import no_such_table
from relance.engine.workbench import Workbench, identifier

_CHUNK = 50_000


class SQLiteSource:
    """Read with Python's own driver; a table is copied again only after the file has changed."""

    remote = False
    dialect = "sqlite"

    def __init__(
        self,
        spec: SourceSpec,
        path: Path,
        workbench: Workbench,
        columns: Mapping[str, Sequence[str]],
    ) -> None:
        self._spec = spec
        self._workbench = workbench
        self._columns = columns
        self._named = NamedQueries(spec.tables, self.dialect)
        self._copies: dict[str, str] = {}
        self._version: tuple[object, ...] = ()
        uri = f"file:{quote(str(path))}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)

    def refresh(self) -> None:
        version = (*self._connection.execute("PRAGMA data_version").fetchone(),)
        if version != self._version:
            self._workbench.drop(*self._copies.values())
            self._copies.clear()
            self._version = version

    def table(self, name: str) -> ir.Table:
        if name not in self._copies:
            self._copies[name] = self._copy(name)
        return self._workbench.scratch(self._copies[name])

    def answer(self, query: str) -> ir.Table:
        sql = self._named.around(query)
        if sql not in self._copies:
            self._copies[sql] = self._load(sql, None)
        return self._workbench.scratch(self._copies[sql])

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        return self._workbench.arrow(expression).to_reader()

    def release(self) -> None:
        """A reader of SQLite holds nothing between statements."""

    def close(self) -> None:
        self._connection.close()

    def _copy(self, name: str) -> str:
        if name in self._named:
            return self._load(self._named.query(name), name)
        known = [
            str(row[0])
            for row in self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
        ]
        if name not in known:
            raise no_such_table(self._spec.shown, name, [*known, *self._named])
        return self._load(f"SELECT * FROM {identifier(name)}", name)

    def _load(self, sql: str, name: str | None) -> str:
        """Copy the mentioned columns of a query (all columns where no table is meant)."""
        cursor = self._connection.execute(f"SELECT * FROM ({sql}) LIMIT 0")
        there = [str(column[0]) for column in cursor.description]
        wanted = self._columns.get(name or "", ())
        columns = [column for column in there if column in wanted] if wanted else there
        types = self._types(sql, columns, self._declared(name))
        schema = pa.schema(list(zip(columns, types, strict=True)))
        reader = pa.RecordBatchReader.from_batches(schema, self._batches(sql, schema))
        return self._workbench.load(reader, "copy", lasting=True)

    def _declared(self, name: str | None) -> dict[str, str]:
        """What a table's definition calls its columns' types; nothing for a query."""
        if name is None or name in self._named:
            return {}
        rows = self._connection.execute(f"PRAGMA table_info({identifier(name)})")
        return {str(row[1]): str(row[2]).upper() for row in rows}

    def _types(
        self, sql: str, columns: Sequence[str], declared: Mapping[str, str]
    ) -> list[pa.DataType]:
        """SQLite types values, not columns: a column is what all its values can be.

        Where it has no value at all, it is what the table calls it.
        """
        tests = ", ".join(
            f"max(typeof({name}) = '{kind}')"
            for name in map(identifier, columns)
            for kind in ("blob", "text", "real", "integer")
        )
        row = self._connection.execute(f"SELECT {tests} FROM ({sql})").fetchone() if tests else ()
        return [
            _type(*row[4 * number : 4 * number + 4]) or _empty(declared.get(name, ""))
            for number, name in enumerate(columns)
        ]

    def _batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        selected = ", ".join(_cast(field) for field in schema)
        cursor = self._connection.execute(f"SELECT {selected} FROM ({sql})")
        while rows := cursor.fetchmany(_CHUNK):
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _type(
    blob: int | None, text: int | None, real: int | None, whole: int | None
) -> pa.DataType | None:
    """The type of a column with such values; None where it has none."""
    kinds = ((blob, pa.binary()), (text, pa.string()), (real, pa.float64()), (whole, pa.int64()))
    return next((kind for there, kind in kinds if there), None)


def _empty(declared: str) -> pa.DataType:
    """The type of a column without values (https://sqlite.org/datatype3.html, section 3.1)."""
    if any(word in declared for word in ("INT", "BOOL")):
        return pa.int64()
    if any(word in declared for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return pa.float64()
    return pa.string()


def _cast(field: pa.Field) -> str:
    """The column as the one type that was found for it."""
    kinds = {pa.string(): "TEXT", pa.float64(): "REAL", pa.binary(): "BLOB"}
    name = identifier(field.name)
    return f"CAST({name} AS {kinds[field.type]}) AS {name}" if field.type in kinds else name
