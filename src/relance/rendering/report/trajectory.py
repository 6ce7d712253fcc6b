"""A trajectory as the page shows it: the flow, the weeks, the stays, the triggers, in words."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from relance.domain.trajectory import GONE, NOT_YET, Activity, Move, Stays, Trajectory, Week
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
_SHOWN_WEEKS = 60
_SHOWN_CHANGES = 14
_HALF = 500  # of the bars' square: the line between who came and who left


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
class WeekPlot:
    """Entries and exits of one segment: paths on a square that is stretched."""

    name: str
    sizes: str
    change: str
    entries: str
    exits: str
    most: str
    spoken: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HappeningMark:
    """What happened outside: its letter, where it stands in per cent, and what it was."""

    letter: str
    left: float
    width: float
    name: str
    days: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StayRow:
    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerRow:
    """A trigger in numbers, and its messages by week as a path."""

    name: str
    numbers: Sequence[str]
    bars: str


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
    weeks = list(one.weeks[-_SHOWN_WEEKS:])
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
        weeks=[_week_plot(one, name, weeks, words, locale) for name in one.segments],
        week_ends=(
            short_day(weeks[0].begin.astimezone(zone).date(), locale),
            short_day(until.date(), locale),
        ),
        weeks_more=_weeks_more(one, words, locale),
        happenings=_happenings(one, weeks, zone, locale),
        triggers=[_trigger(each, len(weeks), locale) for each in one.triggers],
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


def _week_plot(
    one: Trajectory, name: str, weeks: Sequence[Week], words: Mapping[str, str], locale: Locale
) -> WeekPlot:
    entries = [week.entries.get(name, 0) for week in weeks]
    exits = [week.exits.get(name, 0) for week in weeks]
    most = max([*entries, *exits, 1])
    before, after = one.at_start(name), one.at_end(name)
    lines = _places(weeks)
    return WeekPlot(
        name=one.titles.get(name, name),
        sizes=f"{count(before, locale)} → {count(after, locale)}",
        change=whole(locale)(after - before),
        entries=_upright([(*line, -n / most) for line, n in zip(lines, entries, strict=True)]),
        exits=_upright([(*line, n / most) for line, n in zip(lines, exits, strict=True)]),
        most=count(most, locale),
        spoken=words["week_spoken"].format(
            entered=count(sum(entries), locale),
            left=count(sum(exits), locale),
            most=count(most, locale),
        ),
    )


def _places(weeks: Sequence[Week]) -> list[tuple[float, float]]:
    """Left edge and width of each week's bar, in thousandths: as wide as the week is long."""
    begin, until = weeks[0].begin, weeks[-1].until
    whole_length = until - begin
    return [
        (
            1000 * ((week.begin - begin) / whole_length),
            1000 * ((week.until - week.begin) / whole_length),
        )
        for week in weeks
    ]  # fmt: skip


def _upright(bars: Sequence[tuple[float, float, float]]) -> str:
    """Bars from the middle line, as one path."""
    return "".join(
        f"M{left + 0.14 * width:.1f},{_HALF}v{share * (_HALF - 20):.1f}h{0.72 * width:.1f}V{_HALF}Z"
        for left, width, share in bars
        if share
    )


def _weeks_more(one: Trajectory, words: Mapping[str, str], locale: Locale) -> str:
    if len(one.weeks) <= _SHOWN_WEEKS:
        return ""
    return words["weeks_more"].format(shown=_SHOWN_WEEKS, all=count(len(one.weeks), locale))


def _happenings(
    one: Trajectory, weeks: Sequence[Week], zone: tzinfo, locale: Locale
) -> list[HappeningMark]:
    begin, until = (end.astimezone(zone) for end in (weeks[0].begin, weeks[-1].until))
    found = []
    for letter, each in zip(string.ascii_uppercase, one.happenings, strict=False):
        first = datetime(each.first.year, each.first.month, each.first.day, tzinfo=zone)
        last = datetime(each.last.year, each.last.month, each.last.day, 23, 59, tzinfo=zone)
        left = 100 * max(0.0, (first - begin) / (until - begin))
        right = 100 * min(1.0, max(0.0, (last - begin) / (until - begin)))
        days = short_day(each.first, locale)
        if each.last != each.first:
            days += f" – {short_day(each.last, locale)}"
        found.append(
            HappeningMark(
                letter=letter,
                left=round(left, 2),
                width=round(max(0.0, right - left), 2) if each.last != each.first else 0.0,
                name=each.name,
                days=days,
                description=each.description,
            )
        )
    return found


def _trigger(each: Activity, shown: int, locale: Locale) -> TriggerRow:
    treated, held_out = sum(each.treated), sum(each.held_out)
    messages = list(each.messages[-shown:])
    most = max([*messages, 1])
    width = 1000 / len(messages)
    bars = "".join(
        f"M{(number + 0.14) * width:.1f},1000v{-980 * sent / most:.1f}h{0.72 * width:.1f}V1000Z"
        for number, sent in enumerate(messages)
        if sent
    )
    numbers = [
        count(number, locale) for number in (treated + held_out, held_out, sum(each.messages))
    ]  # fmt: skip
    return TriggerRow(name=each.trigger, numbers=numbers, bars=bars)


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
