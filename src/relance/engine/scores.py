"""Scores: a customer's features and their probability as expressions over the profile."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from relance.domain.condition import Aggregate, ScoreIs
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
    Rule,
    ScoreModel,
    ScoreSpec,
    aggregates_for,
    features_used,
)
from relance.domain.workspace import Workspace
from relance.engine.clock import Clock, Kind, kind_of, microseconds
from relance.engine.comparing import compare
from relance.errors import SourceError

if TYPE_CHECKING:
    from relance.engine.needs import Need

_DAY = 86_400_000_000.0  # microseconds
_BGNBD = (Feature.COUNT, Feature.RECENCY, Feature.TENURE)
_MONEY = 6  # decimals, as sums have them


def _epoch(kind: dt.DataType) -> ir.Value:
    """DuckDB's microseconds since 1970; Ibis's own ways go by the session's time zone."""

    def epoch_us(moment: object) -> None: ...

    return ibis.udf.scalar.builtin(epoch_us, signature=((kind,), dt.int64))


_EPOCH_OF = {
    Kind.INSTANT: _epoch(dt.Timestamp("UTC")),
    Kind.LOCAL: _epoch(dt.timestamp),
}


def spec_of(workspace: Workspace, name: str) -> ScoreSpec:
    """A declared score. Raises SourceError where there is none."""
    spec = workspace.scores.get(name)
    if spec is None:
        raise SourceError(f"there is no score {name!r}", hint="`scores` in config/segments.yaml")
    return spec


def features_of(workspace: Workspace, spec: ScoreSpec) -> tuple[Feature, ...]:
    """The features that a model of this score may look at."""
    if spec.rule is Rule.BGNBD:
        return (*_BGNBD, Feature.GAP)
    event = workspace.events.get(spec.event)
    paid = event is not None and event.amount is not None
    return tuple(each for each in Feature if paid or each is not Feature.AMOUNT)


