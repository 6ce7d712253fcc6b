"""What the state keeps of ids that are somebody else's now: spells, words, messages."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from contracts.state_words import DAY, MINUTE, array, baseline, change, day, entry, message, tick
from relance.errors import StateError
from relance.pipeline.ports import SpellChange
from relance.store import State


def carried(segment: str, **heirs: str) -> SpellChange:
    table = pa.table({"id": array(*heirs), "customer": array(*heirs.values())})
    return SpellChange(
        segment=segment, version="1", fresh=False, opened=(), closed=(), carried=table
    )


def since(state: State, customer: str) -> list[tuple[object, bool]]:
    stays = state.reader.history(customer).segments
    return [(stay.entered_at, stay.baseline) for stay in stays]


@pytest.fixture
def merged(state: State) -> State:
    """old_1 was there at the baseline; ann and old_2 came one and two days later."""
    state.ledger.commit(tick(day(0), spells=[baseline("active", "old_1", "bob")]))
    state.ledger.commit(tick(day(1), spells=[change("active", opened=["old_2"])]))
    state.ledger.commit(tick(day(2), spells=[change("active", opened=["ann"])]))
    return state


def test_a_spell_goes_on_under_the_new_id_from_the_earliest_beginning(merged: State) -> None:
    merged.ledger.commit(tick(day(3), spells=[carried("active", old_2="ann")]))
    assert since(merged, "ann") == [(day(1), False)]
    assert since(merged, "old_2") == []
    stayed = merged.ledger.stayed("active", "1", None, day(1), with_baseline=True)
    assert sorted(stayed.to_pylist()) == ["ann", "bob", "old_1"]


def test_a_heir_without_a_spell_gets_one_and_the_baseline_stays_one(merged: State) -> None:
    merged.ledger.commit(tick(day(3), spells=[carried("active", old_1="zoe", old_2="zoe")]))
    assert since(merged, "zoe") == [(day(0), True)]
    assert merged.reader.members("active").customers.to_pylist() == ["ann", "bob", "zoe"]


def test_a_spell_that_is_not_there_cannot_be_handed_on(merged: State) -> None:
    with pytest.raises(StateError, match="not the one this tick was computed from"):
        merged.ledger.commit(tick(day(3), spells=[carried("active", nobody="ann")]))
    assert since(merged, "ann") == [(day(2), False)]


def test_the_latest_words_are_told_with_their_instants(state: State) -> None:
    state.record_consent("email", "ann", day(0), "page", granted=False)
    state.record_consent("email", "ann", day(0) + MINUTE, "page", granted=True)
    state.record_consent("sms", "ann", day(0), "page", granted=False)
    state.record_consent("email", "bob", day(1), "page", granted=False, topic="news")
    said = state.queue.said("email", ["ann", "bob", "cid"])
    found = {(each.customer, each.topic): (each.granted, each.at) for each in said}
    assert found == {
        ("ann", ""): (True, day(0) + MINUTE),
        ("bob", "news"): (False, day(1)),
    }
    choices = state.ledger.topic_choices("news").to_pylist()
    assert [(row["customer"], row["granted"]) for row in choices] == [("bob", False)]


def test_the_messages_of_other_ids_are_found_by_their_trigger(state: State) -> None:
    ann = entry("ann", day(0))
    state.ledger.commit(tick(day(0), entries=[ann], messages=[message(ann, due_at=day(0) + DAY)]))
    (found,) = state.queue.siblings(["ann", "bob"], ["winback"])
    assert (found.customer, found.trigger, found.step) == ("ann", "winback", 0)
    assert found.entry_at == day(0)
    assert state.queue.siblings(["ann"], ["another"]) == []
    assert timedelta(0) <= found.changed_at - day(0)
