"""Scores as values: how likely a customer is to come back, and by which model.

A score belongs to customers who have had its event; for everybody else there is none. What it is
made of is said once, in `Feature`; docs/scores.md tells it with its sources.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from relance.domain.condition import Aggregate, Measure, Window
from relance.domain.duration import Duration, Unit

DAYS_PER_WEEK = 7.0
DECIMALS = 10  # of a score before it is compared: databases differ in the digits after them
HIGHEST = 1e12  # a feature's value is held between 0 and this
LONGEST = 600.0  # an exponent's size: beyond it PostgreSQL fails instead of rounding
STEEPEST = 40.0  # the same for log-odds: e^-40 is nothing
SOFTENER = 7.0  # days added to a mean gap before it divides a silence
USUAL = 0.8  # of the customers with two events or more have a shorter mean gap than the usual one


class Rule(StrEnum):
    """The kind of model behind a score."""

    LOGISTIC = "logistic"
    BGNBD = "bgnbd"


class Feature(StrEnum):
    """What a model knows of a customer, each a number of 0 or more as of an instant.

    Days are of 24 hours, in whole seconds, on the source's own clock. A mean amount below 0 (more
    sent back than kept) counts as 0, and so does a missing one.
    """

    RECENCY = "recency"  # days since the last event
    COUNT = "count"  # events
    AMOUNT = "mean_amount"  # of all events
    TENURE = "tenure"  # days since the first event
    COUNT_30 = "count_30"  # events within 30 days
    COUNT_90 = "count_90"
    COUNT_180 = "count_180"
    GAP = "mean_gap"  # days between events; 0 where there is one event
    SILENCE = "silence"  # recency / (mean_gap + 7 days)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreSpec:
    """A score as config/segments.yaml declares it: the chance of an `event` `within` so long.

    A score with `complement_of` is 1 less that other one, for customers whose silence is longer
    than their usual gap; it has the other's event, length and model. `value` is what a customer
    who has the event is worth, in the workspace's currency; with `value_fitted` the model says.
    """

    name: str
    event: str = "order"
    within: Duration = field(default_factory=lambda: Duration(90, Unit.DAY))
    rule: Rule = Rule.LOGISTIC
    snapshots: int = 1  # so many windows are learnt from, the newest first
    refit: Duration = field(default_factory=lambda: Duration(30, Unit.DAY))  # of `top` cut-offs
    value: float | None = None
    value_fitted: bool = False
    complement_of: str | None = None

    @property
    def model(self) -> str:
        """The score whose model answers."""
        return self.complement_of or self.name


@dataclass(frozen=True, slots=True)
class Term:
    """One feature's part: coefficient × (ln(1 + value) - mean) / scale, in log-odds."""

    feature: Feature
    mean: float
    scale: float
    coefficient: float


@dataclass(frozen=True, slots=True)
class Logistic:
    """p = 1 / (1 + e^-(intercept + the sum of all terms))."""

    terms: tuple[Term, ...]
    intercept: float


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The four numbers of Fader, Hardie and Lee (2005); time in weeks."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreModel:
    """What turns a customer's features into a probability.

    `usual_gap` (days) is the company's, for customers with one event; None where nobody had two.
    `value` is what those who had the event spent in the window, on average.
    """

    score: str
    event: str
    within: Duration
    trained_at: datetime
    formula: Logistic | BgNbd
    usual_gap: float | None = None
    value: float | None = None

    @property
    def rule(self) -> Rule:
        return Rule.LOGISTIC if isinstance(self.formula, Logistic) else Rule.BGNBD

    @property
    def days(self) -> float:
        """The length of the window as the closed form needs it, in days."""
        return self.within.rough_seconds / 86_400


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the customers by score: the mean score, the share who had the event."""

    customers: int
    mean: float
    observed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How a model did on one closed window. `auc` is None where all or nobody had the event.

    `calibration_error` is the mean distance between score and share over the ten bins.
    """

    customers: int
    base_rate: float
    mean: float
    auc: float | None
    brier: float
    log_loss: float
    calibration_error: float
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreFile:
    """scores/NAME.json: a model, what it was trained on, and how it did on what came after.

    `recalibrated` says that the intercept was set on half of the customers of the last closed
    window; `quality` is then that of the other half.
    """

    workspace: str
    model: ScoreModel
    trained_on: tuple[datetime, ...]
    customers: int
    base_rate: float
    evaluated_on: datetime
    quality: Quality
    recalibrated: bool = False
    log_likelihood: float | None = None  # of the closed form


