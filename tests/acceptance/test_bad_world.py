"""Sources, disks, databases and people that fail: nothing is half done, and nobody is lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from desk import DAYS, Desk, at_desk
from relance.cli import show
from stage import CUSTOMER, RELANCE

desk = pytest.fixture(at_desk)

STATE, WORKBENCH = "state/relance.db", "state/workbench.duckdb"


# -- a source that vanishes


def at_phase(monkeypatch: pytest.MonkeyPatch, phase: str, event: Callable[[], object]) -> None:
    """Let something happen just as the next tick begins a phase."""
    waiting = [event]

    def told(begun: str) -> None:
        if begun == phase and waiting:
            waiting.pop()()

    @contextmanager
    def phases(total: int, title: str) -> Iterator[Callable[[str], None]]:
        yield told

    monkeypatch.setattr(show, "phases", phases)


@pytest.mark.parametrize("phase", ["profile", "compare", "enter"])
def test_a_folder_that_vanishes_fails_the_tick_and_the_next_one_catches_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    desk.opened()
    data, away = desk.root / "data", desk.root / "away"
    at_phase(monkeypatch, phase, lambda: data.rename(away))
    desk.fails_whole("data/: ")
    away.rename(data)
    desk.catches_up()


def test_a_source_is_not_missed_any_more_once_the_tick_commits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.opened()
    data, away = desk.root / "data", desk.root / "away"
    at_phase(monkeypatch, "commit", lambda: data.rename(away))
    answer = desk.call("tick", "--at", DAYS[1], "--json")
    assert answer.code == 0
    assert answer.json()["triggers"][0]["messages"] == 1
    away.rename(data)
    desk.catches_up()


def test_a_table_dropped_in_the_middle_of_a_tick_fails_it_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = desk.root / "shop.sqlite"
    desk.write("config/relance.yaml", RELANCE.replace("source: data/", "source: shop.sqlite"))

    def fill(*orders: str) -> None:
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("CREATE TABLE orders (customer TEXT, at TEXT, total REAL)")
            rows = [(name, "2026-02-01", 10.0) for name in orders]
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
            connection.commit()

    def drop() -> None:
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("DROP TABLE orders")
            connection.commit()

    with closing(sqlite3.connect(shop)) as connection:
        connection.execute(f"CREATE TABLE customers ({', '.join(CUSTOMER)})")
        marks = ", ".join("?" * len(CUSTOMER))
        people = [list(row.values()) for row in desk.customers.values()]
        connection.executemany(f"INSERT INTO customers VALUES ({marks})", people)
        connection.commit()
    fill("ann")
    assert desk.call("tick", "--at", DAYS[0]).code == 0
    drop()
    fill("ann", "bob")
    at_phase(monkeypatch, "profile", drop)
    desk.fails_whole("there is no table 'orders'")
    fill("ann", "bob")
    desk.catches_up()


def test_messages_wait_while_the_source_is_gone(desk: Desk) -> None:
    desk.opened()
    assert desk.call("tick", "--at", DAYS[1]).code == 0
    (desk.root / "data").rename(desk.root / "away")
    answer = desk.call("deliver", "--at", DAYS[1])
    assert answer.code == 3
    assert "error: data/: there is no such file or folder" in answer.errors()
    assert desk.mails() == {}
    (desk.root / "away").rename(desk.root / "data")
    desk.catches_up()


# -- a disk that is full


@pytest.fixture
def disk(desk: Desk) -> Iterator[Path]:
    """A disk of four megabytes, in the workspace's folder `disk`."""
    path = desk.root / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_under_the_state_fails_the_tick_whole(desk: Desk, disk: Path) -> None:
    desk.settings("state: sqlite:///disk/relance.db\n")
    desk.opened()
    fill(disk)
    answer = desk.call("tick", "--at", DAYS[1])
    assert answer.code == 3
    assert answer.errors().startswith("error: the state ")
    assert "full" in answer.errors()
    (disk / "filler").unlink()
    assert desk.call("report", "--json").json()[0]["entered"] == 0
    desk.catches_up()


def test_a_full_disk_under_the_workbench_costs_nothing_but_the_cache(
    desk: Desk, disk: Path
) -> None:
    desk.settings("workbench: disk/workbench.duckdb\n")
    desk.opened()
    fill(disk)
    first = desk.call("tick", "--at", DAYS[1])
    assert first.code == 0  # the state is what counts, and it is elsewhere
    assert '"action": "snapshot_not_kept"' in first.err
    desk.fails_whole("cannot be written: the disk is full (it is only a cache", at=DAYS[2])
    (disk / "filler").unlink()
    desk.catches_up()


def test_a_full_disk_under_the_outbox_keeps_the_messages_queued(desk: Desk, disk: Path) -> None:
    desk.write(
        "config/relance.yaml",
        RELANCE.replace("provider: outbox, from: \"S", "provider: outbox, folder: disk, from: \"S"),
    )  # fmt: skip
    desk.opened()
    assert desk.call("tick", "--at", DAYS[1]).code == 0
    fill(disk)
    answer = desk.call("deliver", "--at", DAYS[1], "--json")
    assert answer.code == 0
    assert (answer.json()["accepted"], answer.json()["retried"]) == (0, 1)
    assert '"reason": "disk_full"' in answer.err
    assert [path.name for path in disk.rglob("*") if path.is_file()] == ["filler"]
    (disk / "filler").unlink()
    for _ in range(2):
        assert desk.call("deliver", "--at", DAYS[2]).code == 0
    assert len(list(disk.rglob("*.eml"))) == 1


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_a_state_that_may_not_grow_fails_the_tick_whole(desk: Desk) -> None:
    crowd = [f"c{number}" for number in range(300)]
    desk.arrive(*crowd)
    desk.publish()
    desk.opened()
    desk.order(*crowd)
    desk.publish()
    before = desk.state()
    answer = desk.outside("tick", "--at", DAYS[1], prelude=LIMITED)
    assert answer.code == 3
    assert "the disk cannot be read or written (is it full?" in answer.errors()
    assert desk.state() == before
    answer = desk.call("tick", "--at", DAYS[2], "--json")
    assert answer.json()["triggers"][0]["messages"] == 301


def test_an_outbox_that_cannot_be_written_keeps_the_messages_queued(desk: Desk) -> None:
    desk.opened()
    assert desk.call("tick", "--at", DAYS[1]).code == 0
    desk.write("outbox", "a file where a folder should be")
    answer = desk.call("deliver", "--at", DAYS[1], "--json")
    assert answer.code == 0
    assert (answer.json()["accepted"], answer.json()["retried"]) == (0, 1)
    assert '"reason": "not_written"' in answer.err
    (desk.root / "outbox").unlink()
    desk.catches_up()


def test_a_read_only_disk_is_told_and_nothing_is_lost(desk: Desk, disk: Path) -> None:
    desk.settings("state: sqlite:///disk/relance.db\n")
    desk.opened()
    remount = ["mount", "-o", "remount,{}", str(disk)]
    subprocess.run([word.format("ro") for word in remount], check=True)
    answer = desk.call("tick", "--at", DAYS[1])
    assert answer.code == 3
    assert answer.errors().startswith("error: the state ")
    subprocess.run([word.format("rw") for word in remount], check=True)
    desk.catches_up()
