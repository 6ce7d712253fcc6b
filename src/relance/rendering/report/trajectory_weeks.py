"""What happened from week to week, as bars and marks beside each other."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from relance.domain.trajectory import Activity, Trajectory, Week
from relance.rendering.report.numbers import short_day, whole
from relance.uplift.wording import Locale, count

SHOWN_WEEKS = 60  # at most: the latest
_HALF = 500  # of the bars' square: the line between who came and who left


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
class TriggerRow:
    """A trigger in numbers, and its messages by week as a path."""

    name: str
    numbers: Sequence[str]
    bars: str


def week_plot(
    one: Trajectory, name: str, weeks: Sequence[Week], words: Mapping[str, str], locale: Locale
) -> WeekPlot:
    """One segment, in bars as wide as its weeks are long."""
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


def weeks_more(one: Trajectory, words: Mapping[str, str], locale: Locale) -> str:
    """That there are more weeks than are shown; nothing where there are not."""
    if len(one.weeks) <= SHOWN_WEEKS:
        return ""
    return words["weeks_more"].format(shown=SHOWN_WEEKS, all=count(len(one.weeks), locale))


def happening_marks(
    one: Trajectory, weeks: Sequence[Week], zone: tzinfo, locale: Locale
) -> list[HappeningMark]:
    """What happened outside during the weeks shown, in their order."""
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


def trigger_row(each: Activity, shown: int, locale: Locale) -> TriggerRow:
    """A trigger over the weeks shown."""
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
