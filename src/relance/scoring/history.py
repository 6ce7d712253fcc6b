"""What models learn from: customers who are alike in every feature, counted, and no keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from relance.domain.score import Feature

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Groups of customers as of one instant or several, one row each.

    `customers` are in the group, `buyers` of them had the event in the window that followed, and
    spent `spent` in it. Features are as `Feature` says.
    """

    features: Mapping[Feature, Floats]
    customers: Floats
    buyers: Floats
    spent: Floats

    @property
    def total(self) -> int:
        return int(self.customers.sum())

    @property
    def base_rate(self) -> float:
        """The share who had the event; 0 where there is nobody."""
        return float(self.buyers.sum() / self.customers.sum()) if self.total else 0.0

    @property
    def one_sided(self) -> bool:
        """Whether all or nobody had the event: then there is nothing to tell apart."""
        return self.buyers.sum() in (0, self.customers.sum())

    @property
    def value(self) -> float | None:
        """What those who had the event spent on average; None where that is nothing."""
        bought = float(self.buyers.sum())
        mean = float(self.spent.sum()) / bought if bought else 0.0
        return round(mean, 6) if mean > 0 else None

    def usual_gap(self, share: float) -> float | None:
        """The mean gap (days) that a share of the customers with two events or more stay within.

        None where nobody has two.
        """
        several = self.features[Feature.COUNT] > 1
        if not several.any():
            return None
        gaps, weights = self.features[Feature.GAP][several], self.customers[several]
        order = np.argsort(gaps, kind="stable")
        reached = np.cumsum(weights[order]) >= share * weights.sum()
        return round(float(gaps[order][np.argmax(reached)]), 6)

    def matrix(self, features: Sequence[Feature]) -> Floats:
        """ln(1 + value), a column per feature."""
        return np.log1p(np.column_stack([self.features[each] for each in features]))

    def halves(self, scores: Floats) -> tuple[History, History]:
        """Two halves alike in their scores: every other group along the score."""
        order = np.argsort(scores, kind="stable")
        return self._taken(order[::2]), self._taken(order[1::2])

    def _taken(self, rows: npt.NDArray[np.intp]) -> History:
        return History(
            features={name: values[rows] for name, values in self.features.items()},
            customers=self.customers[rows],
            buyers=self.buyers[rows],
            spent=self.spent[rows],
        )


def together(several: Sequence[History]) -> History:
    """Some histories as one."""
    return History(
        features={
            name: np.concatenate([each.features[name] for each in several])
            for name in several[0].features
        },
        customers=np.concatenate([each.customers for each in several]),
        buyers=np.concatenate([each.buyers for each in several]),
        spent=np.concatenate([each.spent for each in several]),
    )
