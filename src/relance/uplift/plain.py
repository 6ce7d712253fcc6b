"""Figures as plain data for JSON: fractions, `[low, high]`, and null where there is no number."""

from __future__ import annotations

import math
from typing import TypedDict

from relance.uplift.alarm import Alarm
from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.figures import ArmFigure, Cohort, Curves, MetricReading, Versions
from relance.uplift.health import Finding
from relance.uplift.means import Cuped
from relance.uplift.money import Worth
from relance.uplift.proportions import Interval
from relance.uplift.reasons import alarm_sentence, finding_sentence, reason
from relance.uplift.revenue import Effect, Revenue
from relance.uplift.survival import Curve
from relance.uplift.verdict import ArmCounts

Ends = list[float | None]  # an end without limit is null


class CupedJson(TypedDict):
    """The difference freed from what the same metric before entry explains."""

    covariate: str
    variance_cut: float
    diff: float | None
    diff_ci: Ends | None


class ArmMetricJson(TypedDict):
    """One arm in one metric."""

    customers: int
    hits: int | None
    value: float | None


class MetricJson(TypedDict):
    """One metric over one window. `withheld` says which numbers are missing, and why."""

    metric: str
    window_days: int | None
    window: str
    primary: bool
    arms: dict[str, ArmMetricJson]
    diff: float | None
    diff_ci: Ends | None
    method: str | None
    p: float | None
    ratio: float | None
    ratio_ci: Ends | None
    cuped: CupedJson | None
    total: float | None
    total_ci: Ends | None
    withheld: dict[str, str]
    reason: str | None


def metric_json(one: MetricReading) -> MetricJson:
    """One metric; `reason` is a sentence where its difference is withheld."""
    return MetricJson(
        metric=one.metric.value,
        window_days=one.days or None,
        window=one.window,
        primary=one.primary,
        arms={"treated": _arm(one.treated), "holdout": _arm(one.holdout)},
        diff=value(one.difference),
        diff_ci=ends(one.difference),
        method=one.difference.method if isinstance(one.difference, Estimate) else None,
        p=one.difference.p if isinstance(one.difference, Estimate) else None,
        ratio=value(one.ratio),
        ratio_ci=ends(one.ratio),
        cuped=cuped_json(one),
        total=value(one.total),
        total_ci=ends(one.total),
        withheld=_withheld(
            diff=one.difference, ratio=one.ratio, cuped=one.adjusted, total=one.total
        ),
        reason=reason(one.difference) if isinstance(one.difference, Withheld) else None,
    )


def _arm(figure: ArmFigure) -> ArmMetricJson:
    return ArmMetricJson(customers=figure.customers, hits=figure.hits, value=finite(figure.value))


def cuped_json(one: MetricReading) -> CupedJson | None:
    """The adjusted difference; null where it is withheld."""
    if not isinstance(one.adjusted, Cuped):
        return None
    return CupedJson(
        covariate=f"{one.metric.value} before entry",
        variance_cut=one.adjusted.variance_cut,
        diff=value(one.adjusted.estimate),
        diff_ci=ends(one.adjusted.estimate),
    )


class PointJson(TypedDict):
    """One day of a curve."""

    day: int
    retained: float
    ci: Ends


class EffectJson(TypedDict):
    """The difference of both curves on one day."""

    day: int
    diff: float | None
    diff_ci: Ends | None


class CurvesJson(TypedDict):
    """Retained by days since entry; a curve is null where it is withheld."""

    preliminary: bool
    treated: list[PointJson] | None
    holdout: list[PointJson] | None
    effect: list[EffectJson]
    withheld: dict[str, str]


def curves_json(curves: Curves) -> CurvesJson:
    """Both curves, and their difference on the days on which somebody was watched in both."""
    return CurvesJson(
        preliminary=curves.preliminary,
        treated=_points(curves.treated),
        holdout=_points(curves.holdout),
        effect=[
            EffectJson(day=day, diff=value(found), diff_ci=ends(found))
            for day, found in enumerate(curves.effect, 1)
            if found is not None
        ],
        withheld=_withheld(treated=curves.treated, holdout=curves.holdout),
    )


def _points(curve: Curve | Withheld) -> list[PointJson] | None:
    if isinstance(curve, Withheld):
        return None
    return [
        PointJson(day=one.day, retained=one.retained, ci=_pair(one.interval))
        for one in curve.points
    ]


class CountsJson(TypedDict):
    """One arm in people."""

    entered: int
    mature: int
    retained: int


class CohortJson(TypedDict):
    """Who entered in the week that begins on `week`, a Monday."""

    week: str
    treated: CountsJson
    holdout: CountsJson
    diff: float | None
    diff_ci: Ends | None


