"""Revenue of two arms that differ by nothing, with what real customers spent (CDNOW, 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import ttest_ind

from relance.domain.arm import Arm
from relance.uplift.moments import Moments
from relance.uplift.outcomes import SpendSums
from relance.uplift.revenue import PERCENTILE, Effect, revenue

DRAWS = 999
QUARTER = 19_980_331  # orders after it: a buyer in seven
Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found between two arms drawn from the same customers."""

    uplift: bool  # by the permutation test at 5 %
    harm: bool
    capped_missed: bool  # the capped interval leaves out zero, the truth
    welch_uplift: bool
    shown: bool  # enough buyers for any number


@cache
def population() -> Amounts:
    """What each of CDNOW's 23,570 customers spent in the second quarter of 1998.

    The log comes in the wheel of `lifetimes`, read without importing that package.
    """
    log = next(file for file in files("lifetimes") or [] if file.name == "CDNOW_master.txt")
    lines = Path(str(log.locate())).read_text(encoding="utf-8").split("\n")
    rows = [words for line in lines if len(words := line.split()) == 4 and words[0].isdigit()]
    place = {name: index for index, name in enumerate(sorted({row[0] for row in rows}))}
    spent = np.zeros(len(place))
    for name, day, _, amount in rows:
        if int(day) > QUARTER:
            spent[place[name]] += float(amount)
    return spent


def sums(treated: Amounts, holdout: Amounts, *, listed: bool = True) -> tuple[SpendSums, SpendSums]:
    """What the engine says of two arms, from what each customer spent; buyers `listed` or not."""
    buyers = np.concatenate([treated[treated > 0], holdout[holdout > 0]])
    cap = float(np.percentile(buyers, PERCENTILE)) if len(buyers) else 0.0
    return (
        _sums(Arm.TREATED, treated, cap, listed=listed),
        _sums(Arm.HOLDOUT, holdout, cap, listed=listed),
    )


def _sums(arm: Arm, spent: Amounts, cap: float, *, listed: bool) -> SpendSums:
    return SpendSums(
        trigger="simulated",
        version="1",
        arm=arm,
        customers=len(spent),
        buyers=int((spent > 0).sum()),
        moments=_moments(spent),
        third=float(((spent - spent.mean()) ** 3).sum()) if len(spent) else 0.0,
        cap=cap,
        capped=_moments(np.minimum(spent, cap)),
        amounts=spent[spent > 0].tolist() if listed else None,
    )


def _moments(spent: Amounts) -> Moments:
    if not len(spent):
        return Moments()
    mean = float(spent.mean())
    return Moments(n=len(spent), mean=mean, m2=float(((spent - mean) ** 2).sum()))


def compare(holdout: int, seed: int, draws: int = DRAWS, *, listed: bool = True) -> Found:
    """Draw `holdout` customers and nine times as many treated, and compare them.

    The p-value comes from drawing the amounts again, or from their sums where not `listed`.
    """
    random = np.random.default_rng([20_261_122, holdout, seed])
    small, large = random.choice(population(), holdout), random.choice(population(), 9 * holdout)
    effect = revenue(*sums(large, small, listed=listed), draws=draws, seed=seed).effect
    welch = ttest_ind(large, small, equal_var=False)
    welch_uplift = bool(welch.pvalue <= 0.05 and welch.statistic > 0)
    if not isinstance(effect, Effect):
        return Found(
            uplift=False, harm=False, capped_missed=False, welch_uplift=welch_uplift, shown=False
        )
    low, high = effect.capped.interval
    return Found(
        uplift=effect.p <= 0.05 and effect.difference > 0,
        harm=effect.p <= 0.05 and effect.difference < 0,
        capped_missed=not low <= 0 <= high,
        welch_uplift=welch_uplift,
        shown=True,
    )
