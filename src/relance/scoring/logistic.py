"""Logistic regression on the logs of the features: fitted by scikit-learn, applied without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relance.domain.score import STEEPEST, Feature, Logistic, Term
from relance.errors import UsageError
from relance.scoring.history import Floats, History

_DIGITS = 12  # significant ones that are kept: the same data gives the same file


def fit(history: History, features: Sequence[Feature]) -> Logistic:
    """Ridge-penalised maximum likelihood on scaled features (scikit-learn's defaults).

    Raises UsageError where scikit-learn is not installed, ValueError where everybody or nobody
    had the event.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError:
        raise UsageError(
            "fitting a logistic score needs scikit-learn, which is not installed",
            hint="pip install 'relance[scores]', or say model: bgnbd, which does without",
        ) from None

    values, weights = history.matrix(features), history.customers
    scaler = StandardScaler().fit(values, sample_weight=weights)
    scaled = scaler.transform(values)
    # a group counts once for its buyers and once for the others
    model = LogisticRegression(max_iter=2_000, tol=1e-8).fit(
        np.concatenate([scaled, scaled]),
        np.repeat([1, 0], len(weights)),
        sample_weight=np.concatenate([history.buyers, weights - history.buyers]),
    )
    terms = zip(features, scaler.mean_, scaler.scale_, model.coef_[0], strict=True)
    return Logistic(
        tuple(Term(name, _kept(m), _kept(s), _kept(c)) for name, m, s, c in terms),
        _kept(model.intercept_[0]),
    )


def _kept(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def probability(formula: Logistic, history: History) -> Floats:
    """See `Logistic`."""
    odds = np.full(len(history.customers), formula.intercept)
    for term in formula.terms:
        logs = np.log1p(history.features[term.feature])
        odds += term.coefficient * (logs - term.mean) / term.scale
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -STEEPEST, STEEPEST))))
