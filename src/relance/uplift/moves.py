"""Two periods compared, move by move: which shares of those who stood somewhere went elsewhere.

A row of one period is a cohort: who stood in a segment at its start. Each of its cells is a share
of the row; the difference between two periods is that of two shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relance.domain.trajectory import Caution, Note, Trajectory
from relance.uplift.comparison import equality_p, score_p
from relance.uplift.multiplicity import false_discovery
from relance.uplift.proportions import Interval, newcombe

UNEQUAL = 0.15
"""Periods whose lengths differ by more than this share of the longer are not compared."""
_TOLD = 0.01
_DISCOVERY = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One cell in both periods. `clear` where the interval leaves zero out and the p-value does
    so too among all cells compared (Benjamini-Hochberg)."""

    start: str
    end: str
    moved: int
    of: int
    moved_before: int
    of_before: int
    interval: Interval
    p: float
    p_adjusted: float
    clear: bool

    @property
    def share(self) -> float:
        return self.moved / self.of

    @property
    def share_before(self) -> float:
        return self.moved_before / self.of_before

    @property
    def difference(self) -> float:
        """This period's share minus the other's, as a fraction."""
        return self.share - self.share_before


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A period held against another one. Without `changes` the notes say why."""

    other: Trajectory
    changes: Sequence[Change]
    notes: Sequence[Note] = ()


def compare(one: Trajectory, other: Trajectory) -> Comparison:
    """The difference in every cell that somebody could be in, in both periods.

    Newcombe's interval for each; which are `clear` is decided among all of them. Nothing is
    compared where a segment meant something else, or one period is much longer.
    """
    notes, comparable = _cautions(one, other)
    return Comparison(other=other, changes=_changes(one, other) if comparable else (), notes=notes)


def _cautions(one: Trajectory, other: Trajectory) -> tuple[list[Note], bool]:
    changed = [name for name in one.segments if one.versions[name] != other.versions.get(name)]
    notes = [Note(caution=Caution.DEFINED_OTHERWISE, segments=changed)] if changed else []
    longer = max(one.span.days, other.span.days)
    apart = abs(one.span.days - other.span.days) / longer
    if apart > _TOLD:
        notes.append(Note(caution=Caution.LENGTHS))
    return notes, not changed and apart <= UNEQUAL


def _changes(one: Trajectory, other: Trajectory) -> list[Change]:
    now, before = one.counted.matrix, other.counted.matrix
    ends = list(dict.fromkeys([*one.ends, *other.ends]))
    found = []
    for start in one.starts:
        of, of_before = one.at_start(start), other.at_start(start)
        if not of or not of_before:
            continue
        for end in ends:
            moved, moved_before = now.get((start, end), 0), before.get((start, end), 0)
            if moved or moved_before:
                found.append(_change((start, end), (moved, of), (moved_before, of_before)))
    return _judged(found)


def _change(move: tuple[str, str], now: tuple[int, int], before: tuple[int, int]) -> Change:
    interval = newcombe(*now, *before)
    # the exact test takes its time, and decides only where the interval leaves zero out
    p = score_p(*now, *before) if _spans_zero(interval) else equality_p(*now, *before)
    return Change(
        start=move[0],
        end=move[1],
        moved=now[0],
        of=now[1],
        moved_before=before[0],
        of_before=before[1],
        interval=interval,
        p=p,
        p_adjusted=p,
        clear=False,
    )


def _judged(changes: Sequence[Change]) -> list[Change]:
    adjusted = false_discovery({str(number): one.p for number, one in enumerate(changes)})
    return [
        replace(
            one,
            p_adjusted=adjusted[str(number)],
            clear=adjusted[str(number)] <= _DISCOVERY and not _spans_zero(one.interval),
        )
        for number, one in enumerate(changes)
    ]


def _spans_zero(interval: Interval) -> bool:
    return interval.low <= 0 <= interval.high
