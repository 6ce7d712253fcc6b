"""A trajectory as the page shows it: the flow, the weeks, the stays, the triggers, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from relance.domain.trajectory import GONE, NOT_YET, Move, Stays, Trajectory
from relance.rendering.report.cells import NOTHING, Cell
from relance.rendering.report.flow import Flow, flow
from relance.rendering.report.numbers import (
    DASH,
    brackets,
    decimal,
    instant,
    long_day,
    short_day,
    whole,
)
from relance.rendering.report.plots import apart
from relance.rendering.report.trajectory_labels import TRAJECTORY_LABELS
from relance.rendering.report.trajectory_weeks import (
    SHOWN_WEEKS,
    HappeningMark,
    TriggerRow,
    WeekPlot,
    happening_marks,
    trigger_row,
    week_plot,
    weeks_more,
)
from relance.rendering.standalone import standalone
from relance.uplift.moves import Change, Comparison
from relance.uplift.moves_words import (
    change_sentence,
    compared_sentence,
    half_words,
    note_sentence,
    place_name,
)
from relance.uplift.stays import HalfLeft, half_left
from relance.uplift.wording import Locale, count, percent, points

_LARGEST = 7
_MARKS = 5.8  # per cent of the diagram's height that a band's number takes
_SHOWN_CHANGES = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeMove:
    """One of the largest moves: the number in its band, and in words."""

    mark: str
    words: str
    of: str
    top: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRow:
    """A row of the table: its total, then for each end a number, its share, and its bar."""

    head: str
    total: str
    cells: Sequence[tuple[str, str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class StayRow:
    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRow:
    name: str
    now: Cell
    then: Cell
    difference: Cell
    clear: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonView:
    """Another period: in words what differs clearly, and the largest differences in a table."""

    period: str
    notes: Sequence[str]
    sentence: str
    sentences: Sequence[str]
    rows: Sequence[ChangeRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrajectoryView:
    """A trajectory with every value as text, and every mark where it goes."""

    words: Mapping[str, str]
    lead: str
    period: str
    begin: str
    until: str
    notes: Sequence[str]
    flow: Flow
    names: Mapping[str, str]
    counts: Mapping[int, str]
    largest: Sequence[LargeMove]
    columns: Sequence[str]
    rows: Sequence[MatrixRow]
    totals: Sequence[str]
    stays: Sequence[StayRow]
    weeks: Sequence[WeekPlot]
    week_ends: tuple[str, str]
    weeks_more: str
    happenings: Sequence[HappeningMark]
    triggers: Sequence[TriggerRow]
    comparison: ComparisonView | None = field(default=None)


def trajectory_view(
    one: Trajectory, comparison: Comparison | None, *, zone: tzinfo, locale: Locale
) -> TrajectoryView:
    """A trajectory for the page, in French or English; instants in a time zone."""
    words = TRAJECTORY_LABELS[locale]
    starts, ends = _ordered(one.starts, NOT_YET, first=True), _ordered(one.ends, GONE, first=False)
    drawn = flow(one.counted.matrix, starts, ends)
    begin, until = one.span.begin.astimezone(zone), one.span.until.astimezone(zone)
    weeks = list(one.weeks[-SHOWN_WEEKS:])
    places = dict.fromkeys([*starts, *ends])

    def name(place: str) -> str:
        return place_name(place, locale, one.titles)

    return TrajectoryView(
        words=words,
        lead=_lead(one, words, locale),
        period=_period(begin, until, words, locale),
        begin=words["start"].format(day=long_day(begin.date(), locale)),
        until=words["end"].format(day=long_day(until.date(), locale)),
        notes=[note_sentence(note, zone, locale) for note in one.notes],
        flow=drawn,
        names={place: name(place) for place in places},
        counts={n: count(n, locale) for n in _numbers(drawn)},
        largest=_largest(one, drawn, words, locale),
        columns=[name(end) for end in ends],
        rows=[_row(one, start, ends, locale) for start in starts],
        totals=[count(one.at_end(end), locale) for end in ends],
        stays=[_stay(one, stays, words, locale) for stays in one.counted.stays],
        weeks=[week_plot(one, name, weeks, words, locale) for name in one.segments],
        week_ends=(
            short_day(weeks[0].begin.astimezone(zone).date(), locale),
            short_day(until.date(), locale),
        ),
        weeks_more=weeks_more(one, words, locale),
        happenings=happening_marks(one, weeks, zone, locale),
        triggers=[trigger_row(each, len(weeks), locale) for each in one.triggers],
        comparison=None if comparison is None else _compared(comparison, zone, locale),
    )


def trajectory_page(
    one: Trajectory, comparison: Comparison | None, *, workspace: str, zone: tzinfo, locale: Locale
) -> str:
    """A trajectory as one self-contained HTML page of its own."""
    view = trajectory_view(one, comparison, zone=zone, locale=locale)
    return standalone(Path(__file__).parent, "trajectory_page.html.j2").render(
        locale=locale, workspace=workspace, words=view.words, view=view
    )


def _ordered(places: Sequence[str], outside: str, *, first: bool) -> list[str]:
    """Those who come stand above, those who go below: the fewest bands cross."""
    inside = [place for place in places if place != outside]
    if len(inside) == len(places):
        return inside
    return [outside, *inside] if first else [*inside, outside]


def _numbers(drawn: Flow) -> set[int]:
    bars = {bar.number for bar in drawn.bars}
    return bars | {band.number for band in drawn.bands}


def _period(begin: datetime, until: datetime, words: Mapping[str, str], locale: Locale) -> str:
    days = (until - begin).total_seconds() / 86_400
    return words["period"].format(
        begin=instant(begin, locale), until=instant(until, locale), days=decimal(days, 0, locale)
    )


def _lead(one: Trajectory, words: Mapping[str, str], locale: Locale) -> str:
    matrix = one.counted.matrix
    came = sum(n for (start, _), n in matrix.items() if start == NOT_YET)
    there = sum(matrix.values()) - came
    stayed = sum(n for (start, end), n in matrix.items() if start == end)
    went = sum(n for (start, end), n in matrix.items() if end == GONE and start != NOT_YET)
    if not there:
        return words["lead_nobody"].format(came=count(came, locale))
    return words["lead"].format(
        number=count(there, locale),
        stayed=percent(stayed / there, locale),
        moved=percent((there - stayed - went) / there, locale),
        came=count(came, locale),
        went=count(went, locale),
    )


def _largest(
    one: Trajectory, drawn: Flow, words: Mapping[str, str], locale: Locale
) -> list[LargeMove]:
    bands = [band for band in drawn.bands if band.kind != "stayed"]
    bands = sorted(bands, key=lambda band: -band.number)[:_LARGEST]
    tops = apart([band.middle for band in bands], _MARKS, 100 - _MARKS / 2)
    return [
        LargeMove(
            mark=str(mark),
            words=_move((band.start, band.end), one.titles, locale),
            of=words["of"].format(
                number=count(band.number, locale),
                total=count(one.at_start(band.start), locale),
                share=percent(band.number / one.at_start(band.start), locale),
            ),
            top=round(top, 2),
        )
        for mark, (band, top) in enumerate(zip(bands, tops, strict=True), 1)
    ]


def _move(move: Move, titles: Mapping[str, str], locale: Locale) -> str:
    return f"{place_name(move[0], locale, titles)} → {place_name(move[1], locale, titles)}"


def _row(one: Trajectory, start: str, ends: Sequence[str], locale: Locale) -> MatrixRow:
    total = one.at_start(start)
    cells = []
    for end in ends:
        number = one.counted.matrix.get((start, end), 0)
        share = number / total if number else 0.0
        cells.append(
            (count(number, locale), percent(share, locale), share) if number else (DASH, "", 0.0)
        )
    return MatrixRow(
        head=place_name(start, locale, one.titles), total=count(total, locale), cells=cells
    )


def _stay(one: Trajectory, stays: Stays, words: Mapping[str, str], locale: Locale) -> StayRow:
    name = stays.segment
    before, after = one.at_start(name), one.at_end(name)
    came = sum(week.entries.get(name, 0) for week in one.weeks)
    went = sum(week.exits.get(name, 0) for week in one.weeks)
    return StayRow(
        name=one.titles.get(name, name),
        cells=[
            *(Cell(main=count(number, locale)) for number in (before, came, went, after)),
            Cell(main=whole(locale)(after - before)),
            _median(stays.median, stays.ended, words, locale),
            _median(stays.open_median, stays.open, words, locale),
            _half(half_left(stays), words, locale),
        ],
    )


def _median(
    days: float | None, spells: int, words: Mapping[str, str], locale: Locale
) -> Cell:  # fmt: skip
    if days is None:
        return NOTHING
    return Cell(
        main=words["days"].format(days=decimal(days, 0, locale)),
        small=words["of_ended"].format(number=count(spells, locale)),
    )


def _half(half: HalfLeft | None, words: Mapping[str, str], locale: Locale) -> Cell:
    small = ""
    if half is not None and half.low is not None:
        which = "interval_open" if half.high is None else "interval"
        small = words[which].format(low=half.low, high=half.high)
    return Cell(main=half_words(half, locale), small=small)


def _compared(comparison: Comparison, zone: tzinfo, locale: Locale) -> ComparisonView:
    words, other = TRAJECTORY_LABELS[locale], comparison.other
    begin, until = other.span.begin.astimezone(zone), other.span.until.astimezone(zone)
    period = words["compared_with"].format(
        begin=instant(begin, locale), until=instant(until, locale),
        days=decimal(other.span.days, 0, locale),
    )  # fmt: skip
    largest = sorted(comparison.changes, key=lambda each: (not each.clear, -abs(each.difference)))
    return ComparisonView(
        period=period,
        notes=[note_sentence(n, zone, locale) for n in [*comparison.notes, *other.notes]],
        sentence=compared_sentence(comparison.changes, locale),
        sentences=[change_sentence(each, locale, other.titles) for each in largest if each.clear],
        rows=[_change(each, other.titles, words, locale) for each in largest[:_SHOWN_CHANGES]],
    )


def _change(
    each: Change, titles: Mapping[str, str], words: Mapping[str, str], locale: Locale
) -> ChangeRow:
    if each.start == each.end:
        name = words["stays_in"].format(place=place_name(each.start, locale, titles))
    else:
        name = _move((each.start, each.end), titles, locale)
    return ChangeRow(
        name=name,
        now=_share(each.moved, each.of, locale),
        then=_share(each.moved_before, each.of_before, locale),
        difference=Cell(
            main=points(each.difference, locale),
            small=brackets(each.interval, lambda end: points(end, locale), locale),
        ),
        clear=each.clear,
    )


def _share(moved: int, of: int, locale: Locale) -> Cell:
    text = f"{count(moved, locale)} / {count(of, locale)}"
    return Cell(main=percent(moved / of, locale), small=text)
