"""A trigger's report as plain data: a shape that other programs rely on."""

from __future__ import annotations

from typing import TypedDict

from relance.domain.trigger import Goal
from relance.uplift.proportions import Interval
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import ArmCounts, Reading, Verdict
from relance.uplift.wording import sentence


class ArmJson(TypedDict):
    """One arm: people whose goal window is closed, and how many of them were retained."""

    entered: int
    mature: int
    retained: int
    rate: float | None
    rate_ci: list[float] | None


class GoalJson(TypedDict):
    """What counts as retained."""

    event: str
    within: str


class ReportJson(TypedDict):
    """One trigger in `relance report --json`. Rates and differences are fractions."""

    trigger: str
    description: str
    version: str
    at: str
    goal: GoalJson | None
    runs: int
    entered: int
    refused: dict[str, int]
    treated: int
    held_out: int
    sent: int
    failed: int
    skipped: dict[str, int]
    unknown: int
    pending: int
    by_state: dict[str, int]
    holdout_share: float
    arms: dict[str, ArmJson]
    diff: float | None
    diff_ci: list[float] | None
    mde: float | None
    extra: float | None
    extra_ci: list[float] | None
    srm_p: float
    readable_on: str | None
    verdict: str
    reason: str


def to_json(report: TriggerReport) -> ReportJson:
    """A report as plain data; this shape is an interface that other programs rely on.

    Rates, `diff` and `mde` are fractions (0.05 is five points), intervals are `[low, high]`;
    null stands where there is no number. Rates are withheld while the split is broken.
    """
    reading = report.reading
    return ReportJson(
        trigger=report.trigger,
        description=report.description,
        version=report.version,
        at=report.at.isoformat(),
        goal=_goal(report.goal),
        runs=report.runs,
        entered=report.entered,
        refused=dict(report.refused),
        treated=report.treated,
        held_out=report.held_out,
        sent=report.sent,
        failed=report.failed,
        skipped=dict(report.skipped),
        unknown=report.unknown,
        pending=report.pending,
        by_state=dict(report.by_state),
        holdout_share=reading.share,
        arms={
            "treated": _arm(reading, reading.treated),
            "holdout": _arm(reading, reading.holdout),
        },
        diff=reading.diff,
        diff_ci=_pair(reading.diff_ci),
        mde=reading.mde,
        extra=reading.extra,
        extra_ci=_pair(reading.extra_ci),
        srm_p=reading.srm_p,
        readable_on=None if reading.readable_on is None else reading.readable_on.isoformat(),
        verdict=reading.verdict.value,
        reason=sentence(reading),
    )


def _goal(goal: Goal | None) -> GoalJson | None:
    return None if goal is None else GoalJson(event=goal.event, within=str(goal.within))


def _arm(reading: Reading, arm: ArmCounts) -> ArmJson:
    shown = reading.verdict is not Verdict.SRM_FAILED
    return ArmJson(
        entered=arm.entered,
        mature=arm.mature,
        retained=arm.retained,
        rate=arm.rate if shown else None,
        rate_ci=_pair(arm.rate_ci) if shown else None,
    )


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
