"""Trajectories in plain Python: day by day and customer by customer, as a person would count.

A story is a list of days; each says of every customer there is in which segments they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from relance.domain.trajectory import GONE, NONE, NOT_YET, Move

START = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)  # Europe changes its clocks on 29 March
DAY = timedelta(days=1)

Story = Sequence[Mapping[str, frozenset[str]]]


def day(number: int) -> datetime:
    """08:00 UTC of a day of the story."""
    return START + number * DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the story says of a period between two of its days."""

    matrix: Mapping[Move, int]
    steps: Mapping[Move, int]
    entries: Mapping[tuple[int, str], int]  # by day
    exits: Mapping[tuple[int, str], int]
    overlapping: int


def tell(story: Story, asked: Sequence[str], begin: int, until: int) -> Told:
    """Count a period of a story between the asked segments."""
    customers = {name for today in story[begin : until + 1] for name in seen(today)}
    matrix: Counter[Move] = Counter()
    steps: Counter[Move] = Counter()
    entries: Counter[tuple[int, str]] = Counter()
    exits: Counter[tuple[int, str]] = Counter()
    twice = set()
    for customer in customers:
        way = [place(today, customer, asked) for today in story[begin : until + 1]]
        matrix[way[0] or NOT_YET, way[-1] or GONE] += 1
        for number, (before, after) in enumerate(pairwise(way), begin + 1):
            if before != after:
                steps[before or NOT_YET, after or GONE] += 1
                entries[number, after or GONE] += 1
                exits[number, before or NOT_YET] += 1
        for today in story[begin : until + 1]:
            if len(today.get(customer, frozenset()) & set(asked)) > 1:
                twice.add(customer)
    return Told(
        matrix=matrix, steps=steps, entries=entries, exits=exits, overlapping=len(twice)
    )  # fmt: skip


def seen(today: Mapping[str, frozenset[str]]) -> set[str]:
    """Only members leave a trace: a customer in no segment at all is not there to be seen."""
    return {customer for customer, segments in today.items() if segments}


def place(today: Mapping[str, frozenset[str]], customer: str, asked: Sequence[str]) -> str | None:
    """The first asked segment, NONE, or None for somebody who is no customer."""
    segments = today.get(customer, frozenset())
    if not segments:
        return None
    return next((name for name in asked if name in segments), NONE)


def stays(
    story: Story, segment: str, begin: int, until: int
) -> tuple[list[int], int, list[int], int]:
    """Lengths in days of spells that ended in a period, and how many of unknown beginning did;
    the same of those that go on at its end. The first day is a baseline."""
    ended, unknown_ended, going, unknown_going = [], 0, [], 0
    for customer in {name for today in story for name in today}:
        since: int | None = None
        for number, today in enumerate(story):
            inside = segment in today.get(customer, frozenset())
            if inside and since is None:
                since = number
            if not inside and since is not None:
                if begin < number <= until:
                    ended.append(number - since) if since else None
                    unknown_ended += not since
                since = None
            if number == until and since is not None:
                going.append(until - since) if since else None
                unknown_going += not since
    return ended, unknown_ended, going, unknown_going
