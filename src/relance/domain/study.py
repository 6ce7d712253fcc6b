"""What is measured: one version of a trigger, or the whole programme, as an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from relance.domain.arm import Arm
from relance.domain.duration import Unit
from relance.domain.trigger import Goal

WINDOWS = (7, 30, 60, 90)  # days; the goal's own window is measured beside them
FORGIVEN = 0.01  # of a table's rows: somebody's right to be forgotten, not a lost export
PROGRAMME = "*"  # the trigger's name in a study of the global holdout: no trigger can have it
_DAYS = {Unit.DAY: 1, Unit.WEEK: 7}


class Metric(StrEnum):
    """What is compared between the arms, per entrant."""

    RETAINED = "retained"  # at least one goal event
    ORDERS = "orders"  # goal events
    REVENUE = "revenue"  # their amounts
    REACTIVATED = "reactivated"  # retained, among those who had lapsed at entry
    UNSUBSCRIBED = "unsubscribed"  # the guardrail: gave a consent back, or complained

    @property
    def is_share(self) -> bool:
        """Whether each customer counts as one or none."""
        return self not in {Metric.ORDERS, Metric.REVENUE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """How one version of a trigger is measured.

    `share` is the holdout of that version, None where nobody knows it any more. `read_out` is
    the number of entrants, planned before launch, whose closed windows are read. `until` closes
    all windows at one instant instead of the goal's: the programme's period. `addresses` are
    the customer attributes that its messages go to.
    """

    trigger: str
    version: str
    goal: Goal
    share: float | None
    read_out: int | None = None
    until: datetime | None = None
    addresses: frozenset[str] = frozenset({"email", "phone"})

    @property
    def key(self) -> tuple[str, str]:
        """Trigger and version."""
        return self.trigger, self.version

    @property
    def days(self) -> int:
        """The study's own window in days; 0 where it is no number of whole days."""
        within = self.goal.within
        return 0 if self.until is not None else within.count * _DAYS.get(within.unit, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """How the arms of one version of a trigger were drawn, written down at its first entry.

    `salt` and `hash_version` reproduce every arm (`domain.arm.bucket`); `share` was held out.
    `household` says that the draw was by household where a customer has one.
    """

    trigger: str
    version: str
    at: datetime
    hash_version: int
    salt: str
    share: float
    household: bool = False
    read_out: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """The first messages of one arm of one version that came as far as the wire, or its ghosts.

    `mean` and `m2` (the sum of squared deviations from it) are of the seconds since entry.
    """

    trigger: str
    version: str
    arm: Arm
    channel: str
    messages: int
    mean: float
    m2: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shrunk:
    """An event table with fewer rows up to `at` than it had then."""

    event: str
    table: str
    at: datetime
    before: int
    now: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Counting:
    """Everything else the state knows about one version, for its study."""

    sent: Mapping[str, int] = field(default_factory=dict)  # messages taken, by channel
    lateness: tuple[Lateness, ...] = ()
    first_at: datetime | None = None
