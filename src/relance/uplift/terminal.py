"""A report as text for a terminal: a row per trigger, and the lines below it."""

from __future__ import annotations

from collections.abc import Sequence

from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Verdict
from relance.uplift.wording import count, interval, percent, points

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
