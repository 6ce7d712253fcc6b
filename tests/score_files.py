"""Score files for tests: small models whose answers can be seen by eye."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

from relance.domain.duration import Duration
from relance.domain.score import Bin, Feature, Logistic, Quality, ScoreFile, ScoreModel, Term
from relance.spec import write_score

FITTED = datetime(2026, 2, 1, tzinfo=UTC)
WITHIN = Duration.parse("90 days")


def silent_for_less_than(days: float, *, steep: float = 8.0) -> Logistic:
    """A chance above one half where the last event is less than so many days ago."""
    edge = math.log1p(days)
    return Logistic((Term(Feature.RECENCY, edge, 1.0, -steep),), 0.0)


def score_file(
    formula: Logistic,
    *,
    score: str = "potential",
    workspace: str = "stage",
    value: float | None = 20.0,
) -> ScoreFile:
    return ScoreFile(
        workspace=workspace,
        model=ScoreModel(
            score=score, event="order", within=WITHIN, trained_at=FITTED, formula=formula,
            usual_gap=30.0, value=value,
        ),
        trained_on=(FITTED,), customers=200, base_rate=0.3, evaluated_on=FITTED,
        quality=Quality(
            customers=200, base_rate=0.3, mean=0.3, auc=0.8, brier=0.15, log_loss=0.4,
            calibration_error=0.02, bins=(Bin(200, 0.3, 0.3),),
        ),
    )  # fmt: skip


def put(root: Path, formula: Logistic, **changes: str) -> Path:
    """Write a score's file into a workspace."""
    return write_score(root, score_file(formula, **changes))
