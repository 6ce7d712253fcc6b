"""Sources that DuckDB reads by itself: a folder of CSV and Parquet files, a DuckDB file."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.workspace import SourceSpec
from relance.engine.failures import is_held
from relance.engine.selecting import NamedQueries
from relance.engine.source import no_such_table
from relance.engine.workbench import Workbench, identifier, literal
from relance.errors import SourceError

_PARQUET = (".parquet",)
_CSV = (".csv", ".csv.gz", ".csv.zst", ".tsv")
_SEPARATORS = ",;\t|"

Stamp = tuple[tuple[str, int, int], ...]


class LocalSource:
    """What the two have in common: the database `source` inside the workbench's connection."""

    remote = False
    dialect = "duckdb"

    def __init__(self, spec: SourceSpec, workbench: Workbench) -> None:
        self._spec = spec
        self._workbench = workbench
        self._named = NamedQueries(spec.tables, self.dialect)
        self._tables: dict[str, ir.Table] = {}  # described once: a CSV file is read for that

    def table(self, name: str) -> ir.Table:
        if name not in self._tables:
            self._tables[name] = self._described(name)
        return self._tables[name]

    def _described(self, name: str) -> ir.Table:
        if name in self._named:
            return self._workbench.query(self._named.query(name))
        schema, _, plain = name.rpartition(".")
        known = self._known()
        if name in known:
            schema, plain = known[name]
        elif (schema or "main", plain) not in known.values():
            raise no_such_table(self._spec.shown, name, [*known, *self._named])
        return self._workbench.table("source", plain, schema or "main")

    def answer(self, query: str) -> ir.Table:
        return self._workbench.query(self._named.around(query))

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        return self._workbench.arrow(expression).to_reader()

    def release(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """The connection is the workbench's."""

    def _known(self) -> dict[str, tuple[str, str]]:
        """Tables and views: name -> (schema, name)."""
        rows = self._workbench.run(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_catalog = 'source'"
        )
        pairs = sorted((str(schema), str(name)) for schema, name in rows)
        named = {f"{schema}.{name}": (schema, name) for schema, name in pairs}
        return named | {name: (schema, name) for schema, name in pairs if schema == "main"}


class FolderSource(LocalSource):
    """Each file is a table of its stem; a sub-folder is a table of all its files together.

    `texts` are columns that stay text in CSV files: a phone number is not a number.
    """

    def __init__(
        self, spec: SourceSpec, path: Path, workbench: Workbench, texts: Collection[str]
    ) -> None:
        super().__init__(spec, workbench)
        self._path = path
        self._texts = texts
        self._seen: dict[str, Stamp] = {}
        workbench.run("ATTACH ':memory:' AS source")
        workbench.run("USE source")

    def refresh(self) -> None:
        files = self._files()
        for name in self._seen.keys() - files.keys():
            self._workbench.run(f"DROP VIEW source.main.{identifier(name)}")
            del self._seen[name]
            self._tables.clear()
        for name, paths in files.items():
            stamp = _stamp(paths)
            if self._seen.get(name) != stamp:
                self._define(name, paths)
                self._seen[name] = stamp
                self._tables.clear()

    def _files(self) -> dict[str, list[Path]]:
        """The files of each table. Raises SourceError where two would be called the same."""
        found: dict[str, list[Path]] = {}
        try:
            entries = sorted(self._path.iterdir())
        except OSError:
            raise SourceError(f"{self._spec.shown}: the folder cannot be read") from None
        for entry in entries:
            paths = _data_files(entry)
            if not paths:
                continue
            name = entry.name if entry.is_dir() else entry.name.split(".", 1)[0]
            if name in found:
                raise SourceError(
                    f"{self._spec.shown}: two files could be the table {name!r}",
                    hint="keep one of them, or put parts of one table into a folder",
                )
            found[name] = paths
        return found

    def _define(self, name: str, paths: list[Path]) -> None:
        readers = []
        if parquet := [path for path in paths if _has(path, _PARQUET)]:
            readers.append(f"SELECT * FROM read_parquet({_listed(parquet)}, union_by_name = true)")
        if csv := [path for path in paths if _has(path, _CSV)]:
            readers.append(self._csv_reader(name, csv))
        body = " UNION ALL BY NAME ".join(readers)
        self._workbench.run(f"CREATE OR REPLACE VIEW source.main.{identifier(name)} AS {body}")

    def _csv_reader(self, name: str, paths: list[Path]) -> str:
        """Types are found once, over all rows, and then kept: no row can surprise a later query."""
        call = f"read_csv({_listed(paths)}, header = true, union_by_name = true"
        try:
            found = self._workbench.run(f"DESCRIBE SELECT * FROM {call}, sample_size = -1)")
        except duckdb.Error:
            raise self._unreadable(name) from None
        if len(found) == 1 and any(mark in str(found[0][0]) for mark in _SEPARATORS):
            raise self._unreadable(name)  # rows of different lengths: no separator fits them all
        types = ", ".join(
            f"{literal(str(column))}: {literal('VARCHAR' if column in self._texts else str(kind))}"
            for column, kind, *_ in found
        )
        return f"SELECT * FROM {call}, types = {{{types}}})"

    def _unreadable(self, name: str) -> SourceError:
        return SourceError(
            f"{self._spec.shown}: table {name!r}: the CSV cannot be read",
            hint="it needs a header line, UTF-8, one separator and one kind of line end throughout,"
            " and as many values in each row as in the header",
        )


class DuckDBSource(LocalSource):
    """A DuckDB file, held only while something is read, so that its owner can write to it."""

    def __init__(self, spec: SourceSpec, path: Path, workbench: Workbench) -> None:
        super().__init__(spec, workbench)
        self._path = path

    def refresh(self) -> None:
        self.release()
        self._tables.clear()
        try:
            self._workbench.run(f"ATTACH {literal(str(self._path))} AS source (READ_ONLY)")
        except duckdb.Error as error:
            if is_held(error):
                raise SourceError(
                    f"{self._spec.shown}: another program has this file open for writing"
                ) from None
            raise
        self._workbench.run("USE source")

    def release(self) -> None:
        self._workbench.run("USE scratch")
        self._workbench.run("DETACH DATABASE IF EXISTS source")


def _data_files(entry: Path) -> list[Path]:
    if entry.name.startswith((".", "_")):
        return []
    if entry.is_dir():
        return [path for path in sorted(entry.rglob("*")) if _has(path, (*_PARQUET, *_CSV))]
    return [entry] if _has(entry, (*_PARQUET, *_CSV)) else []


def _has(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(suffixes) and path.is_file()


def _listed(paths: list[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def _stamp(paths: list[Path]) -> Stamp:
    """Changes when any of the files does."""
    stats = [(str(path), path.stat()) for path in paths]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
