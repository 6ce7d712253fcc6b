"""Where the marks of the report's plots go, as percentages of a plot's width.

Percentages let one drawing fit a desktop, a phone and a sheet of paper with its text unscaled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relance.uplift.proportions import Interval
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Reading

EDGE = 3.0  # per cent kept free at both ends of a scale
ROOM = 2.0  # how far intervals that are no verdict may stretch the scale that verdicts set


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from `low` to `high`, onto 0 to 100 % of the width."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value stands, in per cent; values beyond an end stand at that end."""
        share = (value - self.low) / (self.high - self.low)
        return round(EDGE + min(1.0, max(0.0, share)) * (100 - 2 * EDGE), 2)

    def ticks(self, wanted: int = 8) -> list[float]:
        """Round values inside the scale, about as many as wanted; zero is one where inside."""
        rough = (self.high - self.low) / wanted
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(n * step, 10) for n in range(first, last + 1)]


def forest_scale(readings: Iterable[Reading]) -> Scale:
    """One scale for all triggers: verdicts fit whole, the others stretch it only so far."""
    shown = [r for r in readings if r.diff_ci is not None and not r.hidden]
    settled = _span(r.diff_ci for r in shown if r.settled)
    everything = _span(r.diff_ci for r in shown)
    if settled == (0.0, 0.0):
        low, high = max(everything.low, -0.5), min(everything.high, 0.5)
    else:
        reach = ROOM * max(-settled.low, settled.high)
        low, high = max(everything.low, -reach), min(everything.high, reach)
        low, high = min(low, settled.low), max(high, settled.high)
    # a little on both sides of zero, always
    least = max(0.01, 0.15 * max(-low, high))
    return Scale(min(low, -least), max(high, least))


def _span(intervals: Iterable[Interval | None]) -> Interval:
    ends = [end for interval in intervals if interval is not None for end in interval]
    return Interval(min(ends, default=0.0), max(ends, default=0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class ForestMark:
    """One interval on the forest plot. `cut_*` say that it goes on beyond the scale."""

    low: float
    high: float
    middle: float
    cut_low: bool
    cut_high: bool
    settled: bool


def forest_mark(reading: Reading, scale: Scale) -> ForestMark | None:
    """Where a trigger's interval stands; None where there is none."""
    if reading.diff is None or reading.diff_ci is None or reading.hidden:
        return None
    low, high = reading.diff_ci
    return ForestMark(
        low=scale.place(low),
        high=scale.place(high),
        middle=scale.place(reading.diff),
        cut_low=low < scale.low,
        cut_high=high > scale.high,
        settled=reading.settled,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of a funnel's bar: where it begins, how wide it is (per cent), and its pattern."""

    kind: str
    start: float
    width: float


def funnel(report: TriggerReport) -> list[list[Piece]]:
    """The bars of one trigger, top to bottom: all, passed, arms, messages, retained.

    The lower two are drawn within the width of the treated: messages by what became of them,
    and the share of closed windows in which the goal was reached.
    """
    passed = report.treated + report.held_out
    refused = sum(report.refused.values())
    whole = max(report.entered, passed + refused)
    treated = 100 * report.treated / whole if whole else 0.0
    messages = {
        "sent": report.sent,
        "pending": report.pending,
        "skipped": sum(report.skipped.values()),
        "failed": report.failed + report.unknown,
    }
    rate = 0.0 if report.reading.hidden else report.reading.treated.rate or 0.0
    return [
        _pieces([("all", whole)], whole, 100.0),
        _pieces([("passed", passed), ("refused", refused)], whole, 100.0),
        _pieces([("treated", report.treated), ("holdout", report.held_out)], whole, 100.0),
        _pieces(list(messages.items()), sum(messages.values()), treated),
        [Piece(kind="retained", start=0.0, width=round(treated * rate, 2))] if rate else [],
    ]


def _pieces(parts: Sequence[tuple[str, int]], whole: int, width: float) -> list[Piece]:
    pieces, start = [], 0.0
    for kind, number in parts:
        share = width * number / whole if whole else 0.0
        if share:
            pieces.append(Piece(kind=kind, start=round(start, 2), width=round(share, 2)))
        start += share
    return pieces
