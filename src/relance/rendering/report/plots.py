"""Step curves and their bands as SVG paths, on a square that the page stretches.

The square is `SIDE` wide and high and has no text: the page writes labels beside it, unscaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from relance.rendering.report.charts import Scale
from relance.uplift.proportions import Interval

SIDE = 1000
NICE_TOPS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BULK = 0.95  # of the intervals' ends are on the scale; the wildest days run out of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """From `day` on: a value with its interval."""

    day: int
    value: float
    interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Days since entry from 0 to `days` across, values from `scale.low` to `scale.high` upwards."""

    days: int
    scale: Scale

    def x(self, day: float) -> int:
        """Where a day stands, from the left."""
        return round(SIDE * day / self.days)

    def y(self, value: float) -> int:
        """Where a value stands, from the top; beyond the scale, at its edge."""
        share = (value - self.scale.low) / (self.scale.high - self.scale.low)
        return round(SIDE * (1 - min(1.0, max(0.0, share))))


def line(steps: Sequence[Step], frame: Frame) -> str:
    """The path of the values: level until the next day, then straight up or down."""
    return _forward([(step.day, step.value) for step in steps], frame)


def band(steps: Sequence[Step], frame: Frame) -> str:
    """The closed path around the intervals."""
    over = _forward([(step.day, step.interval.high) for step in steps], frame)
    back = list(reversed(steps))
    under = [f"V{frame.y(back[0].interval.low)}"] + [
        f"H{frame.x(later.day)}V{frame.y(earlier.interval.low)}"
        for later, earlier in pairwise(back)
    ]
    return f"{over}{_merged(under)}H{frame.x(steps[0].day)}Z"


def edges(steps: Sequence[Step], frame: Frame) -> str:
    """The two outlines of the band, open: they tell it from another without colour."""
    return _forward([(step.day, step.interval.low) for step in steps], frame) + _forward(
        [(step.day, step.interval.high) for step in steps], frame
    )


def _forward(values: Sequence[tuple[int, float]], frame: Frame) -> str:
    day, value = values[0]
    level = frame.y(value)
    path = [f"M{frame.x(day)},{level}"]
    for day, value in values[1:]:
        height = frame.y(value)
        if height != level:
            path.append(f"H{frame.x(day)}V{height}")
            level = height
    return "".join(path) + f"H{frame.x(day)}"


def _merged(moves: Sequence[str]) -> str:
    """Without the steps between equal heights."""
    kept = [moves[0]]
    for move in moves[1:]:
        if kept[-1].split("V")[1] != move.split("V")[1]:
            kept.append(move)
    return "".join(kept)


def dots(places: Iterable[tuple[float, float]], frame: Frame) -> str:
    """Points, as strokes of no length: a round cap makes them circles at any stretch."""
    return "".join(f"M{frame.x(day)},{frame.y(value)}h0" for day, value in places)


def whiskers(places: Iterable[tuple[float, Interval]], frame: Frame) -> str:
    """Upright intervals."""
    return "".join(
        f"M{frame.x(day)},{frame.y(ends.low)}V{frame.y(ends.high)}" for day, ends in places
    )


def share_scale(steps: Sequence[Step]) -> Scale:
    """From nothing to a round share above the curves, so that most triggers have the same."""
    highest = max((step.value for step in steps), default=0.0)
    top = max(1.1 * highest, _bulk(step.interval.high for step in steps))
    return Scale(0.0, next((nice for nice in NICE_TOPS if nice >= top), 1.0))


def difference_scale(steps: Sequence[Step]) -> Scale:
    """Around zero: every value, and all but the wildest ends."""
    values = [step.value for step in steps]
    low = min([-_bulk(-step.interval.low for step in steps), *values, -0.005])
    high = max([_bulk(step.interval.high for step in steps), *values, 0.005])
    room = 0.06 * (high - low)
    return Scale(max(-1.0, low - room), min(1.0, high + room))


def _bulk(ends: Iterable[float]) -> float:
    """The end that `BULK` of them do not go beyond; never below nothing."""
    ordered = sorted(ends)
    if not ordered:
        return 0.0
    return max(0.0, ordered[math.ceil(BULK * len(ordered)) - 1])


def heights(frame: Frame, wanted: int = 5) -> list[tuple[float, float]]:
    """Round values up the axis, each with its place in per cent from the top."""
    return [(tick, frame.y(tick) / 10) for tick in frame.scale.ticks(wanted)]


def day_marks(days: int, marks: Iterable[int], goal: int | None) -> list[int]:
    """The days under the axis: the goal's, the ends, and those of `marks` with room between."""
    wanted = [goal, 0, days, *marks]
    kept: list[int] = []
    for day in wanted:
        if day is None or not 0 <= day <= days:
            continue
        if all(abs(day - other) >= 0.06 * days for other in kept):
            kept.append(day)
    return sorted(kept)


def apart(tops: Sequence[float], least: float, limit: float) -> list[float]:
    """The same heights moved as little as needed: `least` between them, none beyond `limit`."""
    order = sorted(range(len(tops)), key=lambda number: tops[number])
    placed = list(tops)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + least)
    ceiling = limit
    for number in reversed(order):
        placed[number] = min(placed[number], ceiling)
        ceiling = placed[number] - least
    return placed
