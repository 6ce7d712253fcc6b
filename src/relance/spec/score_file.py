"""scores/NAME.json: a fitted model as text for people and git, and every mistake in it.

JSON is YAML too, so that the front door reads it, with lines and columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from relance.domain.score import (
    BgNbd,
    Bin,
    Feature,
    Logistic,
    Quality,
    Rule,
    ScoreFile,
    ScoreModel,
    ScoreSpec,
    Term,
)
from relance.spec.nodes import child
from relance.spec.notations import LENGTH
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import VERSION, Choice, Flag, JsonSchema, ListOf, Shape, Text, Whole
from relance.spec.spot import Broken, Spot

_MANY = 10**15


def path_of(score: str) -> str:
    """Where a score's model lies in the workspace."""
    return f"scores/{score}.json"


class Finite(Shape[float]):
    """A number from some bound to another; never NaN or without end."""

    def __init__(self, least: float = -1e15, most: float = 1e15, *, above: bool = False) -> None:
        self._least = least
        self._most = most
        self._above = above

    def read(self, spot: Spot) -> float:
        scalar = spot.scalar(self.says)
        value = scalar.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise spot.broken(f"must be {self.says}, not {scalar}")
        inside = self._least <= value <= self._most and not (self._above and value == self._least)
        if not math.isfinite(value) or not inside:
            raise spot.broken(f"{scalar} is not {self.says}")
        return float(value)

    def schema(self) -> JsonSchema:
        low = "exclusiveMinimum" if self._above else "minimum"
        return {"type": "number", low: self._least, "maximum": self._most}

    @property
    def says(self) -> str:
        if (self._least, self._most) == (0.0, 1.0):
            return "a number from 0 to 1"
        return "a number above 0" if self._above else "a number"


class Instant(Shape[datetime]):
    """An instant with its zone."""

    says = "an instant such as 2026-03-01T00:00:00+00:00"

    def read(self, spot: Spot) -> datetime:
        scalar = spot.scalar(self.says)
        try:
            moment = datetime.fromisoformat(scalar.text)
        except ValueError:
            raise spot.broken(f"{scalar} is not {self.says}") from None
        if moment.tzinfo is None:
            raise spot.broken(f"{scalar} has no time zone", "end it in +00:00")
        return moment

    def schema(self) -> JsonSchema:
        return {"type": "string", "format": "date-time"}


_NUMBER = Finite()
_POSITIVE = Finite(0.0, above=True)
_SHARE = Finite(0.0, 1.0)
_INSTANT = Instant()
_COUNT = Whole(0, _MANY)


class TermYaml(Record[Term]):
    """One feature's part in the log-odds."""

    what = "a feature with mean, scale and coefficient"
    name = required(Choice(*(each.value for each in Feature)), "The feature.")
    mean = required(_NUMBER, "The mean of ln(1 + value) over the training customers.")
    scale = required(_POSITIVE, "Its standard deviation.")
    coefficient = required(_NUMBER, "What one scale above the mean adds to the log-odds.")

    def build(self) -> Term:
        return Term(Feature(self.name), self.mean, self.scale, self.coefficient)


class ParametersYaml(Record[BgNbd]):
    """The four numbers of BG/NBD, with time in weeks."""

    what = "a mapping with r, alpha, a and b"
    r = required(_POSITIVE, "The shape of the buying rates.")
    alpha = required(_POSITIVE, "Their scale, in weeks.")
    a = required(_POSITIVE, "The first shape of the chance to leave.")
    b = required(_POSITIVE, "The second one.")

    def build(self) -> BgNbd:
        return BgNbd(self.r, self.alpha, self.a, self.b)


class TrainingYaml(Record[tuple[tuple[datetime, ...], int, float]]):
    """What the model learnt from."""

    what = "a mapping with snapshots, customers and base_rate"
    snapshots = required(ListOf(_INSTANT, "instants"), "The instants it looked from.")
    customers = required(_COUNT, "How many customers it saw.")
    base_rate = required(_SHARE, "The share who had the event in the window that followed.")

    def build(self) -> tuple[tuple[datetime, ...], int, float]:
        return self.snapshots, self.customers, self.base_rate


