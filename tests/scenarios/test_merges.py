"""Customers with several ids: visitors who log in, and customers who are merged into others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting import LINKS, Meeting
from stage import RELANCE

RECENT = "{event: order, count: {at_least: 1}, within: 14 days}"


@pytest.fixture
def stage(tmp_path: Path) -> Meeting:
    return Meeting(tmp_path)


def test_orders_of_a_visitor_count_after_the_first_login_and_not_before(stage: Meeting) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann")
    stage.order("visitor-1")
    assert stage.tick()["hello"].members == 0
    stage.wait(days=1)
    stage.merge("visitor-1", "ann")
    assert stage.entered() == {"hello": 1}
    with stage.open() as relance:  # as of the day before, nobody knew
        assert relance.engine.kin(["visitor-1"], stage.now.replace(day=1))["customer"][
            0
        ].as_py() == ("visitor-1")


def test_who_was_in_a_segment_under_another_id_does_not_enter_it_again(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, reentry="always")
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    stage.merge("anna", "ann")
    run = stage.tick()["hello"]
    assert (run.entered, run.left, run.treated, run.members) == (0, 0, 0, 1)
    assert stage.entries("ann") == ["anna"]


def test_the_same_holds_where_the_kept_memberships_are_lost(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, reentry="always")
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    stage.wait(days=1)
    stage.merge("anna", "ann")
    for file in (stage.root / "state").glob("workbench*"):
        file.unlink()
    run = stage.tick()["hello"]
    assert (run.entered, run.left, run.treated, run.members) == (0, 0, 0, 1)


def test_an_id_that_ends_in_a_merge_has_not_left(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, on="exit", reentry="always")
    stage.arrive("ann", "anna")
    stage.order("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.delete("anna")
    run = stage.tick()["hello"]
    assert (run.left, run.treated, run.members) == (0, 0, 1)
    stage.wait(days=14)
    run = stage.tick()["hello"]  # and then the customer leaves, once
    assert (run.left, run.treated, run.members) == (1, 1, 0)


def test_a_stay_goes_on_through_a_merge_and_counts_once(stage: Meeting) -> None:
    stage.trigger(segment="{customer: country, is: FR}", on="{stay: 10 days}", reentry="always")
    stage.arrive("there_at_the_baseline")
    stage.tick()
    stage.wait(days=1)
    stage.arrive("anna")
    stage.tick()
    stage.wait(days=4)
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.tick()
    stage.wait(days=5)  # ten days after anna came
    assert stage.entered() == {"hello": 1}
    assert stage.entries("anna") == ["ann"]
    stage.wait(days=5)  # ten days after ann came
    assert stage.entered() == {"hello": 0}


def test_a_stay_that_ends_on_the_day_of_a_merge_counts_once(stage: Meeting) -> None:
    stage.trigger(segment="{customer: country, is: FR}", on="{stay: 10 days}", reentry="always")
    stage.tick()
    stage.wait(days=1)
    stage.arrive("anna")
    stage.tick()
    stage.wait(days=4)
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=6)
    assert stage.entered() == {"hello": 1}
    stage.wait(days=4)
    stage.merge("anna", "ann")
    assert stage.entered() == {"hello": 0}


def test_reentry_looks_at_every_id(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, reentry="{after: 30 days}")
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    stage.wait(days=15)
    stage.merge("anna", "ann")
    stage.tick()
    stage.order("ann")
    stage.wait(days=1)
    assert stage.tick()["hello"].refused == {"reentry": 1}


@pytest.mark.parametrize("under", ["ann", "anna"])
def test_what_was_said_under_either_id_holds_for_both(stage: Meeting, under: str) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "anna")
    stage.tick()
    with stage.open() as relance:
        relance.state.desk.record_consent("email", under, stage.now, "page", granted=False)
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.order("anna")
    assert stage.tick()["hello"].refused == {"no_consent": 1}


def test_a_later_yes_under_the_id_that_lives_on_outweighs_an_earlier_no(stage: Meeting) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "anna")
    stage.tick()
    with stage.open() as relance:
        desk = relance.state.desk
        desk.record_consent("email", "anna", stage.now, "page", granted=False)
        stage.wait(days=1)
        desk.record_consent("email", "ann", stage.now, "page", granted=True)
    stage.merge("anna", "ann")
    stage.order("anna")
    assert stage.tick()["hello"].treated == 1
    assert stage.deliver().accepted == 1


def test_the_caps_count_the_messages_of_every_id(stage: Meeting) -> None:
    stage.settings(LINKS + "limits: {per_customer: [1 per 7 days]}\n")
    stage.segments(buyers=RECENT, belgians="{customer: country, is: BE}")
    stage.trigger("one", segment="buyers")
    stage.trigger("two", segment="belgians")
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    stage.deliver()
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.change("ann", country="BE")
    assert stage.tick()["two"].refused == {"frequency_cap": 1}


def test_a_message_of_the_merged_id_goes_to_the_address_of_the_customer(stage: Meeting) -> None:
    steps = "[{wait: 2 days}, {send: {channel: email, template: hello}}]"
    stage.trigger(segment=RECENT, steps=steps)
    stage.arrive("ann", first_name="Ann")
    stage.arrive("anna", first_name="Anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    stage.wait(days=2)
    stage.merge("anna", "ann")
    stage.delete("anna")
    assert stage.deliver().accepted == 1
    (file,) = stage.outbox()
    assert "ann@example.com" in file.read_text()


def test_of_two_messages_for_the_same_step_one_is_sent(stage: Meeting) -> None:
    steps = "[{wait: 2 days}, {send: {channel: email, template: hello}}]"
    stage.trigger(segment=RECENT, steps=steps)
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "anna")
    assert stage.entered() == {"hello": 2}
    stage.wait(days=2)
    stage.merge("anna", "ann")
    report = stage.deliver()
    assert (report.accepted, dict(report.skipped)) == (1, {"merged": 1})
    assert sorted(stage.states("ann")) == [("accepted", ""), ("skipped", "merged")]


def test_a_queued_message_is_stopped_by_what_the_other_id_asked_for(stage: Meeting) -> None:
    steps = "[{wait: 2 days}, {send: {channel: email, template: hello}}]"
    stage.trigger(segment=RECENT, steps=steps)
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    with stage.open() as relance:
        desk = relance.state.desk
        desk.pause("ann", datetime(2026, 6, 1, tzinfo=UTC), stage.now, "page")
    stage.wait(days=2)
    stage.merge("anna", "ann")
    assert dict(stage.deliver().skipped) == {"paused": 1}


def test_the_report_counts_the_customer_once(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, goal="{event: order, within: 30 days}", holdout="0%")
    stage.arrive("ann", "anna", "bob")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "anna", "bob")
    assert stage.entered() == {"hello": 3}
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.wait(days=60)
    with stage.open() as relance:
        (told,) = relance.report(stage.now).triggers
    assert (told.treated, sum(week.treated.entered for week in told.cohorts)) == (3, 2)


def test_why_tells_the_history_of_every_id(stage: Meeting) -> None:
    stage.trigger(segment=RECENT)
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("anna")
    stage.tick()
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.tick()
    with stage.open() as relance:
        for asked in ("ann", "anna"):
            history = relance.history(asked)
            assert (history.customer, history.also) == ("ann", ("anna",))
            assert [e.customer for e in history.entries] == ["anna"]
            assert [s.segment for s in history.segments] == ["trigger/hello"]


def test_naming_a_map_of_identities_is_a_new_baseline(stage: Meeting) -> None:
    stage.write("config/relance.yaml", RELANCE)
    stage.trigger(segment=RECENT)
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=1)
    stage.settings(LINKS)
    stage.order("ann")
    run = stage.tick()["hello"]
    assert (run.baseline, run.members, run.treated) == (True, 1, 0)
