"""A note is changed by one worker at a time, on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from relance.store import State, open_state


def test_a_note_is_what_was_written_last(state: State):
    assert state.notes.read("report") is None
    assert state.notes.exchange("report", None, "one")
    assert state.notes.exchange("report", "one", "two")
    assert state.notes.read("report") == "two"
    assert state.notes.read("other") is None


def test_who_has_not_seen_the_latest_changes_nothing(state: State):
    assert state.notes.exchange("report", None, "one")
    assert not state.notes.exchange("report", None, "first")
    assert not state.notes.exchange("report", "zero", "mine")
    assert not state.notes.exchange("other", "one", "mine")
    assert state.notes.read("report") == "one"
    assert state.notes.read("other") is None


def test_a_note_outlives_the_process_and_is_none_of_the_states_own_facts(state_url: str):
    opened = open_state(state_url, workspace="shop")
    assert opened.notes.exchange("workspace", None, "another")
    opened.close()
    again = open_state(state_url, workspace="shop")
    assert again.notes.read("workspace") == "another"
    again.close()


def test_of_many_workers_one_changes_a_note(state: State):
    for before, round_ in ((None, "a"), ("a0", "b"), ("b0", "c")):
        with ThreadPoolExecutor(8) as workers:
            told = [f"{round_}{number}" for number in range(8)]
            won = list(
                workers.map(lambda text, old=before: state.notes.exchange("x", old, text), told)
            )
        assert won.count(True) == 1
        (winner,) = [text for text, did in zip(told, won, strict=True) if did]
        assert state.notes.read("x") == winner
        assert state.notes.exchange("x", winner, f"{round_}0")