def cohort_json(one: Cohort) -> CohortJson:
    """One week's entrants."""
    return CohortJson(
        week=one.week.isoformat(),
        treated=_counts(one.treated),
        holdout=_counts(one.holdout),
        diff=value(one.difference),
        diff_ci=ends(one.difference),
    )


def _counts(arm: ArmCounts) -> CountsJson:
    return CountsJson(entered=arm.entered, mature=arm.mature, retained=arm.retained)


class FindingJson(TypedDict):
    """One health check. `health` is good, warning, failed or silent."""

    check: str
    health: str
    label: str
    size: float | None
    p: float | None
    sentence: str


def finding_json(one: Finding) -> FindingJson:
    """One health check with its sentence."""
    return FindingJson(
        check=one.check.value,
        health=one.health.value,
        label=one.label,
        size=finite(one.size),
        p=finite(one.p),
        sentence=finding_sentence(one),
    )


class RevenueJson(TypedDict):
    """Revenue per entrant: all that was spent with its p-value, capped spend with its interval,
    and its two parts, who bought and for how much."""

    diff: float | None
    p: float | None
    test: str | None
    capped_diff: float | None
    capped_diff_ci: Ends | None
    cap: float | None
    percentile: float | None
    buyers_diff: float | None
    buyers_diff_ci: Ends | None
    per_buyer: dict[str, float | None]
    withheld: dict[str, str]


def revenue_json(one: Revenue) -> RevenueJson:
    """Revenue and its parts."""
    effect = one.effect if isinstance(one.effect, Effect) else None
    return RevenueJson(
        diff=effect.difference if effect else None,
        p=effect.p if effect else None,
        test=effect.test if effect else None,
        capped_diff=effect.capped.value if effect else None,
        capped_diff_ci=_pair(effect.capped.interval) if effect else None,
        cap=effect.cap if effect else None,
        percentile=effect.percentile if effect else None,
        buyers_diff=value(one.buyers),
        buyers_diff_ci=ends(one.buyers),
        per_buyer={
            "treated": finite(one.per_buyer_treated),
            "holdout": finite(one.per_buyer_holdout),
        },
        withheld=_withheld(diff=one.effect, buyers_diff=one.buyers),
    )


class WorthJson(TypedDict):
    """Of the treated with closed windows, in customers and money; the cost of all so far."""

    customers: float | None
    customers_ci: Ends | None
    revenue: float | None
    revenue_ci: Ends | None
    cost: float | None
    net: float | None
    net_ci: Ends | None
    withheld: dict[str, str]


def worth_json(one: Worth) -> WorthJson:
    """What a trigger was worth."""
    return WorthJson(
        customers=value(one.customers),
        customers_ci=ends(one.customers),
        revenue=value(one.revenue),
        revenue_ci=ends(one.revenue),
        cost=one.cost if isinstance(one.cost, float) else None,
        net=value(one.net),
        net_ci=ends(one.net),
        withheld=_withheld(
            customers=one.customers, revenue=one.revenue, cost=one.cost, net=one.net
        ),
    )


class VersionsJson(TypedDict):
    """All versions whose split is sound, compared within each and then averaged."""

    versions: int
    left_out: int
    treated: int
    holdout: int
    diff: float | None
    diff_ci: Ends | None
    method: str | None


def versions_json(one: Versions) -> VersionsJson:
    """Several versions as one number."""
    return VersionsJson(
        versions=one.versions,
        left_out=one.left_out,
        treated=one.treated,
        holdout=one.holdout,
        diff=value(one.difference),
        diff_ci=ends(one.difference),
        method=one.difference.method if isinstance(one.difference, Estimate) else None,
    )


class AlarmJson(TypedDict):
    """The two-count test, valid at every look together; `sentence` where it tells of harm."""

    p: float
    ratio_ci: Ends
    harm: bool
    sentence: str | None


def alarm_json(one: Alarm) -> AlarmJson:
    """The alarm for harm."""
    return AlarmJson(
        p=one.p, ratio_ci=_pair(one.ratio), harm=one.harm, sentence=alarm_sentence(one)
    )


def value(found: Estimate | Withheld | None) -> float | None:
    """The number; null where there is none."""
    return finite(found.value) if isinstance(found, Estimate) else None


def ends(found: Estimate | Withheld | None) -> Ends | None:
    """The interval of the number; null where there is none."""
    return _pair(found.interval) if isinstance(found, Estimate) else None


def finite(number: float | None) -> float | None:
    """JSON knows neither infinity nor NaN."""
    return number if number is not None and math.isfinite(number) else None


def _pair(interval: Interval) -> Ends:
    return [finite(end) for end in interval]


def _withheld(**numbers: object) -> dict[str, str]:
    """Which of them are withheld, and the name of the reason."""
    return {
        name: number.why.value for name, number in numbers.items() if isinstance(number, Withheld)
    }
