"""limits.quiet_hours: one stretch for all days, or stretches by weekday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relance.domain.quiet import quiet_until
from relance.domain.workspace import QuietHours

PATH = "config/relance.yaml"
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def week(shop, text: str) -> tuple[QuietHours, ...]:
    shop.add(PATH, f"limits: {{quiet_hours: {text}}}\n")
    return shop.workspace().limits.quiet_hours


def quiet(hours: tuple[QuietHours, ...], at: datetime) -> bool:
    """Whether an instant lies in any window, by the words of QuietHours alone."""
    for each in hours:
        for back in (0, 1):
            day = at - timedelta(days=back)
            start = datetime.combine(day.date(), each.start, UTC)
            end = datetime.combine(day.date(), each.end, UTC)
            end += timedelta(days=each.end <= each.start)
            if day.weekday() in each.days and start <= at < end:
                return True
    return False


def loud(hours: tuple[QuietHours, ...]) -> str:
    """The hours of a week in which messages leave, as a person would say them."""
    said = []
    for day, name in enumerate(DAYS):
        free = [
            hour
            for hour in range(24)
            if not quiet(hours, MONDAY + timedelta(days=day, hours=hour, minutes=30))
        ]
        said.append(f"{name} {free[0]}-{free[-1] + 1}" if free else f"{name} none")
    return ", ".join(said)


@pytest.mark.parametrize("text", ["20:00-08:00", '"20:00 – 08:00"', "{daily: 20:00-08:00}"])
def test_one_stretch_is_one_window_on_all_days(shop, text: str) -> None:
    (hours,) = week(shop, text)
    assert (str(hours.start), str(hours.end)) == ("20:00:00", "08:00:00")
    assert hours.days == frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{weekdays: 20:00-08:00, saturday: 19:00-10:00, sunday: all day}",
            "mon 8-20, tue 8-20, wed 8-20, thu 8-20, fri 8-20, sat 10-19, sun none",
        ),
        (
            "{daily: 20:00-08:00, weekend: all day}",
            "mon 8-20, tue 8-20, wed 8-20, thu 8-20, fri 8-20, sat none, sun none",
        ),
        (
            "{sunday: 20:00-08:00}",
            "mon 8-24, tue 0-24, wed 0-24, thu 0-24, fri 0-24, sat 0-24, sun 8-20",
        ),
        (
            "{saturday: [00:00-10:00, 19:00-24:00]}",
            "mon 0-24, tue 0-24, wed 0-24, thu 0-24, fri 0-24, sat 10-19, sun 0-24",
        ),
        (
            "[20:00-24:00, 00:00-08:00]",
            "mon 8-20, tue 8-20, wed 8-20, thu 8-20, fri 8-20, sat 8-20, sun 8-20",
        ),
        (
            "{weekdays: 20:00-08:00, monday: 20:00-09:00}",
            "mon 9-20, tue 9-20, wed 8-20, thu 8-20, fri 8-20, sat 8-24, sun 0-24",
        ),
    ],
)
def test_weekdays_have_hours_of_their_own(shop, text: str, expected: str) -> None:
    assert loud(week(shop, text)) == expected


def test_a_key_adds_to_another_and_never_takes_away(shop) -> None:
    hours = week(shop, "{daily: 20:00-08:00, friday: 12:00-14:00}")
    friday = MONDAY + timedelta(days=4)
    asked = [friday + timedelta(hours=hour) for hour in (7, 9, 12, 14, 20)]
    assert [quiet(hours, at) for at in asked] == [True, False, True, False, True]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.integers(0, 1439), end=st.integers(0, 1439), day=st.integers(0, 6),
    minute=st.integers(0, 10_079),
)  # fmt: skip
def test_no_minute_that_somebody_may_take_for_quiet_is_loud(
    shop, start: int, end: int, day: int, minute: int
) -> None:
    """Over midnight: the night before the day, and the night after it."""
    if start == end:
        return
    names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    text = f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    original = (shop.root / PATH).read_text()
    try:
        hours = week(shop, f'{{{names[day]}: "{text}"}}')
    finally:
        shop.write(PATH, original)
    of_day, of_minute = divmod(minute, 1440)
    on_day, after = of_day == day, of_day == (day + 1) % 7
    if start < end:
        expected = on_day and start <= of_minute < end
    else:
        expected = (on_day and (of_minute < end or of_minute >= start)) or (
            after and of_minute < end
        )
    assert quiet(hours, MONDAY + timedelta(minutes=minute)) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20:00-20:00", "(it begins and ends at the same time; the whole day is: all day)"),
        ("{sunday: 08:00-25:00}", "(hours go from 00:00 to 23:59)"),
        ("{sunday: all days}", "limits.quiet_hours.sunday: 'all days' is not a stretch of the day"),
        ("{sunday: 8-20}", "(write it like 20:00-08:00, or all day)"),
        ("{sundays: all day}", "limits.quiet_hours.sundays: unknown key (did you mean sunday?)"),
        ("{sunday: all day, sunday: all day}", "duplicate key (first on line 19)"),
        ("{weekdays: []}", "limits.quiet_hours.weekdays: is an empty list"),
        ("{}", "limits.quiet_hours: is empty (name a day, or delete the key)"),
        ("all day", "leaves no minute of the week (nothing could ever be sent)"),
        ("{weekdays: all day, weekend: [00:00-12:00, 12:00-24:00]}", "leaves no minute"),
        ("[08:00-20:00, 20:00-08:00]", "leaves no minute of the week"),
        ("{daily: 20:00-19:59, sunday: 19:00-20:00, weekdays: 19:00-20:00, saturday: 19:59-20:00}",
         "leaves no minute of the week"),
    ],
)  # fmt: skip
def test_a_mistaken_week_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(PATH, f"limits: {{quiet_hours: {text}}}\n")
    problem = str(shop.problem())
    assert said in problem
    assert problem.startswith(f"{PATH}:19:")


def test_one_minute_a_week_is_enough(shop) -> None:
    hours = week(shop, "{daily: 20:00-19:59, weekdays: all day, saturday: all day}")
    assert not quiet(hours, MONDAY + timedelta(days=6, hours=19, minutes=59))


def test_the_windows_are_those_that_delivery_holds_messages_back_by(shop) -> None:
    hours = week(shop, "{weekdays: 20:00-08:00, sunday: all day}")
    paris = ZoneInfo("Europe/Paris")
    sunday = datetime(2026, 6, 7, 12, tzinfo=paris)
    assert quiet_until(sunday, hours, paris) == datetime(2026, 6, 8, 8, tzinfo=paris)
