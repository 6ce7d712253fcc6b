"""A report as CSV (RFC 4180): one row per trigger and metric, every number unrounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from relance.uplift.document import to_json
from relance.uplift.plain import Ends, MetricJson
from relance.uplift.report import Report, TriggerReport

Cell = str | int | float | bool | None

COLUMNS = (
    "at", "trigger", "version", "verdict", "reason",
    "metric", "window_days", "window", "primary",
    "treated_customers", "treated_hits", "treated_value",
    "holdout_customers", "holdout_hits", "holdout_value",
    "diff", "diff_low", "diff_high", "method", "p", "p_adjusted",
    "ratio", "ratio_low", "ratio_high",
    "cuped_diff", "cuped_low", "cuped_high", "cuped_variance_cut",
    "total", "total_low", "total_high", "withheld",
)  # fmt: skip


def to_csv(report: Report) -> str:
    """The report under `COLUMNS`, the programme (`*`) last; a cell without a number is empty.

    `withheld` names the reason where the difference is; a trigger without a goal has one row
    with its verdict. `p_adjusted` goes with the primary metric only. No cell can be taken for a
    formula by a spreadsheet: none begins with text that a customer or a vendor wrote.
    """
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for one in (*report.triggers, *([report.programme] if report.programme else [])):
        writer.writerows(_rows(one))
    return file.getvalue()


def _rows(report: TriggerReport) -> Iterator[dict[str, Cell]]:
    told = to_json(report)
    head: dict[str, Cell] = {
        "at": told["at"],
        "trigger": told["trigger"],
        "version": told["version"],
        "verdict": told["verdict"],
        "reason": told["reason"],
    }
    for metric in told["metrics"]:
        adjusted = told["p_adjusted"] if metric["primary"] else None
        yield {**head, **_metric(metric), "p_adjusted": adjusted}
    if not told["metrics"]:
        yield head


def _metric(metric: MetricJson) -> dict[str, Cell]:
    treated, holdout = metric["arms"]["treated"], metric["arms"]["holdout"]
    cuped = metric["cuped"]
    return {
        "metric": metric["metric"],
        "window_days": metric["window_days"],
        "window": metric["window"],
        "primary": str(metric["primary"]).lower(),
        "treated_customers": treated["customers"],
        "treated_hits": treated["hits"],
        "treated_value": treated["value"],
        "holdout_customers": holdout["customers"],
        "holdout_hits": holdout["hits"],
        "holdout_value": holdout["value"],
        **_estimate("diff", metric["diff"], metric["diff_ci"]),
        "method": metric["method"],
        "p": metric["p"],
        **_estimate("ratio", metric["ratio"], metric["ratio_ci"]),
        **_estimate("cuped", cuped and cuped["diff"], cuped and cuped["diff_ci"], "cuped_diff"),
        "cuped_variance_cut": cuped and cuped["variance_cut"],
        **_estimate("total", metric["total"], metric["total_ci"]),
        "withheld": metric["withheld"].get("diff"),
    }


def _estimate(name: str, value: float | None, ends: Ends | None, own: str = "") -> dict[str, Cell]:
    low, high = ends or (None, None)
    return {own or name: value, f"{name}_low": low, f"{name}_high": high}
