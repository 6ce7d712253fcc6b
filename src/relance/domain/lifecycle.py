"""Lifecycle stages: where a customer stands with a company, from their events alone.

Everybody is in exactly one stage at every instant. docs/lifecycle.md says it for users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from relance.domain.condition import FieldTest
from relance.domain.duration import Duration, Unit

_LONGEST = 36_525  # days: a century


class Stage(StrEnum):
    """The stages, in the order in which a life goes through them."""

    PROSPECT = "prospect"  # has not bought
    NEW = "new"  # bought first not long ago
    ACTIVE = "active"
    AT_RISK = "at_risk"  # silent for longer than most customers ever are between two orders
    LAPSED = "lapsed"  # silent for longer than nearly all
    REACTIVATED = "reactivated"  # came back not long ago, after having lapsed
    LOST = "lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """The lengths of silence between the stages, each longer than the one before.

    A first order, or the first one after a lapse, is new for `recent`. With a silence of up to
    `active` somebody is active, up to `at_risk` at risk, up to `lapsed` lapsed, beyond it lost.
    """

    recent: Duration
    active: Duration
    at_risk: Duration
    lapsed: Duration

    @classmethod
    def of_days(cls, recent: int, active: int, at_risk: int, lapsed: int) -> Lengths:
        days = [Duration(count, Unit.DAY) for count in (recent, active, at_risk, lapsed)]
        return cls(recent=days[0], active=days[1], at_risk=days[2], lapsed=days[3])

    @classmethod
    def of_gaps(cls, usual: float, long: float, longest: float) -> Lengths:
        """From the 50, 80 and 95 % quantiles of the customers' usual gaps, in days.

        Whole days, rounded up, each longer than the one before; somebody is lost after twice the
        gap that hardly anybody exceeds.
        """
        recent = _days(usual, 1)
        active = _days(long, recent + 1)
        at_risk = _days(longest, active + 1)
        return cls.of_days(recent, active, at_risk, 2 * at_risk)


def span(length: Duration, at: datetime, ago: datetime) -> timedelta:
    """A length as of an instant, `ago` being so long before it, as a gap between two others.

    Days and longer are whole days of 24 hours: no gap is another one after the clocks change.
    """
    if length.unit in (Unit.MINUTE, Unit.HOUR):
        return at - ago
    return timedelta(days=round((at - ago) / timedelta(days=1)))


def _days(gap: float, least: int) -> int:
    return max(min(math.ceil(round(gap, 6)), _LONGEST), least)


FALLBACK = Lengths.of_days(30, 90, 180, 365)
"""Where nobody has bought twice yet, so that there is no gap to learn from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LifecycleSpec:
    """Which event is a purchase, and what the stages are told apart by.

    `lengths` are fixed ones; without them they are fitted, and again after `refit`. `names` and
    `titles` are what the company calls its stages.
    """

    event: str = "order"
    where: tuple[FieldTest, ...] = ()
    lengths: Lengths | None = None
    refit: Duration = field(default_factory=lambda: Duration(30, Unit.DAY))
    names: Mapping[Stage, str] = field(default_factory=dict)
    titles: Mapping[Stage, str] = field(default_factory=dict)

    def name(self, stage: Stage) -> str:
        """What a stage is called where it is referred to."""
        return self.names.get(stage, stage.value)

    def title(self, stage: Stage) -> str:
        """What a stage is called where it is shown."""
        return self.titles.get(stage, self.name(stage).replace("_", " ").capitalize())
