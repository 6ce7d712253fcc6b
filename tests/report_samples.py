"""Reports for tests of what is shown: every verdict, every reason, small and large."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from relance.domain.duration import Duration
from relance.domain.study import PROGRAMME, Metric
from relance.domain.trigger import Goal
from relance.uplift.comparison import difference, relative
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import ArmFigure, Cohort, Curves, MetricReading, Versions
from relance.uplift.health import Check, Finding, Health
from relance.uplift.judge import Judgement, judge
from relance.uplift.means import Cuped
from relance.uplift.money import Worth, worth
from relance.uplift.planning import Pace
from relance.uplift.proportions import Interval
from relance.uplift.report import Report, TriggerReport
from relance.uplift.revenue import Effect, Revenue
from relance.uplift.survival import Curve, Day, curve, difference_at
from relance.uplift.trial import Trial
from relance.uplift.verdict import ArmCounts

AT = datetime(2026, 3, 6, 8, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration.parse("30 days"))
Counts = tuple[int, int, int]  # entered, mature, retained
CASES: Mapping[str, tuple[Counts, Counts]] = {
    "better": ((9_400, 9_000, 1_800), (1_050, 1_000, 100)),
    "worse": ((9_400, 9_000, 900), (1_050, 1_000, 200)),
    "no_detectable_effect": ((1_900, 1_800, 190), (210, 200, 19)),
    "not_enough_data": ((1_420, 1_360, 36), (155, 140, 3)),
    "too_early": ((900, 0, 0), (100, 0, 0)),
    "srm_failed": ((900, 900, 270), (400, 400, 40)),
}


def arm(counts: Counts) -> ArmCounts:
    entered, mature, retained = counts
    return ArmCounts(entered=entered, mature=mature, retained=retained)


def judged(
    name: str,
    treated: Counts,
    holdout: Counts,
    *,
    share: float = 0.1,
    measured: bool = True,
    pace: Pace | None = None,
) -> Judgement:
    trial = Trial(
        trigger=name, version="4f2a90c1d7e3b65", treated=arm(treated), holdout=arm(holdout),
        share=share, measured=measured, pace=pace,
    )  # fmt: skip
    (found,) = judge([trial])
    return found


def report(*triggers: TriggerReport, **changes: object) -> Report:
    values: dict = {"at": AT, "currency": "EUR", "triggers": triggers}
    return Report(**{**values, **changes})


def trigger(name: str, case: str = "better", **changes: object) -> TriggerReport:
    """One trigger with nothing but its counts."""
    treated, holdout = CASES[case]
    pace = Pace(began=AT - timedelta(days=60), at=AT, window=timedelta(days=30))
    values: dict = {
        "trigger": name, "description": "Come back", "version": "4f2a90c1d7e3b65", "at": AT,
        "goal": GOAL, "reading": judged(name, treated, holdout, pace=pace), "runs": 60,
        "entered": treated[0] + holdout[0] + 2_345, "treated": treated[0],
        "held_out": holdout[0], "refused": {"no_consent": 2_000, "frequency_cap": 345},
        "sent": treated[0] - 5, "failed": 5, "first_at": AT - timedelta(days=60),
    }  # fmt: skip
    return TriggerReport(**{**values, **changes})


def full(name: str, case: str = "better", **changes: object) -> TriggerReport:
    """One trigger with everything that its case has."""
    treated, holdout = CASES[case]
    figures: dict = {
        "curves": curves(treated, holdout),
        "metrics": metrics(treated, holdout),
        "cohorts": cohorts(treated, holdout),
        "findings": findings(case),
    }
    if treated[1] >= 1_000:
        figures["revenue"] = revenue()
        figures["worth"] = money(treated, holdout)
    if case in {"better", "worse"}:
        figures["versions"] = Versions(
            versions=3, treated=21_000, holdout=2_400, left_out=1,
            difference=Estimate(value=0.081, interval=Interval(0.066, 0.094), method="pooled"),
        )  # fmt: skip
    return trigger(name, case, **{**figures, **changes})


def days(counts: Counts, last: int, pace: float) -> list[Day]:
    """Counts by day since entry that lead to about the arm's rate after 30 days."""
    entered, mature, retained = counts
    goal = retained / mature if mature else 0.08
    at_risk, found = entered, []
    done = 0.0
    for day in range(1, last + 1):
        share = min(0.95, goal * (1 - math.exp(-day / pace)) / (1 - math.exp(-30 / pace)))
        events = min(at_risk, round(max(0.0, at_risk * (share - done) / (1 - done))))
        found.append(Day(at_risk=at_risk, events=events))
        at_risk = max(0, at_risk - events - entered // (last * 2))
        done = share
    return found


def curves(treated: Counts, holdout: Counts, last: int = 60) -> Curves:
    arms = [curve(days(treated, last, 9)), curve(days(holdout, last, 12))]
    if not all(isinstance(one, Curve) for one in arms):
        return Curves(treated=arms[0], holdout=arms[1])
    one, base = (found for found in arms if isinstance(found, Curve))
    found = [difference_at(one, base, day) for day in range(1, last + 1)]
    effect = [each if isinstance(each, Estimate) else None for each in found]
    return Curves(treated=one, holdout=base, effect=effect, preliminary=True)


def metrics(treated: Counts, holdout: Counts) -> list[MetricReading]:
    (_, n, k), (_, m, j) = treated, holdout
    if not n or not m:
        nobody = ArmFigure(customers=0, hits=0, value=None)
        return [
            MetricReading(
                metric=Metric.RETAINED, days=30, window="30 days", primary=True, treated=nobody,
                holdout=nobody, difference=Withheld(why=Why.NOT_FOLLOWED),
            )
        ]  # fmt: skip
    found = [_share(Metric.RETAINED, 30, (k, n), (j, m), primary=True)]
    found += [
        _share(Metric.RETAINED, window, (round(k * f), n), (round(j * f), m))
        for window, f in ((7, 0.4), (60, 1.3))
    ]
    found.append(_late())
    found.append(_mean(Metric.ORDERS, 1.2 * k / n, 1.15 * j / m, (k, n), (j, m)))
    found.append(_mean(Metric.REVENUE, 48.2 * k / n, 47.1 * j / m, (k, n), (j, m)))
    found.append(_share(Metric.REACTIVATED, 30, (k // 5, n // 3), (j // 5, m // 3)))
    found.append(_share(Metric.UNSUBSCRIBED, 30, (n // 250, n), (m // 400, m)))
    return found


def _late() -> MetricReading:
    nobody, why = ArmFigure(customers=0, hits=0, value=None), Withheld(why=Why.NOT_FOLLOWED)
    return MetricReading(
        metric=Metric.RETAINED, days=90, window="90 days", primary=False, treated=nobody,
        holdout=nobody, difference=why,
    )  # fmt: skip


def _share(
    metric: Metric, days: int, one: tuple[int, int], base: tuple[int, int], *, primary: bool = False
) -> MetricReading:
    found = difference(*one, *base)
    adjusted: Cuped | Withheld = Withheld(why=Why.NO_SPREAD)
    if metric is Metric.RETAINED and isinstance(found, Estimate):
        adjusted = Cuped(estimate=found, theta=0.2, variance_cut=0.164)
    return MetricReading(
        metric=metric, days=days, window=f"{days} days", primary=primary,
        treated=ArmFigure(customers=one[1], hits=one[0], value=one[0] / one[1]),
        holdout=ArmFigure(customers=base[1], hits=base[0], value=base[0] / base[1]),
        difference=found, ratio=relative(*one, *base), adjusted=adjusted,
        total=found if isinstance(found, Withheld) else found.times(one[1]),
    )  # fmt: skip


def _mean(
    metric: Metric, value: float, low: float, one: tuple[int, int], base: tuple[int, int]
) -> MetricReading:
    gap = value - low
    found = Estimate(value=gap, interval=Interval(gap * 0.6, gap * 1.4), method="pooled t")
    return MetricReading(
        metric=metric, days=30, window="30 days", primary=False,
        treated=ArmFigure(customers=one[1], hits=one[0], value=value),
        holdout=ArmFigure(customers=base[1], hits=base[0], value=low),
        difference=found if metric is Metric.ORDERS else Withheld(why=Why.FEW_BUYERS),
        adjusted=Cuped(estimate=found, theta=0.3, variance_cut=0.31),
        total=found.times(one[1]) if metric is Metric.ORDERS else Withheld(why=Why.FEW_BUYERS),
    )  # fmt: skip


def cohorts(treated: Counts, holdout: Counts, weeks: int = 9) -> list[Cohort]:
    """Weeks that are closed, then one that is half open, then open ones."""
    half = round(0.8 * weeks) - 1
    found = []
    for week in range(weeks):
        closed = (1.0 if week < half else 0.4 if week == half else 0.0) if treated[1] else 0.0
        sway = 1 + 0.25 * math.sin(2 * week)
        one, base = (_week(counts, weeks, closed, sway) for counts in (treated, holdout))
        found.append(
            Cohort(
                week=date(2026, 1, 5) + timedelta(weeks=week), treated=one, holdout=base,
                difference=difference(one.retained, one.mature, base.retained, base.mature),
            )
        )  # fmt: skip
    return found


def _week(counts: Counts, weeks: int, closed: float, sway: float) -> ArmCounts:
    entered = counts[0] // weeks
    mature = round(entered * closed)
    rate = counts[2] / counts[1] if counts[1] else 0.0
    retained = min(mature, round(mature * rate * sway))
    return ArmCounts(entered=entered, mature=mature, retained=retained)


def findings(case: str) -> list[Finding]:
    if case == "srm_failed":
        broken = Finding(check=Check.SPLIT, health=Health.FAILED, size=0.308, p=1e-60)
        return [broken, replace(broken, label="2026-01-12"), _good(Check.DELAY)]
    good = [Finding(check=Check.SPLIT, health=Health.GOOD, size=0.1, p=0.4)]
    weeks = [replace(good[0], label=f"2026-W{week:02}") for week in range(2, 10)]
    balance = Finding(check=Check.BALANCE, health=Health.WARNING, size=0.02, p=0.0004,
                      label="orders before entry")  # fmt: skip
    shared = Finding(check=Check.SHARED, health=Health.SILENT)
    late = Finding(check=Check.DELAY, health=Health.WARNING, size=7_300.0, p=1e-9)
    rest = [balance, late] if case == "worse" else [_good(Check.BALANCE), _good(Check.DELAY)]
    return [*good, *weeks, *rest, shared]


def _good(check: Check) -> Finding:
    return Finding(check=check, health=Health.GOOD, size=0.0, p=0.6)


def revenue() -> Revenue:
    return Revenue(
        effect=Effect(
            difference=4.12, p=0.0004, cap=180.0, percentile=95.0,
            capped=Estimate(value=3.61, interval=Interval(2.05, 5.17), method="pooled t"),
        ),
        buyers=Estimate(value=0.041, interval=Interval(0.02, 0.06), method="Newcombe"),
        per_buyer_treated=48.2, per_buyer_holdout=47.1,
    )  # fmt: skip


def money(treated: Counts, holdout: Counts) -> Worth:
    retained = difference(treated[2], treated[1], holdout[2], holdout[1])
    gain = retained.value * 48 if isinstance(retained, Estimate) else 0.0
    spent = Estimate(value=gain, interval=Interval(gain - 1.3, gain + 1.3), method="pooled t")
    return worth(
        treated[1],
        retained,
        spent,
        {"email": treated[0], "sms": 900},
        {"email": 0.001, "sms": 0.06},
    )


def programme(case: str = "better") -> TriggerReport:
    goal = Goal(event="order", within=Duration.parse("3 months"))
    return full(
        PROGRAMME, case, version="2026Q1", description="", goal=goal, runs=0, refused={}, entered=0,
        treated=9_400, held_out=1_050, sent=30_000, failed=0, versions=None,
    )  # fmt: skip


def every_verdict(**changes: object) -> Report:
    """One trigger of each verdict, the programme, and two that overlap."""
    overlap = Finding(
        check=Check.OVERLAP, health=Health.WARNING, label="birthday, win_back", size=0.62
    )
    values: dict = {"programme": programme(), "overlaps": [overlap]}
    names = {
        "back_on_their_own": "no_detectable_effect", "best_customers_leaving": "worse",
        "birthday": "better", "new_customers_slow": "not_enough_data", "welcome": "too_early",
        "win_back": "srm_failed",
    }  # fmt: skip
    return report(*(full(name, case) for name, case in names.items()), **{**values, **changes})


def many(number: int) -> Sequence[TriggerReport]:
    """Triggers of every verdict in turn."""
    cases = list(CASES)
    return [full(f"trigger_{n}", cases[n % len(cases)]) for n in range(number)]
