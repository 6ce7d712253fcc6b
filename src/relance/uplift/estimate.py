"""A number with its interval, or the named reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relance.uplift.normal import LEVEL
from relance.uplift.proportions import Interval


class Why(StrEnum):
    """Why there is no number; `reasons` has a sentence for each."""

    NO_TREATED = "no_treated"
    NO_HOLDOUT = "no_holdout"
    IMPOSSIBLE = "impossible"  # counts that cannot be, such as more buyers than customers
    NOT_FINITE = "not_finite"  # an amount or a sum is infinite or not a number
    NEGATIVE = "negative"  # an amount is below zero
    FEW_CONVERSIONS = "few_conversions"  # too few in the holdout for a ratio
    FEW_BUYERS = "few_buyers"  # too few in the holdout for money
    NO_SPREAD = "no_spread"  # everybody has the same value
    TOO_SMALL = "too_small"  # one customer has no spread
    NOT_FOLLOWED = "not_followed"  # nobody was watched for as long as that
    NO_STRATA = "no_strata"  # no version has people in both arms
    SPLIT = "split"  # the split is broken: no number until the cause is found
    NO_GOAL = "no_goal"  # nothing is measured
    NO_AMOUNT = "no_amount"  # the goal's event has no amount mapped
    SHRUNK = "shrunk"  # the event table has lost rows
    UNSETTLED = "unsettled"  # no total before the verdict is settled
    SMALL_GROUPS = "small_groups"  # fewer than a verdict needs
    NOT_FOR_THIS = "not_for_this"  # a metric that has no such number


@dataclass(frozen=True, kw_only=True, slots=True)
class Withheld:
    """No number, and why."""

    why: Why


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number with its interval. `p` is two-sided, None where no test goes with it."""

    value: float
    interval: Interval
    method: str
    level: float = LEVEL
    p: float | None = None

    def times(self, factor: float) -> Estimate:
        """The same for `factor` (not negative) times as much, such as that many customers."""
        return Estimate(
            value=self.value * factor,
            interval=Interval(self.interval.low * factor, self.interval.high * factor),
            method=self.method,
            level=self.level,
            p=self.p,
        )


def withheld(*arms: tuple[int, int]) -> Withheld | None:
    """What is wrong with two arms of (hits, total), treated first; None where nothing is."""
    if any(not 0 <= hits <= total for hits, total in arms):
        return Withheld(why=Why.IMPOSSIBLE)
    for (_, total), why in zip(arms, (Why.NO_TREATED, Why.NO_HOLDOUT), strict=True):
        if total == 0:
            return Withheld(why=why)
    return None
