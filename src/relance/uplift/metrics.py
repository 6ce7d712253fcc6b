"""Every metric of one trigger: both arms, the difference, the ratio, and what they are free of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from relance.domain.arm import Arm
from relance.domain.study import PROGRAMME, WINDOWS, Metric, Study
from relance.uplift.comparison import difference_with_p, relative
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import ArmFigure, MetricReading
from relance.uplift.means import Cuped, cuped, mean_difference
from relance.uplift.moments import Moments
from relance.uplift.revenue import MIN_BUYERS, Effect, Revenue
from relance.uplift.sums import Summed, Sums
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, Reading

_NOT_FOR_THIS = Withheld(why=Why.NOT_FOR_THIS)
_NOT_FOLLOWED = Withheld(why=Why.NOT_FOLLOWED)
_NOBODY = Summed(customers=0, hits=0, hits_before=0, moments=Moments())
_COVARIATE = {Metric.RETAINED, Metric.ORDERS, Metric.REVENUE}  # with the same metric before entry


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """One metric over one window, and what was counted of it in both arms."""

    metric: Metric
    days: int
    window: str
    primary: bool
    treated: Summed | None
    holdout: Summed | None


def metric_readings(
    study: Study, sums: Sums, reading: Reading, revenue: Revenue | None
) -> list[MetricReading]:
    """All metrics of a study, the primary one first; the same ones whatever was counted.

    `reading` is its verdict: where that hides numbers, every one is withheld with its reason.
    """
    return [
        _hidden(asked, reading.hidden) if reading.hidden else _reading(asked, reading, revenue)
        for asked in _asked(study, sums)
    ]


def _asked(study: Study, sums: Sums) -> Iterator[_Asked]:
    own = study.days
    text = str(study.goal.within) if study.until is None else study.version
    yield _one(sums, Metric.RETAINED, own, text, primary=True)
    for days in WINDOWS if study.trigger != PROGRAMME else ():
        if days != own:
            yield _one(sums, Metric.RETAINED, days, f"{days} days")
    for metric in Metric:
        if metric is not Metric.RETAINED:
            yield _one(sums, metric, own, text)


def _one(sums: Sums, metric: Metric, days: int, window: str, *, primary: bool = False) -> _Asked:
    treated, holdout = (sums.summed(metric, days, arm) for arm in (Arm.TREATED, Arm.HOLDOUT))
    return _Asked(
        metric=metric, days=days, window=window, primary=primary, treated=treated, holdout=holdout
    )


def _hidden(asked: _Asked, why: Why) -> MetricReading:
    return _blank(asked, Withheld(why=why), shown=False)


def _blank(asked: _Asked, nothing: Withheld, *, shown: bool = True) -> MetricReading:
    return MetricReading(
        metric=asked.metric, days=asked.days, window=asked.window, primary=asked.primary,
        treated=_figure(asked.treated, asked.metric, shown=shown),
        holdout=_figure(asked.holdout, asked.metric, shown=shown),
        difference=nothing, ratio=nothing, adjusted=nothing, total=nothing,
    )  # fmt: skip


def _figure(arm: Summed | None, metric: Metric, *, shown: bool = True) -> ArmFigure:
    if arm is None:
        return ArmFigure(customers=0, hits=None, value=None)
    if not shown or not 0 <= arm.hits <= arm.customers or arm.customers == 0:
        return ArmFigure(customers=max(arm.customers, 0), hits=None, value=None)
    value = arm.hits / arm.customers if metric.is_share else arm.moments.mean
    known = arm.moments.finite or metric.is_share
    return ArmFigure(customers=arm.customers, hits=arm.hits, value=value if known else None)


def _reading(asked: _Asked, reading: Reading, revenue: Revenue | None) -> MetricReading:
    if asked.metric is Metric.REVENUE:
        return _of_revenue(asked, reading, revenue)
    if asked.treated is None and asked.holdout is None:
        return _blank(asked, _NOT_FOLLOWED)
    one, base = asked.treated or _NOBODY, asked.holdout or _NOBODY
    if asked.metric.is_share:
        found = difference_with_p(one.hits, one.customers, base.hits, base.customers)
        ratio = relative(one.hits, one.customers, base.hits, base.customers)
    else:
        found, ratio = _unless_thin(one, base), _NOT_FOR_THIS
    return replace(
        _blank(asked, _NOT_FOR_THIS),
        difference=found,
        ratio=ratio,
        adjusted=_adjusted(asked.metric, one, base, MIN_RETAINED),
        total=_total(found, one, reading),
    )


def _of_revenue(asked: _Asked, reading: Reading, revenue: Revenue | None) -> MetricReading:
    """Revenue per entrant: everybody at most at the cap in the interval, nobody in the p-value."""
    if revenue is None:
        return _blank(asked, _no_revenue(reading))
    treated, holdout = asked.treated or _NOBODY, asked.holdout or _NOBODY
    if isinstance(revenue.effect, Withheld):
        wrong = revenue.effect.why in {Why.NEGATIVE, Why.NOT_FINITE, Why.IMPOSSIBLE}
        return replace(_blank(asked, revenue.effect, shown=not wrong), ratio=_NOT_FOR_THIS)
    found = capped_effect(revenue.effect)
    return replace(
        _blank(asked, _NOT_FOR_THIS),
        difference=found,
        adjusted=_adjusted(asked.metric, treated, holdout, MIN_BUYERS),
        total=_total(found, treated, reading),
    )


def capped_effect(effect: Effect) -> Estimate:
    """The capped difference with its interval, and the p-value of all that was spent."""
    method = f"capped at the {effect.percentile:.0f}th percentile of buyers; p by {effect.test}"
    return replace(effect.capped, p=effect.p, method=method)


def _no_revenue(reading: Reading) -> Withheld:
    followed = reading.treated.mature + reading.holdout.mature > 0
    return Withheld(why=Why.NO_AMOUNT) if followed else _NOT_FOLLOWED


def _unless_thin(one: Summed, base: Summed) -> Estimate | Withheld:
    found = mean_difference(one.moments, base.moments)
    if isinstance(found, Withheld) or not _thin(one, base, MIN_RETAINED):
        return found
    return Withheld(why=Why.SMALL_GROUPS)


def _thin(one: Summed, base: Summed, hits: int) -> bool:
    """Whether a mean of so few would be taken for a bell curve."""
    arms = (one, base)
    return min(arm.customers for arm in arms) < MIN_MATURE or min(arm.hits for arm in arms) < hits


def _adjusted(metric: Metric, one: Summed, base: Summed, hits: int) -> Cuped | Withheld:
    if metric not in _COVARIATE:
        return _NOT_FOR_THIS
    found = cuped(one.moments, base.moments)
    if isinstance(found, Withheld) or not _thin(one, base, hits):
        return found
    return Withheld(why=Why.SMALL_GROUPS)


def _total(found: Estimate | Withheld, treated: Summed, reading: Reading) -> Estimate | Withheld:
    """The difference times the treated customers, once the verdict is settled."""
    if isinstance(found, Withheld):
        return found
    return found.times(treated.customers) if reading.settled else Withheld(why=Why.UNSETTLED)
