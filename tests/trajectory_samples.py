"""Trajectories for pages, made up: a usual one, one with everything in it, one customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from relance.domain.happening import Happening
from relance.domain.trajectory import (
    GONE,
    NONE,
    NOT_YET,
    Activity,
    Caution,
    Counted,
    Move,
    Note,
    Span,
    Stays,
    Trajectory,
    Week,
    week_bounds,
)
from relance.uplift.moves import Comparison, compare

PARIS = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
STAGES = ("prospect", "new", "active", "at_risk", "lapsed")
LONG = "customers_who_bought_twice_and_have_not_been_seen_for_a_long_time"


def trajectory(
    matrix: dict[Move, int],
    segments: Sequence[str] = STAGES,
    *,
    days: int = 60,
    happenings: Sequence[Happening] = (),
    notes: Sequence[Note] = (),
    triggers: Sequence[str] = ("welcome", "win_back"),
    version: str = "1",
) -> Trajectory:
    """A trajectory whose weeks are made of its matrix, a part of each move in every week."""
    span = Span(begin=BEGIN, until=BEGIN + timedelta(days=days))
    bounds = week_bounds(span, PARIS)
    weeks = range(len(bounds) - 1)
    moved = {move: number for move, number in matrix.items() if move[0] != move[1]}
    counted = Counted(
        matrix=matrix,
        steps=moved,
        entries={},
        exits={},
        stays=[
            Stays(
                segment=name, ended=40, median=9.4, mean=12.5, open=120, open_median=31.0,
                days=[(200 - 3 * n, 2) for n in range(min(days, 50))],
            )
            for name in segments
        ],
        overlapping=0,
    )  # fmt: skip
    return Trajectory(
        asked=span,
        span=span,
        segments=segments,
        versions=dict.fromkeys(segments, version),
        counted=counted,
        weeks=[
            Week(
                begin=bounds[week],
                until=bounds[week + 1],
                entries=_part(moved, 1, week),
                exits=_part(moved, 0, week),
            )
            for week in weeks
        ],
        triggers=[
            Activity(
                trigger=name,
                treated=[20 + week for week in weeks],
                held_out=[2 for _ in weeks],
                messages=[18 + 3 * (week % 4) for week in weeks],
            )
            for name in triggers
        ],
        happenings=happenings,
        notes=notes,
    )


def _part(moved: dict[Move, int], side: int, week: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for move, number in moved.items():
        found[move[side]] = found.get(move[side], 0) + number // (2 + week % 3)
    return found


USUAL: dict[Move, int] = {
    ("prospect", "prospect"): 624, ("prospect", "new"): 53, ("new", "new"): 261,
    ("new", "active"): 158, ("new", "at_risk"): 477, ("active", "active"): 562,
    ("active", "at_risk"): 330, ("at_risk", "active"): 142, ("at_risk", "at_risk"): 358,
    ("at_risk", "lapsed"): 569, ("lapsed", "active"): 93, ("lapsed", "lapsed"): 2364,
    (NOT_YET, "prospect"): 137, (NOT_YET, "new"): 586, ("lapsed", GONE): 60,
}  # fmt: skip


def usual() -> Trajectory:
    return trajectory(USUAL, happenings=HAPPENINGS)


HAPPENINGS = (
    Happening(name="Winter sales", first=date(2026, 1, 7), last=date(2026, 2, 3)),
    Happening(
        name="Free delivery <from> 49 €", first=date(2026, 2, 16), last=date(2026, 2, 16),
        description="It was 69 € before.",
    ),
)  # fmt: skip


def everything() -> Trajectory:
    """Every kind of place and note, a long name, a huge and a tiny band."""
    matrix = {
        **{(start if start != "lapsed" else LONG, end if end != "lapsed" else LONG): number
           for (start, end), number in USUAL.items()},
        (LONG, LONG): 1_234_567, (NONE, "new"): 1, ("active", NONE): 17, (NOT_YET, GONE): 3,
        (NONE, NONE): 5000,
    }  # fmt: skip
    at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    notes = [
        Note(caution=caution, segments=["active", LONG], at=at, number=1234, instants=[at])
        for caution in Caution
    ]
    segments = [*STAGES[:-1], LONG]
    return trajectory(
        matrix, segments, happenings=HAPPENINGS, notes=notes, triggers=("welcome", LONG)
    )


def one_customer() -> Trajectory:
    return trajectory({("new", "active"): 1}, ("new", "active"), days=1, triggers=())


def many(places: int = 14) -> Trajectory:
    """As many segments as one may have, everybody going everywhere."""
    names = [f"segment_{number}" for number in range(places)]
    matrix = {
        (start, end): 1 + 7 * (row + 3 * column) % 90
        for row, start in enumerate(names)
        for column, end in enumerate(names)
    }
    return trajectory(matrix, names, days=400)


def against_another() -> tuple[Trajectory, Comparison]:
    """A period in which more were lost than in the one that it is compared with."""
    other = {**USUAL, ("active", "at_risk"): 150, ("active", "active"): 742}
    one = usual()
    return one, compare(one, trajectory(other))
