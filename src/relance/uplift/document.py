"""A trigger's report as plain data: a shape that other programs rely on."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypedDict

from relance import __version__
from relance.domain.study import Metric
from relance.domain.trigger import Goal
from relance.uplift.alarm import Alarm
from relance.uplift.estimate import Estimate
from relance.uplift.health import Check
from relance.uplift.judge import Judgement
from relance.uplift.plain import (
    AlarmJson,
    CohortJson,
    CupedJson,
    CurvesJson,
    Ends,
    FindingJson,
    MetricJson,
    RevenueJson,
    VersionsJson,
    WorthJson,
    alarm_json,
    cohort_json,
    cuped_json,
    curves_json,
    ends,
    finding_json,
    finite,
    metric_json,
    revenue_json,
    value,
    versions_json,
    worth_json,
)
from relance.uplift.proportions import Interval
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import ArmCounts, Reading
from relance.uplift.wording import sentence


class ArmJson(TypedDict):
    """One arm: people whose goal window is closed, and how many of them were retained."""

    entered: int
    mature: int | None
    retained: int | None
    rate: float | None
    rate_ci: list[float] | None


class GoalJson(TypedDict):
    """What counts as retained."""

    event: str
    within: str


class FollowedJson(TypedDict):
    """People and messages."""

    first_at: str | None
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


class JudgedJson(TypedDict):
    """What the rule for daily looking adds to the difference; see docs/measurement.md."""

    method: str | None
    ratio: float | None
    ratio_ci: Ends | None
    p: float | None
    p_adjusted: float | None
    compared: int
    anytime_p: float | None
    anytime_ci: Ends | None
    alarm: AlarmJson | None


class FiguresJson(TypedDict):
    """Everything that is measured beside the verdict."""

    prebalance_p: float | None
    cuped: CupedJson | None
    metrics: list[MetricJson]
    revenue: RevenueJson | None
    worth: WorthJson | None
    curves: CurvesJson | None
    cohorts: list[CohortJson]
    findings: list[FindingJson]
    versions: VersionsJson | None


class ReportJson(FollowedJson, JudgedJson, FiguresJson):
    """One trigger in `relance report --json`. Rates and differences are fractions."""

    trigger: str
    description: str
    version: str
    at: str
    code_version: str
    goal: GoalJson | None
    metric: str
    window_days: int | None
    read_out: int | None
    holdout_share: float | None
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
    null stands where there is no number. While the split is broken, or the counts cannot be
    believed, nothing tells of an effect: not even how many were retained.
    """
    reading = report.reading
    return ReportJson(
        trigger=report.trigger,
        description=report.description,
        version=report.version,
        at=report.at.isoformat(),
        code_version=__version__,
        goal=_goal(report.goal),
        metric=Metric.RETAINED.value,
        window_days=report.metrics[0].days or None if report.metrics else None,
        read_out=report.read_out,
        **_followed(report),
        holdout_share=finite(reading.share),
        arms={
            "treated": _arm(reading, reading.treated),
            "holdout": _arm(reading, reading.holdout),
        },
        diff=reading.diff,
        diff_ci=_pair(reading.diff_ci),
        **_judged(reading),
        mde=reading.mde,
        extra=reading.extra,
        extra_ci=_pair(reading.extra_ci),
        srm_p=reading.srm_p,
        readable_on=_iso(reading.readable_on),
        verdict=reading.verdict.value,
        reason=sentence(reading),
        **_figures(report),
    )


def _followed(report: TriggerReport) -> FollowedJson:
    return FollowedJson(
        first_at=_iso(report.first_at),
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
    )


def _figures(report: TriggerReport) -> FiguresJson:
    return FiguresJson(
        prebalance_p=_prebalance_p(report),
        cuped=cuped_json(report.metrics[0]) if report.metrics else None,
        metrics=[metric_json(one) for one in report.metrics],
        revenue=None if report.revenue is None else revenue_json(report.revenue),
        worth=None if report.worth is None else worth_json(report.worth),
        curves=None if report.curves is None else curves_json(report.curves),
        cohorts=[cohort_json(one) for one in report.cohorts],
        findings=[finding_json(one) for one in report.findings],
        versions=None if report.versions is None else versions_json(report.versions),
    )


def _judged(reading: Reading) -> JudgedJson:
    """Of a `Judgement`; null for a plain `Reading`."""
    judged = reading if isinstance(reading, Judgement) else None
    ratio = judged.ratio if judged and isinstance(judged.ratio, Estimate) else None
    alarm = judged.alarm if judged and isinstance(judged.alarm, Alarm) else None
    return JudgedJson(
        method="Newcombe" if reading.diff is not None else None,
        ratio=value(ratio),
        ratio_ci=ends(ratio),
        p=judged.p if judged else None,
        p_adjusted=judged.p_adjusted if judged else None,
        compared=judged.compared if judged else 1,
        anytime_p=judged.early.p if judged and judged.early else None,
        anytime_ci=ends(judged.early) if judged else None,
        alarm=alarm_json(alarm) if alarm else None,
    )


def _prebalance_p(report: TriggerReport) -> float | None:
    """The smallest p-value of the metrics before entry, already adjusted for their number."""
    found = [one.p for one in report.findings if one.check is Check.BALANCE and one.p is not None]
    return finite(min(found, default=None))


def _goal(goal: Goal | None) -> GoalJson | None:
    return None if goal is None else GoalJson(event=goal.event, within=str(goal.within))


def _arm(reading: Reading, arm: ArmCounts) -> ArmJson:
    shown = reading.hidden is None
    return ArmJson(
        entered=arm.entered,
        mature=arm.mature if shown else None,
        retained=arm.retained if shown else None,
        rate=arm.rate if shown else None,
        rate_ci=_pair(arm.rate_ci) if shown else None,
    )


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _iso(moment: date | datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
