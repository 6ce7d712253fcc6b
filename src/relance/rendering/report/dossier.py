"""One trigger as the page shows it: the verdict, its headline, and everything behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from relance.domain.study import PROGRAMME
from relance.rendering.report import charts
from relance.rendering.report.cells import Cell, estimate_cell
from relance.rendering.report.curves import CohortsView, CurvesView, cohorts_view, curves_view
from relance.rendering.report.labels import LABELS
from relance.rendering.report.numbers import (
    brackets,
    long_day,
    p_value,
    whole,
)
from relance.rendering.report.tables import (
    HealthView,
    Line,
    MetricsView,
    health_view,
    metrics_view,
    revenue_lines,
    worth_lines,
)
from relance.rendering.report.words import goal_words, reason, window_words
from relance.uplift.alarm import Alarm
from relance.uplift.estimate import Estimate, Why
from relance.uplift.figures import Versions
from relance.uplift.judge import Judgement
from relance.uplift.reasons import alarm_sentence
from relance.uplift.reasons import reason as why
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Reading, Verdict
from relance.uplift.wording import Locale, count, interval, percent, points, sentence

# a shape for each verdict: the page must read without colour
SYMBOLS = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.NO_DETECTABLE_EFFECT: "◆",
    Verdict.NOT_ENOUGH_DATA: "○",
    Verdict.TOO_EARLY: "◔",
    Verdict.SRM_FAILED: "✕",
}
# what hides an effect and not the people: nothing is measured, or outcomes are missing
_FOLLOWED = {None, Why.NO_GOAL, Why.SHRUNK}
_KEPT = {Verdict.BETTER: "kept_better", Verdict.WORSE: "kept_worse"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar of a funnel with its words."""

    number: str
    label: str
    pieces: Sequence[charts.Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """The number that goes to the director, what it counts, and its interval in words."""

    number: str
    label: str
    ends: str
    points: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """One trigger as it is shown. `facts`, `refused` and `notes` are label and value."""

    id: str
    name: str
    description: str
    verdict: str
    symbol: str
    verdict_words: str
    sentence: str
    alarm: str | None
    headline: Headline | None
    bars: Sequence[Bar]
    refused: Sequence[tuple[str, str]]
    notes: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    curves: CurvesView | None
    metrics: MetricsView | None
    cohorts: CohortsView | None
    worth: Sequence[Line]
    revenue: Sequence[Line]
    health: HealthView


def dossier(
    report: TriggerReport, id_: str, *, currency: str, zone: tzinfo | None, locale: Locale
) -> Dossier:
    """Everything that the page says about a trigger; while its numbers are hidden, why.

    While the split is broken there is no number at all: a share of the people who were sent
    something is half an effect.
    """
    reading, words = report.reading, LABELS[locale]
    shown, followed = not reading.hidden, reading.hidden in _FOLLOWED
    return Dossier(
        id=id_,
        name=report.trigger,
        description=report.description,
        verdict=reading.verdict.value,
        symbol=SYMBOLS[reading.verdict],
        verdict_words=words[f"symbol_{reading.verdict}"],
        sentence=sentence(reading, locale),
        alarm=harm(reading, locale),
        headline=headline(reading, locale),
        bars=_bars(report, locale) if followed else (),
        refused=_reasons(report.refused, locale) if followed else (),
        notes=_notes(report, locale) if followed else (),
        facts=_facts(report, zone, locale),
        curves=curves_view(report.curves, report.goal, locale) if shown else None,
        metrics=metrics_view(report.metrics, currency, locale) if shown else None,
        cohorts=cohorts_view(report.cohorts, locale) if shown else None,
        worth=worth_lines(report.worth, currency, locale) if shown else (),
        revenue=revenue_lines(report.revenue, currency, locale) if shown else (),
        health=health_view(report.findings, locale),
    )


def harm(reading: Reading, locale: Locale) -> str | None:
    """What the alarm for harm says; None while it is silent, or nothing may be shown."""
    if reading.hidden or not isinstance(reading, Judgement):
        return None
    return alarm_sentence(reading.alarm, locale) if isinstance(reading.alarm, Alarm) else None


def headline(reading: Reading, locale: Locale) -> Headline | None:
    """Customers kept or lost so far; None where the groups are too small to say."""
    if reading.hidden or reading.extra is None or reading.extra_ci is None:
        return None
    words, write = LABELS[locale], whole(locale)
    low, high = (write(end) for end in reading.extra_ci)
    return Headline(
        number=write(reading.extra),
        label=words[_KEPT.get(reading.verdict, "kept_none")],
        ends=words["ends"].format(low=low, high=high),
        points=f"{points(reading.diff, locale)} {words['points']} {interval(reading, locale)}",
    )


def _bars(report: TriggerReport, locale: Locale) -> list[Bar]:
    words, treated = LABELS[locale], report.reading.treated
    skipped = sum(report.skipped.values())
    planned = report.sent + report.failed + report.unknown + report.pending + skipped
    passed = report.treated + report.held_out
    whole = report.trigger == PROGRAMME
    treating = words["may_be" if whole else "treated"]
    held = f"{treating} · {count(report.held_out, locale)} {words['held_out']}"
    sent = words["sent"]
    if planned != report.sent:
        sent = f"{sent} {words['of']} {count(planned, locale)}"
    texts = [
        (count(report.entered, locale), words["entered"]),
        (count(passed, locale), words["passed"]),
        (count(report.treated, locale), held),
        (count(report.sent, locale), sent),
    ]
    bars = charts.funnel(report)
    if bars[-1]:
        rate, mature = percent(treated.rate, locale), count(treated.mature, locale)
        of = words["retained_of"].format(rate=rate, mature=mature)
        texts.append((count(treated.retained, locale), f"{words['retained']} · {of}"))
    found = [
        Bar(number=number, label=label, pieces=pieces)
        for (number, label), pieces in zip(texts, bars, strict=False)
    ]
    return found[2:] if whole else found  # nobody is refused by the whole programme


def _reasons(people: Mapping[str, int], locale: Locale) -> list[tuple[str, str]]:
    """Reasons with people in them, the commonest first."""
    ordered = sorted(people.items(), key=lambda item: (-item[1], item[0]))
    return [(reason(name, locale), count(n, locale)) for name, n in ordered if n]


def _notes(report: TriggerReport, locale: Locale) -> list[tuple[str, str]]:
    """What became of the messages that were not sent, where there are any."""
    words = LABELS[locale]
    rest = [("failed", report.failed), ("unknown", report.unknown), ("pending", report.pending)]
    notes = [(words[name], count(n, locale)) for name, n in rest if n]
    skipped = words["skipped"] + words["colon"]
    return notes + [(skipped + skip, n) for skip, n in _reasons(report.skipped, locale)]


def _facts(report: TriggerReport, zone: tzinfo | None, locale: Locale) -> list[tuple[str, str]]:
    reading, words = report.reading, LABELS[locale]
    facts = [
        (words["goal"], _goal(report, locale)),
        (words["holdout_share"], percent(reading.share, locale)),
    ]
    if report.read_out is not None:
        at = words["read_out_at"].format(n=count(report.read_out, locale))
        facts.append((words["read_out"], at))
    if report.first_at is not None:
        facts.append(
            (words["first_entry"], long_day(report.first_at.astimezone(zone).date(), locale))
        )
    if not reading.hidden:
        facts += _measured(reading, locale)
        facts += _pooled(report.versions, locale)
    if report.trigger == PROGRAMME:  # whose version is a period, told with the goal
        return facts
    return [*facts, (words["version"], report.version[:12])]


def _goal(report: TriggerReport, locale: Locale) -> str:
    if report.trigger == PROGRAMME and report.goal is not None:
        return f"{report.goal.event} {window_words(report.version, locale)}"
    return goal_words(report.goal, locale)


def _measured(reading: Reading, locale: Locale) -> list[tuple[str, str]]:
    words, facts = LABELS[locale], []
    if reading.mde is not None:
        rise = words["mde_value"].format(points=points(reading.mde, locale))
        facts.append((words["mde"], rise))
    if reading.readable_on is not None:
        facts.append((words["readable_on"], long_day(reading.readable_on, locale)))
    if isinstance(reading, Judgement):
        if reading.early is not None:
            ends = brackets(reading.early.interval, lambda end: points(end, locale), locale)
            facts.append((words["daily"], f"{ends} {words['points']}"))
        facts += _tested(reading, locale)
    return facts


def _tested(reading: Judgement, locale: Locale) -> list[tuple[str, str]]:
    """The p-value, and what is left of it among the other triggers."""
    words, facts = LABELS[locale], []
    if reading.p is not None:
        facts.append((words["tested"], p_value(reading.p, locale)))
    if reading.p_adjusted is not None and reading.compared > 1:
        label = words["tested_among"].format(n=count(reading.compared, locale))
        facts.append((label, p_value(reading.p_adjusted, locale)))
    return facts


def _pooled(versions: Versions | None, locale: Locale) -> list[tuple[str, str]]:
    """All versions as one number, where there is more than one."""
    if versions is None or versions.versions + versions.left_out < 2:
        return []
    words = LABELS[locale]
    label = words["pooled"].format(n=count(versions.versions, locale))
    if isinstance(versions.difference, Estimate):
        cell = estimate_cell(versions.difference, lambda value: points(value, locale), locale)
        people = words["pooled_of"].format(
            treated=count(versions.treated, locale), holdout=count(versions.holdout, locale)
        )
        value = f"{_joined(cell)} {words['points']} ({people})"
    else:
        value = why(versions.difference, locale)
    if versions.left_out:
        value += " · " + words["left_out"].format(n=count(versions.left_out, locale))
    return [(label, value)]


def _joined(cell: Cell) -> str:
    return f"{cell.main} {cell.small}"
