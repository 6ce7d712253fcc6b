"""Were the arms drawn again, would the smaller one have spent as little, or as much?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from relance.uplift.moments import Moments
from relance.uplift.normal import upper_tail

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

DRAWS = 9_999  # its smallest p-value is 0.0002
SEED = 20_080_320
_STRAIGHT = 1e-4  # a skewness that nothing shows
SKEWED = 0.5  # of the total; beyond it three moments do not tell the tails (docs/measurement.md)


def drawn_p(
    small: Sequence[float],
    customers: int,
    large: Sequence[float],
    others: int,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> float:
    """Two-sided p-value of the arms being one population, by drawing them again.

    `small` are what the buyers among the `customers` of the smaller arm spent, `large` those
    among the `others`. In another draw the number of buyers in the smaller arm is
    hypergeometric, and any of the amounts equally likely theirs: customers who spent nothing
    need not be carried along. Twice the smaller tail, so that each side errs at most half as
    often (Pitman 1937; the observed arms count as one draw, Phipson & Smyth 2010, SAGMB 9:39).
    """
    import numpy as np

    amounts = np.concatenate([np.asarray(arm, dtype=float) for arm in (small, large)])
    observed = float(amounts[: len(small)].sum())
    sums = np.concatenate(list(_redrawn(amounts, customers, others, draws, seed)))[:draws]
    slack = 1e-9 * float(amounts.sum())  # equal sums, added in another order
    above = int((sums >= observed - slack).sum())
    below = int((sums <= observed + slack).sum())
    return min(1.0, 2 * (1 + min(above, below)) / (1 + draws))


def _redrawn(
    amounts: Numbers, customers: int, others: int, draws: int, seed: int
) -> Iterator[Numbers]:
    """What the smaller arm would have spent, in at least `draws` other draws of the arms.

    One shuffle of everybody gives as many draws as arms of that size fit in.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    arms = min(draws, (customers + others) // customers)
    sizes = [customers] * arms + [customers + others - customers * arms]
    shuffles = math.ceil(draws / arms)
    buyers = random.multivariate_hypergeometric(sizes, len(amounts), size=shuffles)[:, :arms]
    ends = np.cumsum(buyers, axis=1)
    cuts = np.concatenate([ends - buyers, ends[:, -1:]], axis=1)
    for row in range(shuffles):
        shuffled = np.append(random.permutation(amounts), 0.0)
        spent = np.add.reduceat(shuffled, cuts[row])[:-1]
        yield np.where(buyers[row] > 0, spent, 0.0)  # reduceat: of nothing, its first neighbour


def moment_p(
    small: Moments, small_third: float, large: Moments, large_third: float
) -> float | None:
    """The p-value of `drawn_p` without the amounts, for samples too large to draw again.

    The first three moments of the smaller arm's total over all draws are known exactly: that of
    a sample of n without replacement from N has the variance n(N-n)/(N-1) times the
    population's, and the third central moment n(N-n)(N-2n)/((N-1)(N-2)) times its. A Pearson
    type III distribution (a shifted gamma) with these moments gives the tails, as in
    Kazi-Aoual, Hitier, Sabatier & Lebreton 1995, Comput Stat Data Anal 20:643. `third` are the
    sums of cubed deviations from each arm's mean. None where a few amounts decide the total: its
    skewness is above `SKEWED`.
    """
    n, everybody = small.n, small.merged(large)
    size = everybody.n
    variance = n * (size - n) / (size - 1) * everybody.m2 / size
    if variance <= 0:
        return 1.0
    error = math.sqrt(variance)
    skewness = 0.0
    if size > 2:
        third = _merged_third(small, small_third, large, large_third) / size
        skewness = n * (size - n) * (size - 2 * n) / ((size - 1) * (size - 2)) * third / error**3
    if abs(skewness) > SKEWED:
        return None
    z = n * (small.mean - everybody.mean) / error
    return min(1.0, 2 * min(_upper(z, skewness), _upper(-z, -skewness)))


def _merged_third(small: Moments, small_third: float, large: Moments, large_third: float) -> float:
    """The sum of cubed deviations of both together (Pébay 2008, SAND2008-6212, eq. 2.2)."""
    n, others = small.n, large.n
    gap, size = large.mean - small.mean, n + others
    return (
        small_third
        + large_third
        + gap**3 * n * others * (n - others) / size**2
        + 3 * gap * (n * large.m2 - others * small.m2) / size
    )


def _upper(z: float, skewness: float) -> float:
    """The probability of at least `z` under Pearson's type III of mean 0 and variance 1."""
    from scipy.special import gammainc, gammaincc  # half a second to load

    if abs(skewness) < _STRAIGHT:
        return upper_tail(z)
    shape = 4 / skewness**2
    place = max(0.0, shape + math.copysign(math.sqrt(shape), skewness) * z)
    return float(gammaincc(shape, place) if skewness > 0 else gammainc(shape, place))
