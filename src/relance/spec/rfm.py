"""`rfm:` in config/segments.yaml: how customers are scored, and the grid of named cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from relance.domain.condition import CellIs, Measure
from relance.domain.duration import Duration, Unit
from relance.domain.grid import SCORES, TEN_CELLS, Area, Cell, Grid, Place
from relance.domain.workspace import RfmCutoffs, RfmSpec
from relance.spec.event_leaf import WHERE, check_field
from relance.spec.names import EVENT
from relance.spec.nodes import Fields, Node, child, names_in
from relance.spec.notations import LENGTH
from relance.spec.record import Of, Record, optional, required
from relance.spec.rfm_leaf import SCORES_SHAPE
from relance.spec.shapes import Choice, Flag, ListOf, MapOf, Number, Shape, Text, made
from relance.spec.spot import Spot

PREFIX = "rfm_"
"""Of the names of the segments that cells bring: a stage may have a cell's own name."""

_MONEY = "write monetary: [10, 50, 100, 500]"


def _cutoffs(spot: Spot, values: tuple[int | float, ...]) -> tuple[float, ...]:
    if len(values) != len(SCORES) - 1:
        raise spot.broken(
            f"has {len(values)} values, but four lie between five scores",
            "such as [30, 90, 180, 365]",
        )
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise spot.broken("must ascend", "each value is greater than the one before it")
    return tuple(float(value) for value in values)


_FOUR: Shape[tuple[float, ...]] = made(ListOf(Number(), "numbers"), _cutoffs)


class CutoffsYaml(Record[RfmCutoffs]):
    """Four ascending cut-offs for each score; a value equal to one is not beyond it."""

    what = "cut-offs such as {recency: [30, 90, 180, 365], frequency: [1, 2, 4, 8], …}"
    recency = required(_FOUR, "In days of 24 hours since the last event; up to the first scores 5.")
    frequency = required(_FOUR, "In events; up to the first scores 1.")
    monetary = optional(_FOUR, "In money; up to the first scores 1.", default=())

    def build(self) -> RfmCutoffs:
        return RfmCutoffs(recency=self.recency, frequency=self.frequency, monetary=self.monetary)


class AreaYaml(Record[Area]):
    """A block of the grid: all scores where none are named."""

    what = "scores such as {recency: 5, frequency: [4, 5]}"
    recency = optional(SCORES_SHAPE, "Recency scores.")
    frequency = optional(SCORES_SHAPE, "Frequency scores.")
    monetary = optional(SCORES_SHAPE, "Monetary scores; left out, the block has all of them.")

    def build(self) -> Area:
        if not any((self.recency, self.frequency, self.monetary)):
            raise self.spot.broken("is empty", "give scores, such as recency: [4, 5]")
        return _area(self)


Drawn = tuple[str | None, tuple[Area, ...]]


class CellYaml(Record[Drawn]):
    """A cell: one block of scores, or several under `areas`."""

    what = "scores such as {recency: 5, frequency: [4, 5]}"
    title = optional(Text("a title"), "What the cell is called where it is shown.")
    recency = optional(SCORES_SHAPE, "Recency scores.")
    frequency = optional(SCORES_SHAPE, "Frequency scores.")
    monetary = optional(SCORES_SHAPE, "Monetary scores; left out, the cell has all of them.")
    areas = optional(ListOf(Of(AreaYaml), "blocks of scores"), "Several blocks of scores.")

    def build(self) -> Drawn:
        scores = (self.recency, self.frequency, self.monetary)
        if self.areas and any(scores):
            raise self.spot.broken("has scores and areas", "put the scores under areas: too")
        if self.areas:
            return self.title, self.areas
        if not any(scores):
            raise self.spot.broken("covers nothing", "give scores, such as recency: [4, 5]")
        return self.title, (_area(self),)


def _area(scores: AreaYaml | CellYaml) -> Area:
    return Area(
        recency=scores.recency or SCORES,
        frequency=scores.frequency or SCORES,
        monetary=scores.monetary,
    )


