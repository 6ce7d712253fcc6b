"""One tick is stored at a time, whole, and only where it was computed from what stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from contracts.state_words import (
    baseline,
    change,
    day,
    entry,
    members,
    run,
    tick,
)
from relance.domain.ledger import EntryRecord, RunKind
from relance.errors import AlreadyEvaluated, SourceError, StateError
from relance.pipeline.ports import Ledger, SpellChange
from relance.store import State, open_state


def test_an_instant_is_evaluated_once(state: State) -> None:
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    again = tick(day(0), entries=[entry("bob", day(0))], spells=[change("active")])
    with pytest.raises(AlreadyEvaluated, match="winback at 2026-03-01"):
        state.ledger.commit(again)
    assert state.ledger.last_entries("winback").num_rows == 0
    state.ledger.commit(tick(day(0), runs=[run(day(0), "birthday")]))
    state.ledger.commit(tick(day(0), runs=[run(day(0), kind=RunKind.BACKFILL)]))
    assert len(state.ledger.runs_at(day(0))) == 3


def test_of_two_workers_with_the_same_tick_one_stores_it(state: State, state_url: str) -> None:
    other = open_state(state_url, workspace="shop", lock_wait=10)
    start = threading.Barrier(2)
    results: list[str] = []

    def commit(of: State) -> None:
        start.wait()
        try:
            of.ledger.commit(tick(day(0), entries=[entry(f"c{n}", day(0)) for n in range(500)]))
            results.append("stored")
        except AlreadyEvaluated:
            results.append("already there")

    threads = [threading.Thread(target=commit, args=(one,)) for one in (state, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(results) == ["already there", "stored"]
    assert state.ledger.last_entries("winback").num_rows == 500


def test_of_two_workers_that_catch_up_at_different_instants_one_stores_its_tick(
    state: State, state_url: str
) -> None:
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    other = open_state(state_url, workspace="shop", lock_wait=10)
    start = threading.Barrier(2)
    results: list[datetime] = []
    refused: list[datetime] = []

    def catch_up(of: State, at: datetime, customer: str) -> None:
        seen = {"winback": of.ledger.standing().runs["winback"].at}
        start.wait()
        try:
            of.ledger.commit(tick(at, entries=[entry(customer, at)], seen=seen))
            results.append(at)
        except AlreadyEvaluated:
            refused.append(at)

    threads = [
        threading.Thread(target=catch_up, args=(state, day(1), "ann")),
        threading.Thread(target=catch_up, args=(other, day(2), "ann")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.ledger.standing().runs["winback"].at == results[0]
    other.close()
    assert sorted(results + refused) == [day(1), day(2)]
    assert state.ledger.last_entries("winback").to_pylist() == [
        {"customer": "ann", "at": results[0]}
    ]


def test_a_tick_that_has_seen_the_last_run_is_stored(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), seen={"winback": None}))
    ledger.commit(tick(day(1), seen={"winback": day(0)}))
    ledger.commit(tick(day(2), runs=[run(day(2), kind=RunKind.BACKFILL)]))
    ledger.commit(tick(day(3), seen={"winback": day(1)}))
    with pytest.raises(AlreadyEvaluated, match="meanwhile"):
        ledger.commit(tick(day(4), seen={"winback": None}))
    assert ledger.standing().runs["winback"].at == day(3)


def test_a_tick_that_breaks_midway_leaves_nothing(state: State) -> None:
    state.ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))

    def breaking() -> Iterator[EntryRecord]:
        for number in range(3000):
            yield entry(f"c{number}", day(1))
        raise SourceError("the source has gone")

    record = tick(
        day(1),
        spells=[change("active", opened=["bob"], closed=["ann"]), baseline("new", "ann")],
        entries=breaking(),
    )
    with pytest.raises(SourceError, match="the source has gone"):
        state.ledger.commit(record)
    assert state.ledger.runs_at(day(1)) == []
    assert members(state.ledger, "active", day(1)) == ["ann"]
    assert set(state.ledger.standing().segments) == {"active"}
    assert state.ledger.last_entries("winback").num_rows == 0
    state.ledger.commit(tick(day(1), spells=[change("active", opened=["bob"], closed=["ann"])]))
    assert members(state.ledger, "active", day(1)) == ["bob"]


def test_spells_may_be_computed_from_the_ledger_while_they_are_stored(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann", "bob")]))

    def lazily() -> Iterator[SpellChange]:
        known = members(ledger, "active", day(0))
        yield change("active", closed=known)

    ledger.commit(tick(day(1), spells=lazily()))
    assert members(ledger, "active", day(1)) == []


def test_time_goes_forward(ledger: Ledger) -> None:
    ledger.commit(tick(day(5), spells=[baseline("active", "ann")]))
    with pytest.raises(StateError, match="time goes forward: active was evaluated at 2026-03-06"):
        ledger.commit(tick(day(4), spells=[change("active", opened=["bob"])]))
    with pytest.raises(StateError, match="time goes forward"):
        ledger.commit(tick(day(4), spells=[baseline("active", "bob", version="2")]))
    assert ledger.runs_at(day(4)) == []
    assert members(ledger, "active", day(5)) == ["ann"]


def test_another_trigger_may_be_evaluated_at_the_same_instant(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    ledger.commit(tick(day(0), runs=[run(day(0), "birthday")], spells=[change("active")]))
    late = tick(day(0), runs=[run(day(0), "third")], spells=[change("active", opened=["bob"])])
    with pytest.raises(StateError, match="with other members"):
        ledger.commit(late)
    assert members(ledger, "active", day(0)) == ["ann"]


@pytest.mark.parametrize(
    "stale",
    [
        change("active", opened=["ann"]),  # is in already
        change("active", closed=["eve"]),  # is not in
        change("active", opened=["eve"], version="2"),  # of another definition
        change("unheard_of", opened=["eve"]),
    ],
    ids=["opened twice", "closed without being open", "other version", "no baseline"],
)
def test_a_change_computed_from_another_membership_is_refused(
    ledger: Ledger, stale: SpellChange
) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    with pytest.raises(StateError, match="another process changed it meanwhile"):
        ledger.commit(tick(day(1), spells=[stale]))
    assert ledger.runs_at(day(1)) == []
    assert members(ledger, "active", day(1)) == ["ann"]
