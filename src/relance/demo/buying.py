"""When customers buy and what they spend: BG/NBD and gamma-gamma, with the CDNOW parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class BgNbd:
    """Fader, Hardie & Lee 2005 (Marketing Science 24:275), table 2: CDNOW, time in weeks.

    While a customer is alive, purchases come as a Poisson process whose rate is drawn from
    Gamma(r, alpha); after each repeat purchase the customer is gone for good with a
    probability drawn from Beta(a, b). Nobody is lost after the first purchase.
    """

    r: float = 0.243
    alpha: float = 4.414
    a: float = 0.793
    b: float = 2.426


@dataclass(frozen=True, kw_only=True, slots=True)
class GammaGamma:
    """Fader, Hardie & Lee 2005 (JMR 42:415): CDNOW spend per purchase, in money.

    A purchase is worth Gamma(p, rate nu), each customer's own nu is drawn from Gamma(q, gamma).
    """

    p: float = 6.25
    q: float = 3.74
    gamma: float = 15.44


CDNOW = BgNbd()
CDNOW_SPEND = GammaGamma()


def repeat_purchases(
    rng: np.random.Generator, first: Floats, until: float, process: BgNbd = CDNOW
) -> tuple[Ints, Floats]:
    """Every purchase after the first one, up to `until`: whose (index into `first`), and when.

    `first` holds the week of each customer's first purchase; NaN means that there is none.
    """
    rate = rng.gamma(process.r, 1 / process.alpha, len(first))
    leaving = rng.beta(process.a, process.b, len(first))
    who = np.flatnonzero(~np.isnan(first))
    clock = first[who]
    buyers, times = [np.empty(0, np.int64)], [np.empty(0)]
    while len(who):
        # a rate can be so small that it underflows to 0: such a customer never comes back
        with np.errstate(divide="ignore", over="ignore"):
            clock = clock + rng.standard_exponential(len(who)) / rate[who]
        inside = clock <= until
        who, clock = who[inside], clock[inside]
        buyers.append(who)
        times.append(clock)
        stays = rng.random(len(who)) >= leaving[who]
        who, clock = who[stays], clock[stays]
    return np.concatenate(buyers), np.concatenate(times)


def spending_rates(
    rng: np.random.Generator, customers: int, spend: GammaGamma = CDNOW_SPEND
) -> Floats:
    """Each customer's own nu: the smaller it is, the more a purchase is worth."""
    return rng.gamma(spend.q, 1 / spend.gamma, customers)


def amounts(rng: np.random.Generator, rates: Floats, spend: GammaGamma = CDNOW_SPEND) -> Floats:
    """What one purchase is worth for each of these rates, in whole cents, at least one."""
    worth = rng.gamma(spend.p, 1.0, len(rates)) / rates
    return np.maximum(np.round(worth, 2), 0.01)
