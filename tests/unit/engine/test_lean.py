"""A worker loads what its workspace needs, and nothing of other engines or databases."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
import pyarrow as pa
from relance.engine.workbench import Workbench, compiled
from relance.store import open_state
open_state(f"sqlite:///{sys.argv[1]}/state.db", workspace="shop").close()
workbench = Workbench(None, ZoneInfo("UTC"))
name = workbench.load(pa.table({"a": [1, 2]}))
(row,) = workbench.rows(compiled(workbench.scratch(name).aggregate(n=lambda t: t.count())))
assert row["n"] == 2
workbench.close()
print(*sorted(sys.modules))
"""


def test_a_worker_on_sqlite_and_duckdb_loads_no_other_dialect_and_no_other_driver(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "ibis.backends.sql.compilers.duckdb" in loaded
    others = {"pandas", "psycopg", "sqlglot.dialects.snowflake", "sqlglot.dialects.bigquery"}
    assert not loaded & others


def test_another_engines_sql_is_there_once_it_is_named() -> None:
    import ibis
    import ibis.backends.sql.compilers as compilers
    from ibis.backends.sql.compilers import ClickHouseCompiler, MSSQLCompiler

    import relance.engine.workbench  # noqa: F401  makes them wait

    table = ibis.table({"a": "int64"}, name="t")
    assert "count" in ibis.to_sql(table.a.count(), dialect="clickhouse").lower()
    assert ClickHouseCompiler is compilers.clickhouse.ClickHouseCompiler
    assert MSSQLCompiler is compilers.mssql.MSSQLCompiler
