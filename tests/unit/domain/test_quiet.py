"""Quiet hours on the customer's own clock, across every change of that clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relance.domain.quiet import quiet_until, zone_or
from relance.domain.workspace import QuietHours

PARIS = ZoneInfo("Europe/Paris")
NIGHT = QuietHours(start=time(20), end=time(8))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-01-10T18:59:59", None),  # 19:59:59 in Paris
        ("2026-01-10T19:00:00", "2026-01-11T07:00:00"),  # 20:00, the first quiet second
        ("2026-01-11T03:00:00", "2026-01-11T07:00:00"),
        ("2026-01-11T06:59:59", "2026-01-11T07:00:00"),
        ("2026-01-11T07:00:00", None),  # 08:00, no longer quiet
        ("2026-03-28T22:00:00", "2026-03-29T06:00:00"),  # the night with 23 hours' clock
        ("2026-10-24T22:00:00", "2026-10-25T07:00:00"),  # the night with 25
    ],
)
def test_a_quiet_night_lasts_until_the_morning_of_the_customers_own_clock(at: str, until: str):
    assert quiet_until(utc(at), [NIGHT], PARIS) == (until and utc(until))


def test_quiet_hours_within_one_day_end_on_that_day():
    noon = QuietHours(start=time(12), end=time(14, 30))
    assert quiet_until(utc("2026-01-10T12:00:00"), [noon], PARIS) == utc("2026-01-10T13:30:00")
    assert quiet_until(utc("2026-01-10T10:59:00"), [noon], PARIS) is None


def test_an_end_that_the_clock_jumps_over_ends_with_the_jump():
    hours = QuietHours(start=time(20), end=time(2, 30))  # 02:00 becomes 03:00 that night
    assert quiet_until(utc("2026-03-29T00:30:00"), [hours], PARIS) == utc("2026-03-29T01:00:00")
    assert quiet_until(utc("2026-03-28T20:00:00"), [hours], PARIS) == utc("2026-03-29T01:00:00")


def test_an_end_that_comes_twice_ends_the_night_the_first_time():
    hours = QuietHours(start=time(20), end=time(2, 30))  # 03:00 becomes 02:00 that night
    assert quiet_until(utc("2026-10-24T23:00:00"), [hours], PARIS) == utc("2026-10-25T00:30:00")


def test_a_clock_set_back_before_the_end_makes_it_quiet_again():
    hours = QuietHours(start=time(20), end=time(2, 30))
    assert quiet_until(utc("2026-10-25T01:10:00"), [hours], PARIS) == utc("2026-10-25T01:30:00")


def test_the_day_that_samoa_left_out_is_no_quiet_stretch_without_end():
    apia = ZoneInfo("Pacific/Apia")  # 2011-12-29 is followed by 2011-12-31
    until = quiet_until(utc("2011-12-30T09:30:00"), [NIGHT], apia)
    assert until is not None
    assert quiet_until(until, [NIGHT], apia) is None
    assert until - utc("2011-12-30T09:30:00") < timedelta(hours=13)


WEEKDAYS, SATURDAY, SUNDAY = frozenset(range(5)), frozenset({5}), frozenset({6})
WEEK = (
    QuietHours(start=time(20), end=time(8), days=WEEKDAYS),
    QuietHours(start=time(19), end=time(10), days=SATURDAY),
    QuietHours(start=time(0), end=time(0), days=SUNDAY),
)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-01-09T20:00", "2026-01-10T07:00"),  # Friday's night is Friday's window
        ("2026-01-10T08:30", None),  # Saturday, 09:30
        ("2026-01-10T18:00", "2026-01-11T23:00"),  # from Saturday evening through all of Sunday
        ("2026-01-11T12:00", "2026-01-11T23:00"),  # no window begins on Sunday evening
        ("2026-01-11T23:00", None),  # Monday, 00:00
    ],
)
def test_windows_of_several_days_that_touch_are_one_stretch(at: str, until: str | None):
    assert quiet_until(utc(at), WEEK, PARIS) == (until and utc(until))


def test_a_stretch_whose_end_is_its_start_is_a_whole_day():
    sunday = QuietHours(start=time(8), end=time(8), days=SUNDAY)
    assert quiet_until(utc("2026-01-11T07:00:00"), [sunday], PARIS) == utc("2026-01-12T07:00:00")
    assert quiet_until(utc("2026-01-11T06:59:00"), [sunday], PARIS) is None


def test_without_quiet_hours_it_is_never_quiet():
    assert quiet_until(utc("2026-01-10T03:00:00"), [], PARIS) is None


def test_hours_that_never_end_are_looked_at_again_in_two_weeks():
    always = QuietHours(start=time(0), end=time(0))
    at = utc("2026-01-10T03:00:00")
    assert quiet_until(at, [always], PARIS) == at + timedelta(days=15)


# weeks in which a clock changes: by an hour, by half an hour, at midnight, by a whole day
CHANGES = [
    ("Europe/Paris", "2026-03-29"),
    ("Europe/Paris", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2019-02-17"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Africa/Casablanca", "2026-03-22"),
    ("Asia/Kathmandu", "2026-06-01"),
    ("Pacific/Apia", "2011-12-30"),
]
MINUTE = timedelta(minutes=1)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
windows = st.builds(
    QuietHours,
    start=clocks,
    end=clocks,
    days=st.frozensets(st.integers(0, 6), min_size=1),
)


def is_quiet(local: datetime, hours: list[QuietHours]) -> bool:
    """The rule as one would explain it: every window that began today or yesterday."""
    wall = local.replace(tzinfo=None, fold=0)
    for days_ago in (0, 1):
        day = wall.date() - timedelta(days=days_ago)
        for window in hours:
            begins = datetime.combine(day, window.start)
            ends = datetime.combine(day, window.end)
            if ends <= begins:
                ends += timedelta(days=1)
            if day.weekday() in window.days and begins <= wall < ends:
                return True
    return False


@settings(deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    minutes=st.integers(-3 * 1440, 3 * 1440),
    hours=st.lists(windows, min_size=1, max_size=3),
)
def test_the_end_is_the_first_minute_of_the_wall_clock_that_is_not_quiet(
    change: tuple[str, str], minutes: int, hours: list[QuietHours]
):
    zone = ZoneInfo(change[0])
    at = datetime.fromisoformat(change[1]).replace(tzinfo=UTC) + minutes * MINUTE
    expected = at
    while is_quiet(expected.astimezone(zone), hours) and expected < at + timedelta(days=14):
        expected += MINUTE
    until = quiet_until(at, hours, zone)
    if expected < at + timedelta(days=14):
        assert until == (None if expected == at else expected)
    else:
        assert until is not None
        assert until >= expected


@pytest.mark.parametrize("name", [None, "", "Nowhere/Atlantis", "Europe", "../etc/passwd", "/etc"])
def test_a_customer_without_a_usable_time_zone_has_the_workspaces(name: str | None):
    assert zone_or(name, PARIS) is PARIS


def test_a_customers_own_time_zone_counts():
    assert zone_or("Asia/Tokyo", PARIS).key == "Asia/Tokyo"
