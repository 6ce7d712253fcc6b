"""The published effects of both of Hillstrom's mailings, to the digits given."""

from __future__ import annotations

import pytest

import hillstrom
from hillstrom import MENS, WOMENS
from relance.uplift.comparison import difference_with_p, relative
from relance.uplift.estimate import Estimate
from relance.uplift.means import Cuped, cuped, mean_difference
from relance.uplift.proportions import split_p


def rounded(estimate: object, unit: float, digits: int) -> tuple[float, float, float]:
    assert isinstance(estimate, Estimate)
    ends = (estimate.value, *estimate.interval)
    value, low, high = (round(end * unit, digits) for end in ends)
    return value, low, high


@pytest.mark.parametrize(
    ("arm", "metric", "digits", "points", "p"),
    [
        (MENS, "visit", 2, (7.66, 7.00, 8.32), 5.7e-112),
        (WOMENS, "visit", 2, (4.52, 3.89, 5.16), 3.2e-44),
        (MENS, "conversion", 3, (0.681, 0.501, 0.864), 1.5e-13),
        (WOMENS, "conversion", 3, (0.311, 0.150, 0.475), 1.6e-4),
    ],
)
def test_points_gained_in_visits_and_conversions(
    arm: str, metric: str, digits: int, points: tuple[float, float, float], p: float
) -> None:
    found = difference_with_p(*hillstrom.table(arm, metric))
    assert rounded(found, 100, digits) == points
    assert isinstance(found, Estimate)
    assert found.p == pytest.approx(p, rel=0.02)


@pytest.mark.parametrize(
    ("arm", "metric", "percent"),
    [
        (MENS, "visit", (72, 64, 81)),
        (WOMENS, "visit", (43, 36, 50)),
        (MENS, "conversion", (119, 77, 171)),
        (WOMENS, "conversion", (54, 23, 94)),
    ],
)
def test_relative_lifts_of_visits_and_conversions(
    arm: str, metric: str, percent: tuple[float, float, float]
) -> None:
    ratio = rounded(relative(*hillstrom.table(arm, metric)), 100, 0)
    assert tuple(end - 100 for end in ratio) == percent


@pytest.mark.parametrize(
    ("arm", "dollars", "p"),
    [(MENS, (0.770, 0.485, 1.055), 1.2e-7), (WOMENS, (0.424, 0.169, 0.680), 1.1e-3)],
)
def test_dollars_gained_per_customer(
    arm: str, dollars: tuple[float, float, float], p: float
) -> None:
    found = mean_difference(
        hillstrom.moments(arm, "spend"), hillstrom.moments("No E-Mail", "spend")
    )
    assert rounded(found, 1, 3) == dollars
    assert isinstance(found, Estimate)
    assert found.p == pytest.approx(p, rel=0.04)


def test_last_years_spend_explains_next_to_nothing() -> None:
    found = cuped(hillstrom.moments(MENS, "spend"), hillstrom.moments("No E-Mail", "spend"))
    assert isinstance(found, Cuped)
    assert rounded(found.estimate, 1, 4) == (0.7674, 0.4828, 1.0521)
    assert found.variance_cut == pytest.approx(0.0005, abs=0.0001)


def test_the_three_arms_are_as_large_as_they_should_be() -> None:
    sizes = [arm["n"] for arm in hillstrom.arms().values()]
    assert sum(sizes) == 64_000
    assert split_p(sizes[0] + sizes[2], sizes[1], 1 / 3) > 0.6
