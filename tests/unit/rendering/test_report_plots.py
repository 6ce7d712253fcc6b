"""Step curves, bands and labels: where they go."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relance.rendering.report.charts import Scale
from relance.rendering.report.plots import (
    SIDE,
    Frame,
    Step,
    apart,
    band,
    day_marks,
    difference_scale,
    dots,
    heights,
    line,
    share_scale,
    whiskers,
)
from relance.uplift.proportions import Interval

FRAME = Frame(days=10, scale=Scale(0.0, 1.0))
SHARES = st.floats(0, 1)


def step(day: int, value: float, low: float = 0.0, high: float = 1.0) -> Step:
    return Step(day=day, value=value, interval=Interval(low, high))


def corners(path: str) -> list[tuple[int, int]]:
    """The corners that a path of M, H, V and Z passes."""
    x = y = 0
    found = []
    for letter, number in re.findall(r"([MHV])(\d+(?:,\d+)?)", path):
        if letter == "M":
            x, y = (int(part) for part in number.split(","))
        elif letter == "H":
            x = int(number)
        else:
            y = int(number)
        found.append((x, y))
    return found


def test_a_curve_is_level_until_the_day_on_which_somebody_returned():
    path = line([step(0, 0.0), step(1, 0.25), step(2, 0.25), step(4, 0.5)], FRAME)
    assert path == "M0,1000H100V750H400V500H400"


@given(st.lists(st.tuples(SHARES, SHARES, SHARES), min_size=1, max_size=90))
def test_a_band_holds_its_curve_on_every_day(values: list[tuple[float, float, float]]):
    steps = [
        step(day, middle, low, high) for day, (low, middle, high) in enumerate(map(sorted, values))
    ]
    frame = Frame(days=max(1, len(steps) - 1), scale=Scale(0.0, 1.0))
    path = band(steps, frame)
    assert path.endswith("Z")
    around = corners(path)
    assert around[0] == (0, frame.y(steps[0].interval.high))
    assert around[-1] == (0, frame.y(steps[0].interval.low))
    for each in steps:
        upper, lower = frame.y(each.interval.high), frame.y(each.interval.low)
        assert upper <= frame.y(each.value) <= lower
        xs = [x for x, y in around if y in {upper, lower}]
        assert min(xs) <= frame.x(each.day)
    assert all(0 <= x <= SIDE and 0 <= y <= SIDE for x, y in around)


def test_what_goes_beyond_the_scale_stands_at_its_edge():
    assert Frame(days=1, scale=Scale(0.0, 0.1)).y(0.5) == 0
    assert Frame(days=1, scale=Scale(-0.1, 0.1)).y(-0.5) == SIDE


def test_two_triggers_of_about_the_same_rates_have_the_same_scale():
    one = share_scale([step(1, 0.16, 0.15, 0.17)])
    other = share_scale([step(1, 0.18, 0.17, 0.19)])
    assert one == other == Scale(0.0, 0.2)


def test_a_single_wild_day_does_not_flatten_the_curve():
    steps = [step(day, 0.1, 0.08, 0.12) for day in range(40)] + [step(40, 0.1, 0.0, 0.9)]
    assert share_scale(steps).high < 0.2
    assert difference_scale(steps).high < 0.2


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), max_size=50))
def test_a_difference_always_has_zero_in_sight(values: list[tuple[float, float]]):
    steps = [
        step(day, value, max(-1.0, value - reach), min(1.0, value + reach))
        for day, (value, reach) in enumerate(values)
    ]
    scale = difference_scale(steps)
    assert scale.low < 0 < scale.high
    assert all(scale.low <= each.value <= scale.high for each in steps)
    assert 2 <= len(heights(Frame(days=1, scale=scale))) <= 7


def test_the_goal_is_marked_even_where_a_round_day_is_near():
    assert day_marks(90, (7, 30, 60, 90), goal=28) == [0, 7, 28, 60, 90]
    assert day_marks(90, (7, 30, 60, 90), goal=None) == [0, 7, 30, 60, 90]
    assert day_marks(1, (7, 30, 60, 90), goal=30) == [0, 1]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=4))
def test_labels_do_not_stand_on_each_other(tops: list[float]):
    placed = apart(tops, 17, 92)
    assert all(place <= 92 for place in placed)
    ordered = sorted(placed)
    assert all(b - a >= 17 - 1e-6 for a, b in pairwise(ordered))
    order = sorted(range(len(tops)), key=lambda number: tops[number])
    assert [placed[number] for number in order] == ordered


def test_labels_that_have_room_stay_where_they_are():
    assert apart([20.0, 60.0], 17, 92) == [20.0, 60.0]


@pytest.mark.parametrize("days", [1, 7, 90])
def test_marks_and_intervals_stand_over_their_day(days: int):
    frame = Frame(days=days, scale=Scale(-1.0, 1.0))
    assert dots([(days, 0.0)], frame) == "M1000,500h0"
    assert whiskers([(days, Interval(-0.5, 0.5))], frame) == "M1000,750V250"
