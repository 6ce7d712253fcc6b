"""What becomes of an entry's messages: waits, conditions, goals, holdouts, caps, consent."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from html import unescape

import pytest

from relance.domain.ledger import RunRecord
from relance.errors import UsageError
from relance.reading import check_workspace
from stage import Stage

BUYERS = "{event: order, count: {at_least: 1}}"
TWO_STEPS = (
    "[{send: {channel: email, template: hello}}, {wait: 5 days},"
    " {unless: {event: order, since: entry}, send: {channel: sms, template: hello}}]"
)


def enter(stage: Stage, *names: str) -> RunRecord:
    """A baseline, then these customers order and enter `hello`."""
    stage.tick()
    stage.wait(days=1)
    stage.order(*names)
    return stage.tick()["hello"]


def test_a_second_step_waits_its_days(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, steps=TWO_STEPS)
    stage.arrive("ann")
    enter(stage, "ann")
    assert stage.deliver().accepted == 1
    stage.wait(days=4, hours=23)
    assert stage.deliver().accepted == 0
    stage.wait(hours=1)
    assert stage.deliver().accepted == 1
    assert [path.suffix for path in stage.outbox()] == [".eml", ".txt"]


def test_a_step_whose_condition_no_longer_holds_is_skipped_with_its_reason(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, steps=TWO_STEPS)
    stage.arrive("ann")
    enter(stage, "ann")
    stage.deliver()
    stage.wait(days=2)
    stage.order("ann")
    stage.wait(days=3)
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (0, {"condition": 1})


def test_who_reached_the_goal_leaves_the_remaining_steps(stage: Stage) -> None:
    steps = "[{send: {channel: email, template: hello}}, {wait: 5 days}, {send: {channel: sms, template: hello}}]"  # noqa: E501
    stage.trigger(segment=BUYERS, steps=steps, goal="{event: order, within: 30 days}")
    stage.arrive("ann", "bob")
    enter(stage, "ann", "bob")
    stage.deliver()
    stage.wait(days=3)
    stage.order("ann")
    stage.wait(days=2)
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {"goal_reached": 1})


def test_a_step_may_ask_for_a_segment_at_the_moment_of_sending(stage: Stage) -> None:
    stage.segments(french="{customer: country, is: FR}")
    steps = "[{wait: 1 day}, {if: {segment: french}, send: {channel: email, template: hello}}]"
    stage.trigger(segment=BUYERS, steps=steps)
    stage.arrive("ann", "bob")
    enter(stage, "ann", "bob")
    stage.change("bob", country="BE")
    stage.wait(days=1)
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {"condition": 1})


def test_the_held_out_are_ghosts_with_the_same_later_skips(stage: Stage) -> None:
    stage.trigger(
        segment=BUYERS, steps=TWO_STEPS, holdout="50%", goal="{event: order, within: 9 days}"
    )
    names = [f"c{number:02d}" for number in range(40)]
    stage.arrive(*names)
    run = enter(stage, *names)
    assert run.treated + run.held_out == 40
    assert 8 < run.held_out < 32
    first = stage.deliver()
    assert (first.accepted, first.ghosts) == (run.treated, run.held_out)
    stage.wait(days=1)
    stage.order(*names)
    stage.wait(days=4)
    second = stage.deliver()
    assert (second.accepted, second.ghosts) == (0, 0)
    assert second.skipped == {"goal_reached": 40}
    assert len(stage.outbox()) == run.treated


def test_consent_withdrawn_after_the_entry_stops_the_message(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann", "bob")
    enter(stage, "ann", "bob")
    stage.change("ann", optin="false")
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {"no_consent": 1})


def test_a_suppression_after_the_entry_stops_the_message(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann")
    enter(stage, "ann")
    with stage.open() as relance:
        relance.state.suppress("email", "ann", "complaint", stage.now)
    assert stage.deliver().skipped == {"suppressed": 1}


def test_a_customer_deleted_after_the_entry_is_not_written_to(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann", "bob")
    enter(stage, "ann")
    stage.delete("ann")
    assert stage.deliver().skipped == {"gone": 1}


def test_quiet_hours_hold_a_message_until_the_customers_morning(stage: Stage) -> None:
    stage.settings('limits: {quiet_hours: "20:00-08:00"}\n')
    stage.trigger(segment=BUYERS)
    stage.arrive("paris")
    stage.arrive("montreal", tz="America/Montreal")
    enter(stage, "paris", "montreal")  # 09:00 in Paris, 03:00 in Montreal
    report = stage.deliver()
    assert (report.accepted, report.postponed) == (1, 1)
    stage.wait(hours=4)
    assert stage.deliver().accepted == 0
    stage.wait(hours=1)  # 08:00 in Montreal
    assert stage.deliver().accepted == 1


def test_a_cap_holds_over_ticks_and_the_higher_priority_wins_within_one(stage: Stage) -> None:
    stage.settings("limits: {per_customer: [1 per 7 days]}\n")
    stage.trigger("hello", segment=BUYERS, priority="10")
    stage.trigger("urgent", segment=BUYERS, priority="90")
    stage.trigger("second", segment="{event: order, count: {at_least: 2}}")
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann")
    runs = stage.tick()
    assert runs["urgent"].treated == 1
    assert runs["hello"].refused == {"displaced": 1}
    stage.wait(days=6)
    stage.order("ann")
    assert stage.tick()["second"].refused == {"frequency_cap": 1}
    with stage.open() as relance:
        details = {r.trigger: r.detail for r in relance.history("ann").refusals}
    assert details["hello"] == "urgent"


@pytest.mark.parametrize(("rule", "again"), [("never", 0), ("always", 1), ("{after: 20 days}", 0)])
def test_reentry_follows_its_rule(stage: Stage, rule: str, again: int) -> None:
    recent = "{event: order, count: {at_least: 1}, within: 5 days}"
    stage.trigger(segment=recent, reentry=rule)
    stage.arrive("ann")
    enter(stage, "ann")
    stage.wait(days=6)
    stage.tick()  # ann has left
    stage.wait(days=1)
    stage.order("ann")
    assert stage.entered() == {"hello": again}


def test_reentry_after_a_while_opens_again(stage: Stage) -> None:
    recent = "{event: order, count: {at_least: 1}, within: 5 days}"
    stage.trigger(segment=recent, reentry="{after: 20 days}")
    stage.arrive("ann")
    enter(stage, "ann")
    stage.wait(days=19)
    stage.tick()
    stage.wait(days=1)
    stage.order("ann")
    assert stage.entered() == {"hello": 1}


def test_a_backfill_says_how_many_then_writes_to_those_already_there(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann", "bob", "no_consent")
    stage.change("no_consent", optin="false")
    stage.order("ann", "bob", "no_consent")
    stage.tick()
    with stage.open() as relance:
        plan = relance.backfill("hello", stage.now, commit=False)
        assert (plan.candidates, plan.run.treated, plan.committed) == (3, 2, False)
        assert relance.state.queue.pending() == 0
        done = relance.backfill("hello", stage.now, commit=True)
    assert (done.run.treated, done.run.refused) == (2, {"no_consent": 1})
    assert stage.deliver().accepted == 2
    stage.wait(days=1)
    assert stage.entered() == {"hello": 0}


def test_a_backfill_twice_writes_once(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann")
    stage.order("ann")
    stage.tick()
    with stage.open() as relance:
        relance.backfill("hello", stage.now, commit=True)
    stage.wait(hours=1)
    with stage.open() as relance:
        again = relance.backfill("hello", stage.now, commit=True)
    assert again.run.refused == {"reentry": 1}


def test_a_backfill_of_an_exit_is_refused(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, on="exit")
    with stage.open() as relance, pytest.raises(UsageError, match="cannot be back-filled"):
        relance.backfill("hello", stage.now, commit=False)


def test_a_backfill_of_the_past_is_refused(stage: Stage) -> None:
    stage.segments(recent=BUYERS)
    stage.trigger(segment="recent")
    stage.arrive("ann")
    stage.order("ann")
    stage.tick()
    stage.wait(days=-1)
    with stage.open() as relance, pytest.raises(UsageError, match="before the last tick"):
        relance.backfill("hello", stage.now, commit=True)


def test_a_backfill_of_stay_reaches_those_who_were_there_at_the_baseline(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, on="{stay: 10 days}")
    stage.arrive("ann", "newer")
    stage.order("ann")
    stage.tick()
    stage.wait(days=5)
    stage.order("newer")
    stage.tick()
    stage.wait(days=6)
    with stage.open() as relance:
        assert relance.backfill("hello", stage.now, commit=False).candidates == 1


def test_what_is_sent_is_what_the_customer_should_read(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann", first_name="Éléonore 🎉 שלום")
    enter(stage, "ann")
    stage.deliver()
    message = message_from_bytes(stage.outbox()[0].read_bytes(), policy=policy.default)
    assert message["Subject"] == "Bonjour Éléonore 🎉 שלום"
    assert message["To"] == "ann@example.com"
    html = message.get_body(("html",))
    assert html is not None
    assert "Éléonore 🎉 שלום" in unescape(html.get_content())


def test_the_global_holdout_gets_nothing_from_any_trigger(stage: Stage) -> None:
    stage.settings("global_holdout: 20%\n")
    stage.trigger(segment=BUYERS)
    names = [f"c{number:02d}" for number in range(60)]
    stage.arrive(*names)
    run = enter(stage, *names)
    assert 3 < run.refused["global_holdout"] < 25
    assert run.treated == 60 - run.refused["global_holdout"]


def test_a_score_at_sending_is_taken_against_the_cut_offs_of_the_ticks(stage: Stage) -> None:
    # under the cut-offs of the baseline three orders are many; for those who have come since
    # they are not, and cut-offs fitted at sending would say so
    stage.segments(frequent="{rfm: {frequency: [4, 5]}}")
    steps = "[{wait: 1 day}, {if: {segment: frequent}, send: {channel: email, template: hello}}]"
    stage.trigger(segment="{event: order, count: {at_least: 3}}", steps=steps)
    stage.arrive("ann", *(f"once{number}" for number in range(20)))
    stage.order(*(f"once{number}" for number in range(20)))
    stage.order("ann")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "ann")
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    often = [f"often{number}" for number in range(60)]
    stage.arrive(*often)
    for _ in range(9):
        stage.order(*often)
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {})


def test_messages_that_have_not_left_yet_fill_the_caps(stage: Stage) -> None:
    stage.settings("limits: {per_customer: [1 per day]}\n")
    stage.trigger(segment="{customer: country, exists: true}", on="schedule", reentry="always")
    stage.arrive("ann")
    stage.tick()
    entered = []
    for _ in range(3):  # nothing is delivered for three days
        stage.wait(days=1)
        entered.append(stage.entered()["hello"])
    assert entered == [1, 0, 0]
    assert stage.deliver().accepted == 1
    stage.wait(hours=12)
    assert stage.entered() == {"hello": 0}  # it left twelve hours ago, however long it was due
    stage.wait(hours=14)
    assert stage.entered() == {"hello": 1}


def test_a_daily_trigger_fits_one_message_a_day_although_sending_takes_minutes(
    stage: Stage,
) -> None:
    stage.settings("limits: {per_customer: [1 per day]}\n")
    stage.trigger(segment="{customer: country, exists: true}", on="schedule", reentry="always")
    stage.arrive("ann")
    stage.tick()
    for _ in range(3):
        stage.wait(days=1)
        assert stage.entered() == {"hello": 1}
        stage.now += timedelta(minutes=10)
        assert stage.deliver().accepted == 1
        stage.now -= timedelta(minutes=10)


def test_a_trigger_that_can_never_fit_the_caps_is_a_mistake(stage: Stage) -> None:
    stage.settings("limits: {per_customer: [1 per day]}\n")
    twice = "{send: {channel: email, template: hello}}"
    stage.trigger(segment=BUYERS, steps=f"[{twice}, {{wait: 2 days}}, {twice}, {twice}]")
    problems = check_workspace(stage.root, with_data=False, env={})
    (mistake,) = [str(problem) for problem in problems if not problem.warning]
    assert mistake == (
        "triggers/hello.yaml:4:8: steps: 2 messages within 1 day, where limits.per_customer"
        " allows 1 per 1 day: nobody could ever enter (wait longer between the steps, or raise"
        " the limit)"
    )
