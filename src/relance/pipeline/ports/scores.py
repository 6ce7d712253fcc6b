"""What fitting and explaining a score needs to know of customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from relance.domain.score import Feature, ScoreSpec
from relance.scoring.history import History


class ScoreEngine(Protocol):
    """The customers as of past instants, counted."""

    def score_history(self, spec: ScoreSpec, snapshot: datetime, until: datetime) -> History:
        """Who had a score's event by `snapshot`, by their features then, with how many of them
        had it again later than that and up to `until`. Raises SourceError."""

    def score_features(
        self, spec: ScoreSpec, customer: str, at: datetime
    ) -> Mapping[Feature, float] | None:
        """One customer's features; None where there is no such customer, empty where the
        customer never had the event."""
