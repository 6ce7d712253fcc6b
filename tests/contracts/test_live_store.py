"""Live events in the state: each once, in the order of the commits, kept for as long as it says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from relance.domain.live import LiveMessage
from relance.errors import StateError
from relance.store import State, open_state

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
_NUMBERS = count()


def call(kind: str = "track", **told: Any) -> LiveMessage:
    usual: dict[str, Any] = {
        "message_id": f"m{next(_NUMBERS)}", "kind": kind, "user_id": None, "anonymous_id": None,
        "event": "Cart Abandoned" if kind == "track" else "", "previous_id": None, "at": NOW,
        "told": None, "body": "{}",
    }  # fmt: skip
    return LiveMessage(**{**usual, **told})


def record(state: State, *messages: LiveMessage, at: datetime = NOW) -> int:
    return state.live.record(messages, lambda: at)


def kept(state: State, after: int = 0) -> list[dict[str, Any]]:
    return [row for batch in state.live.after(after) for row in batch.to_pylist()]


def test_what_was_told_is_read_as_it_was_told(state: State):
    body = '{"category":"chaussures d\'été","total":12.5,"nested":{"a":[1,null]}}'
    told = call(user_id="ann", anonymous_id="a-1", at=NOW - DAY, body=body)
    assert record(state, told) == 1
    [row] = kept(state)
    assert row == {
        "n": 1, "message_id": told.message_id, "kind": "track", "event": "Cart Abandoned",
        "user_id": "ann", "anonymous_id": "a-1", "previous_id": None, "at": NOW - DAY,
        "received_at": NOW, "body": body,
    }  # fmt: skip


def test_a_message_that_comes_again_is_stored_once(state: State):
    first = call(user_id="ann")
    assert record(state, first) == 1
    assert record(state, first, call(user_id="bob"), first) == 1
    again = call(user_id="cid")
    assert record(state, again, again) == 1
    assert [row["user_id"] for row in kept(state)] == ["ann", "bob", "cid"]
    assert [row["user_id"] for row in kept(state, after=kept(state)[0]["n"])] == ["bob", "cid"]


def test_several_workers_store_each_message_once_and_in_the_order_of_the_commits(state_url: str):
    states = [open_state(state_url, workspace="shop", lock_wait=30) for _ in range(3)]
    batches = [[call(user_id=f"u{place}-{n}") for n in range(20)] for place in range(6)]
    seen: list[int] = []

    def work(place: int) -> int:
        return record(states[place % 3], *batches[place // 2])

    def look() -> None:
        seen.extend(row["n"] for row in kept(states[0], after=max(seen, default=0)))

    with ThreadPoolExecutor(4) as workers:
        tasks = [workers.submit(work, place) for place in range(12)]
        while not all(task.done() for task in tasks):
            look()
    look()
    assert sum(task.result() for task in tasks) == 120
    everything = kept(states[0])
    assert len({row["message_id"] for row in everything}) == 120
    assert seen == [row["n"] for row in everything]
    for state in states:
        state.close()


def test_a_message_that_cannot_be_stored_stores_none_of_its_companions(state: State):
    with pytest.raises((StateError, ValueError)):
        record(state, call(user_id="ann"), call(at=datetime(2026, 3, 1)))  # noqa: DTZ001  no zone
    assert kept(state) == []


def test_what_is_old_goes_and_its_numbers_are_never_used_again(state: State):
    for age in (400, 399, 10):
        record(state, call(user_id=f"d{age}"), call(user_id=f"d{age}"), at=NOW - age * DAY)
    assert state.live.expire(NOW - 399 * DAY) == 2
    assert [row["user_id"] for row in kept(state)] == ["d399", "d399", "d10", "d10"]
    before = state.live.span()
    assert before[1] == kept(state)[0]["n"]
    assert state.live.expire(NOW) == 4
    assert state.live.span() == (before[0], 0, 0)
    record(state, call(user_id="new"))
    assert kept(state)[0]["n"] > before[2]
    assert state.live.expire(NOW) == 0


def test_a_customer_is_forgotten_with_all_the_names_they_went_by(state: State):
    record(
        state,
        call(anonymous_id="phone"),
        call("identify", user_id="ann", anonymous_id="phone"),
        call(user_id="ann"),
        call("alias", user_id="ann", previous_id="old-ann"),
        call(user_id="old-ann", anonymous_id="laptop"),
        call(anonymous_id="laptop"),
        call(user_id="bob", anonymous_id="laptop"),  # who used it after her
        call(user_id="bob"),
        call(anonymous_id="somebody"),
    )
    generation = state.live.span()[0]
    assert state.live.forget("ann") == 6
    assert [(row["user_id"], row["anonymous_id"]) for row in kept(state)] == [
        ("bob", "laptop"),
        ("bob", None),
        (None, "somebody"),
    ]
    assert state.live.span()[0] != generation
    assert state.live.forget("ann") == 0


def test_what_is_stored_can_be_counted(state: State):
    assert state.live.counts().messages == 0
    record(state, call(), call(told="yesterday"), call("identify"), at=NOW - DAY)
    record(state, call(event="Order Completed"))
    counts = state.live.counts()
    assert (counts.messages, counts.disbelieved) == (4, 1)
    assert counts.by_kind == {"identify": 1, "track": 3}
    assert counts.by_event == {"Cart Abandoned": 2, "Order Completed": 1}
    assert (counts.first_at, counts.last_at) == (NOW - DAY, NOW)


def test_what_was_not_taken_is_added_up_and_outlives_what_is_forgotten(state: State):
    assert (state.live.counts().not_taken, state.live.counts().not_taken_at) == ({}, None)
    state.live.turn_down({"unauthorized": 3}, NOW)
    state.live.turn_down({"json": 1, "unauthorized": 2}, NOW - DAY)  # by another process
    state.live.forget("ann")
    counts = state.live.counts()
    assert counts.not_taken == {"json": 1, "unauthorized": 5}
    assert counts.not_taken_at == NOW
    assert counts.messages == 0


def test_workers_that_count_at_the_same_time_lose_nothing(state_url: str):
    states = [open_state(state_url, workspace="shop", lock_wait=30) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: states[n % 3].live.turn_down({"json": 1}, NOW), range(18)))
    assert [state.live.counts().not_taken for state in states] == [{"json": 18}] * 3
    for state in states:
        state.close()
