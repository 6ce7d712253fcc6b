"""How segments moved, counted in the spells of either database, against the spells themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pyarrow as pa
import pytest

from relance.domain.fits import Fits
from relance.pipeline.ports import SpellChange, TickRecord
from relance.store import State

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def tick(
    state: State,
    at: datetime,
    opened: Sequence[str],
    closed: Sequence[str],
    *,
    version: str = "1",
    fresh: bool = False,
) -> None:
    change = SpellChange(
        segment="active", version=version, fresh=fresh,
        opened=[pa.array(opened, pa.string())], closed=[pa.array(closed, pa.string())],
    )  # fmt: skip
    record = TickRecord(id=f"{at}", at=at, runs=[], spells=[change], entries=[], messages=[],
                        refusals=[], fits=Fits())  # fmt: skip
    state.ledger.commit(record)


@pytest.mark.parametrize("seed", range(3))
def test_sizes_and_moves_are_those_of_the_spells(state: State, seed: int) -> None:
    random, inside = Random(seed), {f"c{n}" for n in range(30)}
    tick(state, START, sorted(inside), [], fresh=True)
    sizes, moves = {START: len(inside)}, {START: (0, 0)}
    ticks = [START + n * WEEK for n in range(1, 9)]
    for at in ticks:
        joined = {f"c{n}" for n in random.sample(range(60), 6)} - inside
        gone = set(random.sample(sorted(inside), 4))
        tick(state, at, sorted(joined), sorted(gone))
        inside = (inside | joined) - gone
        sizes[at], moves[at] = len(inside), (len(joined), len(gone))
    since = ticks[3] + timedelta(hours=1)

    instants = [START - WEEK, *ticks[2:], ticks[-1] + WEEK]
    (found,) = state.reader.lives(since, ticks[-1], instants).values()

    assert (found.segment, found.version) == ("active", "1")
    assert (found.since, found.at, found.members) == (START, ticks[-1], len(inside))
    assert (found.entered, found.left) == moves[ticks[-1]]
    assert found.recent == sum(moves[at][0] for at in ticks if at > since)
    assert found.last_entered == max(at for at in ticks if moves[at][0])
    wanted = {at: sizes[at] for at in ticks[2:]}
    assert dict(found.sizes) == {**wanted, ticks[-1] + WEEK: sizes[ticks[-1]]}


def test_a_changed_definition_begins_anew(state: State) -> None:
    tick(state, START, ["ann", "bob"], [], fresh=True)
    tick(state, START + WEEK, ["eve"], [], version="2", fresh=True)
    (found,) = state.reader.lives(START, START + WEEK, [START, START + WEEK]).values()
    assert (found.version, found.since, found.members) == ("2", START + WEEK, 1)
    assert found.last_entered is None
    assert found.sizes == [(START + WEEK, 1)]


def test_of_a_state_without_any_segment_nothing_is_known(state: State) -> None:
    assert state.reader.lives(START, START, [START]) == {}


def test_a_segment_that_nobody_is_in_is_known_all_the_same(state: State) -> None:
    tick(state, START, [], [], fresh=True)
    (found,) = state.reader.lives(START, START, [START]).values()
    assert (found.members, list(found.sizes)) == (0, [(START, 0)])
