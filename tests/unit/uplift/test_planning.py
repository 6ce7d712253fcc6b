"""How many customers a trial needs, what it can see, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relance.uplift.planning import Pace, entrants_needed, visible_difference

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("base", "lift", "share", "entrants"),
    [
        (0.02, 1.2, 0.10, 120_462),
        (0.05, 1.2, 0.20, 25_998),
        (0.10, 1.1, 0.10, 83_020),
        (0.10, 1.5, 0.10, 3_993),
        (0.20, 1.2, 0.50, 3_365),
        (0.30, 1.2, 0.05, 10_277),
    ],
)
def test_the_entrants_needed_are_those_of_the_planning_table(
    base: float, lift: float, share: float, entrants: int
) -> None:
    assert entrants_needed(base, base * lift, share) == pytest.approx(entrants, abs=1)


def test_the_visible_difference_is_the_inverse_of_the_entrants_needed() -> None:
    needed = entrants_needed(0.1, 0.13, 0.1)
    treated = round(needed * 0.9)
    assert visible_difference(0.1, treated, needed - treated) == pytest.approx(0.03, abs=1e-4)


@pytest.mark.parametrize(
    ("base", "treated", "holdout"), [(0.0, 900, 100), (0.1, 0, 100), (0.1, 900, 0), (0.95, 9, 1)]
)
def test_no_difference_is_promised_where_none_could_be_seen(
    base: float, treated: int, holdout: int
) -> None:
    assert visible_difference(base, treated, holdout) is None


def test_no_difference_has_no_sample_size() -> None:
    with pytest.raises(ValueError, match="difference of nothing"):
        entrants_needed(0.1, 0.1, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        entrants_needed(0.0, 0.1, 0.1)


def test_a_trial_that_fills_half_its_need_in_ten_days_is_readable_a_window_after_twenty() -> None:
    pace = Pace(began=START, at=START + timedelta(days=10), window=timedelta(days=30))
    assert pace.reaches(100, 50) == START + timedelta(days=50)


def test_a_trial_without_entries_or_with_almost_none_has_no_date() -> None:
    pace = Pace(began=START, at=START + timedelta(days=10), window=timedelta(days=30))
    assert pace.reaches(100, 0) is None
    assert pace.reaches(1_000_000, 1) is None
    assert Pace(began=START, at=START, window=timedelta(days=30)).reaches(100, 5) is None
