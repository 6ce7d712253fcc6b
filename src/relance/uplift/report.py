"""What `relance report` says about one trigger: as values, as JSON and as a row of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from relance.domain.trigger import Goal
from relance.uplift.figures import Cohort, Curves, MetricReading, Versions
from relance.uplift.health import Finding
from relance.uplift.money import Worth
from relance.uplift.proportions import Interval
from relance.uplift.revenue import Revenue
from relance.uplift.verdict import ArmCounts, Reading, Verdict
from relance.uplift.wording import count, interval, percent, points, sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerReport:
    """One trigger, in its present version, up to `at`.

    `entered` met the transition, before any gate: it is the sum of `refused` (reason → people),
    `treated` and `held_out`. The message counts are of treated customers; `sent` were taken by
    the provider (delivered, bounced and complained ones too), `unknown` may have been sent,
    `pending` are not due or not tried yet. `by_state` has every message, ghosts included.
    `metrics` begin with the primary one. `worth` is of the treated with closed windows.
    """

    trigger: str
    description: str
    version: str
    at: datetime
    goal: Goal | None
    reading: Reading
    runs: int = 0
    entered: int = 0
    treated: int = 0
    held_out: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    pending: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    by_state: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    metrics: Sequence[MetricReading] = ()
    curves: Curves | None = None
    cohorts: Sequence[Cohort] = ()
    findings: Sequence[Finding] = ()
    revenue: Revenue | None = None
    worth: Worth | None = None
    versions: Versions | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything as of one instant. `programme` is the worth of all triggers together, by the
    global holdout (None without one); `overlaps` are pairs of triggers with many in common."""

    at: datetime
    currency: str
    triggers: Sequence[TriggerReport] = ()
    programme: TriggerReport | None = None
    overlaps: Sequence[Finding] = ()


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


HEADINGS = (
    "trigger", "entered", "refused", "treated", "held out", "sent", "failed",
    "retained", "without", "difference", "95 % interval", "verdict",
)  # fmt: skip


def terminal_rows(reports: Sequence[TriggerReport]) -> list[tuple[str, ...]]:
    """One row of text per trigger, under `HEADINGS`, for a table on a terminal."""
    return [_row(report) for report in reports]


def _row(report: TriggerReport) -> tuple[str, ...]:
    reading = report.reading
    shown = reading.verdict is not Verdict.SRM_FAILED
    return (
        report.trigger,
        count(report.entered),
        count(sum(report.refused.values())),
        count(report.treated),
        count(report.held_out),
        count(report.sent),
        count(report.failed),
        percent(reading.treated.rate if shown else None),
        percent(reading.holdout.rate if shown else None),
        points(reading.diff),
        interval(reading),
        reading.verdict.value.replace("_", " "),
    )