class BinYaml(Record[Bin]):
    """A tenth of the customers by score."""

    what = "a mapping with customers, mean and observed"
    customers = required(_COUNT, "How many they are.")
    mean = required(_SHARE, "Their mean score.")
    observed = required(_SHARE, "The share who had the event.")

    def build(self) -> Bin:
        return Bin(self.customers, self.mean, self.observed)


class EvaluationYaml(Record[tuple[datetime, Quality, bool]]):
    """How the model did on the last closed window, which it did not learn from."""

    what = "a mapping with snapshot, customers, auc, brier, …"
    snapshot = required(_INSTANT, "The instant it looked from.")
    customers = required(_COUNT, "How many customers it saw.")
    base_rate = required(_SHARE, "The share who had the event.")
    mean = required(_SHARE, "The mean score.")
    auc = optional(_SHARE, "The chance that a buyer's score is above another's.")
    brier = required(_SHARE, "The mean squared distance of score and outcome.")
    log_loss = required(Finite(0.0), "The mean surprise, in nats.")
    calibration_error = required(_SHARE, "The mean distance of score and share over the bins.")
    recalibrated = optional(
        Flag(), "Whether the intercept was set on half of these customers.", default=False
    )
    calibration = required(ListOf(Of(BinYaml), "bins"), "Tenths of the customers by score.")

    def build(self) -> tuple[datetime, Quality, bool]:
        quality = Quality(
            customers=self.customers, base_rate=self.base_rate, mean=self.mean, auc=self.auc,
            brier=self.brier, log_loss=self.log_loss, calibration_error=self.calibration_error,
            bins=self.calibration,
        )  # fmt: skip
        return self.snapshot, quality, self.recalibrated


class ScoreFileYaml(Record[ScoreFile]):
    """A fitted score: written by `relance scores fit`, to be kept in git."""

    what = "a fitted score, as `relance scores fit` writes it"
    version = required(VERSION, "The version of this format.", example='"version": 1')
    score = required(Text("the name of a score"), "The score whose model it is.")
    workspace = required(Text("the name of a workspace"), "Where it was fitted.")
    event = required(Text("an event"), "The event whose chance it tells.")
    within = required(LENGTH, "The stretch of time that it is about.")
    model = required(Choice(*(rule.value for rule in Rule)), "The kind of model.")
    trained_at = required(_INSTANT, "When it was fitted.")
    usual_gap = optional(Finite(0.0), "The company's usual gap between events, in days.")
    value_ = optional(_POSITIVE, "What those who had the event spent in the window, on average.")
    features = optional(ListOf(Of(TermYaml), "features"), "The terms of a logistic model.")
    intercept = optional(_NUMBER, "Its log-odds for a customer who is average in everything.")
    parameters = optional(Of(ParametersYaml), "The numbers of a bgnbd model.")
    log_likelihood = optional(_NUMBER, "How likely they make the customers' histories.")
    training = required(Of(TrainingYaml), "What it learnt from.")
    evaluation = required(Of(EvaluationYaml), "How it did on what came after.")

    def build(self) -> ScoreFile:
        trained_on, customers, base_rate = self.training
        evaluated_on, quality, recalibrated = self.evaluation
        return ScoreFile(
            workspace=self.workspace,
            model=ScoreModel(
                score=self.score, event=self.event, within=self.within,
                trained_at=self.trained_at, formula=self._formula(), usual_gap=self.usual_gap,
                value=self.value_,
            ),
            trained_on=trained_on, customers=customers, base_rate=base_rate,
            evaluated_on=evaluated_on, quality=quality, recalibrated=recalibrated,
            log_likelihood=self.log_likelihood,
        )  # fmt: skip

    def _formula(self) -> Logistic | BgNbd:
        logistic = self.model == Rule.LOGISTIC
        wanted = ("features", "intercept") if logistic else ("parameters",)
        other = ("parameters", "log_likelihood") if logistic else ("features", "intercept")
        broken = False
        for key in wanted:
            if not self.has(key):
                broken = True
                self.spot.note(f"{key} is missing, which a {self.model} model has")
        for key in other:
            if self.has(key):
                self.below(key).note(f"has no place in a {self.model} model")
        if broken:
            raise Broken
        if not logistic and self.parameters is not None:
            return self.parameters
        if self.features is None or self.intercept is None:
            raise Broken
        names = [term.feature for term in self.features]
        for number, name in enumerate(names):
            if name in names[:number]:
                self.below("features", str(number)).note(f"{name} is there twice")
        return Logistic(self.features, self.intercept)