def needs_of_model(event: str, *, amount: bool = True) -> dict[str, Aggregate]:
    """The aggregates that the features are made of, by a short name each."""

    def within(days: int) -> Aggregate:
        return Aggregate(event, Measure.COUNT, window=Window(within=Duration(days, Unit.DAY)))

    found = {
        "first": Aggregate(event, Measure.FIRST),
        "last": Aggregate(event, Measure.LAST),
        "count": Aggregate(event, Measure.COUNT),
        "count_30": within(30),
        "count_90": within(90),
        "count_180": within(180),
    }
    return {**found, "amount": Aggregate(event, Measure.AVERAGE, "amount")} if amount else found


def features_used(model: ScoreModel) -> tuple[Feature, ...]:
    """The features that a model looks at, the one that says whether there is a score among them."""
    if isinstance(model.formula, BgNbd):
        return (Feature.COUNT, Feature.RECENCY, Feature.TENURE)
    return tuple(dict.fromkeys([Feature.COUNT, *(term.feature for term in model.formula.terms)]))


_FROM: Mapping[Feature, tuple[str, ...]] = {
    Feature.RECENCY: ("last",),
    Feature.COUNT: ("count",),
    Feature.AMOUNT: ("amount",),
    Feature.TENURE: ("first",),
    Feature.COUNT_30: ("count_30",),
    Feature.COUNT_90: ("count_90",),
    Feature.COUNT_180: ("count_180",),
    Feature.GAP: ("first", "last", "count"),
    Feature.SILENCE: ("first", "last", "count"),
}


def aggregates_for(event: str, features: tuple[Feature, ...]) -> dict[str, Aggregate]:
    """The aggregates behind some features, by their short names."""
    wanted = {name for feature in features for name in _FROM[feature]} | {"count"}
    return {name: need for name, need in needs_of_model(event).items() if name in wanted}


def model_document(model: ScoreModel) -> dict[str, Any]:
    """A model as JSON has it, for the state."""
    found: dict[str, Any] = {
        "score": model.score,
        "event": model.event,
        "within": str(model.within),
        "trained_at": model.trained_at.isoformat(),
        "usual_gap": model.usual_gap,
        "value": model.value,
    }
    if isinstance(model.formula, BgNbd):
        numbers = model.formula
        return {**found, "bgnbd": [numbers.r, numbers.alpha, numbers.a, numbers.b]}
    terms = [
        [term.feature.value, term.mean, term.scale, term.coefficient]
        for term in model.formula.terms
    ]
    return {**found, "terms": terms, "intercept": model.formula.intercept}


def model_of(document: Mapping[str, Any]) -> ScoreModel:
    """The model whose `model_document` this is."""
    formula: Logistic | BgNbd
    if "bgnbd" in document:
        formula = BgNbd(*document["bgnbd"])
    else:
        terms = tuple(Term(Feature(name), *numbers) for name, *numbers in document["terms"])
        formula = Logistic(terms, document["intercept"])
    return ScoreModel(
        score=document["score"],
        event=document["event"],
        within=Duration.parse(document["within"]),
        trained_at=datetime.fromisoformat(document["trained_at"]),
        formula=formula,
        usual_gap=document["usual_gap"],
        value=document["value"],
    )


def fingerprint(model: ScoreModel) -> str:
    """A word that changes with anything in a model."""
    text = json.dumps(model_document(model), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
