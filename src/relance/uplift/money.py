"""What a trigger was worth: customers, revenue, cost, and what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.proportions import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """In customers and in the currency of the amounts. `cost` is exact and has no interval.

    `net` is `revenue` less `cost`, withheld where one of them is.
    """

    customers: Estimate | Withheld
    revenue: Estimate | Withheld
    cost: float | Withheld
    net: Estimate | Withheld


def worth(
    treated: int,
    retained: Estimate | Withheld,
    spent: Estimate | Withheld,
    sent: Mapping[str, int],
    prices: Mapping[str, float],
) -> Worth:
    """The effect on one customer, times the `treated`, less what the messages cost.

    `retained` is the difference in shares, `spent` that in revenue per entrant (the capped one,
    which has an interval). `sent` are messages by channel (or provider) and `prices` what one
    costs there; what has no price is free. The cost is known though the effects be withheld.
    """
    if treated < 0:
        return no_worth(Why.IMPOSSIBLE)
    revenue = _times(spent, treated)
    cost = _cost(sent, prices)
    return Worth(
        customers=_times(retained, treated), revenue=revenue, cost=cost, net=_net(revenue, cost)
    )


def no_worth(why: Why) -> Worth:
    """Nothing, and why."""
    reason = Withheld(why=why)
    return Worth(customers=reason, revenue=reason, cost=reason, net=reason)


def _times(estimate: Estimate | Withheld, treated: int) -> Estimate | Withheld:
    if isinstance(estimate, Withheld):
        return estimate
    return estimate.times(treated) if treated else Withheld(why=Why.NO_TREATED)


def _cost(sent: Mapping[str, int], prices: Mapping[str, float]) -> float | Withheld:
    paid = [(number, prices.get(channel, 0.0)) for channel, number in sent.items()]
    if not all(math.isfinite(price) for _, price in paid):
        return Withheld(why=Why.NOT_FINITE)
    if any(number < 0 for number, _ in paid):
        return Withheld(why=Why.IMPOSSIBLE)
    if any(price < 0 for _, price in paid):
        return Withheld(why=Why.NEGATIVE)
    return math.fsum(number * price for number, price in paid)


def _net(revenue: Estimate | Withheld, cost: float | Withheld) -> Estimate | Withheld:
    if isinstance(revenue, Withheld):
        return revenue
    if isinstance(cost, Withheld):
        return cost
    low, high = revenue.interval
    return Estimate(
        value=revenue.value - cost,
        interval=Interval(low - cost, high - cost),
        method=revenue.method,
        level=revenue.level,
        p=None,
    )
