"""The embedded DuckDB: `scratch` lives as long as the process, `bench` holds the kept snapshots."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType

from relance.engine.clock import EPOCH
from relance.engine.failures import is_held, reason
from relance.engine.lean import without_other_engines, without_pandas
from relance.errors import StateError
from relance.logs import Action, get

log = get("engine")

Row = Mapping[str, Any]

MEMORY_LIMIT = "1GB"  # the tick's budget is 1.5 GB, Python and Arrow included

without_pandas()
without_other_engines()


class Workbench:
    """One connection to DuckDB. Raises StateError where the file cannot be used."""

    def __init__(self, path: Path | None, zone: ZoneInfo) -> None:
        self.shown = str(path) if path else "in memory"
        self._numbers = itertools.count()
        self._scopes: list[list[str]] = []
        self._spill = Path(tempfile.mkdtemp(prefix="relance-", dir=_spill_parent(path)))
        self._connection = duckdb.connect()
        try:
            self._configure(zone)
            self._attach(path)
        except BaseException:
            self.close()
            raise

    def _configure(self, zone: ZoneInfo) -> None:
        """`zone` is how text without an offset becomes an instant."""
        self.run(f"SET memory_limit = '{MEMORY_LIMIT}'")
        self.run(f"SET temp_directory = {literal(str(self._spill))}")
        self.run("SET preserve_insertion_order = false")
        self.run("SET enable_progress_bar = false")
        self.run(f"SET TimeZone = {literal(str(zone))}")
        # DuckDB 2.0 lets a TRY_CAST fail that it pushes into its CSV reader (its issue 23818)
        if self.run("SELECT 1 FROM duckdb_optimizers() WHERE name = 'type_pushdown'"):
            self.run("SET disabled_optimizers = 'type_pushdown'")
        self.run("ATTACH ':memory:' AS scratch")

    def _attach(self, path: Path | None) -> None:
        if path is None:
            self.run("ATTACH ':memory:' AS bench")
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.run(f"ATTACH {literal(str(path))} AS bench")
        except (duckdb.Error, OSError) as error:
            self._recover(path, error)

    def _recover(self, path: Path, error: duckdb.Error | OSError) -> None:
        """A lock is somebody's; a file that DuckDB cannot read is put aside and begun anew."""
        if is_held(error):
            raise StateError(
                f"the workbench {path} is in use by another process",
                hint="stop the other worker, or give this one a workspace of its own",
            ) from None
        if not path.is_file() or isinstance(error, OSError):
            raise StateError(
                f"the workbench {path} cannot be opened: {reason(error)}",
                hint="check the path, its permissions and the space on its disk",
            ) from None
        path.replace(path.with_name(path.name + ".broken"))
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ".wal").unlink()
        self.run(f"ATTACH {literal(str(path))} AS bench")
        log.warning(
            "the workbench could not be read and was begun anew", action=Action.SNAPSHOT_REBUILT
        )

    def run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement and take all its rows (none for a statement without a result)."""
        rows: list[tuple[object, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return rows

    def numbers(self, sql: str) -> list[int]:
        """The whole numbers in the first row of a query; nothing counts as 0."""
        return [value if isinstance(value, int) else 0 for value in self.run(sql)[0]]

    def arrow(self, query: str | ir.Table) -> pa.Table:
        """The rows of a query as Arrow."""
        return self._connection.sql(
            query if isinstance(query, str) else compiled(query)
        ).to_arrow_table()

    def rows(self, sql: str) -> list[Row]:
        """The rows of a query, by the names of their columns."""
        found: list[Row] = self.arrow(sql).to_pylist()
        return found

    def instant(self, sql: str) -> datetime | None:
        """The one instant that a query answers, if any."""
        (value,) = self.run(f"SELECT epoch_us(({sql}))")[0]
        return EPOCH + timedelta(microseconds=value) if isinstance(value, int) else None

    def now(self) -> datetime:
        """What the engine's own clock says: only to tell which events are in the future."""
        return EPOCH + timedelta(microseconds=self.numbers("SELECT epoch_us(now())")[0])

    def create(self, query: str | ir.Table, prefix: str = "t", *, lasting: bool = False) -> str:
        """Store the rows of a query in a new scratch table; returns its qualified name.

        Inside a `scope` the table goes with the scope, unless it is `lasting`.
        """
        name = f"scratch.main.{prefix}{next(self._numbers)}"
        self.run(f"CREATE TABLE {name} AS {query if isinstance(query, str) else compiled(query)}")
        if self._scopes and not lasting:
            self._scopes[-1].append(name)
        return name

    def load(
        self, data: pa.Table | pa.RecordBatchReader, prefix: str = "t", *, lasting: bool = False
    ) -> str:
        """Store Arrow data in a new scratch table; returns its qualified name."""
        self._connection.register("relance_inbox", data)
        try:
            return self.create("SELECT * FROM temp.main.relance_inbox", prefix, lasting=lasting)
        finally:
            self._connection.unregister("relance_inbox")

    def append(self, data: pa.RecordBatchReader, table: str) -> None:
        """Add Arrow data to a table, all of it or nothing."""
        self._connection.register("relance_inbox", data)
        try:
            self.run(f"INSERT INTO {table} SELECT * FROM temp.main.relance_inbox")
        finally:
            self._connection.unregister("relance_inbox")

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Tables made inside go away at the end, however it comes."""
        self._scopes.append([])
        try:
            yield
        finally:
            self.drop(*self._scopes.pop())

    def drop(self, *names: str) -> None:
        """Forget scratch tables."""
        for name in names:
            self.run(f"DROP TABLE IF EXISTS {name}")

    def table(self, catalog: str, name: str, schema: str = "main") -> ir.Table:
        """A table or view as an Ibis expression."""
        types = self.types(f"{catalog}.{identifier(schema)}.{identifier(name)}")
        return ibis.table(types, name=name, catalog=catalog, database=schema)

    def query(self, sql: str) -> ir.Table:
        """A SELECT as an Ibis expression."""
        return ops.SQLQueryResult(sql, ibis.schema(self.types(sql)), None).to_expr()

    def types(self, relation: str) -> dict[str, dt.DataType]:
        """The column types of a table or of a SELECT."""
        return {
            str(row[0]): DuckDBType.from_string(str(row[1]), nullable=True)
            for row in self.run(f"DESCRIBE {relation}")
        }

    def scratch(self, qualified: str) -> ir.Table:
        """A scratch table, by the name that `create` and `load` gave it, as an expression."""
        return self.table("scratch", qualified.rpartition(".")[2])

    def close(self) -> None:
        """Let go of the files. Safe to call twice."""
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)


def compiled(expression: ir.Table) -> str:
    """The DuckDB SQL of an expression."""
    return str(ibis.to_sql(expression, dialect="duckdb", pretty=False))


def identifier(name: str) -> str:
    """A name as SQL reads it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL reads it."""
    return "'" + text.replace("'", "''") + "'"


def _spill_parent(path: Path | None) -> Path | None:
    """Beside the workbench, where its disk is; the system's own place otherwise."""
    return path.parent if path is not None and path.parent.is_dir() else None