def needs_of_score(workspace: Workspace, name: str) -> dict[str, Aggregate]:
    """The aggregates behind a score, by their short names: one pass over one event table."""
    spec = spec_of(workspace, name)
    return aggregates_for(spec.event, features_of(workspace, spec))


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Features as columns of a profile; `dialect` is that of the engine that will compute them."""

    table: ir.Table
    names: Mapping[Need, str]
    needs: Mapping[str, Aggregate]
    clock: Clock
    dialect: str

    def value(self, feature: Feature) -> ir.FloatingValue:
        """A number from 0 to `HIGHEST`; null where the customer never had the event."""
        found = self._raw(feature).cast("float64")
        held = ibis.least(ibis.greatest(found, ibis.literal(0.0)), ibis.literal(HIGHEST))
        return self.known.ifelse(held, ibis.null("float64"))

    @property
    def known(self) -> ir.BooleanValue:
        """Whether the customer ever had the event."""
        return self._column("count") > 0

    def _raw(self, feature: Feature) -> ir.Value:
        if feature is Feature.RECENCY:
            return self._days("last")
        if feature is Feature.TENURE:
            return self._days("first")
        if feature is Feature.GAP:
            return self._gap()
        if feature is Feature.SILENCE:
            return self._days("last") / (self._gap() + SOFTENER)
        if feature is Feature.AMOUNT:
            return ibis.coalesce(self._column("amount"), ibis.literal(0.0))
        return self._column(str(feature))

    def _gap(self) -> ir.Value:
        several = self._column("count") > 1
        times = several.ifelse(self._column("count") - 1, ibis.literal(1, type="int64"))
        span = self._days("first") - self._days("last")
        return several.ifelse(span / times.cast("float64"), ibis.literal(0.0))

    def _days(self, name: str) -> ir.Value:
        """How long ago, in days of 24 hours."""
        column = self._column(name)
        kind = kind_of(column.type())
        if kind is Kind.DAY:
            column, kind = column.cast(dt.timestamp), Kind.LOCAL
        at = self.clock.at if kind is Kind.INSTANT else self.clock.local(self.clock.at)
        now = microseconds(at if at.tzinfo else at.replace(tzinfo=self.clock.at.tzinfo))
        if self.dialect == "duckdb":
            return (ibis.literal(now) - _EPOCH_OF[kind](column)).cast("float64") / _DAY
        ago = ibis.literal(now / 1e6) - column.epoch_seconds()
        return ago.cast("float64") / (_DAY / 1e6)

    def _column(self, name: str) -> ir.Value:
        return self.table[self.names[self.needs[name]]]


def probability(model: ScoreModel, values: ir.Table) -> ir.FloatingValue:
    """A model over a table with a column per feature; null where those are."""
    if isinstance(model.formula, Logistic):
        return _logistic(model.formula, values)
    return _bgnbd(model.formula, model.days, values)


def _logistic(formula: Logistic, values: ir.Table) -> ir.FloatingValue:
    weighed = [
        ((values[f"f_{term.feature}"] + 1.0).ln() - term.mean) * (term.coefficient / term.scale)
        for term in formula.terms
    ]
    odds = functools.reduce(operator.add, weighed, ibis.literal(formula.intercept))
    return 1.0 / (1.0 + (-_between(odds, STEEPEST)).exp())


def _bgnbd(formula: BgNbd, days: float, values: ir.Table) -> ir.FloatingValue:
    """See `relance.scoring.bgnbd.probability`."""
    x = values["f_count"] - 1.0
    tenure = values["f_tenure"] / DAYS_PER_WEEK
    t = ibis.greatest(tenure - values["f_recency"] / DAYS_PER_WEEK, ibis.literal(0.0))
    r, alpha, a, b = formula.r, formula.alpha, formula.a, formula.b
    power = (x + r) * ((tenure + alpha) / (t + alpha)).ln()
    again = ibis.greatest(x, ibis.literal(1.0))
    odds = _between(power, LONGEST).exp() * a / (again + (b - 1.0))
    alive = (x > 0).ifelse(1.0 / (1.0 + odds), ibis.literal(1.0))
    silent = (x + r) * ((tenure + alpha) / (tenure + (alpha + days / DAYS_PER_WEEK))).ln()
    return alive * (1.0 - _between(silent, LONGEST).exp())


def _between(value: ir.Value, size: float) -> ir.Value:
    return ibis.greatest(ibis.least(value, ibis.literal(size)), ibis.literal(-size))


def column_name(score: str) -> str:
    """The column of a score in a profile that has been scored."""
    return f"score_{score}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorer:
    """Adds scores to a profile of one workspace as of one instant."""

    workspace: Workspace
    clock: Clock
    dialect: str
    models: Mapping[str, ScoreModel]  # by the name of the score that has the model

    def add(self, table: ir.Table, names: Mapping[Need, str], scores: Iterable[str]) -> ir.Table:
        """The profile with a column for each of some scores."""
        for name in dict.fromkeys(scores):
            table = self._add(table, names, spec_of(self.workspace, name))
        return table

    def _add(self, table: ir.Table, names: Mapping[Need, str], spec: ScoreSpec) -> ir.Table:
        model = self.models.get(spec.model)
        if model is None:
            return table.mutate(**{column_name(spec.name): ibis.null("float64")})
        columns = Columns(
            table=table,
            names=names,
            needs=needs_of_score(self.workspace, spec.name),
            clock=self.clock,
            dialect=self.dialect,
        )
        wanted = dict.fromkeys([*features_used(model), Feature.RECENCY, Feature.GAP])
        values = table.mutate(**{f"f_{each}": columns.value(each) for each in wanted})
        # least and greatest pass over a null instead of passing it on
        known = values[f"f_{Feature.COUNT}"].notnull()
        found = known.ifelse(probability(model, values), ibis.null("float64"))
        if spec.complement_of is not None:
            found = past_usual_gap(model, values).ifelse(1.0 - found, ibis.null("float64"))
        scored = values.mutate(**{column_name(spec.name): found.round(DECIMALS)})
        return scored.drop(*(f"f_{each}" for each in wanted))


def past_usual_gap(model: ScoreModel, values: ir.Table) -> ir.BooleanValue:
    """Whether the silence is longer than the customer's mean gap, or than the company's usual one
    for a customer with one event."""
    several = values["f_count"] > 1
    usual = ibis.literal(model.usual_gap, type="float64")
    own = several.ifelse(values["f_mean_gap"], usual)
    return ibis.coalesce(values["f_recency"] > own, ibis.literal(False))


def held(
    leaf: ScoreIs, value: ir.Value, workspace: Workspace, fits: Fits, clock: Clock
) -> ir.BooleanValue:
    """Whether a score is as a leaf wants it, under some fits; never null."""
    tests = [compare(value, leaf.comparisons, clock, days=False)] if leaf.comparisons else []
    if leaf.top is not None:
        top = fits.find(top_fit(leaf.score, leaf.top), TopFit)
        among = ibis.literal(False) if top is None else value >= top.cutoff
        tests.append(ibis.coalesce(among, ibis.literal(False)))
    worth = worth_of(workspace, leaf.score, fits)
    if leaf.expected_value:
        tests.append(compare(_times(value, worth), leaf.expected_value, clock, days=False))
    if leaf.expected_return is not None:
        cost = workspace.channels[leaf.expected_return.channel].cost
        back = _times(value, None if worth is None or not cost else worth / cost)
        tests.append(compare(back, leaf.expected_return.comparisons, clock, days=False))
    return ibis.and_(*tests)


def worth_of(workspace: Workspace, score: str, fits: Fits) -> float | None:
    """What a customer who has the event is worth; None where nobody has said."""
    spec = spec_of(workspace, spec_of(workspace, score).model)
    if not spec.value_fitted:
        return spec.value
    fit = fits.find(score_fit(spec.name), ScoreFit)
    return fit.model.value if fit is not None else None


def _times(value: ir.Value, factor: float | None) -> ir.Value:
    if factor is None:
        return value.nullif(value)  # Ibis does not compare its literal null with a number
    return (value * factor).round(_MONEY)
