"""The limit of the tick: the same evaluate and diff, written by hand in DuckDB SQL.

One query per segment and two anti-joins against the members of the day before; nothing is
written. Run as a program of its own: prints seconds and the entered and left of each segment.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.shop import FIRST_TICK, SECOND_TICK, SEGMENTS


def main(data: Path) -> None:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    for name in ("customers", "orders"):
        connection.execute(f"create view {name} as from read_parquet('{data / name}.parquet')")
    for segment in SEGMENTS:
        query = segment.sql.format(at=f"timestamptz '{FIRST_TICK}'")
        connection.execute(f"create temp table before_{segment.name} as {query}")
    started = time.perf_counter()
    moves = {}
    for segment in SEGMENTS:
        query = segment.sql.format(at=f"timestamptz '{SECOND_TICK}'")
        connection.execute(f"create temp table now_{segment.name} as {query}")
        entered = _only_in(connection, f"now_{segment.name}", f"before_{segment.name}")
        left = _only_in(connection, f"before_{segment.name}", f"now_{segment.name}")
        moves[segment.name] = [entered, left]
    print(json.dumps({"seconds": time.perf_counter() - started, "moves": moves}))


def _only_in(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    rows = connection.execute(
        f"select customer_id from {one} anti join {other} using (customer_id)"
    )
    return len(rows.fetchall())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
