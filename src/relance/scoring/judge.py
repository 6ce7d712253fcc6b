"""Whether a newly fitted model may take the place of the standing one, and why not."""

from __future__ import annotations

import numpy as np

from relance.domain.score import Logistic, Quality, ScoreModel
from relance.scoring import bgnbd, logistic
from relance.scoring.history import Floats, History

FAIR = (0.9, 1.1)  # mean score / observed share
AUC_MARGIN = 0.005
BRIER_MARGIN = 1.01


def scores_of(model: ScoreModel, history: History) -> Floats:
    """Every group's score under a model."""
    if isinstance(model.formula, Logistic):
        return logistic.probability(model.formula, history)
    return bgnbd.probability(model.formula, history, model.days)


def fair(quality: Quality) -> bool:
    """Whether the mean score is within a tenth of the observed share."""
    low, high = FAIR
    return low * quality.base_rate <= quality.mean <= high * quality.base_rate


def objections(found: Quality, standing: Quality | None, *, chance: bool) -> list[str]:
    """What speaks against a model, on the last closed window; nothing where it may stand.

    `chance` says that its calibration is off by no more than chance. A standing model is worse
    to beat by a hair only: the margins keep noise from refusing.
    """
    reasons = []
    if found.auc is None:
        who = "everybody" if found.base_rate else "nobody"
        return [f"{who} had the event in the last closed window: it cannot be judged"]
    if not fair(found) and not chance:
        reasons.append(
            f"badly calibrated: it expects {found.mean:.1%} where {found.base_rate:.1%} had the"
            " event, also after setting its intercept right"
        )
    if found.brier >= found.base_rate * (1 - found.base_rate):
        reasons.append(
            f"it tells no more than the base rate does (Brier {found.brier:.4f},"
            f" base rate alone {found.base_rate * (1 - found.base_rate):.4f})"
        )
    if standing is not None and standing.auc is not None:
        if found.auc < standing.auc - AUC_MARGIN:
            reasons.append(
                f"it ranks worse than the standing model (AUC {found.auc:.3f} against"
                f" {standing.auc:.3f})"
            )
        if found.brier > standing.brier * BRIER_MARGIN:
            reasons.append(
                f"its chances are further off than the standing model's (Brier {found.brier:.4f}"
                f" against {standing.brier:.4f})"
            )
    return reasons


def finite(scores: Floats) -> bool:
    """Whether every score is a number from 0 to 1."""
    return bool(np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all())
