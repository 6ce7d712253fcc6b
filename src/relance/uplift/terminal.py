"""A report as text for a terminal: a row per trigger, and the lines below it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from relance.domain.study import Metric
from relance.uplift.alarm import Alarm
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import MetricReading, Versions
from relance.uplift.health import Health
from relance.uplift.judge import Judgement
from relance.uplift.means import Cuped
from relance.uplift.money import Worth
from relance.uplift.reasons import alarm_sentence, finding_sentence, reason
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import MIN_MATURE
from relance.uplift.wording import count, interval, metric_name, percent, points

Writer = Callable[[float], str]
WIDTH = 100
_WORTH_A_WORD = 0.01  # of the variance
_USUAL = {Why.NOT_FOLLOWED, Why.NO_AMOUNT, Why.NO_HOLDOUT, Why.NO_TREATED}  # the verdict says it

HEADINGS = (
    "trigger", "entered", "refused", "treated", "held out", "sent", "failed",
    "retained", "without", "difference", "95 % interval", "verdict",
)  # fmt: skip


def terminal_rows(reports: Sequence[TriggerReport]) -> list[tuple[str, ...]]:
    """One row of text per trigger, under `HEADINGS`, for a table on a terminal."""
    return [_row(report) for report in reports]


def _row(report: TriggerReport) -> tuple[str, ...]:
    reading = report.reading
    shown = reading.hidden is None
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


def terminal_lines(report: TriggerReport, currency: str) -> list[str]:
    """What a reader needs below the verdict's sentence, indented, at most `WIDTH` wide.

    An alarm first, then every metric of groups as large as a verdict needs, what it was worth,
    all versions together, and the health checks that warn. Nothing where the verdict hides its
    numbers, but the warnings.
    """
    lines = [
        *_alarm(report),
        *(line for one in report.metrics for line in _metric(one, currency)),
        *(_worth(report.worth, currency) if report.worth else ()),
        *(_versions(report.versions) if report.versions else ()),
        *_warnings(report),
    ]
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    ]


def _alarm(report: TriggerReport) -> Iterator[str]:
    found = report.reading.alarm if isinstance(report.reading, Judgement) else None
    if isinstance(found, Alarm) and (text := alarm_sentence(found)):
        yield text


def _metric(one: MetricReading, currency: str) -> Iterator[str]:
    if min(one.treated.customers, one.holdout.customers) < MIN_MATURE:
        return
    name = f"{metric_name(one.metric)}, {one.window}:"
    if isinstance(one.difference, Withheld):
        if one.metric is Metric.REVENUE and one.difference.why not in _USUAL | {
            Why.SPLIT,
            Why.SHRUNK,
        }:
            yield f"{name} {reason(one.difference)}"
        return
    treated, holdout = one.treated.value, one.holdout.value
    each = _writer(one.metric, currency)
    arms = (
        "" if treated is None or holdout is None else f"{each(treated)} against {each(holdout)}: "
    )
    yield f"{name} {arms}{_difference(one.difference, one.metric, currency)}{_ratio(one)}"
    if (
        one.primary
        and isinstance(one.adjusted, Cuped)
        and one.adjusted.variance_cut >= _WORTH_A_WORD
    ):
        cut, found = percent(one.adjusted.variance_cut), one.adjusted.estimate
        told = _difference(found, one.metric, currency)
        yield f"  the same without the {cut} of variance known before entry: {told}"


def _writer(metric: Metric, currency: str) -> Writer:
    """How one arm's value of this metric is written."""
    if metric.is_share:
        return percent
    return quantity if metric is Metric.ORDERS else lambda value: amount(value, currency)


def _difference(one: Estimate, metric: Metric, currency: str) -> str:
    if metric.is_share:
        return _estimate(one, points, " points")
    if metric is Metric.ORDERS:
        return _estimate(one, lambda value: quantity(value, signed=True))
    return _money(one, currency)


def _money(one: Estimate, currency: str) -> str:
    """An amount and its interval, with cents where none of them is large."""
    decimals = 2 if max(map(abs, (one.value, *one.interval))) < 100 else 0
    return _estimate(one, lambda value: quantity(value, decimals, signed=True), f" {currency}")


def _estimate(one: Estimate, write: Writer, unit: str = "") -> str:
    low, high = (write(end) for end in one.interval)
    return f"{write(one.value)}{unit} [{low}, {high}]"


def _ratio(one: MetricReading) -> str:
    if not one.primary or isinstance(one.ratio, Withheld):
        return ""
    return f"; × {_estimate(one.ratio, lambda value: f'{value:.2f}')}"


def quantity(number: float, decimals: int = 3, *, signed: bool = False) -> str:
    """A number with its thousands apart, and a sign where it is a difference."""
    text = f"{number:{'+' if signed else ''},.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # nothing has no sign
    return text.replace("-", "\N{MINUS SIGN}")


def amount(value: float, currency: str) -> str:
    """An amount of money with its currency: `1,250 EUR`; cents below a hundred."""
    return f"{quantity(value, 2 if abs(value) < 100 else 0)} {currency}"


def _worth(one: Worth, currency: str) -> Iterator[str]:
    parts = []
    if isinstance(one.customers, Estimate):
        customers = _estimate(one.customers, lambda value: quantity(value, 0, signed=True))
        parts.append(f"customers {customers}")
    if isinstance(one.revenue, Estimate):
        parts.append(f"revenue {_money(one.revenue, currency)}")
    if isinstance(one.cost, float) and one.cost:
        parts.append(f"messages cost {amount(one.cost, currency)}")
    if isinstance(one.net, Estimate) and one.cost:
        parts.append(f"net {_money(one.net, currency)}")
    if parts:
        yield f"{'worth ' if isinstance(one.customers, Estimate) else ''}so far: {'; '.join(parts)}"


def _versions(one: Versions) -> Iterator[str]:
    if isinstance(one.difference, Estimate):
        left = f"; {one.left_out} left out for a broken split" if one.left_out else ""
        found = _estimate(one.difference, points, " points")
        yield f"all {one.versions} versions, each compared on its own: {found}{left}"


def _warnings(report: TriggerReport) -> Iterator[str]:
    for one in report.findings:
        if one.health in {Health.WARNING, Health.FAILED}:
            yield f"check: {finding_sentence(one)}"
