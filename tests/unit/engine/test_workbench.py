"""The workbench file is a cache: locked ones are told, broken ones are begun anew."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine_shop import MONDAY, Shop, bought, segments_of
from relance.domain.fits import Fits
from relance.domain.workspace import Workspace
from relance.errors import StateError

ACTIVE = {"active": bought(1, "7 days")}
HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def with_workbench(workspace: Workspace, path: Path) -> Workspace:
    return replace(workspace, source=replace(workspace.source, workbench=path))


def test_a_broken_workbench_is_put_aside_and_begun_anew(shop: Shop) -> None:
    path = shop.folder / "workbench.duckdb"
    path.write_bytes(b"not a database" * 1000)
    engine = shop.engine(ACTIVE, source=with_workbench(shop.workspace(), path).source)

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        picture.keep()
    assert engine.knows(MONDAY, {"active": "v1"})
    assert path.with_name("workbench.duckdb.broken").read_bytes().startswith(b"not a database")


def test_a_workbench_that_another_process_holds_is_told_as_such(shop: Shop) -> None:
    path = shop.folder / "workbench.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            with pytest.raises(StateError, match="in use by another process"):
                shop.engine(ACTIVE, source=with_workbench(shop.workspace(), path).source)
        finally:
            holder.communicate("")
    assert path.exists()


def test_two_engines_of_one_process_do_not_share_a_workbench(shop: Shop) -> None:
    source = with_workbench(shop.workspace(), shop.folder / "workbench.duckdb").source
    shop.engine(ACTIVE, source=source)

    with pytest.raises(StateError, match="in use"):
        shop.engine(ACTIVE, source=source)


def test_a_workbench_where_no_file_can_be_is_told(shop: Shop) -> None:
    (shop.folder / "file").write_text("")

    with pytest.raises(StateError, match="cannot be opened"):
        shop.engine(
            ACTIVE, source=with_workbench(shop.workspace(), shop.folder / "file" / "x").source
        )


def test_what_a_crash_left_behind_goes_with_the_next_tidying(shop: Shop) -> None:
    import duckdb

    path = shop.folder / "workbench.duckdb"
    source = with_workbench(shop.workspace(), path).source
    shop.engine(ACTIVE, source=source).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE relance_snapshot_orphan (key BIGINT, m0 BIGINT)")

    engine = shop.engine(ACTIVE, source=source)
    engine.forget([])
    engine.close()
    with duckdb.connect(str(path)) as connection:
        rows = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    assert rows == [("relance_catalogue",)]
