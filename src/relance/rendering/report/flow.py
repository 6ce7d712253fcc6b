"""The flow diagram's geometry: bars at both sides, and a band for every move between them.

It is drawn on a square that the page stretches, without text; labels stand beside it, in HTML,
at per cents of its height.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relance.domain.trajectory import GONE, NOT_YET, Move
from relance.rendering.report.plots import SIDE, apart

_BAR = 24  # width of a bar
_GAPS = 180  # of the side's height, for the gaps between bars together
_GAP = 26  # the widest
_LEAST = 2.5  # height of the thinnest band: one customer among a million is still seen
_LAYERS = ("stayed", "came", "went", "moved")  # what moved lies on top
_LABELS = 88.0  # per cent of the height that the labels of one side may take together


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """Everybody who stood somewhere: its rectangle, and where its label stands, in per cent."""

    place: str
    number: int
    x: int
    y: float
    height: float
    label: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """One kind of move: its path; `middle` is its height at the left side, in per cent."""

    start: str
    end: str
    number: int
    kind: str
    path: str
    middle: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """The whole diagram."""

    left: Sequence[Bar]
    right: Sequence[Bar]
    bands: Sequence[Band]

    @property
    def bars(self) -> list[Bar]:
        """Those of both sides."""
        return [*self.left, *self.right]

    @property
    def places(self) -> int:
        """How many labels the longer side has."""
        return max(len(self.left), len(self.right))


def flow(matrix: Mapping[Move, int], starts: Sequence[str], ends: Sequence[str]) -> Flow:
    """Draw who stood where at the start (left) and at the end (right), in these orders.

    Heights are in proportion to customers, but for the thinnest. Places with nobody are left out.
    """
    moves = [
        (start, end) for start in starts for end in ends if matrix.get((start, end))
    ]  # fmt: skip
    total = sum(matrix[move] for move in moves) or 1
    heights = {move: max(_LEAST, SIDE * matrix[move] / total) for move in moves}
    left, right = _occupied(moves, starts, 0), _occupied(moves, ends, 1)
    places = max(len(left), len(right))
    gaps = min(_GAPS, _GAP * (places - 1))
    scale = (SIDE - gaps) / (sum(heights.values()) or 1)
    heights = {move: height * scale for move, height in heights.items()}
    tops = _tops(left, moves, heights, 0), _tops(right, moves, heights, 1)
    return Flow(
        left=_bars(left, moves, heights, matrix, side=0),
        right=_bars(right, moves, heights, matrix, side=1),
        bands=[
            _band(move, matrix[move], tops[0][move], tops[1][move], heights[move])
            for move in moves
        ],
    )  # fmt: skip


def _occupied(moves: Sequence[Move], places: Sequence[str], side: int) -> list[str]:
    return [place for place in places if any(move[side] == place for move in moves)]


def _spread(
    places: Sequence[str], moves: Sequence[Move], heights: Mapping[Move, float], side: int
) -> dict[str, tuple[float, float]]:
    """Top and height of each place's bar: the whole side is used, with equal gaps."""
    tall = {
        place: sum(heights[move] for move in moves if move[side] == place) for place in places
    }  # fmt: skip
    left_over = SIDE - sum(tall.values())
    gap = left_over / (len(places) - 1) if len(places) > 1 else 0.0
    top = 0.0 if len(places) > 1 else left_over / 2
    found = {}
    for place in places:
        found[place] = (top, tall[place])
        top += tall[place] + gap
    return found


def _tops(
    places: Sequence[str], moves: Sequence[Move], heights: Mapping[Move, float], side: int
) -> dict[Move, float]:
    """Where each band leaves (or reaches) its bar; `moves` are in the order of both sides."""
    found = {}
    for place, (top, _) in _spread(places, moves, heights, side).items():
        for move in moves:
            if move[side] == place:
                found[move] = top
                top += heights[move]
    return found


def _bars(
    places: Sequence[str], moves: Sequence[Move], heights: Mapping[Move, float],
    matrix: Mapping[Move, int], *, side: int,
) -> list[Bar]:  # fmt: skip
    spread = _spread(places, moves, heights, side)
    middles = [10 * (top + height / 2) * 10 / SIDE for top, height in spread.values()]
    least = min(12.0, _LABELS / max(1, len(places)))
    labels = apart([max(least / 2, each) for each in middles], least, 100 - least / 2)
    return [
        Bar(
            place=place,
            number=sum(matrix[move] for move in moves if move[side] == place),
            x=0 if side == 0 else SIDE - _BAR,
            y=round(top, 1),
            height=round(height, 1),
            label=round(label, 2),
        )
        for (place, (top, height)), label in zip(spread.items(), labels, strict=True)
    ]


def _band(move: Move, number: int, top: float, end: float, height: float) -> Band:
    near, far, middle = _BAR, SIDE - _BAR, SIDE // 2
    path = (
        f"M{near},{top:.1f}C{middle},{top:.1f} {middle},{end:.1f} {far},{end:.1f}"
        f"V{end + height:.1f}C{middle},{end + height:.1f} {middle},{top + height:.1f}"
        f" {near},{top + height:.1f}Z"
    )
    return Band(
        start=move[0],
        end=move[1],
        number=number,
        kind=_kind(move),
        path=path,
        middle=round(100 * (top + height / 2) / SIDE, 2),
    )


def _kind(move: Move) -> str:
    if move[0] == NOT_YET:
        return "came"
    if move[1] == GONE:
        return "went"
    return "stayed" if move[0] == move[1] else "moved"
