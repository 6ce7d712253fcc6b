"""Where customers stood at two instants, and every move between.

A customer is in the first of the asked segments that holds them. Who is in none of them is in
NONE while another segment holds them; else they are no customer: NOT_YET before they came, GONE
after they left. A period is half-open as every window: later than `begin`, up to and including
`until`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from relance.domain.happening import Happening

# no segment can have such a name
NONE = "(none)"
NOT_YET = "(not yet)"
GONE = "(gone)"

DEFAULT_WEEKS = 13
MOST_PLACES = 30
"""More segments than these make a table that nobody reads."""

Move = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A period: later than `begin`, up to and including `until`. Both are aware."""

    begin: datetime
    until: datetime

    @property
    def days(self) -> float:
        """Its length in days of 24 hours."""
        return (self.until - self.begin) / timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A segment as it was defined from `since` on; last evaluated at `at`."""

    segment: str
    reign: int
    version: str
    since: datetime
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Stays:
    """How long spells of a segment lasted, in days.

    `ended` spells ended in the period and began while somebody was counting: `median` and `mean`
    are theirs. `ended_unknown` ended too, and began before anybody counted. `open` go on at its
    end, `open_median` is how long so far; `open_unknown` are those of unknown beginning.
    `days` are for each day 1, 2, 3… of the spells that began in the period: how many were still
    watched on it, and how many ended on it.
    """

    segment: str
    ended: int = 0
    median: float | None = None
    mean: float | None = None
    ended_unknown: int = 0
    open: int = 0
    open_median: float | None = None
    open_unknown: int = 0
    days: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """A week of the period: who came into each place in it, and who went out.

    It is shorter at the period's ends, where that begins or ends within it.
    """

    begin: datetime
    until: datetime
    entries: Mapping[str, int]
    exits: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What the spells of a period say. `overlapping` customers were in two of the asked segments
    at once at some time; the first in order took them."""

    matrix: Mapping[Move, int]
    steps: Mapping[Move, int]
    entries: Mapping[tuple[int, str], int]
    exits: Mapping[tuple[int, str], int]
    stays: Sequence[Stays]
    overlapping: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """What a trigger did in the period, week by week. Messages are those that left."""

    trigger: str
    treated: Sequence[int]
    held_out: Sequence[int]
    messages: Sequence[int]


class Caution(StrEnum):
    """What a reader must know before the numbers."""

    HISTORY = "history"  # the period begins before the segments were first evaluated
    CHANGED = "changed"  # a definition changed within the period
    ENDED = "ended"  # the last evaluation was before the period's end
    OVERLAP = "overlap"  # some customers were in two of the segments at once
    REFIT = "refit"  # what is fitted from data was fitted anew within the period
    DEFINED_OTHERWISE = "defined_otherwise"  # of two periods: a segment meant something else
    LENGTHS = "lengths"  # of two periods: they are not equally long


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A caution with what it is about."""

    caution: Caution
    segments: Sequence[str] = ()
    at: datetime | None = None
    number: int = 0
    instants: Sequence[datetime] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectory:
    """One period in full. `asked` is what was asked for, `span` what could be told of it."""

    asked: Span
    span: Span
    segments: Sequence[str]
    versions: Mapping[str, str]
    counted: Counted
    weeks: Sequence[Week]
    triggers: Sequence[Activity] = ()
    happenings: Sequence[Happening] = ()
    notes: Sequence[Note] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # of segments that have one

    @property
    def starts(self) -> list[str]:
        """Where a customer can be at the start, in order; of the others only those who occur."""
        return [*self.segments, *_occurring(self.counted, (NONE, NOT_YET), 0)]

    @property
    def ends(self) -> list[str]:
        """Where a customer can be at the end, in order."""
        return [*self.segments, *_occurring(self.counted, (NONE, GONE), 1)]

    def at_start(self, place: str) -> int:
        """How many were there at the start."""
        return sum(n for (start, _), n in self.counted.matrix.items() if start == place)

    def at_end(self, place: str) -> int:
        """How many were there at the end."""
        return sum(n for (_, end), n in self.counted.matrix.items() if end == place)


def _occurring(counted: Counted, places: Sequence[str], side: int) -> list[str]:
    moves = [*counted.matrix, *counted.steps]
    return [place for place in places if any(move[side] == place for move in moves)]


def week_bounds(span: Span, zone: ZoneInfo) -> list[datetime]:
    """The beginnings of the weeks of a period, and its end: Mondays at midnight between."""
    local = span.begin.astimezone(zone)
    monday = (local - timedelta(days=local.weekday())).date()
    bounds = [span.begin]
    while True:
        monday += timedelta(days=7)
        # made of a date: a week that holds a change of the clocks is 167 or 169 hours long
        start = datetime(monday.year, monday.month, monday.day, tzinfo=zone).astimezone(UTC)
        if start >= span.until:
            return [*bounds, span.until]
        if start > span.begin:
            bounds.append(start)


def apart(names: Sequence[str], masks: Sequence[int]) -> list[str]:
    """Of segments in order, those that never share anybody with an earlier one of them.

    Bit `n` of a mask is the n-th segment; each mask is a set that some customer was in at once.
    """
    taken, kept = 0, []
    for place, name in enumerate(names):
        bit = 1 << place
        if not any(mask & bit and mask & taken for mask in masks):
            taken |= bit
            kept.append(name)
    return kept
