"""A segment beside all customers: sums from the engine, and how the two differ.

Nothing here is about one customer: groups of fewer than `LEAST_SHOWN` are part of "others".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from relance.uplift.comparison import difference
from relance.uplift.estimate import Estimate
from relance.uplift.moments import Moments
from relance.uplift.normal import LEVEL, quantile
from relance.uplift.proportions import Interval
from relance.uplift.segments import lift

LEAST_SHOWN = 5  # customers of a value, in the base and in the segment
LEAST = 100  # members, for a word about how they differ
SHOWN = 10  # values of one attribute or field
SMALL = 0.2  # of a standardised difference; below it nobody would notice (Cohen 1988)
NAMED = 5  # differences that are put in words


class Feature(StrEnum):
    """What is measured of every customer who has the event that RFM scores."""

    RECENCY = "recency"  # days since the last one
    FREQUENCY = "frequency"  # how many
    MONETARY = "monetary"  # their money
    TENURE = "tenure"  # days since the first one


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One feature of some customers: `logs` are moments of log(1 + value), negative ones as 0.
    `score` is the mean RFM score; None where nothing is scored, and of tenure."""

    logs: Moments
    median: float | None
    mean: float | None
    score: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A feature of the members and of all."""

    feature: Feature
    members: Side
    everybody: Side


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A value, and how many customers and members have it. None: not known."""

    text: str | None
    everybody: int
    members: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """The commonest values of an attribute, or of an event's field (whoever had such an event).

    `others` are all the rest together, small groups among them: None where there is no rest.
    """

    name: str
    event: str | None
    values: Sequence[Value]
    others: Value | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """A segment beside all customers as of `at`. `event` is the one of the features; `active`
    are who has it, `money` what they spent; None where it has no amount. `of_accounts` is the event
    that RFM scores where it names accounts alone, so that there are no features."""

    segment: str
    description: str
    at: datetime
    event: str | None
    everybody: int
    members: int
    of_accounts: str | None = None
    active: tuple[int, int] = (0, 0)  # of all, of the members
    money: tuple[float, float] | None = None  # the same
    spreads: Sequence[Spread] = ()
    shares: Sequence[Shares] = ()

    @property
    def share(self) -> float | None:
        """Of all customers."""
        return self.members / self.everybody if self.everybody else None

    @property
    def secret(self) -> bool:
        """Whether the members are so few that anything said of them would be said of persons."""
        return self.members < LEAST_SHOWN

    @property
    def few(self) -> bool:
        """Whether the members are too few for a word about how they differ."""
        return self.members < LEAST


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One way in which members differ from all. `effect` is standardised, and has the sign of
    members minus all: Cohen's d of the logs, or his h of the shares.

    Of a feature `members` and `everybody` are medians; of a value shares, with their ratio.
    """

    name: str
    effect: float
    interval: Interval
    members: float
    everybody: float
    feature: Feature | None = None
    event: str | None = None
    value: str | None = None
    ratio: Estimate | None = None


def differences(portrait: Portrait) -> list[Difference]:
    """How members differ, the most first: none that chance explains, none that is small.

    Empty of a segment of too few, and of one that is everybody.
    """
    if portrait.few or portrait.members == portrait.everybody:
        return []
    found = [_of_spread(one) for one in portrait.spreads]
    found += [
        _of_value(portrait, shares, value)
        for shares in portrait.shares
        for value in shares.values
        if value.text is not None
    ]
    real = [one for one in found if one is not None and abs(one.effect) >= SMALL]
    return sorted(real, key=lambda one: -abs(one.effect))


def _of_spread(spread: Spread) -> Difference | None:
    """Cohen's d in units of everybody's spread; its interval is that of members against others."""
    members, everybody = spread.members, spread.everybody
    others = _without(everybody.logs, members.logs)
    deviation = math.sqrt(everybody.logs.variance or 0.0)
    if not deviation or members.logs.n < LEAST or others.n < LEAST:
        return None
    if members.median is None or everybody.median is None:
        return None
    weight = others.n / everybody.logs.n  # members against all is so much of them against others
    gap = members.logs.mean - others.mean
    error = math.sqrt(
        (members.logs.variance or 0.0) / members.logs.n + (others.variance or 0.0) / others.n
    )
    low, high = (
        weight * (gap + z * error) / deviation for z in (-quantile(LEVEL), quantile(LEVEL))
    )
    if low <= 0 <= high:
        return None
    return Difference(
        name=spread.feature.value,
        feature=spread.feature,
        effect=weight * gap / deviation,
        interval=Interval(low, high),
        members=members.median,
        everybody=everybody.median,
    )


def _without(whole: Moments, part: Moments) -> Moments:
    """The others: what is left of a whole without a part of it (Chan's formula, backwards)."""
    n = whole.n - part.n
    if n <= 0:
        return Moments()
    mean = (whole.total - part.total) / n
    m2 = whole.m2 - part.m2 - (part.mean - mean) ** 2 * part.n * n / whole.n
    return Moments(n=n, mean=mean, m2=max(m2, 0.0))


def _of_value(portrait: Portrait, shares: Shares, value: Value) -> Difference | None:
    """Cohen's h of two shares, where Newcombe's interval of their difference leaves zero out."""
    n, whole = portrait.members, portrait.everybody
    others = (value.everybody - value.members, whole - n)
    gap = difference(value.members, n, *others)
    if not isinstance(gap, Estimate) or gap.interval.low <= 0 <= gap.interval.high:
        return None
    mine, all_ = value.members / n, value.everybody / whole
    ratio = lift(value.members, n, value.everybody, whole)
    return Difference(
        name=shares.name,
        event=shares.event,
        value=value.text,
        effect=2 * math.asin(math.sqrt(mine)) - 2 * math.asin(math.sqrt(all_)),
        interval=Interval(*gap.interval),
        members=mine,
        everybody=all_,
        ratio=ratio if isinstance(ratio, Estimate) else None,
    )


def merged(name: str, event: str | None, values: Sequence[Value]) -> Shares:
    """The commonest values by themselves; the rest, and every small group, as others."""
    shown = [
        value
        for value in values
        if value.everybody >= LEAST_SHOWN and (value.members >= LEAST_SHOWN or not value.members)
    ]
    shown = sorted(shown, key=lambda one: (-one.members, -one.everybody, one.text or ""))[:SHOWN]
    rest = [value for value in values if value not in shown]
    others = Value(
        text=None,
        everybody=sum(one.everybody for one in rest),
        members=sum(one.members for one in rest),
    )
    return Shares(name=name, event=event, values=shown, others=others if rest else None)


def hushed(portrait: Portrait) -> Portrait:
    """The same with nothing said of a segment whose members are too few to hide in it."""
    if not portrait.secret:
        return portrait
    return replace(portrait, active=(0, 0), money=None, spreads=(), shares=())
