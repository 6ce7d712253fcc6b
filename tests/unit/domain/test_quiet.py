"""Quiet hours on the customer's own clock, across every change of that clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
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
    assert quiet_until(utc(at), NIGHT, PARIS) == (until and utc(until))


def test_quiet_hours_within_one_day_end_on_that_day():
    noon = QuietHours(start=time(12), end=time(14, 30))
    assert quiet_until(utc("2026-01-10T12:00:00"), noon, PARIS) == utc("2026-01-10T13:30:00")
    assert quiet_until(utc("2026-01-10T10:59:00"), noon, PARIS) is None


def test_an_end_that_the_clock_jumps_over_ends_with_the_jump():
    hours = QuietHours(start=time(20), end=time(2, 30))  # 02:00 becomes 03:00 that night
    assert quiet_until(utc("2026-03-29T00:30:00"), hours, PARIS) == utc("2026-03-29T01:00:00")
    assert quiet_until(utc("2026-03-28T20:00:00"), hours, PARIS) == utc("2026-03-29T01:00:00")


def test_an_end_that_comes_twice_ends_the_night_the_first_time():
    hours = QuietHours(start=time(20), end=time(2, 30))  # 03:00 becomes 02:00 that night
    assert quiet_until(utc("2026-10-24T23:00:00"), hours, PARIS) == utc("2026-10-25T00:30:00")


def test_a_clock_set_back_before_the_end_makes_it_quiet_again():
    hours = QuietHours(start=time(20), end=time(2, 30))
    assert quiet_until(utc("2026-10-25T01:10:00"), hours, PARIS) == utc("2026-10-25T01:30:00")


def test_the_day_that_samoa_left_out_is_no_quiet_stretch_without_end():
    apia = ZoneInfo("Pacific/Apia")  # 2011-12-29 is followed by 2011-12-31
    until = quiet_until(utc("2011-12-30T09:30:00"), NIGHT, apia)
    assert until is not None
    assert quiet_until(until, NIGHT, apia) is None
    assert until - utc("2011-12-30T09:30:00") < timedelta(hours=13)


def test_a_stretch_of_no_length_is_never_quiet():
    empty = QuietHours(start=time(8), end=time(8))
    assert quiet_until(utc("2026-01-10T07:00:00"), empty, PARIS) is None


ZONES = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kathmandu",
    "America/Sao_Paulo",  # changed at midnight until 2019
    "Africa/Casablanca",
    "Pacific/Apia",
]


@given(
    at=st.datetimes(datetime(2009, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    start=st.times(),
    end=st.times(),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_a_message_put_off_is_never_put_off_into_quiet_hours(
    at: datetime, start: time, end: time, zone: ZoneInfo
):
    hours = QuietHours(start=start, end=end)
    until = quiet_until(at, hours, zone)
    if until is not None:
        assert at < until <= at + timedelta(hours=26)
        assert quiet_until(until, hours, zone) is None


@pytest.mark.parametrize("name", [None, "", "Nowhere/Atlantis", "Europe", "../etc/passwd", "/etc"])
def test_a_customer_without_a_usable_time_zone_has_the_workspaces(name: str | None):
    assert zone_or(name, PARIS) is PARIS


def test_a_customers_own_time_zone_counts():
    assert zone_or("Asia/Tokyo", PARIS).key == "Asia/Tokyo"
