"""What a verdict is made of: the arms as counted, the plan, and the obstacles in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from relance.uplift.health import Finding, Health, Split, split_findings
from relance.uplift.planning import Pace
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, ArmCounts, Cause


class Counted(Protocol):
    """One arm in people; `ArmCounts` are such."""

    @property
    def entered(self) -> int:
        """First entries."""

    @property
    def mature(self) -> int:
        """Of them, with a closed window."""

    @property
    def retained(self) -> int:
        """Of these, with the goal event inside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The read-out decided before launch: at how many entrants, and what was counted there.

    `treated` and `holdout` are the arms as they stood at that instant, and stay so on every
    later day; None before it.
    """

    entrants: int
    treated: Counted | None = None
    holdout: Counted | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One version of a trigger as it stands, for `judge`.

    `share` is the configured holdout (0 to 1); `measured` is False without a goal. `parts` are
    the entries by week and by channel, each family on its own. `pace` allows `readable_on`.
    `shrunk` says that the goal's event table has lost rows. `returned` are who reached the goal
    so far in windows open or closed, treated first, for the alarm.
    """

    trigger: str
    version: str
    treated: Counted
    holdout: Counted
    share: float
    measured: bool = True
    parts: Sequence[Sequence[Split]] = ()
    plan: Plan | None = None
    pace: Pace | None = None
    shrunk: bool = False
    returned: tuple[int, int] | None = None


def arm_counts(arm: Counted) -> ArmCounts | None:
    """The arm, or None where such counts cannot be."""
    if not 0 <= arm.retained <= arm.mature <= arm.entered:
        return None
    return ArmCounts(entered=arm.entered, mature=arm.mature, retained=arm.retained)


def splits(trial: Trial) -> tuple[Finding, ...]:
    """The check of the whole split first, then of its parts."""
    whole = Split(treated=trial.treated.entered, holdout=trial.holdout.entered)
    families = ([whole], *trial.parts)
    return tuple(one for family in families for one in split_findings(family, trial.share))


def obstacle(trial: Trial, checked: Sequence[Finding]) -> Cause | None:
    """What stands between the counts and the statistics: split, size, maturity, in this order."""
    broken = [one for one in checked if one.health is Health.FAILED]
    if broken:
        return Cause.SPLIT_PART if broken[0].label else Cause.SPLIT
    if trial.shrunk:
        return Cause.SHRUNK
    if trial.share <= 0:
        return Cause.NO_HOLDOUT
    arms = (trial.treated, trial.holdout)
    if min(arm.entered for arm in arms) < MIN_MATURE:
        return Cause.FEW_ENTRANTS
    if min(arm.mature for arm in arms) < MIN_MATURE:
        return Cause.FEW_CLOSED
    if min(arm.retained for arm in arms) < MIN_RETAINED:
        return Cause.FEW_RETAINED
    return None
