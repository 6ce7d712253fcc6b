"""What a report shows of one trigger beside its verdict: every number with its interval or why not.

While a split is broken there is no number in any of these (`Why.SPLIT`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from relance.domain.study import Metric
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.means import Cuped
from relance.uplift.survival import Curve
from relance.uplift.verdict import ArmCounts

_NOTHING = Withheld(why=Why.NOT_FOLLOWED)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFigure:
    """One arm in one metric: customers with a closed window, how many of them had any, and the
    value per customer (a share, a number of orders, an amount). None where nobody is there, or
    nothing may be shown."""

    customers: int
    hits: int | None
    value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricReading:
    """One metric over one window, closed for everybody who is counted.

    `days` is the window; 0 where it is the study's own and not whole days. `primary` is the one
    that the verdict is about. `difference` is treated minus held out, per entrant; `ratio` is
    for shares only. `adjusted` is the difference freed from what the same metric before entry
    explains. `total` is the difference times all these treated customers.
    """

    metric: Metric
    days: int
    window: str  # as the YAML says it: `30 days`
    primary: bool
    treated: ArmFigure
    holdout: ArmFigure
    difference: Estimate | Withheld
    ratio: Estimate | Withheld = _NOTHING
    adjusted: Cuped | Withheld = _NOTHING
    total: Estimate | Withheld = _NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Retained by days since entry, in both arms, and the difference on each day.

    `preliminary` while some windows are still open: it takes who entered lately for like those
    who entered first. `effect` begins with day 1; None on a day that nobody was watched to.
    """

    treated: Curve | Withheld
    holdout: Curve | Withheld
    effect: Sequence[Estimate | None] = ()
    preliminary: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """Who entered in one week (its Monday). The difference is withheld where an arm is empty."""

    week: date
    treated: ArmCounts
    holdout: ArmCounts
    difference: Estimate | Withheld


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """All versions of a trigger whose split is sound, compared within each and then averaged."""

    versions: int
    treated: int  # with closed windows
    holdout: int
    difference: Estimate | Withheld
    left_out: int = 0  # versions whose split is broken
