"""Who enters a trigger, tick after tick: arrive, wait, tick, expect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relance.errors import SourceError, UsageError
from stage import START, Stage

RECENT = "{event: order, count: {at_least: 1}, within: 14 days}"


def test_the_first_run_is_a_baseline_and_writes_to_nobody(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "bob")
    stage.order("ann")
    run = stage.tick()["hello"]
    assert (run.baseline, run.members, run.treated, run.messages) == (True, 1, 0, 0)
    assert stage.deliver().accepted == 0


def test_who_enters_after_the_baseline_is_written_to_once(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "bob")
    stage.order("ann")
    stage.tick()
    stage.wait(days=1)
    stage.order("bob")
    run = stage.tick()["hello"]
    assert (run.members, run.entered, run.left, run.treated) == (2, 1, 0, 1)
    assert stage.deliver().accepted == 1
    stage.wait(days=1)
    assert stage.entered() == {"hello": 0}
    assert stage.deliver().accepted == 0
    assert len(stage.outbox()) == 1


def test_a_window_slides_people_out_and_exit_writes_to_them(stage: Stage) -> None:
    stage.trigger(segment=RECENT, on="exit")
    stage.arrive("ann")
    stage.order("ann")
    stage.tick()
    stage.wait(days=13, hours=23)
    assert stage.entered() == {"hello": 0}
    stage.wait(hours=1)  # exactly 14 days after the order: it is no longer inside
    run = stage.tick()["hello"]
    assert (run.left, run.treated) == (1, 1)


def test_a_move_needs_both_ends(stage: Stage) -> None:
    stage.segments(
        active="{event: order, last: {after: 30 days}}",
        at_risk="{event: order, last: {before: 30 days}}",
    )
    stage.trigger(on="{from: active, to: at_risk}")
    stage.arrive("ann", "never_bought")
    stage.order("ann")
    stage.tick()
    stage.wait(days=30)
    stage.arrive("late")
    stage.order("late", at=datetime(2026, 1, 1, tzinfo=UTC))  # never seen as active
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    assert stage.entered() == {"hello": 0}


def test_stay_counts_from_an_entry_that_was_seen_and_fires_once(stage: Stage) -> None:
    stage.trigger(segment="{customer: country, is: FR}", on="{stay: 10 days}")
    stage.arrive("there_at_the_baseline")
    stage.tick()
    stage.wait(days=1)
    stage.arrive("ann", "leaves")
    stage.tick()
    stage.wait(days=9)
    assert stage.entered() == {"hello": 0}
    stage.change("leaves", country="BE")
    stage.wait(days=1)
    assert stage.entered() == {"hello": 1}
    stage.wait(days=5)
    assert stage.entered() == {"hello": 0}


def test_a_schedule_takes_everybody_each_time_that_reentry_allows(stage: Stage) -> None:
    everybody = "{customer: country, exists: true}"
    stage.trigger("weekly", segment=everybody, on="schedule", reentry="always")
    stage.trigger("once", segment=everybody, on="schedule")
    stage.arrive("ann", "bob")
    assert stage.entered() == {"once": 0, "weekly": 0}
    stage.wait(days=7)
    assert stage.entered() == {"once": 2, "weekly": 2}
    stage.wait(days=7)
    runs = stage.tick()
    assert runs["weekly"].treated == 2
    assert runs["once"].refused == {"reentry": 2}


@pytest.mark.parametrize(
    ("born", "tick_day", "enters"),
    [
        ("1990-03-04", 4, True),
        ("1990-03-05", 4, False),
        ("1990-03-03", 4, False),
    ],
)
def test_a_birthday_comes_once_on_its_day(
    stage: Stage, born: str, tick_day: int, enters: bool
) -> None:
    stage.trigger(on="{date: birth_date, offset: 0 days}")
    stage.arrive("ann", birth_date=born)
    stage.wait(days=tick_day - 2)  # the day before
    stage.tick()
    stage.wait(days=1)
    assert stage.entered() == {"hello": int(enters)}


def test_a_leap_day_birthday_is_the_28th_in_other_years(stage: Stage) -> None:
    stage.trigger(on="{date: birth_date, offset: 0 days}")
    stage.arrive("ann", birth_date="1992-02-29")
    stage.now = datetime(2026, 2, 27, 8, tzinfo=UTC)
    stage.tick()
    stage.wait(days=1)
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    assert stage.entered() == {"hello": 0}


def test_a_date_long_past_is_no_occasion_any_more(stage: Stage) -> None:
    stage.trigger(on="{date: birth_date, offset: 0 days}")
    stage.arrive("long_ago", birth_date="1990-03-20")
    stage.arrive("lately", birth_date="1990-05-28")
    stage.tick()
    stage.now = datetime(2026, 6, 1, 8, tzinfo=UTC)  # nothing ran for three months
    with stage.open() as relance:
        relance.tick(stage.now)
        assert relance.history("long_ago").entries == ()
        assert [e.trigger for e in relance.history("lately").entries] == ["hello"]


def test_a_monthly_date_trigger_reaches_the_whole_month(stage: Stage) -> None:
    stage.trigger(on="{date: birth_date, offset: 0 days}", schedule='"0 9 1 * *"')
    stage.arrive("third", birth_date="1990-03-03")
    stage.tick()
    stage.now = datetime(2026, 4, 1, 7, tzinfo=UTC)
    assert stage.entered() == {"hello": 1}


def test_a_date_falls_on_the_customers_own_calendar(stage: Stage) -> None:
    stage.trigger(on="{date: birth_date, offset: -7 days}")
    stage.arrive("tokyo", birth_date="1990-03-10", tz="Asia/Tokyo")
    stage.arrive("paris", birth_date="1990-03-10", tz="Europe/Paris")
    stage.now = datetime(2026, 3, 2, 10, tzinfo=UTC)
    stage.tick()
    stage.now = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)  # the third of March in Tokyo
    with stage.open() as relance:
        relance.tick(stage.now)
        assert [e.trigger for e in relance.history("tokyo").entries] == ["hello"]
        assert relance.history("paris").entries == ()
    stage.now = datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert stage.entered() == {"hello": 1}


def test_an_edited_segment_is_a_new_baseline_and_says_so(stage: Stage) -> None:
    stage.trigger(segment="{event: order, count: {at_least: 2}}")
    stage.arrive("ann")
    stage.order("ann")
    stage.tick()
    stage.wait(days=1)
    stage.trigger(segment="{event: order, count: {at_least: 1}}")
    run = stage.tick()["hello"]
    assert (run.baseline, run.members, run.treated) == (True, 1, 0)


def test_a_changed_text_keeps_the_place_in_time(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann")
    first = stage.tick()["hello"]
    stage.wait(days=1)
    stage.order("ann")
    stage.write("templates/hello/email.html", "---\nsubject: Salut\n---\n<p>Salut</p>\n")
    run = stage.tick()["hello"]
    assert (run.baseline, run.treated) == (False, 1)
    assert run.version != first.version


def test_a_comment_or_another_order_of_keys_changes_nothing(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    first = stage.tick()["hello"]
    stage.wait(days=1)
    path = stage.root / "triggers/hello.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*reversed(lines), "# a comment"]) + "\n")
    run = stage.tick()["hello"]
    assert (run.baseline, run.version) == (False, first.version)


def test_a_new_trigger_on_a_known_segment_writes_to_nobody_at_first(stage: Stage) -> None:
    stage.segments(recent=RECENT)
    stage.trigger("old", segment="recent")
    stage.tick()
    stage.wait(days=1)
    stage.arrive("ann")
    stage.order("ann")
    stage.trigger("new", segment="recent")
    runs = stage.tick()
    assert (runs["old"].treated, runs["new"].baseline, runs["new"].treated) == (1, True, 0)


def test_two_schedules_on_one_segment_each_see_every_transition(stage: Stage) -> None:
    stage.segments(recent=RECENT)
    stage.trigger("often", segment="recent")
    stage.trigger("daily", segment="recent")
    stage.tick()
    stage.wait(hours=1)
    stage.arrive("ann")
    stage.order("ann")
    assert stage.entered("often") == {"often": 1}
    stage.wait(hours=1)
    assert stage.entered("often") == {"often": 0}
    stage.wait(hours=1)
    assert stage.entered("daily") == {"daily": 1}


def test_the_workbench_may_vanish_between_ticks(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "bob")
    stage.order("ann")
    stage.tick()
    (stage.root / "state/workbench.duckdb").unlink()
    stage.wait(days=1)
    stage.order("bob")
    run = stage.tick()["hello"]
    assert (run.entered, run.left, run.treated) == (1, 0, 1)


@pytest.mark.parametrize("workbench", ["state/workbench.duckdb", "source"])
def test_a_workbench_that_remembers_nothing_is_no_loss_to_any_trigger(
    stage: Stage, workbench: str
) -> None:
    stage.settings(f"workbench: {workbench}\n")
    stage.segments(recent=RECENT, silent="{event: order, last: {before: 14 days}}")
    stage.trigger("a_silent", segment="silent")
    stage.trigger("b_move", on="{from: recent, to: silent}")
    stage.trigger("c_own", segment="{event: order, count: {at_least: 2}}")
    stage.trigger("d_hourly", segment="recent", on="exit")
    stage.arrive("ann", "bob")
    stage.order("ann", "bob")
    stage.tick()
    stage.wait(hours=1)
    stage.tick("d_hourly")
    if workbench != "source":
        (stage.root / workbench).unlink()
    stage.wait(days=14)
    stage.order("bob")
    assert stage.entered() == {"a_silent": 1, "b_move": 1, "c_own": 1, "d_hourly": 1}


def test_a_trigger_named_twice_is_evaluated_once(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann")
    assert stage.tick("hello", "hello")["hello"].baseline
    stage.wait(days=1)
    stage.order("ann")
    assert stage.entered("hello", "hello") == {"hello": 1}


def test_a_deleted_customer_has_left_and_is_not_written_to(stage: Stage) -> None:
    stage.trigger(segment=RECENT, on="exit")
    stage.arrive("ann", "stays")
    stage.order("ann", "stays")
    stage.tick()
    stage.wait(days=1)
    stage.delete("ann")
    run = stage.tick()["hello"]
    assert (run.left, run.treated, run.refused) == (1, 0, {"gone": 1})


def test_the_same_instant_again_does_nothing_and_answers_the_same(stage: Stage) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann")
    first = stage.tick()
    assert stage.tick() == first
    assert stage.deliver().accepted == 1


def test_time_goes_forward(stage: Stage) -> None:
    stage.segments(recent=RECENT)
    stage.trigger(segment="recent")
    stage.tick()
    stage.wait(days=-1)
    with pytest.raises(UsageError, match="before the last tick"):
        stage.tick()


def test_members_can_be_asked_for_any_tick_of_the_past(stage: Stage) -> None:
    stage.segments(recent=RECENT)
    stage.arrive("ann", "bob")
    stage.order("ann")
    stage.tick()
    stage.wait(days=14)
    stage.order("bob")
    stage.tick()
    assert stage.members("recent") == {"bob"}
    assert stage.members("recent", START) == {"ann"}


def test_events_after_the_instant_do_not_exist(stage: Stage) -> None:
    stage.segments(recent=RECENT)
    stage.arrive("ann")
    stage.order("ann", at=datetime(2026, 3, 2, tzinfo=UTC))
    stage.tick()
    assert stage.members("recent") == set()


def test_an_orders_export_cut_off_at_its_header_stops_the_tick_and_the_next_catches_up(
    stage: Stage,
) -> None:
    stage.trigger(segment="{event: order, count: {is: 0}}")
    stage.arrive("ann", "bob")
    stage.tick()  # a shop before its first order
    stage.wait(days=1)
    stage.order("ann", "bob")
    assert stage.entered() == {"hello": 0}
    stage.wait(days=1)
    whole, stage.orders = stage.orders, []
    with pytest.raises(SourceError, match="table orders has no rows, and had some before"):
        stage.tick()
    stage.orders = whole
    stage.arrive("new")
    assert stage.entered() == {"hello": 1}
