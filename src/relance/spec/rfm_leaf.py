"""The `rfm` leaf: scores from 1 to 5, or a cell of the grid that they make."""

from __future__ import annotations

from relance.domain.condition import AllOf, CellIs, Condition, RfmIs
from relance.spec.event_leaf import check_field
from relance.spec.names import Reference
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import ListOf, Shape, Whole, made
from relance.spec.spot import Spot


def _ascending(_spot: Spot, scores: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(scores)))


SCORES_SHAPE: Shape[tuple[int, ...]] = made(
    ListOf(Whole(1, 5), "scores from 1 to 5", single=True), _ascending
)
_CELLS = ListOf(Reference("cell of the RFM grid", "cells"), "cells", single=True)


class ScoresYaml(Record[Condition]):
    """Scores from 1 to 5, 5 being the best fifth, or a cell of the grid that they make. A
    customer without the event has none."""

    what = "scores such as {recency: [4, 5]}"
    recency = optional(SCORES_SHAPE, "How recent the last event is.")
    frequency = optional(SCORES_SHAPE, "How many events there are.")
    monetary = optional(SCORES_SHAPE, "How much they are worth.")
    cell = optional(_CELLS, "A cell of the grid, or a list of cells: champions, loyal, …")

    def build(self) -> Condition:
        scores, cells = [self.recency, self.frequency, self.monetary], self.cell
        if not any(scores) and not cells:
            raise self.spot.broken("is empty", "give scores, such as recency: [4, 5], or a cell")
        event = self.spot.scope.rfm_event
        self.spot.known(event, self.spot.scope.events, "event (for `rfm` in segments.yaml)")
        if self.monetary:
            check_field(self.below("monetary"), event, "amount")
        scored = RfmIs(recency=self.recency, frequency=self.frequency, monetary=self.monetary)
        if not cells:
            return scored
        in_cell = CellIs(tuple(sorted(set(cells))))
        return AllOf((in_cell, scored)) if any(scores) else in_cell


class RfmYaml(Record[Condition]):
    """Recency, frequency and monetary scores: quintiles of the customers who have the event."""

    what = "a condition"
    rfm = required(Of(ScoresYaml), "Scores that the customer must have.")

    def build(self) -> Condition:
        return self.rfm
