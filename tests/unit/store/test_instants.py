"""How instants are stored: exactly, and in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relance.store.instants import OPEN, from_integer, to_integer

INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001  hypothesis wants naive bounds
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Kathmandu")]),
)


@given(INSTANTS)
def test_an_instant_comes_back_to_the_microsecond(at: datetime) -> None:
    assert from_integer(to_integer(at)) == at.astimezone(UTC)
    assert from_integer(to_integer(at)).utcoffset() == timedelta(0)


@given(INSTANTS, INSTANTS)
def test_stored_instants_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert (to_integer(one) < to_integer(other)) == (one.astimezone(UTC) < other.astimezone(UTC))


@given(INSTANTS)
def test_a_spell_without_an_end_outlasts_every_instant(at: datetime) -> None:
    assert to_integer(at) < to_integer(OPEN)


def test_the_two_halves_past_two_of_an_autumn_night_are_kept_apart() -> None:
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    winter = summer.replace(fold=1)
    assert to_integer(winter) - to_integer(summer) == 3600 * 1_000_000


def test_an_instant_without_a_zone_is_not_stored() -> None:
    with pytest.raises(ValueError, match="aware"):
        to_integer(datetime(2026, 1, 1))  # noqa: DTZ001
