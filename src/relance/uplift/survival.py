"""Who has not returned yet: discrete Kaplan-Meier from daily counts, before windows close."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.normal import LEVEL
from relance.uplift.proportions import Interval, square_and_add, wilson_of_share


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One day of age: customers still watched and not yet returned, and who returned on it."""

    at_risk: int
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """The share retained `day` days after entry, with its interval. `variance` is Greenwood's."""

    day: int
    retained: float
    variance: float
    interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Retained by days since entry, from windows that are still open.

    Always preliminary: it takes who entered lately for like those who entered first. It ends
    on the last day that somebody was watched, unless everybody had returned by then.
    """

    points: tuple[Point, ...]
    preliminary: bool = True

    def at(self, day: int) -> Point | None:
        """The point of that day (1 is the first); None where nobody was watched so long."""
        return self.points[day - 1] if 1 <= day <= len(self.points) else None


def curve(days: Sequence[Day], level: float = LEVEL) -> Curve | Withheld:
    """The curve of one arm from its counts for the days 1, 2, 3… since entry.

    Kaplan & Meier 1958 (JASA 53:457); Greenwood's variance (1926) gives the number of customers
    that would show as much (Cutler & Ederer 1958, J Chronic Dis 8:699), and these Wilson's
    interval: with every window closed it is that of `wilson`. Leaving is allowed: a day may
    have fewer at risk than the day before left over, never more.
    """
    if bad := _bad(days):
        return bad
    # a day without anybody says nothing, or, once all have returned, that they have
    hazards = [(d.events / d.at_risk, _greenwood(d)) for d in days if d.at_risk > 0]
    left = list(accumulate((1 - hazard for hazard, _ in hazards), float.__mul__))
    terms = list(accumulate(term for _, term in hazards))
    points = [
        _point(number, staying, term, day, level)
        for number, (staying, term, day) in enumerate(zip(left, terms, days, strict=False), 1)
    ]
    ended = range(len(points) + 1, len(days) + 1) if points[-1].retained == 1 else ()
    return Curve(points=(*points, *(replace(points[-1], day=number) for number in ended)))


def difference_at(
    treated: Curve, holdout: Curve, day: int, level: float = LEVEL
) -> Estimate | Withheld:
    """Retained by that day, treated minus held out. Preliminary, as the curves are.

    Newcombe's square-and-add of both intervals, which must be of the same `level`: with every
    window closed it is the interval of the final report.
    """
    one, base = treated.at(day), holdout.at(day)
    if one is None or base is None:
        return Withheld(why=Why.NOT_FOLLOWED)
    return Estimate(
        value=one.retained - base.retained,
        interval=square_and_add(one.retained, one.interval, base.retained, base.interval),
        method="Kaplan-Meier",
        level=level,
    )


def _bad(days: Sequence[Day]) -> Withheld | None:
    if not days or days[0].at_risk == 0:
        return Withheld(why=Why.NOT_FOLLOWED)
    staying = days[0].at_risk
    for day in days:
        if not 0 <= day.events <= day.at_risk <= staying:
            return Withheld(why=Why.IMPOSSIBLE)
        staying = day.at_risk - day.events
    return None


def _greenwood(day: Day) -> float:
    staying = day.at_risk - day.events
    return day.events / (day.at_risk * staying) if staying else math.inf


def _point(number: int, staying: float, term: float, day: Day, level: float) -> Point:
    variance = staying**2 * term if staying > 0 else 0.0
    # where all or none returned, Greenwood is silent: who was watched on that day speaks
    people = staying * (1 - staying) / variance if variance > 0 else float(day.at_risk)
    return Point(
        day=number,
        retained=1 - staying,
        variance=variance,
        interval=wilson_of_share(1 - staying, people, level),
    )
