"""A trigger in numbers: every measure, what it was worth, and whether the experiment is sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relance.domain.study import Metric
from relance.rendering.report.cells import NOTHING, Cell, Footnotes, estimate_cell
from relance.rendering.report.labels import LABELS
from relance.rendering.report.numbers import (
    DASH,
    difference_writer,
    largest,
    money,
    p_value,
    percentile,
    ratio_writer,
    signed,
    value_writer,
    whole,
)
from relance.rendering.report.words import window_words
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import ArmFigure, MetricReading
from relance.uplift.health import Finding, Health
from relance.uplift.money import Worth
from relance.uplift.reasons import finding_sentence, reason
from relance.uplift.revenue import Effect, Revenue
from relance.uplift.wording import Locale, count, percent, points

# a shape for each outcome: the page must read without colour
HEALTH_SYMBOLS = {Health.FAILED: "✕", Health.WARNING: "!", Health.GOOD: "✓", Health.SILENT: "·"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricRow:
    """One measure: its name, its window, and what stands in each column."""

    name: str
    window: str
    primary: bool
    treated: Cell
    holdout: Cell
    difference: Cell
    ratio: Cell
    adjusted: Cell
    total: Cell


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsView:
    """The measures of a trigger, and the reasons that the marks in them lead to.

    `silent` are measures of which there is nothing to show, each with its reason.
    """

    rows: Sequence[MetricRow]
    notes: Sequence[tuple[str, str]]
    silent: Sequence[tuple[str, str]]


def metrics_view(
    metrics: Sequence[MetricReading], currency: str, locale: Locale
) -> MetricsView | None:
    """The measures in their order, the primary one first; None where nothing is measured."""
    if not metrics:
        return None
    notes = Footnotes(locale)
    rows = [_metric(metric, currency, notes) for metric in metrics if not _silent(metric)]
    silent: dict[str, list[str]] = {}
    for metric in metrics:
        if nothing := _silent(metric):
            name = f"{_name(metric, locale)} {_window(metric, locale)}"
            silent.setdefault(reason(nothing, locale), []).append(name)
    return MetricsView(
        rows=rows,
        notes=notes.lines,
        silent=[(", ".join(names), why) for why, names in silent.items()],
    )


def _silent(reading: MetricReading) -> Withheld | None:
    """Why there is no row to show: neither arm has a value, or it is money and too few bought."""
    nothing = reading.difference
    values = (reading.treated.value, reading.holdout.value)
    if isinstance(nothing, Withheld) and (
        values == (None, None) or reading.metric is Metric.REVENUE
    ):
        return nothing
    return None


def _name(reading: MetricReading, locale: Locale) -> str:
    return LABELS[locale][f"metric_{reading.metric}"]


def _window(reading: MetricReading, locale: Locale) -> str:
    return window_words(reading.window, locale)


def _metric(reading: MetricReading, currency: str, notes: Footnotes) -> MetricRow:
    metric, locale = reading.metric, notes.locale
    size = largest(reading.difference) if isinstance(reading.difference, Estimate) else 0.0
    write = difference_writer(metric, currency, size, locale)
    return MetricRow(
        name=_name(reading, locale),
        window=_window(reading, locale),
        primary=reading.primary,
        treated=_figure(reading.treated, reading, currency, locale),
        holdout=_figure(reading.holdout, reading, currency, locale),
        difference=notes.cell(reading.difference, write),
        ratio=_ratio(reading, notes),
        adjusted=_adjusted(reading, currency, notes),
        total=_total(reading, currency, notes),
    )


def _figure(arm: ArmFigure, reading: MetricReading, currency: str, locale: Locale) -> Cell:
    if arm.value is None:
        return NOTHING
    of = ""
    if arm.hits is not None:
        hits, customers = count(arm.hits, locale), count(arm.customers, locale)
        of = LABELS[locale]["of_customers"].format(hits=hits, customers=customers)
    return Cell(main=value_writer(reading.metric, currency, locale)(arm.value), small=of)


def _ratio(reading: MetricReading, notes: Footnotes) -> Cell:
    """Shares only; a dash without a reason where the difference has one already."""
    if not reading.metric.is_share or isinstance(reading.difference, Withheld):
        return NOTHING
    return notes.cell(reading.ratio, ratio_writer(notes.locale))


def _adjusted(reading: MetricReading, currency: str, notes: Footnotes) -> Cell:
    found = reading.adjusted
    if isinstance(reading.difference, Withheld):
        return NOTHING
    if isinstance(found, Withheld):
        # what has no spread here is the same metric before entry
        alike = found.why is Why.NO_SPREAD
        mark = notes.letter(LABELS[notes.locale]["alike"]) if alike else notes.mark(found)
        return Cell(main=DASH, mark=mark)
    size = largest(found.estimate)
    write = difference_writer(reading.metric, currency, size, notes.locale)
    cell = estimate_cell(found.estimate, write, notes.locale)
    share = percent(found.variance_cut, notes.locale)
    cut = LABELS[notes.locale]["cut"].format(share=share)
    return Cell(main=cell.main, small=f"{cell.small}\n{cut}")


def _total(reading: MetricReading, currency: str, notes: Footnotes) -> Cell:
    found = reading.total
    if isinstance(reading.difference, Withheld):
        return NOTHING
    if isinstance(found, Withheld):
        return Cell(main=DASH, mark=notes.mark(found))
    if reading.metric is not Metric.REVENUE:
        return estimate_cell(found, whole(notes.locale), notes.locale)
    write = signed(money(currency, largest(found), notes.locale))
    return estimate_cell(found, write, notes.locale)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A label, its value and what stands small beside it; or a sentence instead of a value."""

    label: str
    cell: Cell
    note: str = ""


