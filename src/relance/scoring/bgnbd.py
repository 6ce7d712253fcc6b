"""BG/NBD: buying while alive is Poisson, leaving after a purchase is geometric.

P. Fader, B. Hardie and K. L. Lee, "Counting your customers" the easy way: an alternative to the
Pareto/NBD model, Marketing Science 24 (2005). Time is in weeks. Of each customer the model knows
x (events after the first), t (from the first to the last) and T (from the first until now).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from relance.domain.score import DAYS_PER_WEEK, LONGEST, BgNbd, Feature
from relance.scoring.history import Floats, History

_START = (0.5, 5.0, 1.0, 3.0)  # r, alpha (weeks), a, b
_LOG_BOUND = 12.0  # of each parameter: e^12
_AT_EDGE = 0.01


@dataclass(frozen=True, slots=True)
class Fitted:
    """The parameters that make the customers' histories most likely."""

    parameters: BgNbd
    log_likelihood: float


def fit(history: History) -> Fitted | None:
    """None where no parameters are best: nobody came back, or all are alike."""
    x, t, tenure = behaviour(history)
    if not (x > 0).any():
        return None
    weights = history.customers

    def loss(logs: Floats) -> float:
        return -float(_mean_log_likelihood(np.exp(logs), x, t, tenure, weights))

    found = minimize(
        loss,
        np.log(_START),
        method="L-BFGS-B",
        bounds=[(-_LOG_BOUND, _LOG_BOUND)] * 4,
        options={"ftol": 1e-13, "gtol": 1e-9, "maxiter": 2_000},
    )
    if not np.isfinite(found.fun) or (np.abs(found.x) > _LOG_BOUND - _AT_EDGE).any():
        return None
    r, alpha, a, b = (round(float(value), 9) for value in np.exp(found.x))
    return Fitted(BgNbd(r, alpha, a, b), -float(found.fun) * float(weights.sum()))


def behaviour(history: History) -> tuple[Floats, Floats, Floats]:
    """x, t and T of each group, in weeks."""
    tenure = history.features[Feature.TENURE] / DAYS_PER_WEEK
    t = tenure - history.features[Feature.RECENCY] / DAYS_PER_WEEK
    return history.features[Feature.COUNT] - 1, np.maximum(t, 0.0), tenure


def log_likelihood(parameters: BgNbd, history: History) -> float:
    """The log-likelihood of some customers (equation 6 of the paper)."""
    values = np.array([parameters.r, parameters.alpha, parameters.a, parameters.b])
    mean = _mean_log_likelihood(values, *behaviour(history), history.customers)
    return float(mean * history.customers.sum())


def _mean_log_likelihood(
    parameters: Floats, x: Floats, t: Floats, tenure: Floats, weights: Floats
) -> float:
    r, alpha, a, b = parameters
    buying = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    staying = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + tenure)
    again = np.maximum(x, 1.0)  # where nobody came back the second way does not exist
    gone = np.log(a) - np.log(b + again - 1) - (r + x) * np.log(alpha + t)
    either = np.where(x > 0, np.logaddexp(alive, gone), alive)
    return float(np.average(buying + staying + either, weights=weights))


def probability(parameters: BgNbd, history: History, days: float) -> Floats:
    """The chance of at least one event in the next days: alive, and not silent for so long.

    Alive alone is no score: whoever bought once is certainly alive, and comes first.
    """
    x, t, tenure = behaviour(history)
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    power = np.minimum((r + x) * np.log((alpha + tenure) / (alpha + t)), LONGEST)
    odds = a / (b + np.maximum(x, 1.0) - 1) * np.exp(power)
    alive = np.where(x > 0, 1 / (1 + odds), 1.0)
    silent = (r + x) * np.log((alpha + tenure) / (alpha + tenure + days / DAYS_PER_WEEK))
    return np.asarray(alive * (1 - np.exp(np.maximum(silent, -LONGEST))))
