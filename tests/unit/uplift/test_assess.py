"""From what was counted to a report that a statistician signs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from simulations.spending import sums

from counted import AT, People, even, outcomes, report, study, subject, with_spend
from relance.domain.arm import Arm
from relance.domain.study import PROGRAMME, Lateness, Metric
from relance.uplift.alarm import Alarm
from relance.uplift.assess import assess, overlaps
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import MetricReading
from relance.uplift.health import Check, Health
from relance.uplift.judge import Judgement
from relance.uplift.means import Cuped
from relance.uplift.outcomes import Outcomes, Pair
from relance.uplift.proportions import newcombe
from relance.uplift.report import TriggerReport
from relance.uplift.survival import Curve
from relance.uplift.verdict import ArmCounts, Cause, Verdict

CLEAR = even(900, 0.15, 0.10)  # nine weeks, 8,100 treated and 900 held out


def metric(found: TriggerReport, which: Metric, days: int = 30) -> MetricReading:
    return next(one for one in found.metrics if (one.metric, one.days) == (which, days))


def number(found: object) -> Estimate:
    assert isinstance(found, Estimate)
    return found


def test_the_primary_metric_comes_first_and_every_metric_is_told_over_its_windows() -> None:
    found = report(outcomes(CLEAR))
    assert [(one.metric.value, one.days, one.primary) for one in found.metrics] == [
        ("retained", 30, True), ("retained", 7, False), ("retained", 60, False),
        ("retained", 90, False), ("orders", 30, False), ("revenue", 30, False),
        ("reactivated", 30, False), ("unsubscribed", 30, False),
    ]  # fmt: skip
    primary = found.metrics[0]
    assert (primary.treated.customers, primary.treated.hits, primary.treated.value) == (
        8_100, 1_215, 0.15,
    )  # fmt: skip
    difference = number(primary.difference)
    assert difference.interval == newcombe(1_215, 8_100, 90, 900)
    assert (difference.value, difference.interval) == (found.reading.diff, found.reading.diff_ci)
    assert number(primary.ratio).value == pytest.approx(1.5)
    assert number(primary.total).value == pytest.approx(8_100 * 0.05)
    assert number(metric(found, Metric.ORDERS).difference).method == "pooled t"


def test_what_was_not_counted_is_named() -> None:
    found = report(outcomes(CLEAR))
    assert metric(found, Metric.REACTIVATED).difference == Withheld(why=Why.NOT_FOLLOWED)
    assert metric(found, Metric.REVENUE).difference == Withheld(why=Why.NO_AMOUNT)
    assert metric(found, Metric.ORDERS).ratio == Withheld(why=Why.NOT_FOR_THIS)
    nobody = report(Outcomes())
    assert nobody.reading.verdict is Verdict.NOT_ENOUGH_DATA
    assert {one.difference for one in nobody.metrics} == {Withheld(why=Why.NOT_FOLLOWED)}


def test_who_had_ordered_before_makes_the_difference_sharper() -> None:
    adjusted = report(outcomes(CLEAR)).metrics[0].adjusted
    assert isinstance(adjusted, Cuped)
    assert 0.2 < adjusted.variance_cut < 0.4
    assert metric(report(outcomes(CLEAR)), Metric.UNSUBSCRIBED).adjusted == Withheld(
        why=Why.NOT_FOR_THIS
    )


def test_means_of_small_groups_are_withheld_and_shares_are_not() -> None:
    found = report(outcomes([(People(90, 90, 20), People(10, 10, 1))]))
    assert found.reading.verdict is Verdict.NOT_ENOUGH_DATA
    assert isinstance(found.metrics[0].difference, Estimate)
    assert found.metrics[0].adjusted == Withheld(why=Why.SMALL_GROUPS)
    assert metric(found, Metric.ORDERS).difference == Withheld(why=Why.SMALL_GROUPS)
    assert found.metrics[0].total == Withheld(why=Why.UNSETTLED)


BROKEN = [(People(900, 900, 271), People(400, 400, 41))]


def nothing_is_told(found: TriggerReport, why: Why) -> None:
    nothing = Withheld(why=why)
    reading = found.reading
    assert isinstance(reading, Judgement)
    assert reading.diff is reading.diff_ci is reading.mde is reading.extra is reading.p is None
    assert reading.early is reading.p_adjusted is None
    assert (reading.ratio, reading.alarm) == (nothing, nothing)
    assert reading.treated.rate is reading.holdout.rate is None
    for one in found.metrics:
        assert one.difference == one.ratio == one.adjusted == one.total == nothing
        for arm in (one.treated, one.holdout):
            assert arm.hits is arm.value is None
    assert found.curves is not None
    assert found.curves.treated == found.curves.holdout == nothing
    assert not found.curves.effect
    assert not found.cohorts
    assert found.versions is None
    assert found.worth is not None
    assert found.worth.customers == found.worth.net == found.worth.cost == nothing


def test_a_broken_split_withholds_everything() -> None:
    random = np.random.default_rng(1)
    spent = sums(random.lognormal(3, 1, 900), random.lognormal(3, 1, 400))
    found = report(with_spend(outcomes(BROKEN), spent))
    assert found.reading.verdict is Verdict.SRM_FAILED
    nothing_is_told(found, Why.SPLIT)
    assert found.revenue is not None
    assert found.revenue.effect == found.revenue.buyers == Withheld(why=Why.SPLIT)
    assert found.revenue.per_buyer_treated is found.revenue.per_buyer_holdout is None


def test_one_broken_week_withholds_everything() -> None:
    fair = (People(900, 900, 90), People(100, 100, 10))
    bent = [(People(860, 860, 90), People(140, 140, 10)), (People(940, 940, 9), People(60, 60, 1))]
    assert report(outcomes([fair] * 5)).reading.verdict is Verdict.NO_DETECTABLE_EFFECT
    found = report(outcomes([fair, *bent, fair]))
    assert found.reading.cause is Cause.SPLIT_PART
    nothing_is_told(found, Why.SPLIT)
    broken = [one.label for one in found.findings if one.health is Health.FAILED]
    assert broken == ["2026-W03", "2026-W04"]


def late(arm: Arm, messages: int, mean: float = 60.0) -> Lateness:
    return Lateness(
        trigger="winback", version="v1", arm=arm, channel="email", messages=messages, mean=mean,
        m2=messages * 100.0,
    )  # fmt: skip


def of_channel(found: TriggerReport) -> Health:
    return next(one.health for one in found.findings if one.label == "email")


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ({}, Health.FAILED),
        ({"pending": 600}, Health.GOOD),
        ({"skipped": {"expired": 600}}, Health.GOOD),
        ({"skipped": {"goal_reached": 600}}, Health.FAILED),
        ({"pending": 100}, Health.FAILED),
    ],
)
def test_messages_that_never_came_to_the_wire_break_the_split_unless_they_still_wait(
    state: dict[str, object], health: Health
) -> None:
    lateness = (late(Arm.TREATED, 7_500), late(Arm.HOLDOUT, 1_000))
    weeks = even(900, 0.1, 0.1, weeks=10)
    found = report(outcomes(weeks), subject(lateness=lateness, **state))
    assert of_channel(found) is health
    assert (found.reading.cause is Cause.SPLIT_PART) == (health is Health.FAILED)


def test_who_enters_again_and_again_proves_no_more_than_once() -> None:
    weeks = [(People(900, 900, 90), People(122, 122, 12))]  # unlucky, and no more than that
    lateness = (late(Arm.TREATED, 9_000), late(Arm.HOLDOUT, 1_220))
    assert of_channel(report(outcomes(weeks), subject(lateness=lateness))) is Health.GOOD


def test_an_event_table_that_lost_rows_withholds_everything_and_is_named() -> None:
    from relance.domain.study import Shrunk

    lost = Shrunk(event="order", table="orders", at=AT, before=1_000, now=800)
    found = report(outcomes(CLEAR), subject(shrunk=lost))
    assert (found.reading.cause, found.reading.verdict) == (
        Cause.SHRUNK, Verdict.NOT_ENOUGH_DATA,
    )  # fmt: skip
    nothing_is_told(found, Why.SHRUNK)
    (finding,) = [one for one in found.findings if one.check is Check.SHRUNK]
    assert (finding.label, finding.size) == ("orders", pytest.approx(0.2))


def test_a_trigger_without_a_goal_has_people_and_no_figures() -> None:
    found = report(Outcomes(), replace(subject(), study=None, goal=None, refused={"gone": 7}))
    assert (found.reading.cause, found.entered, found.sent) == (Cause.NO_GOAL, 1_007, 880)
    assert not found.metrics
    assert found.curves is found.worth is None


def test_worth_is_the_difference_times_the_treated_less_every_message_so_far() -> None:
    random = np.random.default_rng(2)
    treated = np.where(np.arange(8_100) < 1_215, random.lognormal(3, 0.5, 8_100), 0.0)
    holdout = np.where(np.arange(900) < 90, random.lognormal(3, 0.5, 900), 0.0)
    found = report(
        with_spend(outcomes(CLEAR), sums(treated, holdout)), subject(sent_by={"email": 7_000})
    )
    assert found.worth is not None
    customers, revenue = number(found.worth.customers), number(found.worth.revenue)
    assert customers.value == found.reading.extra
    assert customers.interval == found.reading.extra_ci
    difference = number(metric(found, Metric.REVENUE).difference)
    assert revenue.value == pytest.approx(8_100 * difference.value)
    assert found.worth.cost == pytest.approx(70)
    assert number(found.worth.net).value == pytest.approx(revenue.value - 70)
    assert found.revenue is not None
    assert difference.p == found.revenue.effect.p  # type: ignore[union-attr]
    assert "95th percentile" in difference.method


def test_before_the_verdict_there_is_a_cost_and_no_worth() -> None:
    early = [(People(900, 0, 0), People(100, 0, 0))]
    found = report(outcomes(early), subject(sent_by={"email": 900}))
    assert found.reading.verdict is Verdict.TOO_EARLY
    assert found.worth is not None
    assert found.worth.customers == found.worth.net == Withheld(why=Why.UNSETTLED)
    assert found.worth.cost == pytest.approx(9)


def test_too_few_buyers_held_out_is_said_of_revenue_alone() -> None:
    spent = sums(np.full(8_100, 5.0), np.concatenate([np.full(29, 6.0), np.zeros(871)]))
    found = report(with_spend(outcomes(CLEAR), spent))
    revenue = metric(found, Metric.REVENUE)
    assert revenue.difference == Withheld(why=Why.FEW_BUYERS)
    assert revenue.treated.value == pytest.approx(5)
    assert found.worth is not None
    assert found.worth.revenue == Withheld(why=Why.FEW_BUYERS)
    assert isinstance(found.worth.customers, Estimate)


@pytest.mark.parametrize(
    ("change", "why"),
    [({"negative": 3}, Why.NEGATIVE), ({"not_finite": 1}, Why.NOT_FINITE)],
)
def test_amounts_that_cannot_be_hide_revenue_and_nothing_else(
    change: dict[str, int], why: Why
) -> None:
    treated, holdout = sums(np.full(8_100, 5.0), np.full(900, 6.0))
    found = report(with_spend(outcomes(CLEAR), (replace(treated, **change), holdout)))
    revenue = metric(found, Metric.REVENUE)
    assert revenue.difference == revenue.adjusted == revenue.total == Withheld(why=why)
    assert revenue.treated.value is revenue.holdout.value is None
    assert found.reading.verdict is Verdict.BETTER


def test_the_planned_read_out_waits_for_the_windows_of_its_entrants() -> None:
    planned = study(read_out=9_000)
    counted = outcomes(CLEAR, planned)
    arms = {
        ("winback", "v1", Arm.TREATED): ArmCounts(entered=8_100, mature=8_100, retained=1_060),
        ("winback", "v1", Arm.HOLDOUT): ArmCounts(entered=900, mature=899, retained=90),
    }
    weeks = even(900, 0.131, 0.10)
    ahead = report(replace(outcomes(weeks, planned), planned=arms), subject(planned))
    assert ahead.reading.cause is Cause.READ_OUT_AHEAD
    assert ahead.read_out == 9_000
    arms["winback", "v1", Arm.HOLDOUT] = ArmCounts(entered=900, mature=900, retained=90)
    reached = report(replace(outcomes(weeks, planned), planned=arms), subject(planned))
    assert reached.reading.cause is Cause.ABOVE_ZERO
    assert counted.planned == {}


def test_all_triggers_of_a_workspace_are_read_together() -> None:
    names = [f"t{n}" for n in range(5)]
    parts = [outcomes(CLEAR, study(name)) for name in names]
    together = Outcomes(
        entered=[row for one in parts for row in one.entered],
        cells=[row for one in parts for row in one.cells],
    )
    found = assess([subject(study(name)) for name in names], together, at=AT, prices={})
    assert [one.trigger for one in found] == names
    assert {one.reading.compared for one in found if isinstance(one.reading, Judgement)} == {5}


def test_the_alarm_counts_who_returned_though_windows_are_open() -> None:
    harmed = [(People(900, 0, 0), People(100, 0, 0))]
    counted = outcomes(harmed)
    ages = [
        replace(day, events=30 if day.arm is Arm.TREATED else 20) if day.day == 3 else day
        for day in counted.ages
    ]
    found = report(replace(counted, ages=ages)).reading
    assert found.verdict is Verdict.TOO_EARLY
    assert isinstance(found, Judgement)
    assert isinstance(found.alarm, Alarm)
    assert found.alarm.harm


def test_a_curve_is_preliminary_until_everybody_was_watched_to_its_end() -> None:
    closed = report(outcomes(CLEAR)).curves
    assert closed is not None
    assert isinstance(closed.treated, Curve)
    assert closed.preliminary is closed.treated.preliminary is False
    assert closed.treated.points[29].retained == pytest.approx(0.15)
    assert number(closed.effect[29]).interval == pytest.approx(newcombe(1_215, 8_100, 90, 900))
    half = [(People(900, 450, 60), People(100, 50, 5))]
    still_open = report(outcomes(half)).curves
    assert still_open is not None
    assert still_open.preliminary


def test_each_week_s_entrants_are_compared_on_their_own() -> None:
    found = report(outcomes([*CLEAR[:2], (People(50, 0, 0), People(6, 0, 0))])).cohorts
    assert [one.week for one in found] == [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)]
    assert found[0].treated == ArmCounts(entered=900, mature=900, retained=135)
    assert number(found[0].difference).interval == newcombe(135, 900, 10, 100)
    assert found[2].difference == Withheld(why=Why.NO_TREATED)


def merged(*parts: Outcomes) -> Outcomes:
    return Outcomes(
        entered=[row for one in parts for row in one.entered],
        cells=[row for one in parts for row in one.cells],
    )


def test_versions_are_pooled_and_one_with_a_broken_split_is_left_out() -> None:
    half, bent, old = (
        study(version="v0", share=0.5),
        study(version="vb"),
        study(version="vo", share=None),
    )
    counted = merged(
        outcomes(CLEAR),
        outcomes([(People(500, 500, 100), People(500, 500, 90))], half),
        outcomes(BROKEN, bent),
        outcomes(BROKEN, old),
    )
    found = report(counted, subject(earlier=(half, bent, old))).versions
    assert found is not None
    assert (found.versions, found.left_out) == (3, 1)
    assert (found.treated, found.holdout) == (8_100 + 500 + 900, 900 + 500 + 400)
    assert isinstance(found.difference, Estimate)
    assert report(counted, subject(earlier=())).versions is None


def test_before_entry_the_arms_must_be_alike() -> None:
    def unlike(found: Outcomes) -> Outcomes:
        return replace(
            found,
            cells=[
                replace(one, hits_before=one.customers // (3 if one.arm is Arm.TREATED else 5))
                for one in found.cells
            ],
        )

    found = report(unlike(outcomes(CLEAR)))
    bought = next(one for one in found.findings if one.check is Check.BALANCE)
    assert (bought.label, bought.health) == ("retained", Health.WARNING)
    assert found.reading.verdict is Verdict.BETTER


def test_a_delay_of_one_arm_shared_addresses_and_vanished_customers_are_warned_of() -> None:
    lateness = (late(Arm.TREATED, 8_100, mean=7_200), late(Arm.HOLDOUT, 900))
    counted = outcomes(CLEAR)
    counted = replace(
        counted,
        shared={("winback", "v1"): 200},
        entered=[replace(one, vanished=20) for one in counted.entered],
    )
    found = report(counted, subject(lateness=lateness))
    warned = {one.check for one in found.findings if one.health is Health.WARNING}
    assert warned == {Check.DELAY, Check.SHARED, Check.VANISHED}


def test_triggers_with_most_customers_in_common_are_told_closest_first() -> None:
    pairs = [
        Pair(one="a", other="b", entered_one=100, entered_other=1_000, both=60),
        Pair(one="a", other="winback", entered_one=100, entered_other=500, both=90),
        Pair(one="b", other="c", entered_one=1_000, entered_other=1_000, both=400),
        Pair(one=PROGRAMME, other="b", entered_one=9_000, entered_other=1_000, both=1_000),
    ]
    assert [one.label for one in overlaps(Outcomes(pairs=pairs))] == ["a, winback", "a, b"]
    found = report(replace(outcomes(CLEAR), pairs=pairs))
    assert [one.label for one in found.findings if one.check is Check.OVERLAP] == ["a, winback"]


def test_the_programme_is_readable_when_its_period_is_over() -> None:
    until = datetime(2026, 6, 30, 22, tzinfo=UTC)
    whole = study(PROGRAMME, "2026Q2", share=0.02, until=until)
    running = outcomes([(People(9_800, 0, 0), People(200, 0, 0))], whole)
    found = report(running, subject(whole))
    assert (found.reading.verdict, found.reading.readable_on) == (
        Verdict.TOO_EARLY, date(2026, 6, 30),
    )  # fmt: skip
    over = outcomes([(People(9_800, 9_800, 2_000), People(200, 200, 30))], whole)
    (found,) = assess([subject(whole)], over, at=until + timedelta(days=1), prices={})
    assert found.metrics[0].window == "2026Q2"
    assert found.reading.settled
    assert found.reading.readable_on is None
