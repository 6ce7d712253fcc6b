"""`limits.quiet_hours`: one stretch for every day, or stretches by weekday."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time

from relance.domain.workspace import QuietHours
from relance.spec.nodes import Fields
from relance.spec.record import Key, Of, Record
from relance.spec.shapes import JsonSchema, ListOf, Parsed, Shape
from relance.spec.spot import Spot

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEYS: Mapping[str, frozenset[int]] = {
    "daily": frozenset(range(7)),
    "weekdays": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
    **{name: frozenset({day}) for day, name in enumerate(_DAYS)},
}
_MEANINGS = {
    "daily": "On every day.",
    "weekdays": "From Monday to Friday.",
    "weekend": "On Saturday and Sunday.",
}
_MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From an hour of the day to another; over midnight where it ends no later than it begins.

    Both are midnight for a whole day.
    """

    start: time
    end: time


def stretch(text: str) -> Stretch:
    """`20:00-08:00`, `00:00-10:00`, `19:00-24:00`, or `all day`."""
    if text == "all day":
        return Stretch(_MIDNIGHT, _MIDNIGHT)
    match = re.fullmatch(r"(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})", text)
    if match is None:
        raise ValueError("write it like 20:00-08:00, or all day")
    start, end = _hour(match[1]), _MIDNIGHT if match[2] == "24:00" else _hour(match[2])
    if start == end:
        raise ValueError("it begins and ends at the same time; the whole day is: all day")
    return Stretch(start, end)


def _hour(text: str) -> time:
    hour, minute = text.split(":")
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError("hours go from 00:00 to 23:59") from None


def windows(stretch: Stretch, days: frozenset[int]) -> Iterator[QuietHours]:
    """A stretch on some days of the week.

    One over midnight lies around both ends of its days: the night before, whose beginning
    another key may tell, and the night after. Whichever was meant, nothing is sent in it.
    """
    yield QuietHours(start=stretch.start, end=stretch.end, days=days)
    over_midnight = _MIDNIGHT < stretch.end <= stretch.start
    mornings = days - {(day + 1) % 7 for day in days}
    if over_midnight and mornings:
        yield QuietHours(start=_MIDNIGHT, end=stretch.end, days=mornings)


def _minutes(hours: QuietHours) -> Iterator[int]:
    """The minutes of the week that are quiet, from Monday's midnight."""
    start, end = (at.hour * 60 + at.minute for at in (hours.start, hours.end))
    length = end - start if start < end else end - start + 1440
    for day in hours.days:
        for minute in range(length):
            yield (day * 1440 + start + minute) % 10_080


def always_quiet(hours: Iterable[QuietHours]) -> bool:
    """Whether no minute of the week is left."""
    return len({minute for each in hours for minute in _minutes(each)}) == 10_080


_STRETCH = Parsed("a stretch of the day such as `20:00-08:00`", stretch)
_STRETCHES = ListOf(_STRETCH, "stretches", single=True)


class WeekYaml(Record[tuple[QuietHours, ...]]):
    """Quiet hours by weekday. The keys add up: what any of them calls quiet is quiet. A stretch
    over midnight covers the night before its days and the night after: `saturday: 19:00-10:00`
    is Saturday until 10:00, and from 19:00 to Sunday at 10:00. To cut a night in two, write
    `[00:00-10:00, 19:00-24:00]`."""

    what = "a mapping such as {weekdays: 20:00-08:00, sunday: all day}"

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """The names of days and groups of days."""
        return {
            name: Key(_STRETCHES, _MEANINGS.get(name, f"On {name.title()}s."), name=name)
            for name in _KEYS
        }

    def build(self) -> tuple[QuietHours, ...]:
        given = {name: self.value(name) for name in self.keys() if self.has(name)}
        return tuple(
            window
            for name, stretches in given.items()
            for stretch in _stretches(stretches)
            for window in windows(stretch, _KEYS[name])
        )


def _stretches(value: object) -> Iterator[Stretch]:
    for each in value if isinstance(value, tuple) else ():
        if isinstance(each, Stretch):
            yield each


class QuietWeek(Shape[tuple[QuietHours, ...]]):
    """A stretch or a list of them for every day, or a mapping by weekday."""

    _week = Of(WeekYaml)

    def read(self, spot: Spot) -> tuple[QuietHours, ...]:
        if isinstance(spot.node, Fields):
            if not spot.node.pairs:
                raise spot.broken("is empty", "name a day, or delete the key")
            found = self._week.read(spot)
        else:
            daily = _STRETCHES.read(spot)
            found = tuple(each for one in daily for each in windows(one, _KEYS["daily"]))
        if always_quiet(found):
            raise spot.broken("leaves no minute of the week", "nothing could ever be sent")
        return found

    def schema(self) -> JsonSchema:
        return {"anyOf": [_STRETCHES.schema(), self._week.schema()]}

    @property
    def says(self) -> str:
        return f"{_STRETCH.says}, a list of them, or {self._week.says}"


QUIET_WEEK = QuietWeek()