class RfmSpecYaml(Record[RfmSpec]):
    """How customers are scored: quintiles of those who have the event, or fixed thresholds."""

    what = "a mapping such as {event: order}"
    event = optional(EVENT, "The event that is scored.", default="order", shown="order")
    where = optional(WHERE, "Score only events whose fields compare so.", default=())
    within = optional(LENGTH, "Score only events of this last stretch of time.", shown="all events")
    monetary = optional(
        Choice("total", "average"), "What `monetary` scores: all amounts, or their average.",
        default="total", shown="total",
    )  # fmt: skip
    thresholds = optional(
        Of(CutoffsYaml), "Fixed cut-offs between the scores.", shown="quintiles of the customers"
    )
    refit = optional(
        LENGTH, "How long the quintiles' cut-offs are kept before they are computed anew.",
        default=Duration(30, Unit.DAY), shown="30 days",
    )  # fmt: skip
    cells = optional(
        MapOf(Of(CellYaml), "cells"),
        "The named cells of the grid; together they cover every combination of scores once.",
        shown="the ten of docs/lifecycle.md",
    )
    segments = optional(
        Flag(), f"Make every cell a named segment, `{PREFIX}champions` and so on.",
        default=False, shown="false",
    )  # fmt: skip

    def build(self) -> RfmSpec:
        for test in self.where:
            check_field(self.below("where", test.field), self.event, test.field)
        thresholds, grid = self.thresholds, self._grid()
        has_amount = "amount" in (self.spot.scope.events or {}).get(self.event, ())
        if thresholds and has_amount and not thresholds.monetary:
            self.below("thresholds").note("monetary is missing", _MONEY)
        monetary = Measure.SUM if self.monetary == "total" else Measure.AVERAGE
        return RfmSpec(
            event=self.event, where=self.where, within=self.within, monetary=monetary,
            thresholds=thresholds, refit=self.refit, grid=grid, segments=self.segments,
        )  # fmt: skip

    def _grid(self) -> Grid:
        if self.cells is None:
            return TEN_CELLS
        grid = Grid(
            tuple(
                Cell(
                    name=name, title=title or name.replace("_", " ").capitalize(), areas=areas
                )
                for name, (title, areas) in self.cells.items()
            )
        )  # fmt: skip
        if grid.monetary:
            check_field(self.below("cells"), self.event, "amount")
        owners: dict[Place, str] = {}
        for cell in grid.cells:
            self._cover(cell, owners, monetary=grid.monetary)
        missing = [place for place in grid.places() if place not in owners]
        if missing:
            self.below("cells").note(f"no cell covers {_told(missing)}", "every score needs a cell")
        return grid

    def _cover(self, cell: Cell, owners: dict[Place, str], *, monetary: bool) -> None:
        """Give a cell its places, and note those that have one already."""
        twice: dict[str, list[Place]] = {}
        for area in cell.areas:
            for place in area.places(monetary=monetary):
                owner = owners.setdefault(place, cell.name)
                if owner != cell.name:
                    twice.setdefault(owner, []).append(place)
        for owner, places in twice.items():
            self.below("cells", cell.name).note(
                f"covers {_told(places)}, as {owner} does", "a score belongs to one cell"
            )


def _told(places: Sequence[Place]) -> str:
    """The first of some places in words, and how many more there are."""
    names = ("recency", "frequency", "monetary")
    first = ", ".join(f"{name} {score}" for name, score in zip(names, places[0], strict=False))
    return first if len(places) == 1 else f"{first} (and {len(places) - 1} more)"


def cell_segments(spec: RfmSpec) -> Mapping[str, tuple[CellIs, str]]:
    """The named segments that the grid brings, if it was asked to: by name, with a description."""
    if not spec.segments:
        return {}
    return {f"{PREFIX}{cell.name}": (CellIs((cell.name,)), cell.title) for cell in spec.grid.cells}


def cell_names(named: Node | None) -> list[str]:
    """The names of the grid's cells, in a file that may have mistakes."""
    cells = child(named, "rfm", "cells")
    return names_in(cells) if isinstance(cells, Fields) else [c.name for c in TEN_CELLS.cells]


def cell_segment_names(named: Node | None) -> list[str]:
    """The names of the segments that the cells bring."""
    asked = child(named, "rfm", "segments")
    if getattr(asked, "value", None) is not True:
        return []
    return [f"{PREFIX}{name}" for name in cell_names(named)]
