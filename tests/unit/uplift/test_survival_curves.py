"""Retention while windows are still open, against scipy's Kaplan-Meier."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.proportions import newcombe, wilson
from relance.uplift.survival import Curve, Day, curve, difference_at


def people(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The day on which each returns, and the last on which each is watched."""
    random = np.random.default_rng(seed)
    return random.geometric(0.02, size), random.integers(1, 31, size)


def days(returns: np.ndarray, watched: np.ndarray, window: int = 30) -> list[Day]:
    counts = []
    for day in range(1, window + 1):
        at_risk = (watched >= day) & (returns >= day)
        counts.append(Day(at_risk=int(at_risk.sum()), events=int((returns[at_risk] == day).sum())))
    return counts


def followed(counts: list[Day]) -> Curve:
    found = curve(counts)
    assert isinstance(found, Curve)
    return found


@pytest.mark.parametrize(("size", "seed"), [(40, 1), (400, 2), (3_000, 3)])
def test_the_curve_equals_scipys_to_the_twelfth_digit(size: int, seed: int) -> None:
    returns, watched = people(size, seed)
    back = returns <= watched
    data = CensoredData(uncensored=returns[back], right=watched[~back])
    expected = ecdf(data).sf
    band = expected.confidence_interval(method="linear")
    for point in followed(days(returns, watched)).points:
        assert 1 - point.retained == pytest.approx(expected.evaluate(point.day), abs=1e-12)
        spread = band.high.evaluate(point.day) - band.low.evaluate(point.day)
        inside = band.low.evaluate(point.day) > 0 and band.high.evaluate(point.day) < 1
        if inside:  # scipy cuts the band off at 0 and 1
            assert 2 * 1.959964 * math.sqrt(point.variance) == pytest.approx(spread, abs=1e-7)


def test_with_every_window_closed_the_preview_is_the_headline() -> None:
    arms = [people(size, seed)[0] for size, seed in ((900, 4), (100, 5))]
    treated, holdout = (followed(days(one, np.full(len(one), 30))) for one in arms)
    hits, base_hits = (int((one <= 30).sum()) for one in arms)
    found = difference_at(treated, holdout, 30)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(hits / 900 - base_hits / 100)
    assert found.interval == pytest.approx(newcombe(hits, 900, base_hits, 100))
    assert treated.points[-1].interval == pytest.approx(wilson(hits, 900))


def test_a_curve_of_open_windows_says_that_it_is_preliminary() -> None:
    found = followed([Day(at_risk=10, events=1), Day(at_risk=5, events=1)])
    assert found.preliminary
    assert found.points[-1].retained == pytest.approx(1 - 0.9 * 0.8)


def test_the_curve_ends_where_nobody_was_watched_any_longer() -> None:
    short = followed([Day(at_risk=10, events=1), Day(at_risk=0, events=0)])
    long = followed([Day(at_risk=10, events=1), Day(at_risk=9, events=1)])
    assert len(short.points) == 1
    assert short.at(2) is short.at(0) is None
    assert difference_at(long, short, 2) == Withheld(why=Why.NOT_FOLLOWED)


def test_where_nobody_returned_the_band_is_not_a_line() -> None:
    found = followed([Day(at_risk=50, events=0), Day(at_risk=20, events=0)])
    last = found.points[-1]
    assert last.retained == 0
    assert last.interval == wilson(0, 20)


def test_where_everybody_returned_the_curve_stays_at_the_top() -> None:
    found = followed([Day(at_risk=3, events=3), Day(at_risk=0, events=0)])
    last = found.at(2)
    assert last is not None
    assert (last.day, last.retained, last.variance) == (2, 1, 0)
    assert last.interval == wilson(3, 3)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([], Why.NOT_FOLLOWED),
        ([Day(at_risk=0, events=0)], Why.NOT_FOLLOWED),
        ([Day(at_risk=3, events=4)], Why.IMPOSSIBLE),
        ([Day(at_risk=3, events=-1)], Why.IMPOSSIBLE),
        ([Day(at_risk=3, events=1), Day(at_risk=3, events=0)], Why.IMPOSSIBLE),
    ],
)
def test_a_curve_that_cannot_be_is_named(counts: list[Day], why: Why) -> None:
    assert curve(counts) == Withheld(why=why)