def hold_against(
    spot: Spot, found: ScoreFile, spec: ScoreSpec, workspace: str, *, paid: bool
) -> None:
    """Note where a file is not the one of a declared score in this workspace.

    `paid` says that the event has an amount.
    """
    again = f"run: relance scores fit {spec.name}"
    model = found.model
    for key, has, wanted in (
        ("score", model.score, spec.name),
        ("workspace", found.workspace, workspace),
        ("event", model.event, spec.event),
        ("within", str(model.within), str(spec.within)),
        ("model", model.rule.value, spec.rule.value),
    ):
        if has != wanted:
            node = child(spot.node, key) or spot.node
            spot.at(key, node).note(f"is {has}, where the workspace has {wanted}", again)
    if not paid and isinstance(model.formula, Logistic):
        for number, term in enumerate(model.formula.terms):
            if term.feature is Feature.AMOUNT:
                node = child(spot.node, "features") or spot.node
                spot.at("features", node).at(str(number), node).note(
                    f"looks at amounts, which event {spec.event} does not have", again
                )


def text_of(found: ScoreFile) -> str:
    """A score's file as it is written: keys in the order in which people read them, and none for
    what there is not."""
    told = _without_gaps(document(found))
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _without_gaps(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_gaps(each) for key, each in value.items() if each is not None}
    return value


def document(found: ScoreFile) -> dict[str, object]:
    """A score's file as plain data, every key there."""
    model = found.model
    return {
        "version": 1,
        "score": model.score,
        "workspace": found.workspace,
        "event": model.event,
        "within": str(model.within),
        "model": model.rule.value,
        "trained_at": model.trained_at.isoformat(),
        "usual_gap": model.usual_gap,
        "value": model.value,
        **_formula(model.formula),
        "log_likelihood": found.log_likelihood,
        "training": {
            "snapshots": [at.isoformat() for at in found.trained_on],
            "customers": found.customers,
            "base_rate": found.base_rate,
        },
        "evaluation": {
            "snapshot": found.evaluated_on.isoformat(),
            **quality_document(found.quality),
            "recalibrated": found.recalibrated,
            "calibration": _bins(found.quality.bins),
        },
    }


def _formula(formula: Logistic | BgNbd) -> Mapping[str, object]:
    if isinstance(formula, BgNbd):
        numbers = {"r": formula.r, "alpha": formula.alpha, "a": formula.a, "b": formula.b}
        return {"features": None, "intercept": None, "parameters": numbers}
    terms = [
        {
            "name": term.feature.value,
            "mean": term.mean,
            "scale": term.scale,
            "coefficient": term.coefficient,
        }
        for term in formula.terms
    ]
    return {"features": terms, "intercept": formula.intercept, "parameters": None}


def quality_document(quality: Quality) -> dict[str, object]:
    """How a model did, but for its bins."""
    return {
        "customers": quality.customers,
        "base_rate": quality.base_rate,
        "mean": quality.mean,
        "auc": quality.auc,
        "brier": quality.brier,
        "log_loss": quality.log_loss,
        "calibration_error": quality.calibration_error,
    }


def _bins(bins: Sequence[Bin]) -> list[dict[str, object]]:
    return [
        {"customers": each.customers, "mean": each.mean, "observed": each.observed} for each in bins
    ]


def write(root: Path, found: ScoreFile) -> Path:
    """Put a score's file in its place, whole or not at all. Raises OSError."""
    path = root / path_of(found.model.score)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text_of(found), encoding="utf-8")
    beside.replace(path)
    return path
