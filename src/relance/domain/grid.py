"""The RFM grid: named cells over the scores, every combination in exactly one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

SCORES = (1, 2, 3, 4, 5)
Place = tuple[int, ...]
"""A recency and a frequency score, and a monetary one where the grid looks at money."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A block of the grid; all scores where none are named."""

    recency: tuple[int, ...] = SCORES
    frequency: tuple[int, ...] = SCORES
    monetary: tuple[int, ...] | None = None

    def places(self, *, monetary: bool) -> Iterator[Place]:
        """The combinations inside."""
        axes = [self.recency, self.frequency]
        return product(*axes, self.monetary or SCORES) if monetary else product(*axes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A named part of the grid."""

    name: str
    title: str
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells that cover every combination of scores once; the front door sees to that."""

    cells: tuple[Cell, ...]

    @property
    def monetary(self) -> bool:
        """Whether any cell looks at money."""
        return any(area.monetary is not None for cell in self.cells for area in cell.areas)

    def places(self) -> Iterator[Place]:
        """Every combination of scores."""
        return product(SCORES, repeat=3 if self.monetary else 2)

    def cell(self, name: str) -> Cell:
        """The cell of a name. Raises KeyError."""
        return {cell.name: cell for cell in self.cells}[name]

    def at(self, place: Sequence[int]) -> Cell:
        """The cell of a combination of scores. Raises LookupError where there is none."""
        monetary = self.monetary
        for cell in self.cells:
            for area in cell.areas:
                if tuple(place) in area.places(monetary=monetary):
                    return cell
        raise LookupError(place)


# name, title, and the recency and frequency scores of each block
_TEN: tuple[tuple[str, str, tuple[int, ...], tuple[int, ...]], ...] = (
    ("hibernating", "Hibernating", (1, 2), (1, 2)),
    ("at_risk", "At risk", (1, 2), (3, 4)),
    ("cant_lose_them", "Can't lose them", (1, 2), (5,)),
    ("about_to_sleep", "About to sleep", (3,), (1, 2)),
    ("need_attention", "Need attention", (3,), (3,)),
    ("loyal", "Loyal", (3, 4), (4, 5)),
    ("promising", "Promising", (4,), (1,)),
    ("new", "New", (5,), (1,)),
    ("potential_loyalist", "Potential loyalist", (4, 5), (2, 3)),
    ("champions", "Champions", (5,), (4, 5)),
)

TEN_CELLS = Grid(
    tuple(
        Cell(name=name, title=title, areas=(Area(recency=recency, frequency=frequency),))
        for name, title, recency, frequency in _TEN
    )
)
"""The grid that most companies use, and that everybody gets who draws no other."""
