"""Some segments at two instants, as sums: who was in them, who is, and what came in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from relance.domain.trigger import Goal

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Groups:
    """Customers who are in exactly the same segments, together.

    `inside` has a row per group and a column per segment, `customers` how many each group has.
    """

    inside: Flags
    customers: Counts

    @property
    def total(self) -> int:
        """All customers."""
        return int(self.customers.sum())

    def of_each(self, numbers: Counts) -> Counts:
        """Numbers of the groups added up by segment."""
        added: Counts = numbers @ self.inside.astype(np.int64)
        return added

    def both(self) -> Counts:
        """How many customers are in one segment and in another: a row and a column for each."""
        inside = self.inside.astype(np.int64)
        pairs: Counts = inside.T @ (inside * self.customers[:, None])
        return pairs


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """What customers did between the two instants, by the groups that they were in at the first.

    `returned` had the goal's event. `mean` and `m2` (the sum of squared deviations from it) are
    of the money that each spent on it; None where the event has no amount.
    """

    returned: Counts
    mean: Numbers | None = None
    m2: Numbers | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TableAge:
    """An event table up to the later instant: its newest row, and how many rows it has in all and
    after the earlier instant."""

    newest: datetime | None
    rows: int
    recent: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Survey:
    """Segments as they are defined now, evaluated `then` and at `at`, over the same customers.

    `stayed` are the customers who were in a segment then and are in it now, by segment. `tables`
    are by event, the goal's among them.
    """

    names: Sequence[str]
    then_at: datetime
    at: datetime
    goal: Goal
    then: Groups
    now: Groups
    stayed: Counts
    outcome: Outcome
    tables: Mapping[str, TableAge] = field(default_factory=dict)
