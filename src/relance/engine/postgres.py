"""PostgreSQL: a read-only session; aggregates run there, rows come as CSV by COPY, as Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterator

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
import pyarrow.csv
from ibis.backends.sql.datatypes import PostgresType

from relance.domain.workspace import SourceSpec
from relance.engine.failures import source_errors
from relance.engine.selecting import NamedQueries
from relance.engine.source import no_such_table
from relance.engine.workbench import identifier, literal
from relance.errors import SourceError

_TABLES = """
SELECT table_schema, table_name, table_schema = ANY (current_schemas(false))
FROM (
  SELECT table_schema, table_name FROM information_schema.tables
  UNION ALL SELECT schemaname, matviewname FROM pg_matviews
) AS known
"""
_ADOPTED = {
    pa.string(): "text",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}
_BLOCK = 4 << 20  # bytes of CSV that become one Arrow batch


class PostgresSource:
    """One connection, opened again where the server broke it off."""

    remote = True
    dialect = "postgres"

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        self._named = NamedQueries(spec.tables, self.dialect)
        self._expressions: dict[str, ir.Table] = {}
        self._adopted: dict[str, ir.Table] = {}
        self._connection = self._connect()

    def refresh(self) -> None:
        self._expressions.clear()
        if self._connection.closed or self._connection.broken:
            self._connection = self._connect()
            return
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = self._connect()

    def release(self) -> None:
        """Autocommit: nothing is held between statements."""

    def close(self) -> None:
        self._connection.close()

    def table(self, name: str) -> ir.Table:
        if name not in self._expressions:
            self._expressions[name] = (
                self._query(self._named.query(name))
                if name in self._named
                else self._plain_table(name)
            )
        return self._expressions[name]

    def answer(self, query: str) -> ir.Table:
        return self._query(self._named.around(query))

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        schema = expression.schema().to_pyarrow()
        sql = _plainly(expression)
        blocks = self._blocks(f"COPY ({sql}) TO STDOUT (FORMAT csv)")
        return pa.RecordBatchReader.from_batches(schema, _batches(blocks, schema))

    def adopt(self, name: str, rows: pa.RecordBatchReader) -> ir.Table:
        """A temporary table: nobody else sees it, and it goes with the connection."""
        listed = ", ".join(f"{identifier(f.name)} {_adopted_as(f.type)}" for f in rows.schema)
        target = f"pg_temp.{identifier(name)}"
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ WRITE")  # for what is temporary
                cursor.execute(f"DROP TABLE IF EXISTS {target}".encode())
                cursor.execute(f"CREATE TEMPORARY TABLE {identifier(name)} ({listed})".encode())
                with cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
                    for batch in rows:
                        for row in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                            copy.write_row([_without_nul(value) for value in row])
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            raise SourceError(
                f"{self._spec.shown}: live events need temporary tables, which are refused here",
                hint="grant TEMPORARY on the database, and connect to the primary server",
            ) from None
        self._adopted[name] = ibis.table(self._types(target), name=name, database="pg_temp")
        return self._adopted[name]

    def adopted(self, name: str) -> ir.Table | None:
        return self._adopted.get(name)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        with source_errors(self._spec.shown):
            connection = psycopg.connect(
                self._spec.location, autocommit=True, application_name="relance"
            )
            connection.execute("SET default_transaction_read_only = on")
            connection.execute(f"SET TIME ZONE {literal(str(self._spec.zone))}")
            connection.execute("SET datestyle = 'ISO, YMD'")
            self._adopted.clear()
            return connection

    def _plain_table(self, name: str) -> ir.Table:
        known = self._tables()
        if name not in known:
            raise no_such_table(self._spec.shown, name, [*known, *self._named])
        schema, plain = known[name]
        types = self._types(f"{identifier(schema)}.{identifier(plain)}")
        return ibis.table(types, name=plain, database=schema)

    def _query(self, sql: str) -> ir.Table:
        return ops.SQLQueryResult(sql, self._types(f"({sql}\n) AS relance_query"), None).to_expr()

    def _tables(self) -> dict[str, tuple[str, str]]:
        rows = self._connection.execute(_TABLES).fetchall()
        every = [(str(schema), str(name), bool(near)) for schema, name, near in rows]
        named = {f"{schema}.{name}": (schema, name) for schema, name, _ in every}
        return named | {name: (schema, name) for schema, name, near in every if near}

    def _types(self, relation: str) -> ibis.Schema:
        """The column types of anything that can stand after FROM, enumerations as text."""
        description = self._connection.execute(f"SELECT * FROM {relation} LIMIT 0").description
        codes = [column.type_code for column in description or ()]
        rows = self._connection.execute(
            "SELECT oid::bigint, CASE WHEN typtype = 'e' THEN 'text'"
            " WHEN typtype = 'd' THEN format_type(typbasetype, NULL)"
            " WHEN typname = 'citext' THEN 'text' ELSE format_type(oid, NULL) END"
            " FROM pg_type WHERE oid = ANY (%s::bigint[])",
            [codes],
        ).fetchall()
        names = {code: str(name) for code, name in rows}
        return ibis.schema(
            {
                column.name: PostgresType.from_string(names[column.type_code], nullable=True)
                for column in description or ()
            }
        )

    def _blocks(self, sql: str) -> Iterator[bytes]:
        """The output of COPY in blocks that end with a row (each row comes as its own piece)."""
        with source_errors(self._spec.shown):
            gathered = bytearray()
            with self._connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
                for piece in copy:
                    gathered += piece
                    if len(gathered) >= _BLOCK:
                        yield bytes(gathered)
                        gathered.clear()
            if gathered:
                yield bytes(gathered)


def _adopted_as(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return "timestamptz"
    return _ADOPTED[kind]


def _without_nul(value: object) -> object:
    """Text as PostgreSQL takes it: the one character that it does not know is marked."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _plainly(expression: ir.Table) -> str:
    """The SQL of an expression, instants in UTC without their offset: old ones have odd offsets."""
    inner = ibis.to_sql(expression, dialect="postgres", pretty=False)
    columns = ", ".join(
        f"{name} AT TIME ZONE 'UTC'" if dtype.is_timestamp() and dtype.timezone else name
        for name, dtype in ((identifier(n), t) for n, t in expression.schema().items())
    )
    return f"SELECT {columns} FROM ({inner}) AS relance_rows"


def _batches(blocks: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    plain = pa.schema([(field.name, _without_zone(field.type)) for field in schema])
    for block in blocks:
        table = pyarrow.csv.read_csv(
            io.BytesIO(block),
            read_options=pyarrow.csv.ReadOptions(column_names=plain.names, block_size=len(block)),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=plain,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        yield from table.cast(schema).to_batches()


def _without_zone(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind
