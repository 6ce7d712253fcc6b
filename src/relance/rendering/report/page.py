"""Puts the report's values, words and plots into the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from babel.dates import format_date, format_datetime

from relance.rendering.report import charts
from relance.rendering.report.words import LABELS, METHOD, goal_words, lead, reason
from relance.rendering.standalone import standalone
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import ArmCounts, Verdict
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
_BABEL: Mapping[Locale, str] = {"en": "en_GB", "fr": "fr"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmView:
    """One arm as it is shown."""

    kind: str
    name: str
    rate: str
    mature: str
    retained: str
    mark: charts.RateMark | None
    spoken: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar of a funnel with its words."""

    number: str
    label: str
    pieces: Sequence[charts.Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerView:
    """One trigger as it is shown. `facts`, `refused` and `notes` are label and value."""

    id: str
    name: str
    description: str
    version: str
    verdict: str
    symbol: str
    verdict_words: str
    sentence: str
    diff: str
    ci: str
    spoken: str
    mark: charts.ForestMark | None
    arms: Sequence[ArmView]
    bars: Sequence[Bar]
    refused: Sequence[tuple[str, str]]
    notes: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    counts: Sequence[str]


def html(
    reports: Sequence[TriggerReport], *, workspace: str, at: datetime, locale: Locale = "en"
) -> str:
    """The report of a workspace as of an instant, as one self-contained HTML page.

    Instants are shown in `at`'s own time zone. The order of the triggers is kept: ranking them
    by their differences would put the luckiest first.
    """
    scale = charts.forest_scale(report.reading for report in reports)
    clear = sum(r.reading.verdict in {Verdict.BETTER, Verdict.WORSE} for r in reports)
    template = standalone(Path(__file__).parent, "page.html.j2")
    return template.render(
        locale=locale,
        words=LABELS[locale],
        workspace=workspace,
        at=_instant(at, locale),
        lead=lead(clear, len(reports), locale),
        tiles=_tiles(reports, clear, locale),
        triggers=[_view(report, number, scale, locale) for number, report in enumerate(reports)],
        ticks=[(scale.place(tick), _tick(tick, locale)) for tick in scale.ticks()],
        zero=scale.place(0.0),
        method=METHOD[locale],
        headings=_headings(locale),
    )


def _tiles(reports: Sequence[TriggerReport], clear: int, locale: Locale) -> list[tuple[str, str]]:
    words = LABELS[locale]
    return [
        (count(sum(report.entered for report in reports), locale), words["tile_entered"]),
        (count(sum(report.sent for report in reports), locale), words["tile_sent"]),
        (count(sum(report.held_out for report in reports), locale), words["tile_holdout"]),
        (f"{clear} / {len(reports)}", words["tile_clear"]),
    ]


def _view(report: TriggerReport, number: int, scale: charts.Scale, locale: Locale) -> TriggerView:
    reading, words = report.reading, LABELS[locale]
    diff, ci = points(reading.diff, locale), interval(reading, locale)
    return TriggerView(
        id=f"trigger-{number}",
        name=report.trigger,
        description=report.description,
        version=report.version,
        verdict=reading.verdict.value,
        symbol=SYMBOLS[reading.verdict],
        verdict_words=words[f"symbol_{reading.verdict}"],
        sentence=sentence(reading, locale),
        diff=diff,
        ci=ci,
        spoken=_spoken(report, locale),
        mark=charts.forest_mark(reading, scale),
        arms=_arms(report, locale),
        bars=_bars(report, locale),
        refused=_reasons(report.refused, locale),
        notes=_notes(report, locale),
        facts=_facts(report, locale),
        counts=_counts(report, locale),
    )


def _spoken(report: TriggerReport, locale: Locale) -> str:
    """The forest plot's row in words: for those who do not see it, and where it is empty."""
    reading, words = report.reading, LABELS[locale]
    if reading.verdict is Verdict.SRM_FAILED:
        return words["withheld"]
    if reading.diff_ci is None:
        return words["no_number"]
    diff, ci = points(reading.diff, locale), interval(reading, locale)
    return words["from_to"].format(diff=diff, ci=ci)


def _arms(report: TriggerReport, locale: Locale) -> list[ArmView]:
    reading, words = report.reading, LABELS[locale]
    scale = charts.rate_scale(reading)
    shown = reading.verdict is not Verdict.SRM_FAILED
    return [
        _arm("treated", words["with"], reading.treated, scale if shown else None, locale),
        _arm("holdout", words["without"], reading.holdout, scale if shown else None, locale),
    ]


def _arm(
    kind: str, name: str, arm: ArmCounts, scale: charts.Scale | None, locale: Locale
) -> ArmView:
    """One arm; without a scale its people are shown, and no rate."""
    words = LABELS[locale]
    rate, ends = (arm.rate, arm.rate_ci) if scale else (None, None)
    spoken = f"{name}{words['colon']}{words['no_number']}"
    if ends is not None:
        low, high = (percent(end, locale) for end in ends)
        rate_words = percent(rate, locale)
        spoken = words["rates_desc"].format(arm=name, rate=rate_words, low=low, high=high)
    return ArmView(
        kind=kind,
        name=name,
        rate=percent(rate, locale),
        mature=count(arm.mature, locale),
        retained=count(arm.retained, locale),
        mark=charts.rate_mark(arm, scale) if scale else None,
        spoken=spoken,
    )


def _bars(report: TriggerReport, locale: Locale) -> list[Bar]:
    words, treated = LABELS[locale], report.reading.treated
    skipped = sum(report.skipped.values())
    planned = report.sent + report.failed + report.unknown + report.pending + skipped
    passed = report.treated + report.held_out
    held = f"{words['treated']} · {count(report.held_out, locale)} {words['held_out']}"
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
    return [
        Bar(number=number, label=label, pieces=pieces)
        for (number, label), pieces in zip(texts, bars, strict=False)
    ]


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
    return notes + [(skipped + why, n) for why, n in _reasons(report.skipped, locale)]


def _facts(report: TriggerReport, locale: Locale) -> list[tuple[str, str]]:
    reading, words = report.reading, LABELS[locale]
    facts = [(words["goal"], goal_words(report.goal, locale))]
    if reading.extra is not None and reading.extra_ci is not None:
        low, high = (_whole(end, locale) for end in reading.extra_ci)
        between = " ; " if locale == "fr" else ", "
        facts.append((words["extra"], f"{_whole(reading.extra, locale)} [{low}{between}{high}]"))
    if reading.mde is not None:
        rise = words["mde_value"].format(points=points(reading.mde, locale))
        facts.append((words["mde"], rise))
    if reading.readable_on is not None:
        facts.append((words["readable_on"], _day(reading.readable_on, locale)))
    return facts


def _counts(report: TriggerReport, locale: Locale) -> list[str]:
    reading = report.reading
    numbers = [
        report.runs, report.entered, sum(report.refused.values()), report.treated,
        report.held_out, report.sent, report.failed, sum(report.skipped.values()),
        report.unknown, report.pending, reading.treated.mature, reading.treated.retained,
        reading.holdout.mature, reading.holdout.retained,
    ]  # fmt: skip
    return [count(number, locale) for number in numbers]


def _headings(locale: Locale) -> list[str]:
    words = LABELS[locale]
    plain = [
        "runs", "entered", "refused", "treated", "held_out", "sent", "failed", "skipped",
        "unknown", "pending",
    ]  # fmt: skip
    arms = [
        words[arm] + words["colon"] + words[what] for arm in ("with", "without")
        for what in ("mature", "retained")
    ]  # fmt: skip
    return [words[name] for name in plain] + arms


def _whole(number: float, locale: Locale) -> str:
    sign = "+" if round(number) > 0 else "\N{MINUS SIGN}" if round(number) < 0 else ""
    return sign + count(abs(round(number)), locale)


def _tick(value: float, locale: Locale) -> str:
    return points(value, locale).removesuffix(",0").removesuffix(".0")


def _instant(at: datetime, locale: Locale) -> str:
    return str(format_datetime(at, "d MMMM y, HH:mm", locale=_BABEL[locale]))


def _day(day: date, locale: Locale) -> str:
    return str(format_date(day, "d MMMM y", locale=_BABEL[locale]))
