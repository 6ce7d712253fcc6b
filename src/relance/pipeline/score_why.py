"""Why one customer has the score that they have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from relance.domain.score import (
    DAYS_PER_WEEK,
    DECIMALS,
    BgNbd,
    Feature,
    Logistic,
    ScoreModel,
    ScoreSpec,
)
from relance.domain.workspace import Workspace
from relance.errors import UsageError
from relance.pipeline.ports.scores import ScoreEngine
from relance.scoring import bgnbd, judge
from relance.scoring.history import History


@dataclass(frozen=True, slots=True)
class Part:
    """A feature's value (None for what is none of the customer's), and what it adds.

    In log-odds against a customer who is average in it; of a closed form a factor of the chance.
    """

    name: str
    value: float | None
    contribution: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A customer's score and its parts, the weightiest first.

    `score` is None where the customer has none, and `reason` says why. `average` is the chance of
    a customer who is average in everything (logistic). `expected_value` is the chance times the
    value, `expected_returns` that by channel against its cost (of a complement there are none).
    """

    customer: str
    spec: ScoreSpec
    model: ScoreModel
    at: datetime
    score: float | None
    reason: str = ""
    parts: tuple[Part, ...] = ()
    average: float | None = None
    expected_value: float | None = None
    expected_returns: Mapping[str, float] | None = None


def explain(
    workspace: Workspace, engine: ScoreEngine, spec: ScoreSpec, model: ScoreModel, customer: str,
    at: datetime,
) -> Explanation:  # fmt: skip
    """Raises UsageError where there is no such customer, SourceError where data fails."""
    values = engine.score_features(spec, customer, at)
    if values is None:
        raise UsageError(f"there is no customer {customer!r}")
    if not values:
        reason = f"never had the event {spec.event}"
        return Explanation(
            customer=customer, spec=spec, model=model, at=at, score=None, reason=reason
        )
    one = _alone(values)
    chance = round(float(judge.scores_of(model, one)[0]), DECIMALS)
    score, reason = _as_asked(spec, model, values, chance)
    worth = _worth(workspace, spec, model)
    expected = None if score is None or worth is None else round(score * worth, 6)
    return Explanation(
        customer=customer, spec=spec, model=model, at=at, score=score, reason=reason,
        parts=_parts(model, values, one), average=_average(model), expected_value=expected,
        expected_returns=None if spec.complement_of else _returns(workspace, expected),
    )  # fmt: skip


def _alone(values: Mapping[Feature, float]) -> History:
    one, none = np.ones(1), np.zeros(1)
    features = {name: np.array([value]) for name, value in values.items()}
    return History(features=features, customers=one, buyers=none, spent=none)


def _as_asked(
    spec: ScoreSpec, model: ScoreModel, values: Mapping[Feature, float], chance: float
) -> tuple[float | None, str]:
    """The score, or why there is none: a complement is offered past the usual gap only."""
    if spec.complement_of is None:
        return chance, ""
    own = values[Feature.GAP] if values[Feature.COUNT] > 1 else model.usual_gap
    silent = values[Feature.RECENCY]
    if own is None or silent <= own:
        usual = "unknown" if own is None else f"{own:.1f} days"
        return None, f"silent for {silent:.1f} days, which is not past the usual gap ({usual})"
    return round(1 - chance, DECIMALS), ""


def _parts(model: ScoreModel, values: Mapping[Feature, float], one: History) -> tuple[Part, ...]:
    if isinstance(model.formula, Logistic):
        parts = [
            Part(
                term.feature.value,
                values[term.feature],
                term.coefficient * (math.log1p(values[term.feature]) - term.mean) / term.scale,
            )
            for term in model.formula.terms
        ]
        return tuple(sorted(parts, key=lambda part: -abs(part.contribution)))
    return _factors(model.formula, model.days, one)


def _factors(formula: BgNbd, days: float, one: History) -> tuple[Part, ...]:
    """That the customer has not left for good, and that such a customer comes in time."""
    chance = float(bgnbd.probability(formula, one, days)[0])
    x, _, tenure = (float(values[0]) for values in bgnbd.behaviour(one))
    base = (formula.alpha + tenure) / (formula.alpha + tenure + days / DAYS_PER_WEEK)
    in_time = 1 - base ** (formula.r + x)
    return (
        Part("still_a_customer", None, chance / in_time),
        Part("comes_in_time", None, in_time),
    )


def _average(model: ScoreModel) -> float | None:
    if not isinstance(model.formula, Logistic):
        return None
    return 1 / (1 + math.exp(-model.formula.intercept))


def _worth(workspace: Workspace, spec: ScoreSpec, model: ScoreModel) -> float | None:
    base = workspace.scores[spec.model]
    return model.value if base.value_fitted else base.value


def _returns(workspace: Workspace, expected: float | None) -> Mapping[str, float] | None:
    if expected is None:
        return None
    costly = {name: each.cost for name, each in workspace.channels.items() if each.cost > 0}
    return {name: round(expected / cost, 6) for name, cost in costly.items()}
