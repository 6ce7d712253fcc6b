"""The periods of a global holdout: their names, which are salts, and their bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from relance.domain.period import holdout_period, period_bounds
from relance.domain.workspace import Rotation

PARIS = ZoneInfo("Europe/Paris")
NOVEMBER = datetime(2026, 11, 22, 9, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("rotation", "name"),
    [
        (Rotation.MONTH, "2026-11"),
        (Rotation.QUARTER, "2026Q4"),
        (Rotation.HALF_YEAR, "2026H2"),
        (Rotation.YEAR, "2026"),
    ],
)
def test_a_period_is_named_after_its_place_in_the_year(rotation: Rotation, name: str) -> None:
    assert holdout_period(NOVEMBER, rotation) == name


def test_the_year_begins_when_it_does_in_the_workspaces_zone() -> None:
    new_year = datetime(2025, 12, 31, 23, 30, tzinfo=UTC).astimezone(PARIS)
    assert holdout_period(new_year, Rotation.QUARTER) == "2026Q1"
    assert holdout_period(new_year, Rotation.MONTH) == "2026-01"
    assert period_bounds(new_year, Rotation.YEAR)[0] == datetime(2026, 1, 1, tzinfo=PARIS)


@pytest.mark.parametrize("rotation", Rotation)
def test_periods_follow_each_other_without_a_gap_and_never_overlap(rotation: Rotation) -> None:
    begin, names = datetime(2026, 1, 1, tzinfo=PARIS), []
    while begin.year < 2028:
        first, end = period_bounds(begin, rotation)
        assert first == begin
        just_before = (end.astimezone(UTC) - timedelta(microseconds=1)).astimezone(PARIS)
        assert period_bounds(just_before, rotation) == (begin, end)
        assert holdout_period(just_before, rotation) == holdout_period(begin, rotation)
        names.append(holdout_period(begin, rotation))
        begin = end
    assert begin == datetime(2028, 1, 1, tzinfo=PARIS)
    assert len(names) == len(set(names))


def test_a_periods_bounds_are_midnights_in_winter_and_in_summer() -> None:
    begin, end = period_bounds(datetime(2026, 10, 30, tzinfo=PARIS), Rotation.QUARTER)
    assert (begin.isoformat(), end.isoformat()) == (
        "2026-10-01T00:00:00+02:00",
        "2027-01-01T00:00:00+01:00",
    )
