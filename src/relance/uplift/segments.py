"""What segments say about an outcome: how alike their members are, and how often they return.

A segment is worth having where knowing it tells something of what a customer does next. Every
number is of one closed window: who was in the segment at its beginning, and what they did in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from relance.uplift.comparison import relative
from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.moments import Moments, merge
from relance.uplift.planning import visible_difference
from relance.uplift.proportions import Interval


def alike(members: Moments, everybody: Moments) -> float | None:
    """How much more alike members are than members of the base would be, 0 to 1.

    Their squared distance from the mean of all customers, and the part of it that goes once
    their own mean is known: the segment's own term of eta squared, with omega squared's
    correction for chance (Hays 1963): (B - W/(n-1)) / (B + W + W/(n-1)), with B = n (mean - mean
    of all)² and W their squared distance from their own mean. None of fewer than two, or without
    any spread.
    """
    if members.n < 2:
        return None
    between = members.n * (members.mean - everybody.mean) ** 2
    chance = members.m2 / (members.n - 1)
    whole = between + members.m2 + chance
    return max(0.0, (between - chance) / whole) if whole > 0 else None


def explained(groups: Iterable[Moments]) -> float | None:
    """Eta squared: the share of an outcome's variance that lies between groups (Cohen 1988).

    None where nobody differs from anybody.
    """
    parts = list(groups)
    whole = merge(parts)
    return 1 - sum(one.m2 for one in parts) / whole.m2 if whole.m2 > 0 else None


def omega_squared(groups: Iterable[Moments]) -> float | None:
    """The same without what chance alone puts between so many groups (Hays 1963), at least 0.

    (B - (k-1) w) / (T + w), with w the mean square within. None where eta squared is, or where
    every customer is a group of their own.
    """
    parts = [one for one in groups if one.n]
    whole, within = merge(parts), sum(one.m2 for one in parts)
    if whole.m2 <= 0 or whole.n <= len(parts):
        return None
    noise = within / (whole.n - len(parts))
    return max(0.0, (whole.m2 - within - (len(parts) - 1) * noise) / (whole.m2 + noise))


def lift(hits: int, members: int, base_hits: int, base: int) -> Estimate | Withheld:
    """How many times as often members return as the base that they are a part of.

    Koopman's interval of the ratio to everybody else, carried over: with a share w of the base,
    a ratio of r to the others is r / (w r + 1 - w) to all. Withheld where nobody else is there,
    or fewer than `comparison.RATIO_NEEDS` of the others returned. Raises ValueError for members
    who are not in the base.
    """
    others, other_hits = base - members, base_hits - hits
    if others < 0 or other_hits < 0:
        raise ValueError("members are a part of the base")
    found = relative(hits, members, other_hits, others)
    if isinstance(found, Withheld):
        return found
    weight = members / base

    def to_all(ratio: float) -> float:
        return ratio / (weight * ratio + 1 - weight)

    low, high = found.interval
    # an infinite ratio to the others is 1/w to all
    ends = Interval(to_all(low), 1 / weight if high == float("inf") else to_all(high))
    return Estimate(value=to_all(found.value), interval=ends, method=found.method)


def readable(rate: float | None, entrants: float, share: float) -> float | None:
    """The smallest rise over `rate` that so many entrants show with a share held out, a fraction;
    None where none can be seen."""
    held_out = int(entrants * share)
    return None if rate is None else visible_difference(rate, int(entrants) - held_out, held_out)


def jaccard(one: int, other: int, both: int) -> float | None:
    """Both among either (Jaccard 1912); None where both are empty."""
    either = one + other - both
    return both / either if either else None


def containment(one: int, other: int, both: int) -> float | None:
    """Both among the smaller: a subset has 1, which Jaccard hides. None where one is empty."""
    smaller = min(one, other)
    return both / smaller if smaller else None
