"""What the engine answers about entries: sums by arm and week, never a row per customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from relance.domain.arm import Arm
from relance.domain.study import Metric
from relance.uplift.moments import Moments
from relance.uplift.verdict import ArmCounts

Key = tuple[str, str]  # trigger, version


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One metric over one window, of one arm's first entries in one week.

    `days` is the window (0: the study's own, which need not be whole days). `customers` have a
    closed window; `hits` of them have more than nothing, and `hits_before` had in as many days
    before entry. `moments` are of the metric, with the same metric before entry as its
    covariate; both are over `customers`.
    """

    trigger: str
    version: str
    arm: Arm
    week: date  # its Monday, in the workspace's zone
    metric: Metric
    days: int
    customers: int
    hits: int
    hits_before: int = 0
    moments: Moments = field(default_factory=Moments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """How many first entries one arm had in one week, and how many have a closed window.

    `closed` and `retained` are those of the study's own window. `vanished` are no longer in the
    customers table; they are counted all the same, as not retained where their events are gone.
    """

    trigger: str
    version: str
    arm: Arm
    week: date
    customers: int
    closed: int
    retained: int
    vanished: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeDay:
    """One day since entry of one arm: who was watched to its end and had not returned before,
    and who returned on it. Windows may be open; days begin at 1."""

    trigger: str
    version: str
    arm: Arm
    day: int
    at_risk: int
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendSums:
    """What one arm spent in closed windows of the study.

    `moments` and `third` (the sum of cubed deviations from the mean) are over all `customers`,
    `capped` over the same with everybody at most at `cap`, a percentile of both arms' buyers.
    `amounts` are the buyers' own, where the smaller arm has few enough for the exact
    permutation; None where there are too many, and the sums do instead. `negative` and
    `not_finite` count events that are no revenue.
    """

    trigger: str
    version: str
    arm: Arm
    customers: int
    buyers: int
    moments: Moments
    third: float
    cap: float
    capped: Moments
    amounts: Sequence[float] | None
    negative: int = 0
    not_finite: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two triggers, in their present versions: how many customers entered each, and both."""

    one: str
    other: str
    entered_one: int
    entered_other: int
    both: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """Everything that was counted; first entry per unit and version throughout.

    `planned` is each arm among the first `read_out` entrants, of studies that have one. `shared`
    counts entrants whose e-mail address or phone number an entrant of the other arm has too.
    """

    entered: Sequence[Entered] = ()
    cells: Sequence[Cell] = ()
    ages: Sequence[AgeDay] = ()
    spend: Sequence[SpendSums] = ()
    planned: Mapping[tuple[str, str, Arm], ArmCounts] = field(default_factory=dict)
    shared: Mapping[Key, int] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()
