"""Puts the report's values, words and plots into one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from relance.domain.trajectory import Trajectory
from relance.rendering.report import charts
from relance.rendering.report.cells import Cell
from relance.rendering.report.dossier import SYMBOLS, dossier
from relance.rendering.report.labels import LABELS
from relance.rendering.report.method import METHOD
from relance.rendering.report.numbers import DASH, instant, tick
from relance.rendering.report.portraits import segments_view
from relance.rendering.report.tables import overlap_checks
from relance.rendering.report.trajectory import TrajectoryView, trajectory_view
from relance.rendering.report.words import clear_effects, lead
from relance.rendering.standalone import standalone
from relance.uplift.estimate import Why
from relance.uplift.report import Report, TriggerReport
from relance.uplift.segments_report import SegmentsReport
from relance.uplift.verdict import ArmCounts, Reading
from relance.uplift.wording import Locale, count, interval, percent, points

_HIDDEN = {Why.SPLIT: "withheld", Why.NO_GOAL: "unmeasured"}
PROGRAMME = "programme"  # the id of its part of the page


@dataclass(frozen=True, kw_only=True, slots=True)
class ForestRow:
    """One line of the forest plot. `spoken` is the same in words."""

    id: str
    name: str
    verdict: str
    symbol: str
    verdict_words: str
    arms: Sequence[tuple[str, Cell]]
    diff: str
    ci: str
    spoken: str
    mark: charts.ForestMark | None


def html(
    report: Report, *, workspace: str, at: datetime, locale: Locale = "en",
    trajectory: Trajectory | None = None, segments: SegmentsReport | None = None,
) -> str:  # fmt: skip
    """The report of a workspace as of an instant, as one self-contained HTML page.

    `trajectory` is what the customers did meanwhile, `segments` how their segments stand.
    Instants are shown in `at`'s own time zone. The order of the triggers is kept: ranking them by
    their differences would put the luckiest first.
    """
    words, triggers = LABELS[locale], list(report.triggers)
    everything = triggers + ([report.programme] if report.programme else [])
    scale = charts.forest_scale(one.reading for one in everything)
    show = partial(dossier, currency=report.currency, zone=at.tzinfo, locale=locale)
    dossiers = [show(one, f"trigger-{number}") for number, one in enumerate(triggers)]
    programme = show(report.programme, PROGRAMME) if report.programme else None
    clear = clear_effects(triggers)
    return standalone(Path(__file__).parent, "page.html.j2").render(
        locale=locale,
        words=words,
        workspace=workspace,
        at=instant(at, locale),
        lead=lead(clear, len(triggers), locale),
        tiles=_tiles(triggers, clear, locale),
        alarms=[one for one in [*dossiers, programme] if one is not None and one.alarm],
        dossiers=dossiers,
        programme=programme,
        rows=[_row(one, f"trigger-{n}", scale, locale) for n, one in enumerate(triggers)],
        programme_row=_programme_row(report, scale, locale),
        ticks=[(scale.place(value), _signed_tick(value, locale)) for value in scale.ticks()],
        zero=scale.place(0.0),
        overlaps=overlap_checks(report.overlaps, locale),
        headings=_headings(locale),
        counts=[(one.trigger, _counts(one, locale)) for one in triggers],
        method=METHOD[locale],
        paths=_paths(trajectory, at, locale),
        segments=segments_view(segments, report.currency, locale),
    )


def _paths(one: Trajectory | None, at: datetime, locale: Locale) -> TrajectoryView | None:
    zone = at.tzinfo or UTC
    return None if one is None else trajectory_view(one, None, zone=zone, locale=locale)


def _programme_row(report: Report, scale: charts.Scale, locale: Locale) -> ForestRow | None:
    return None if report.programme is None else _row(report.programme, PROGRAMME, scale, locale)


def _tiles(reports: Sequence[TriggerReport], clear: int, locale: Locale) -> list[tuple[str, str]]:
    words = LABELS[locale]
    return [
        (count(sum(report.entered for report in reports), locale), words["tile_entered"]),
        (count(sum(report.sent for report in reports), locale), words["tile_sent"]),
        (count(sum(report.held_out for report in reports), locale), words["tile_holdout"]),
        (f"{clear} / {len(reports)}", words["tile_clear"]),
    ]


def _row(report: TriggerReport, id_: str, scale: charts.Scale, locale: Locale) -> ForestRow:
    reading, words = report.reading, LABELS[locale]
    hidden = bool(reading.hidden)
    return ForestRow(
        id=id_,
        name=words["programme"] if id_ == PROGRAMME else report.trigger,
        verdict=reading.verdict.value,
        symbol=SYMBOLS[reading.verdict],
        verdict_words=words[f"symbol_{reading.verdict}"],
        arms=[
            (words["with"], _rate(None if hidden else reading.treated, locale)),
            (words["without"], _rate(None if hidden else reading.holdout, locale)),
        ],
        diff=DASH if hidden else points(reading.diff, locale),
        ci="" if hidden or reading.diff_ci is None else interval(reading, locale),
        spoken=_spoken(reading, locale),
        mark=charts.forest_mark(reading, scale),
    )


def _rate(arm: ArmCounts | None, locale: Locale) -> Cell:
    if arm is None or arm.rate is None:
        return Cell(main=DASH)
    of = f"{count(arm.retained, locale)} / {count(arm.mature, locale)}"
    return Cell(main=percent(arm.rate, locale), small=of)


def _spoken(reading: Reading, locale: Locale) -> str:
    """The forest plot's row in words: for those who do not see it, and where it is empty."""
    words = LABELS[locale]
    if reading.hidden:
        return words[_HIDDEN.get(reading.hidden, "read_only")]
    if reading.diff_ci is None:
        return words["no_number"]
    diff, ci = points(reading.diff, locale), interval(reading, locale)
    return words["from_to"].format(diff=diff, ci=ci)


def _counts(report: TriggerReport, locale: Locale) -> list[str]:
    """People and messages, and how both arms ended: unless that may not be shown."""
    reading = report.reading
    numbers = [
        report.runs, report.entered, sum(report.refused.values()), report.treated,
        report.held_out, report.sent, report.failed, sum(report.skipped.values()),
        report.unknown, report.pending,
    ]  # fmt: skip
    arms = [
        number
        for arm in (reading.treated, reading.holdout)
        for number in (arm.mature, arm.retained)
    ]
    ends = [DASH] * len(arms) if reading.hidden else [count(number, locale) for number in arms]
    return [count(number, locale) for number in numbers] + ends


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


def _signed_tick(value: float, locale: Locale) -> str:
    return ("+" if value > 0 else "") + tick(value, locale)
