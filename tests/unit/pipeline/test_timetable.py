"""Every scheduled instant is evaluated once; missed ones late, together and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from delivery_fakes import make_trigger
from relance.domain.duration import Duration
from relance.domain.trigger import Schedule
from relance.pipeline.timetable import Due, Timetable, firing, latest

PARIS = ZoneInfo("Europe/Paris")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every(text: str) -> Schedule:
    return Schedule(every=Duration.parse(text))


def table(since: datetime = LONG_AGO, **schedules: str | Schedule) -> Timetable:
    triggers = {
        name: make_trigger(name, schedule=Schedule(cron=s) if isinstance(s, str) else s)
        for name, s in schedules.items()
    }
    return Timetable(triggers, PARIS, since)


def instants(schedule: Schedule, start: str, end: str) -> list[str]:
    trigger, found = firing(schedule, PARIS), []
    at = trigger.get_next_fire_time(None, utc(start))
    while at is not None and at <= utc(end):
        found.append(at.strftime("%dT%H:%M"))
        at = trigger.get_next_fire_time(at, utc(start))
    return found


def test_a_cron_line_is_read_on_the_workspaces_clock():
    assert instants(Schedule(cron="0 9 * * *"), "2026-03-27T00:00", "2026-03-30T23:00") == [
        "27T08:00",
        "28T08:00",
        "29T07:00",  # summer time began
        "30T07:00",
    ]


def test_weekdays_by_name_are_the_days_they_say():
    assert instants(Schedule(cron="0 9 * * mon"), "2026-03-01T00:00", "2026-03-15T00:00") == [
        "02T08:00",
        "09T08:00",
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("30 2 * * *", ["25T00:30"]),  # 02:30 comes twice that night, the trigger once
        ("*/30 2-3 * * *", ["25T00:00", "25T00:30", "25T02:00", "25T02:30"]),
        ("0 * * * *", ["25T00:00", "25T01:00", "25T02:00", "25T03:00"]),
    ],
)
def test_in_the_hour_that_comes_twice_only_a_line_for_every_hour_runs_twice(
    line: str, found: list[str]
):
    assert instants(Schedule(cron=line), "2026-10-25T00:00", "2026-10-25T03:00") == found


def test_a_time_that_the_clock_jumps_over_is_not_left_out():
    found = instants(Schedule(cron="30 2 * * *"), "2026-03-28T12:00", "2026-03-30T12:00")
    assert len(found) == 2


def test_a_fixed_interval_is_a_grid_that_a_restart_does_not_move():
    assert instants(every("45 minutes"), "2026-03-02T00:00", "2026-03-02T02:00") == instants(
        every("45 minutes"), "2026-03-01T23:50", "2026-03-02T02:00"
    )
    assert instants(every("15 minutes"), "2026-03-02T09:01", "2026-03-02T09:45") == [
        "02T09:15",
        "02T09:30",
        "02T09:45",
    ]


def test_days_begin_at_midnight_on_the_calendar():
    assert instants(every("1 day"), "2026-03-28T12:00", "2026-03-30T23:00") == [
        "28T23:00",
        "29T22:00",
        "30T22:00",
    ]
    assert instants(every("1 week"), "2026-03-01T00:00", "2026-03-16T12:00") == [
        "01T23:00",
        "08T23:00",
        "15T23:00",
    ]


@pytest.mark.parametrize(
    ("line", "now", "found"),
    [
        ("* * * * *", "2026-03-02T09:00:30", "2026-03-02T09:00"),
        ("0 9 * * *", "2026-03-02T08:00", "2026-03-02T08:00"),
        ("0 9 * * *", "2026-03-02T07:59", "2026-03-01T08:00"),
        ("0 9 1 * *", "2026-03-31T12:00", "2026-03-01T08:00"),
        ("0 9 29 2 *", "2026-03-02T12:00", "2024-02-29T08:00"),
    ],
)
def test_the_latest_instant_is_found_however_rare_it_is(line: str, now: str, found: str):
    assert latest(firing(Schedule(cron=line), PARIS), utc(now)) == utc(found)


def test_triggers_that_fall_due_together_share_one_tick():
    due = table(a="0 9 * * *", b=every("15 minutes"), c="0 10 * * *").due(
        {"a": utc("2026-03-01T08:00"), "b": utc("2026-03-02T07:45"), "c": utc("2026-03-01T09:00")},
        utc("2026-03-02T08:00:01"),
    )
    at = utc("2026-03-02T08:00")
    assert due == Due(at=at, triggers={"a": at, "b": at})


def test_missed_instants_are_made_up_for_once_as_of_the_newest():
    due = table(a="0 9 * * *", b="0 8 * * *").due(
        {"a": utc("2026-02-01T08:00"), "b": utc("2026-02-01T07:00")}, utc("2026-03-02T12:00")
    )
    assert due == Due(
        at=utc("2026-03-02T08:00"),
        triggers={"a": utc("2026-03-02T08:00"), "b": utc("2026-03-02T07:00")},
    )


def test_nothing_is_due_twice():
    assert table(a="0 9 * * *").due({"a": utc("2026-03-02T08:00")}, utc("2026-03-02T12:00")) is None


def test_a_trigger_that_never_ran_waits_for_its_next_instant():
    fresh = table(since=utc("2026-03-02T12:00"), a="0 9 * * *")
    assert fresh.due({}, utc("2026-03-03T07:59")) is None
    due = fresh.due({}, utc("2026-03-03T08:00"))
    assert due is not None
    assert due.at == utc("2026-03-03T08:00")


def test_the_worker_wakes_at_every_instant_of_any_trigger():
    wake = table(a="0 9 * * *", b="30 8 * * *").wake()
    assert wake is not None
    first = wake.get_next_fire_time(None, utc("2026-03-02T00:00"))
    second = wake.get_next_fire_time(first, utc("2026-03-02T00:00"))
    assert (first, second) == (utc("2026-03-02T07:30"), utc("2026-03-02T08:00"))
    assert table().wake() is None


def test_an_interval_without_a_fixed_length_is_refused():
    with pytest.raises(ValueError, match="use a cron line"):
        firing(every("1 month"), PARIS)


def test_instants_of_a_year_never_go_backwards():
    trigger = firing(Schedule(cron="*/20 1-3 * * *"), PARIS)
    at = trigger.get_next_fire_time(None, utc("2026-01-01T00:00"))
    while at < utc("2027-01-01T00:00"):
        later = trigger.get_next_fire_time(at, at)
        assert at < later <= at + timedelta(days=1, hours=2)
        at = later
