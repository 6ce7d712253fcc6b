"""Before launch: which uplift becomes readable when, from how many enter and how many return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from relance.uplift.estimate import Why, Withheld
from relance.uplift.planning import FAR_AWAY, entrants_needed
from relance.uplift.sequential import READ_OUT_ALPHA
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED

UPLIFTS = (0.05, 0.1, 0.2, 0.5, 1.0)  # relative: 0.2 is from 10 to 12 %
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerRow:
    """One uplift: how many must enter, both arms together, and when the last window is closed.

    `uplift` is relative to the base, `rate` what it makes of it. `entrants` is None where the
    rate would be 100 % or more; `readable_on` also where nobody enters, or it is over ten years.
    """

    uplift: float
    rate: float
    entrants: int | None
    readable_on: date | None


def power(
    base: float,
    per_week: float,
    share: float,
    window: timedelta,
    at: datetime,
    uplifts: tuple[float, ...] = UPLIFTS,
    at_once: float = 0.0,
) -> tuple[PowerRow, ...] | Withheld:
    """What four of five trials begun `at` would find at their planned read-out.

    `base` is the share who return without a message, `per_week` how many enter, `share` the
    holdout; `at_once` enter on the first day besides. The read-out tests at 4 %, as the hybrid
    rule leaves it, and every row respects the smallest groups that a verdict needs. Withheld
    where `base` is no share or nobody returns, or where one arm is empty.
    """
    if bad := _bad(base, per_week, share, at_once):
        return bad
    flow = _Flow(at=at, at_once=at_once, per_week=per_week, window=window)
    return tuple(_row(base, uplift, share, flow) for uplift in uplifts)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Flow:
    """How a trial fills from its first instant on."""

    at: datetime
    at_once: float
    per_week: float
    window: timedelta

    def readable(self, entrants: int) -> date | None:
        """The day on which the last window of so many is closed; None beyond ten years."""
        missing = max(entrants - self.at_once, 0.0)
        if missing > self.per_week * (FAR_AWAY / _WEEK):
            return None
        weeks = missing / self.per_week if missing else 0.0
        return (self.at + _WEEK * weeks + self.window).date()


def _bad(base: float, per_week: float, share: float, at_once: float) -> Withheld | None:
    if not all(map(math.isfinite, (base, per_week, share, at_once))):
        return Withheld(why=Why.NOT_FINITE)
    if not (0 <= base <= 1 and min(per_week, at_once) >= 0 and 0 <= share <= 1):
        return Withheld(why=Why.IMPOSSIBLE)
    if share == 0:
        return Withheld(why=Why.NO_HOLDOUT)
    if share == 1:
        return Withheld(why=Why.NO_TREATED)
    return Withheld(why=Why.FEW_CONVERSIONS) if base == 0 else None


def _row(base: float, uplift: float, share: float, flow: _Flow) -> PowerRow:
    rate = base * (1 + uplift)
    entrants = _entrants(base, rate, share)
    readable = None if entrants is None else flow.readable(entrants)
    return PowerRow(uplift=uplift, rate=rate, entrants=entrants, readable_on=readable)


def _entrants(base: float, rate: float, share: float) -> int | None:
    if not 0 < rate < 1 or rate == base:
        return None
    least = max(MIN_MATURE, MIN_RETAINED / min(base, rate)) / min(share, 1 - share)
    return max(entrants_needed(base, rate, share, READ_OUT_ALPHA), math.ceil(least))
