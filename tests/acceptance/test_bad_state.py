"""A state or a workbench that is not as it should be, and two processes that want the same."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import relance.store
from desk import DAYS, Desk, at_desk
from stage import RELANCE

desk = pytest.fixture(at_desk)

STATE, WORKBENCH = "state/relance.db", "state/workbench.duckdb"


def test_two_workspaces_cannot_share_a_state(desk: Desk, tmp_path: Path) -> None:
    desk.opened()
    before = desk.state()
    other = Desk(tmp_path / "other")
    other.write(
        "config/relance.yaml",
        RELANCE.replace("name: stage", "name: market") + f"state: sqlite:///{desk.root / STATE}\n",
    )
    for command in ("tick", "deliver", "report", "members trigger/hello", "why ann"):
        answer = other.call(*command.split())
        assert answer.code == 3
        assert (
            "belongs to the workspace 'stage', not 'market' (give each workspace its own `state:`,"
            in answer.errors()
        )
    assert desk.state() == before
    desk.catches_up()


def sql(statement: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statement)

    return run


def overwrite(start: int, path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:start] + b"\xa5" * (len(raw) - start))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "garbage": (partial(overwrite, 0), "the file is not a SQLite database (check `state:`"),
    "damaged": (partial(overwrite, 4096), "the file is damaged (restore it from a backup)"),
    "of a newer relance": (
        sql("UPDATE meta SET value = '99' WHERE key = 'schema_version'"),
        "was made by a newer relance (schema 99, this one knows ",
    ),
    "of an unknown relance": (
        sql("UPDATE meta SET value = 'x' WHERE key = 'schema_version'"),
        "it does not say which relance made it (restore it from a backup",
    ),
    "of another program": (
        sql("DROP TABLE meta"), "it holds a table 'attempt' that is not relance's",
    ),
    "of another program with a meta": (
        sql("DROP TABLE meta; CREATE TABLE meta (id INTEGER, name TEXT)"),
        "its tables are not those that relance makes (name another database in `state:`)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_cannot_be_trusted_is_refused_and_left_alone(desk: Desk, damage: str) -> None:
    desk.opened()
    path = desk.root / STATE
    good = path.read_bytes()
    harm, sentence = DAMAGES[damage]
    harm(path)
    harmed = path.read_bytes()
    for command in ("tick", "deliver", "report"):
        answer = desk.call(command)
        assert answer.code == 3
        assert sentence in answer.errors()
        assert str(path) in answer.errors()
    assert path.read_bytes() == harmed
    path.write_bytes(good)
    desk.catches_up()


def test_a_folder_in_the_place_of_the_state_is_told(desk: Desk) -> None:
    (desk.root / STATE).mkdir(parents=True)
    answer = desk.call("tick", "--at", DAYS[0])
    assert answer.code == 3
    assert "the file cannot be opened (check the path and its permissions)" in answer.errors()


def test_a_state_that_another_process_keeps_locked_is_waited_for_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.opened()
    impatient = partial(relance.store.open_state, lock_wait=0.1)
    monkeypatch.setattr(relance.store, "open_state", impatient)
    with closing(sqlite3.connect(desk.root / STATE, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        desk.fails_whole("another process is writing and did not finish in time (wait for it")
        assert desk.call("report").code == 0  # looking is always possible
        blocker.execute("ROLLBACK")
    desk.catches_up()


# -- the workbench is only a cache


@pytest.mark.parametrize(
    "harm",
    [
        partial(overwrite, 0),
        partial(overwrite, 12_288),
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.with_name(path.name + ".wal").write_bytes(b"\xa5" * 9000),
    ],
    ids=["garbage", "damaged blocks", "deleted", "empty", "cut off", "a damaged log"],
)
def test_a_broken_workbench_is_begun_anew_and_nobody_is_missed(
    desk: Desk, harm: Callable[[Path], object]
) -> None:
    desk.opened()
    harm(desk.root / WORKBENCH)
    desk.catches_up()


# -- two at once

AT_ONCE = "import sys, relance.engine, relance.store, relance.wiring; sys.stdin.readline()"


@pytest.mark.parametrize("folders", [1, 2])
def test_two_processes_that_tick_the_same_instant_do_it_once(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, folders: int
) -> None:
    desk.opened()
    other = desk
    if folders == 2:  # another worker: a workbench of its own, the same state
        copy = tmp_path_factory.mktemp("other") / "worker"
        shutil.copytree(desk.root, copy)
        (copy / STATE).unlink()
        other = Desk(copy)
        other.settings(f"state: sqlite:///{desk.root / STATE}\n")
        other.order("bob")
        other.publish()
    words = ("tick", "--at", DAYS[1], "--json")
    running = [one.start(*words, prelude=AT_ONCE, stdin=subprocess.PIPE) for one in (desk, other)]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [desk.finish(process) for process in running]
    done = [answer for answer in answers if answer.code == 0]
    assert done
    for answer in answers:
        if answer.code == 0:
            assert answer.json()["triggers"][0]["messages"] == 1
        else:
            assert answer.code == 3
            told = answer.errors()
            assert "in use by another process" in told or "another worker was faster" in told
    with closing(sqlite3.connect(desk.root / STATE)) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (1,)
    again = desk.call(*words).json()
    assert again["triggers"] == done[0].json()["triggers"]
    desk.catches_up()
