"""How well scores did on a window that is closed, and setting an intercept right."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from relance.domain.score import Bin, Logistic, Quality
from relance.scoring.history import Floats, History

_BINS = 10
_EDGE = 1e-15
_WIDEST = 30.0  # log-odds that an intercept may be moved by


def measure(scores: Floats, history: History) -> Quality:
    """Over customers who have a score; at least one."""
    weights, buyers = history.customers, history.buyers
    others = weights - buyers
    held = np.clip(scores, _EDGE, 1 - _EDGE)
    total = float(weights.sum())
    bins = _bins(scores, history)
    return Quality(
        customers=history.total,
        base_rate=_short(history.base_rate),
        mean=_short(float(np.average(scores, weights=weights))),
        auc=None if history.one_sided else _short(_auc(scores, buyers, others)),
        brier=_short(float((buyers * (1 - scores) ** 2 + others * scores**2).sum() / total)),
        log_loss=_short(float(-(buyers * np.log(held) + others * np.log1p(-held)).sum() / total)),
        calibration_error=_short(
            sum(each.customers * abs(each.mean - each.observed) for each in bins) / total
        ),
        bins=bins,
    )


def _short(value: float) -> float:
    return round(value, 6)


def _auc(scores: Floats, buyers: Floats, others: Floats) -> float:
    """The chance that a buyer's score is above another's; equal scores count as a half."""
    values, places = np.unique(scores, return_inverse=True)
    good = np.bincount(places, weights=buyers, minlength=len(values))
    bad = np.bincount(places, weights=others, minlength=len(values))
    below = np.cumsum(bad) - bad
    return float((good * (below + bad / 2)).sum() / (good.sum() * bad.sum()))


def _bins(scores: Floats, history: History) -> tuple[Bin, ...]:
    """Ten bins of customers by score, as alike in size as equal scores allow."""
    order = np.argsort(scores, kind="stable")
    weights = history.customers[order]
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    # customers of one score go together, to where the middle of them lies
    _, places = np.unique(scores[order], return_inverse=True)
    sizes = np.bincount(places, weights=weights)
    centres = np.bincount(places, weights=weights * middle) / sizes
    bins = np.minimum((centres * _BINS).astype(int), _BINS - 1)[places]
    found = []
    for number in np.unique(bins):
        rows = order[bins == number]
        people = float(history.customers[rows].sum())
        found.append(
            Bin(
                round(people),
                _short(float(np.average(scores[rows], weights=history.customers[rows]))),
                _short(float(history.buyers[rows].sum() / people)),
            )
        )
    return tuple(found)


def off_by_chance(quality: Quality, scores: Floats, history: History) -> bool:
    """Whether the distance between mean score and share is no more than chance gives (95 %)."""
    spread = math.sqrt(float((history.customers * scores * (1 - scores)).sum()))
    distance = abs(quality.mean - quality.base_rate) * quality.customers
    return distance <= 1.96 * spread


def recalibrated(formula: Logistic, scores: Floats, history: History) -> Logistic:
    """The formula with the intercept that gives these customers their own share of buyers.

    The formula as it is where all or nobody had the event.
    """
    if history.one_sided:
        return formula
    held = np.clip(scores, _EDGE, 1 - _EDGE)
    odds = np.log(held) - np.log1p(-held)

    def distance(shift: float) -> float:
        moved = 1 / (1 + np.exp(-(odds + shift)))
        return float(np.average(moved, weights=history.customers)) - history.base_rate

    shift = float(brentq(distance, -_WIDEST, _WIDEST, xtol=1e-12))
    return Logistic(formula.terms, float(f"{formula.intercept + shift:.12g}"))
