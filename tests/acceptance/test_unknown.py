"""`relance unknown`: a person settles what may have been sent, and nobody else does."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from desk import DAYS, Desk, at_desk

desk = pytest.fixture(at_desk)

# a person decides now, by the clock; the rest of the story is told at fixed instants
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="minutes")
CROWD = ("cid", "dan", "eve")


def in_doubt(desk: Desk, *providers: str) -> list[str]:
    """Letters to Bob and others whose sending nobody is sure of; their ids, the oldest first."""
    desk.opened()
    desk.arrive(*CROWD)
    desk.order(*CROWD)
    desk.publish()
    assert desk.call("tick", "--at", DAYS[1], "--ahead").code == 0
    with sqlite3.connect(desk.root / "state/relance.db") as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM message ORDER BY customer")]
        for number, id_ in enumerate(ids):
            connection.execute(
                "UPDATE message SET state = 'unknown', reason = 'read_timeout', provider = ?,"
                " changed_at = changed_at + ? WHERE id = ?",
                (providers[number] if number < len(providers) else "outbox", number, id_),
            )
    connection.close()
    return ids


def listed(desk: Desk, *words: str) -> list[dict[str, object]]:
    return list(desk.call("unknown", "list", *words, "--json").json())


def states(desk: Desk, ids: Sequence[str]) -> list[str]:
    connection = sqlite3.connect(desk.root / "state/relance.db")
    found = dict(connection.execute("SELECT id, state FROM message"))
    connection.close()
    return [found[id_] for id_ in ids]


def test_the_list_says_what_a_person_needs_to_decide(desk: Desk):
    ids = in_doubt(desk)
    found = listed(desk)
    assert [row["id"] for row in found] == ids
    assert found[0]["customer"] == "bob"
    assert found[0]["reason"] == "read_timeout"
    shown = desk.call("unknown", "list").out
    assert all(id_ in shown for id_ in ids)


def test_the_list_can_be_narrowed(desk: Desk):
    ids = in_doubt(desk, "postmark")
    assert [row["id"] for row in listed(desk, "--provider", "postmark")] == ids[:1]
    assert listed(desk, "--trigger", "other") == []
    assert len(listed(desk, "--trigger", "hello")) == 4
    assert listed(desk, "--before", "2026-01-01") == []
    answer = desk.call("unknown", "list", "--before", "yesterday")
    assert answer.code == 2
    assert "--before 'yesterday' is not an instant" in answer.errors()


def test_without_any_the_list_says_so(desk: Desk):
    desk.opened()
    assert desk.call("unknown", "list").out == "no message is unknown\n"


def test_nothing_unknown_is_ever_sent_again_by_itself(desk: Desk):
    ids = in_doubt(desk)
    desk.call("deliver", "--at", DAYS[2], "--ahead")
    assert states(desk, ids) == ["unknown"] * 4
    assert desk.mails() == {}


def test_what_a_person_sends_again_leaves_at_the_next_delivery(desk: Desk):
    ids = in_doubt(desk)
    assert desk.call("unknown", "resend", ids[0], "--yes").code == 0
    assert desk.call("deliver", "--at", LATER, "--ahead").code == 0
    assert set(desk.mails()) == {"bob@example.com"}
    assert states(desk, ids) == ["accepted", *["unknown"] * 3]


def test_before_it_sends_again_it_says_what_that_may_mean_and_asks(desk: Desk):
    ids = in_doubt(desk)
    silent = desk.outside("unknown", "resend", "--all", stdin=subprocess.DEVNULL)
    assert silent.code == 2
    assert "4 messages may have been sent already" in silent.err
    assert "nobody answered" in silent.err
    for answer, state in (("n\n", "unknown"), ("y\n", "queued")):
        process = desk.start("unknown", "resend", ids[0], stdin=subprocess.PIPE)
        out, _ = process.communicate(answer, timeout=120)
        assert process.returncode == 0
        assert states(desk, ids)[0] == state
        assert ("to be sent again" in out) == (state == "queued")


def test_what_is_dropped_is_never_sent_and_says_why(desk: Desk):
    ids = in_doubt(desk, "postmark")
    done = desk.call("unknown", "drop", "--all", "--provider", "outbox", "--json").json()
    assert done == {"dropped": ids[1:]}
    assert states(desk, ids) == ["unknown", "skipped", "skipped", "skipped"]
    assert "skipped (dropped)" in desk.call("why", "dan").out
    desk.call("deliver", "--at", LATER, "--ahead")
    assert desk.mails() == {}


def test_an_id_that_is_not_unknown_stops_everything(desk: Desk):
    ids = in_doubt(desk)
    for command in ("resend --yes", "drop"):
        answer = desk.call("unknown", *command.split(), *ids, "nonsense")
        assert answer.code == 2
        assert "nonsense" in answer.errors()
    assert states(desk, ids) == ["unknown"] * 4


def test_which_messages_are_meant_must_be_said_in_one_way(desk: Desk):
    ids = in_doubt(desk)
    for command in ("resend --yes", "drop"):
        for words in ("", "--provider outbox", "ID --all", "ID --trigger hello"):
            said = words.replace("ID", ids[0]).split()
            answer = desk.call("unknown", *command.split(), *said)
            assert answer.code == 2
            assert "say which messages" in answer.errors()
    assert states(desk, ids) == ["unknown"] * 4
