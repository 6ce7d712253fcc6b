"""An older state is brought up to date with all that is in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Engine

from contracts.older_states import (
    NOW,
    contents,
    fill_every_table,
    fill_what_the_second_schema_brought,
    fill_what_the_third_schema_brought,
    first_release,
    fourth_schema,
    second_schema,
    shape,
    third_schema,
)
from contracts.state_words import MINUTE, day, draw, outcome, tick
from relance.domain.fits import RFM, Breakpoints
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.errors import StateError
from relance.store import open_state
from relance.store.database import Database
from relance.store.migrate import REVISION_TABLE, upgrade
from relance.store.tables import SCHEMA_VERSION, Base


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    """The database at the URL, past the state: for setting up and for looking."""
    database = Database(state_url, lock_wait=10)
    if database.path is not None:
        database.path.parent.mkdir()
    yield database.engine
    database.close()


def test_a_state_made_by_the_revisions_is_the_one_that_the_code_describes(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        described = shape(connection)
        Base.metadata.drop_all(connection)
        upgrade(connection, 0)
        assert shape(connection) == described


def test_the_newest_revision_is_the_version_that_a_state_names(state_url: str) -> None:
    opened = open_state(state_url, workspace="shop")
    with opened._database.read() as connection:
        revision = connection.scalar(text(f"SELECT version_num FROM {REVISION_TABLE}"))
        version = connection.scalar(text("SELECT value FROM meta WHERE key = 'schema_version'"))
    opened.close()
    assert (int(revision), int(version)) == (SCHEMA_VERSION, SCHEMA_VERSION)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_no_row_is_lost_and_no_old_value_changed(
    state_url: str, engine: Engine, version: int
) -> None:
    with engine.begin() as connection:
        if version == 1:
            first_release(connection)
        else:
            (second_schema, third_schema, fourth_schema)[version - 2](connection)
            fill_what_the_second_schema_brought(connection)
        if version > 2:
            fill_what_the_third_schema_brought(connection)
        fill_every_table(connection)
        before = contents(connection)
    with structlog.testing.capture_logs() as logs:
        open_state(state_url, workspace="shop").close()
    with engine.begin() as connection:
        after = contents(connection)
    assert [(line["action"], line["before"], line["now"]) for line in logs] == [
        ("state_migrated", version, SCHEMA_VERSION)
    ]
    before["meta"] = [
        {**row, "value": str(SCHEMA_VERSION)} if row["key"] == "schema_version" else row
        for row in before["meta"]
    ]
    before.pop(REVISION_TABLE, None)
    before.pop("breakpoints", None)  # see the next test
    for table, rows in before.items():
        assert len(rows) > 0, table
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert sorted(kept, key=str) == sorted(rows, key=str), table


@pytest.mark.parametrize("version", [1, 2, 3])
def test_cut_offs_that_were_kept_are_in_force_still_with_all_before_them(
    state_url: str, engine: Engine, version: int
) -> None:
    with engine.begin() as connection:
        (first_release, second_schema, third_schema)[version - 1](connection)
        fill_every_table(connection)
    state = open_state(state_url, workspace="shop")
    [kept] = state.ledger.standing().fits.named.items()
    assert kept == (
        RFM,
        Breakpoints(
            fitted_at=day(1), recency=(1, 2, 3, 5), frequency=(1, 2, 3, 4),
            monetary=(1.5, 2, 3, 4),
        ),
    )  # fmt: skip
    state.close()
    with engine.begin() as connection:
        rows = contents(connection)["fit"]
        assert "breakpoints" not in inspect(connection).get_table_names()
    assert [json.loads(str(row["document"]))["recency"] for row in rows] == [
        [1, 2, 3, 4], [1, 2, 3, 5],
    ]  # fmt: skip


def test_a_version_that_still_runs_is_written_down_by_its_next_tick(
    state_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        second_schema(connection)
        fill_every_table(connection)
    state = open_state(state_url, workspace="shop")
    assert state.reader.draws() == []
    assert state.ledger.standing().events_seen == {"order": None}
    [told] = state.reader.history("c0").entries
    assert (told.unit, told.salt, told.hash_version) == ("c0", "", 0)
    now = [draw("winback", at=day(3)), draw("birthday", at=day(3))]
    state.ledger.commit(tick(day(3), draws=now, events={"order": 12}))
    assert state.reader.draws() == [draw("winback", at=day(0))]
    assert state.reader.events_seen() == {"order": (day(3), 12)}
    [told] = state.reader.history("c0").entries
    assert (told.salt, told.hash_version) == ("winback:v1", 1)
    rows = [row for batch in state.reader.entries() for row in batch.to_pylist()]
    assert {row["unit"] for row in rows} == {None}
    state.close()


def test_the_queue_of_an_older_state_is_delivered(state_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        first_release(connection)
        fill_every_table(connection)
    state = open_state(state_url, workspace="shop")
    queue = state.queue
    assert queue.release_expired(NOW, {}) == (1, 1)
    claimed = queue.claim(NOW, 9, NOW + MINUTE, "w2")
    assert sorted(m.id for m in claimed) == ["m-claimed", "m-queued"]
    assert [m.expires_at for m in claimed] == [None, None]
    marks = [Mark(message=m.id, provider="postmark", recipient="r") for m in claimed]
    assert len(queue.sending(marks, NOW, "w2").ours) == 2
    queue.record([outcome(m.id, MessageState.ACCEPTED, NOW, worker="w2") for m in claimed])
    [tally] = state.reader.tallies()
    assert tally.messages == {"accepted": 3, "failed": 1, "skipped": 1, "unknown": 2}
    state.close()


def test_what_was_sent_before_can_be_reported_and_looked_up(state_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        first_release(connection)
        fill_every_table(connection)
    state = open_state(state_url, workspace="shop")
    assert state.queue.taken("postmark", ["p-7", "p-8"]) == {"p-7"}
    [doubt] = state.queue.doubtful(NOW, 9)
    assert (doubt.id, doubt.provider) == ("m-unknown", "postmark")
    assert doubt.doubtful_at == day(0) + MINUTE
    state.close()


def test_processes_that_open_an_older_state_together_all_succeed(
    state_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        first_release(connection)
        fill_every_table(connection)
    start = threading.Barrier(4)
    counts: list[int] = []

    def work() -> None:
        start.wait()
        state = open_state(state_url, workspace="shop", lock_wait=30)
        counts.append(state.queue.pending())
        state.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [3] * 4


def test_an_older_state_of_another_workspace_is_left_as_it_is(
    state_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        first_release(connection)
    with pytest.raises(StateError, match="belongs to the workspace 'shop', not 'market'"):
        open_state(state_url, workspace="market")
    with engine.begin() as connection:
        assert REVISION_TABLE not in inspect(connection).get_table_names()
        assert connection.scalar(select(Base.metadata.tables["meta"].c.value)) is not None


def test_an_upgrade_that_breaks_midway_leaves_the_older_state(
    state_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        first_release(connection)
        fill_every_table(connection)
        connection.execute(text("CREATE TABLE spending (theirs INTEGER)"))  # made last
        before = contents(connection)
    with pytest.raises(StateError):
        open_state(state_url, workspace="shop")
    with engine.begin() as connection:
        assert contents(connection) == before
        connection.execute(text("DROP TABLE spending"))
    open_state(state_url, workspace="shop").close()


def test_a_worker_of_the_first_release_can_finish_on_the_new_tables(
    state_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        first_release(connection)
    state = open_state(state_url, workspace="shop")
    with engine.begin() as connection:
        fill_every_table(connection)
    assert [m.id for m in state.queue.claim(NOW, 9, NOW + timedelta(hours=1), "w")] == ["m-queued"]
    assert state.queue.consents("email", ["cid"]) == {"cid": False}
    state.close()
