"""Local time as arithmetic: the engine's SQL against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relance.domain.duration import Duration
from relance.engine.clock import EPOCH, microseconds
from relance.engine.offsets import Offsets

ZONES = [
    "Europe/Paris",
    "America/St_Johns",  # half hours
    "Africa/Casablanca",  # four changes a year
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Apia",  # left out a whole day, on 30 December 2011
    "Asia/Kolkata",
]
LENGTHS = ["1 day", "7 days", "90 days", "2 weeks", "1 month", "13 months", "2 years", "36 hours"]
LOW, HIGH = datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2026, 2, 15, 2, tzinfo=UTC),
]


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Any instant, and those that land near a change of the clocks."""
    inside = st.integers(0, int((HIGH - LOW).total_seconds()) - 1).map(
        lambda seconds: LOW + timedelta(seconds=seconds)
    )
    day = st.integers(-95, 95).map(lambda days: timedelta(days=days))
    nudge = st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds))
    near = st.builds(lambda *parts: parts[0] + parts[1] + parts[2],
                     st.sampled_from(CHANGES), day, nudge)  # fmt: skip
    return draw(st.one_of(inside, near))


def values(offsets: Offsets, at: datetime, *sql: str) -> list[datetime]:
    """What expressions over the columns `instant` and `local` say."""
    inner = f"SELECT instant, {offsets.local('instant')} AS local"
    (row,) = duckdb.sql(
        f"SELECT {', '.join(sql)} FROM ({inner} FROM (SELECT {microseconds(at)} AS instant))"
    ).fetchall()
    return [EPOCH + timedelta(microseconds=each) for each in row]


@pytest.mark.parametrize("name", ZONES)
@given(at=instants(), text=st.sampled_from(LENGTHS))
@settings(max_examples=30, deadline=None)
def test_lengths_end_where_python_says(name: str, at: datetime, text: str) -> None:
    zone, length = ZoneInfo(name), Duration.parse(text)
    offsets = Offsets.of(zone, at - timedelta(days=800), at + timedelta(days=800))
    shifted = [offsets.shifted("instant", "local", length, sign) for sign in (1, -1)]

    assert values(offsets, at, "local", *shifted) == [
        at.astimezone(zone).replace(tzinfo=UTC),
        length.after(at, zone),
        length.before(at, zone),
    ]


def test_a_zone_that_changes_nothing_has_one_offset() -> None:
    assert Offsets.of(ZoneInfo("Asia/Kolkata"), LOW, HIGH) == Offsets(
        offsets=(19_800_000_000,), changes=()
    )


def test_the_changes_of_a_zone_are_known_to_the_second() -> None:
    year = Offsets.of(ZoneInfo("Europe/Paris"), datetime(2026, 1, 1, tzinfo=UTC), HIGH)

    assert year.changes == tuple(microseconds(change) for change in CHANGES[:2])
    assert year.offsets == (3_600_000_000, 7_200_000_000, 3_600_000_000)
