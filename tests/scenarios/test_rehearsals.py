"""Who would have entered, week by week: the transition asked of the history, before any launch."""

from __future__ import annotations

from datetime import datetime, timedelta

from relance.pipeline.rehearsal import Rehearsal, rehearse
from relance.store.views import Suppressed
from stage import START, Stage

WEEKS = 4
LAPSED = "{event: order, last: {before: 30 days}}"


def past(stage: Stage, weeks: int = WEEKS) -> Rehearsal:
    with stage.open() as relance:
        trigger = relance.workspace.triggers["hello"]
        return rehearse(
            relance.workspace,
            relance.side_engine,
            relance.state.ledger,
            trigger,
            stage.now,
            weeks,
        )


def who(found: Rehearsal) -> list[list[str]]:
    return [sorted(one.to_pylist()) for one in found.entered]


def days_ago(days: float) -> datetime:
    return START - timedelta(days=days)


def test_a_customer_enters_in_the_week_in_which_the_segment_takes_them_in(stage: Stage):
    stage.trigger(segment=LAPSED)
    stage.arrive("ann", "bob", "cid", "eve")
    stage.order("ann", at=days_ago(30 + 3))  # lapsed three days ago
    stage.order("bob", at=days_ago(30 + 17))
    stage.order("cid", at=days_ago(30 + 40))  # before the weeks looked at
    stage.order("eve", at=days_ago(2))
    assert who(past(stage)) == [[], ["bob"], [], ["ann"]]


def test_events_later_than_an_instant_do_not_exist_at_it(stage: Stage):
    stage.trigger(segment=LAPSED)
    stage.arrive("ann")
    stage.order("ann", at=days_ago(30 + 17))
    stage.order("ann", at=days_ago(1))
    assert who(past(stage)) == [[], ["ann"], [], []]


def test_a_customer_is_counted_once(stage: Stage):
    stage.trigger(segment="{event: order, count: {at_least: 1}, within: 10 days}")
    stage.arrive("ann")
    stage.order("ann", at=days_ago(3))
    stage.order("ann", at=days_ago(26))
    assert who(past(stage)) == [["ann"], [], [], []]


def test_who_left_a_segment_enters_a_trigger_on_its_exit(stage: Stage):
    stage.trigger(segment="{event: order, count: {at_least: 1}, within: 30 days}", on="exit")
    stage.arrive("ann", "bob")
    stage.order("ann", at=days_ago(30 + 10))
    stage.order("bob", at=days_ago(5))
    assert who(past(stage)) == [[], [], ["ann"], []]


def test_a_move_from_one_segment_to_another_is_seen(stage: Stage):
    stage.segments(
        active="{event: order, count: {at_least: 1}, within: 30 days}",
        at_risk="{event: order, last: {before: 30 days}}",
    )
    stage.trigger(on="{from: active, to: at_risk}")
    stage.arrive("ann", "bob")
    stage.order("ann", at=days_ago(30 + 10))
    stage.order("bob", at=days_ago(30 + 100))
    assert who(past(stage)) == [[], [], ["ann"], []]


def test_who_has_stayed_long_enough_is_told_from_weekly_looks(stage: Stage):
    stage.trigger(segment=LAPSED, on="{stay: 14 days}")
    stage.arrive("ann", "bob", "cid")
    stage.order("ann", at=days_ago(30 + 17))  # in for 17 days: seen 14 days ago, so due today
    stage.order("bob", at=days_ago(30 + 17))
    stage.order("bob", at=days_ago(9))  # and out again
    stage.order("cid", at=days_ago(30 + 3))
    assert who(past(stage)) == [[], [], [], ["ann"]]


def test_a_date_comes_in_its_week(stage: Stage):
    stage.trigger(on="{date: birth_date}")
    stage.arrive("ann", birth_date="1990-02-26")
    stage.arrive("bob", birth_date="1985-02-10")
    stage.arrive("cid", birth_date="1985-06-10")
    assert who(past(stage)) == [[], ["bob"], [], ["ann"]]


def test_a_schedule_takes_everybody_on_its_first_day_and_newcomers_later(stage: Stage):
    stage.trigger(segment="{event: order, count: {at_least: 1}}", on="schedule")
    stage.arrive("ann", "bob", "cid")
    stage.order("ann", "bob", at=days_ago(100))
    stage.order("cid", at=days_ago(3))
    assert who(past(stage)) == [["ann", "bob"], [], [], ["cid"]]


def test_the_gates_that_can_be_asked_refuse_and_say_why(stage: Stage):
    stage.trigger(segment=LAPSED)
    stage.arrive("ann", "bob", "cid", "dan")
    stage.change("ann", optin="false")
    stage.change("bob", email="not an address")
    stage.order("ann", "bob", "cid", "dan", at=days_ago(30 + 10))
    with stage.open() as relance:
        asked = Suppressed(channel="email", customer="cid", reason="asked", at=START)
        relance.state.desk.suppress([asked])
    found = past(stage)
    assert who(found) == [[], [], ["dan"], []]
    assert found.refused == {"no_consent": 1, "unreachable": 1, "suppressed": 1}


def test_scores_are_those_of_the_customers_of_then(stage: Stage):
    stage.trigger(segment="{rfm: {recency: [1]}}")
    names = [f"c{number}" for number in range(10)]
    stage.arrive(*names)
    for number, name in enumerate(names):
        stage.order(name, at=days_ago(60 + number))
    assert sum(len(one) for one in who(past(stage))) > 0


def test_a_rehearsal_leaves_nothing_in_the_state_nor_in_the_engine(stage: Stage):
    stage.trigger(segment=LAPSED)
    stage.arrive("ann")
    stage.order("ann", at=days_ago(30 + 3))
    with stage.open() as relance:
        workspace, engine = relance.workspace, relance.side_engine
        trigger = workspace.triggers["hello"]
        rehearse(workspace, engine, relance.state.ledger, trigger, START, WEEKS)
        segment = workspace.segments[trigger.segment]
        assert not engine.knows(START, {segment.name: segment.version})
        assert list(relance.state.reader.entries()) == []
        assert relance.state.ledger.standing().runs == {}
