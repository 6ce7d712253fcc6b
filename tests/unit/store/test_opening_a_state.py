"""Opening a state: whose it is, how old, and every way in which a database says no."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from sqlalchemy import event

from contracts.state_words import baseline, change, day, entry, message, tick
from relance.errors import StateError
from relance.store import State, open_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state" / "relance.db"


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def opened(path: Path, **options: object) -> State:
    return open_state(url(path), workspace="shop", **options)  # type: ignore[arg-type]


def test_a_state_is_made_with_its_folders_and_kept(path: Path) -> None:
    state = opened(path)
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    state.close()
    again = opened(path, create=False)
    assert again.reader.members("active").customers.to_pylist() == ["ann"]
    again.close()


def test_a_missing_state_is_not_made_for_a_reader(path: Path) -> None:
    with pytest.raises(StateError, match="there is no state at"):
        opened(path, create=False)
    assert not path.parent.exists()


def test_an_empty_file_is_no_state_for_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "relance.db"
    path.touch()
    with pytest.raises(StateError, match="there is no state"):
        opened(path, create=False)


def test_a_state_belongs_to_one_workspace(path: Path) -> None:
    opened(path).close()
    with pytest.raises(StateError, match="belongs to the workspace 'shop', not 'market'") as error:
        open_state(url(path), workspace="market")
    assert error.value.hint is not None


def test_a_state_made_by_a_newer_relance_is_refused(path: Path) -> None:
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.commit()
    connection.close()
    with pytest.raises(StateError, match="made by a newer relance"):
        opened(path)


def test_processes_that_open_a_new_state_together_all_succeed(path: Path) -> None:
    start = threading.Barrier(6)
    failures: list[StateError] = []

    def work() -> None:
        start.wait()
        try:
            opened(path, lock_wait=20).close()
        except StateError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("relance.db", "not a database URL"),
        ("mysql://host/name", "cannot be kept in mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_url_that_cannot_hold_a_state_is_explained(bad: str, sentence: str) -> None:
    with pytest.raises(StateError, match=sentence):
        open_state(bad, workspace="shop")


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "relance.db"
    path.write_text("Dear diary, " * 500)
    with pytest.raises(StateError, match="not a SQLite database"):
        opened(path)
    assert path.read_text().startswith("Dear diary")


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a folder")
    with pytest.raises(StateError, match="cannot be made"):
        opened(tmp_path / "state" / "deep" / "relance.db")


def test_a_folder_in_the_place_of_the_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="the file cannot be opened"):
        opened(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_explained(path: Path) -> None:
    opened(path).close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with pytest.raises(StateError, match=r"read-only|cannot be opened"):
            opened(path).ledger.commit(tick(day(0)))
    finally:
        path.parent.chmod(0o755)


def with_pragma(state: State, pragma: str) -> State:
    """The same state, with a setting on each of its connections from now on."""
    engine = state.ledger._database.engine
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute(pragma))
    return state


def test_a_read_only_database_is_explained_and_nothing_is_stored(path: Path) -> None:
    state = with_pragma(opened(path), "PRAGMA query_only = 1")
    with pytest.raises(StateError, match="it is read-only"):
        state.ledger.commit(tick(day(0)))
    assert state.ledger.runs_at(day(0)) == []
    state.close()


def test_a_full_disk_is_explained_and_nothing_is_stored(path: Path) -> None:
    state = opened(path)
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    pages = sqlite3.connect(path).execute("PRAGMA page_count").fetchone()[0]
    state = with_pragma(state, f"PRAGMA max_page_count = {pages + 5}")
    entries = [entry(f"customer-{n}", day(1)) for n in range(5000)]
    record = tick(
        day(1),
        spells=[change("active", opened=["bob"])],
        entries=entries,
        messages=[message(one) for one in entries],
    )
    with pytest.raises(StateError, match="the disk is full"):
        state.ledger.commit(record)
    assert state.ledger.runs_at(day(1)) == []
    assert state.reader.members("active").customers.to_pylist() == ["ann"]
    assert state.queue.pending() == 0
    state.close()


def test_a_state_that_another_process_keeps_locked_is_explained(path: Path) -> None:
    state = opened(path, lock_wait=0.05)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="another process is writing"):
        state.ledger.commit(tick(day(0)))
    assert state.ledger.runs_at(day(0)) == []  # reading goes on
    blocker.execute("ROLLBACK")
    blocker.close()
    state.ledger.commit(tick(day(0)))
    state.close()


def test_an_unreachable_server_is_explained_without_its_password() -> None:
    with pytest.raises(StateError, match="the server cannot be reached") as error:
        open_state("postgresql://me:s3cret@127.0.0.1:9/relance", workspace="shop")
    assert "s3cret" not in str(error.value)
    assert "127.0.0.1" in str(error.value)


def test_a_server_without_that_database_is_explained(postgres_url: str) -> None:
    with pytest.raises(StateError, match='database "nowhere" does not exist'):
        open_state(postgres_url.replace("/postgres?", "/nowhere?"), workspace="shop")


def test_values_of_customers_never_reach_an_error(path: Path) -> None:
    state = opened(path)
    twice = entry("ann@example.org", day(0))
    with pytest.raises(StateError) as error:
        state.ledger.commit(tick(day(0), entries=[twice, twice]))
    assert "ann@example.org" not in str(error.value)
    assert state.ledger.runs_at(day(0)) == []
    state.close()


def test_an_instant_without_a_zone_is_a_mistake_of_the_caller(path: Path) -> None:
    state = opened(path)
    with pytest.raises(ValueError, match="aware"):
        state.ledger.runs_at(day(0).replace(tzinfo=None))
    state.close()


def test_a_state_that_is_up_to_date_is_opened_without_what_changes_tables(path: Path) -> None:
    opened(path).close()
    look = (
        "import sys; from relance.store import open_state;"
        " open_state(sys.argv[1], workspace='shop').close(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", look, url(path)], check=True)


KILLED = """
    import sys
    from contracts.state_words import baseline, change, day, entry, message, tick
    from relance.store import open_state

    def endless():
        for number in range(10**9):
            if number == 30_000:
                print("in the middle", flush=True)
                sys.stdin.read()
            yield entry(f"c{number}", day(1))

    state = open_state(sys.argv[1], workspace="shop")
    spells = [change("active", opened=["bob"], closed=["ann"])]
    state.ledger.commit(tick(day(1), spells=spells, entries=endless()))
"""


def test_a_process_killed_in_the_middle_of_a_commit_leaves_nothing(path: Path) -> None:
    state = opened(path)
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    tests = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), url(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert state.ledger.runs_at(day(1)) == []
    assert state.reader.members("active").customers.to_pylist() == ["ann"]
    assert state.ledger.last_entries("winback").num_rows == 0
    state.ledger.commit(tick(day(1), spells=[change("active", opened=["bob"])]))
    state.close()
