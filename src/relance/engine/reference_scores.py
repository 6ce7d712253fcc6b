"""Scores in plain Python, for the oracle: docs/scores.md as functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from relance.domain.condition import Aggregate, Comparison, ScoreIs
from relance.domain.fits import Fits, ScoreFit, TopFit, score_fit, top_fit
from relance.domain.score import (
    DAYS_PER_WEEK,
    DECIMALS,
    HIGHEST,
    LONGEST,
    SOFTENER,
    STEEPEST,
    BgNbd,
    Feature,
    Logistic,
    ScoreModel,
    ScoreSpec,
    needs_of_model,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a customer's events say as of an instant; the lengths are in days."""

    count: int
    first: float
    last: float
    amount: float | None
    within: Mapping[int, int]  # events within so many days


def features(told: Told) -> dict[Feature, float] | None:
    """Every feature; None for a customer who never had the event."""
    if not told.count:
        return None
    gap = (told.first - told.last) / (told.count - 1) if told.count > 1 else 0.0
    raw = {
        Feature.RECENCY: told.last,
        Feature.COUNT: told.count,
        Feature.AMOUNT: told.amount or 0.0,
        Feature.TENURE: told.first,
        Feature.COUNT_30: told.within[30],
        Feature.COUNT_90: told.within[90],
        Feature.COUNT_180: told.within[180],
        Feature.GAP: gap,
        Feature.SILENCE: told.last / (gap + SOFTENER),
    }
    return {name: min(max(float(value), 0.0), HIGHEST) for name, value in raw.items()}


def probability(model: ScoreModel, values: Mapping[Feature, float]) -> float:
    """The chance of the event within the model's length."""
    if isinstance(model.formula, Logistic):
        odds = model.formula.intercept
        for term in model.formula.terms:
            logs = math.log1p(values[term.feature])
            odds += term.coefficient * (logs - term.mean) / term.scale
        return 1 / (1 + math.exp(-min(max(odds, -STEEPEST), STEEPEST)))
    return _bgnbd(model.formula, model.days / DAYS_PER_WEEK, values)


def _bgnbd(p: BgNbd, weeks: float, values: Mapping[Feature, float]) -> float:
    x = values[Feature.COUNT] - 1
    tenure = values[Feature.TENURE] / DAYS_PER_WEEK
    t = max(tenure - values[Feature.RECENCY] / DAYS_PER_WEEK, 0.0)
    alive = 1.0
    if x > 0:
        power = (p.r + x) * math.log((p.alpha + tenure) / (p.alpha + t))
        alive = 1 / (1 + p.a / (p.b + x - 1) * math.exp(min(power, LONGEST)))
    silent = (p.r + x) * math.log((p.alpha + tenure) / (p.alpha + tenure + weeks))
    return alive * (1 - math.exp(max(silent, -LONGEST)))


def score(
    model: ScoreModel, values: Mapping[Feature, float] | None, *, complement: bool
) -> float | None:
    """The score as it is compared; None where there is none."""
    if values is None:
        return None
    chance = probability(model, values)
    if not complement:
        return round(chance, DECIMALS)
    own = values[Feature.GAP] if values[Feature.COUNT] > 1 else model.usual_gap
    if own is None or values[Feature.RECENCY] <= own:
        return None
    return round(1 - chance, DECIMALS)


class View(Protocol):
    """What the oracle tells of customers as of one instant."""

    at: datetime

    def measure(self, aggregate: Aggregate, who: Any) -> Any: ...

    def passes(self, value: Any, comparisons: Sequence[Comparison]) -> bool: ...


class Scores:
    """The score leaves of one view, under some fits."""

    def __init__(
        self,
        view: View,
        specs: Mapping[str, ScoreSpec],
        costs: Mapping[str, float],
        fits: Fits,
    ) -> None:
        self._view = view
        self._specs = specs
        self._costs = costs
        self._fits = fits

    def value(self, name: str, model: ScoreModel, who: object) -> float | None:
        """A score under a model; None for a customer who has none."""
        spec = self._specs[name]
        values = features(self._told(spec.event, who))
        return score(model, values, complement=spec.complement_of is not None)

    def _told(self, event: str, who: object) -> Told:
        found = {
            name: self._view.measure(need, who) for name, need in needs_of_model(event).items()
        }
        return Told(
            count=found["count"],
            first=self._days_since(found["first"]),
            last=self._days_since(found["last"]),
            amount=found["amount"],
            within={days: found[f"count_{days}"] for days in (30, 90, 180)},
        )

    def _days_since(self, instant: datetime | None) -> float:
        return (self._view.at - (instant or self._view.at).astimezone(UTC)) / timedelta(days=1)

    def holds(self, leaf: ScoreIs, who: object) -> bool:
        """Whether everything that a leaf says of a score is so."""
        spec = self._specs[self._specs[leaf.score].model]
        fit = self._fits.find(score_fit(spec.name), ScoreFit)
        value = None if fit is None else self.value(leaf.score, fit.model, who)
        worth = spec.value
        if spec.value_fitted:
            worth = fit.model.value if fit else None
        passes = self._view.passes
        return (
            passes(value, leaf.comparisons)
            and (leaf.top is None or self._is_top(leaf.score, leaf.top, value))
            and passes(_times(value, worth), leaf.expected_value)
            and self._returns(leaf, value, worth)
        )

    def _is_top(self, name: str, share: float, value: float | None) -> bool:
        top = self._fits.find(top_fit(name, share), TopFit)
        return value is not None and top is not None and value >= top.cutoff

    def _returns(self, leaf: ScoreIs, value: float | None, worth: float | None) -> bool:
        if leaf.expected_return is None:
            return True
        cost = self._costs[leaf.expected_return.channel]
        back = _times(value, worth / cost if worth is not None and cost else None)
        return self._view.passes(back, leaf.expected_return.comparisons)


def _times(value: float | None, factor: float | None) -> float | None:
    """Money to six decimals, as sums have them."""
    if value is None or factor is None:
        return None
    return float(Decimal(value * factor).quantize(Decimal("0.000001"), ROUND_HALF_UP))