def worth_lines(worth: Worth | None, currency: str, locale: Locale) -> list[Line]:
    """Customers, revenue, cost and net value; the reason where one is withheld."""
    if worth is None:
        return []
    words = LABELS[locale]
    return _told_once(
        [
            _line(words["extra"], worth.customers, None, locale),
            _line(words["revenue"], worth.revenue, currency, locale),
            _cost(worth.cost, currency, locale),
            _line(words["net"], worth.net, currency, locale, words["net_note"]),
        ]
    )


def _told_once(lines: Sequence[Line]) -> list[Line]:
    """Without the reasons that an earlier line has given."""
    notes = [line.note for line in lines]
    return [
        replace(line, note="" if line.note in notes[:number] else line.note)
        for number, line in enumerate(lines)
    ]


def _line(
    label: str, found: Estimate | Withheld, currency: str | None, locale: Locale, note: str = ""
) -> Line:
    """A number of customers, or an amount of the currency."""
    if isinstance(found, Withheld):
        return Line(label=label, cell=NOTHING, note=reason(found, locale))
    write = whole(locale)
    if currency is not None:
        write = signed(money(currency, largest(found), locale))
    return Line(label=label, cell=estimate_cell(found, write, locale), note=note)


def _cost(cost: float | Withheld, currency: str, locale: Locale) -> Line:
    label = LABELS[locale]["cost"]
    if isinstance(cost, Withheld):
        return Line(label=label, cell=NOTHING, note=reason(cost, locale))
    return Line(label=label, cell=Cell(main=money(currency, cost, locale)(cost)))


def revenue_lines(revenue: Revenue | None, currency: str, locale: Locale) -> list[Line]:
    """Revenue per customer by its parts: who bought, and for how much.

    While there are too few buyers for a number about money, who bought is all there is.
    """
    if revenue is None:
        return []
    words, effect = LABELS[locale], revenue.effect
    if isinstance(effect, Withheld):
        lines = [Line(label=words["spent"], cell=NOTHING, note=reason(effect, locale))]
    else:
        lines = _spent(effect, currency, locale) + _per_buyer(revenue, currency, locale)
    if isinstance(revenue.buyers, Estimate):
        cell = estimate_cell(revenue.buyers, lambda value: points(value, locale), locale)
        lines.append(Line(label=words["buyers"], cell=cell, note=words["points"]))
    return lines


def _per_buyer(revenue: Revenue, currency: str, locale: Locale) -> list[Line]:
    """What buyers spent: they were not drawn at random, so that it proves nothing."""
    if revenue.per_buyer_treated is None or revenue.per_buyer_holdout is None:
        return []
    both = (revenue.per_buyer_treated, revenue.per_buyer_holdout)
    write, words = money(currency, max(both), locale), LABELS[locale]
    values = " · ".join(write(value) for value in both)
    return [Line(label=words["per_buyer"], cell=Cell(main=values), note=words["describes"])]


def _spent(effect: Effect, currency: str, locale: Locale) -> list[Line]:
    words = LABELS[locale]
    size = max(abs(effect.difference), largest(effect.capped))
    write = signed(money(currency, size, locale))
    cap = money(currency, effect.cap, locale)(effect.cap)
    note = words["percentile"].format(percentile=percentile(effect.percentile, locale))
    return [
        Line(
            label=words["spent"],
            cell=Cell(main=write(effect.difference)),
            note=words["permutation"].format(p=p_value(effect.p, locale)),
        ),
        Line(
            label=words["capped"].format(cap=cap),
            cell=estimate_cell(effect.capped, write, locale),
            note=note,
        ),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One health check as it is shown."""

    kind: str
    symbol: str
    outcome: str
    name: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthView:
    """What is worth reading of the checks, and how many more found nothing."""

    checks: Sequence[Check]
    more: Sequence[str]


def health_view(findings: Sequence[Finding], locale: Locale) -> HealthView:
    """Failures first, then warnings; of the good and the silent, only those of the whole."""
    order = list(HEALTH_SYMBOLS)
    loud = [f for f in findings if f.health in (Health.FAILED, Health.WARNING) or not f.label]
    quiet = [f.health for f in findings if f not in loud]
    more = [
        LABELS[locale][f"more_{health}"].format(n=count(quiet.count(health), locale))
        for health in (Health.GOOD, Health.SILENT)
        if health in quiet
    ]
    loud.sort(key=lambda finding: order.index(finding.health))
    return HealthView(checks=[check_view(finding, locale) for finding in loud], more=more)


def check_view(finding: Finding, locale: Locale) -> Check:
    """One check with its shape and its sentence."""
    words = LABELS[locale]
    return Check(
        kind=finding.health.value,
        symbol=HEALTH_SYMBOLS[finding.health],
        outcome=words[f"health_{finding.health}"],
        name=words[f"check_{finding.check}"],
        sentence=finding_sentence(finding, locale),
    )


def overlap_checks(findings: Sequence[Finding], locale: Locale) -> list[Check]:
    """Pairs of triggers with many customers in common."""
    return [check_view(finding, locale) for finding in findings]
