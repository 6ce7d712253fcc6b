"""The curves before all windows are closed: does the preliminary interval hold the truth?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from relance.uplift.estimate import Withheld
from relance.uplift.survival import Curve, Day, curve, difference_at

WINDOW, DAYS = 30, 60  # days
BASE, RATE = 0.10, 0.14
Ages = npt.NDArray[np.int64]


def holds(seed: int, per_day: int = 30, share: float = 0.3) -> bool:
    """Whether one preview of 60 days of entrants holds the true four points."""
    random = np.random.default_rng([20_261_122, seed])
    watched = np.repeat(np.arange(1, DAYS + 1), per_day)
    held = random.random(len(watched)) < share
    returns = np.where(
        random.random(len(watched)) < np.where(held, BASE, RATE),
        1 + np.floor(WINDOW * random.random(len(watched)) ** 1.5).astype(int),
        WINDOW + 1,
    )
    arms = [_curve(watched[one], returns[one]) for one in (~held, held)]
    found = difference_at(arms[0], arms[1], WINDOW)
    return not isinstance(found, Withheld) and bool(
        found.interval.low <= RATE - BASE <= found.interval.high
    )


def _curve(watched: Ages, returns: Ages) -> Curve:
    found = curve([_day(watched, returns, age) for age in range(1, WINDOW + 1)])
    if isinstance(found, Withheld):
        raise TypeError(f"nobody to watch: {found.why}")
    return found


def _day(watched: Ages, returns: Ages, age: int) -> Day:
    at_risk = (watched >= age) & (returns >= age)
    return Day(at_risk=int(at_risk.sum()), events=int((at_risk & (returns == age)).sum()))
