"""Hillstrom's trial as customers, visits and orders: counted by the engine, then judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hillstrom
from hillstrom import MENS, NONE, WOMENS, Person
from relance.domain.arm import Arm
from relance.domain.duration import Duration
from relance.domain.study import Metric, Study
from relance.domain.trigger import Goal
from relance.domain.workspace import CustomersSpec, EventSpec, RfmSpec, SourceSpec, Workspace
from relance.engine import open_engine
from relance.uplift.alarm import Alarm
from relance.uplift.assess import Subject, assess
from relance.uplift.estimate import Estimate
from relance.uplift.figures import MetricReading
from relance.uplift.judge import Judgement
from relance.uplift.means import Cuped, cuped, mean_difference
from relance.uplift.moments import Moments
from relance.uplift.outcomes import Outcomes
from relance.uplift.report import TriggerReport
from relance.uplift.revenue import Effect
from relance.uplift.sums import by_version
from relance.uplift.verdict import Verdict

SENT: Final = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday
READ = SENT + timedelta(days=14)  # the trial looked at two weeks
VISIT, ORDER = "visit", "order"
ZONE = ZoneInfo("UTC")
INSTANT = pa.timestamp("us", tz="UTC")


def customers() -> dict[str, list[tuple[str, Person]]]:
    """Keys and people, by arm."""
    return {
        arm: [(f"{arm[0]}{number}", one) for number, one in enumerate(hillstrom.people(arm))]
        for arm in (MENS, WOMENS, NONE)
    }


def write(folder: Path, arms: Mapping[str, list[tuple[str, Person]]]) -> None:
    """Everybody; who visited and ordered a few days later; what they had spent shortly before."""
    everybody = [each for arm in arms.values() for each in arm]
    before, after = SENT - timedelta(days=3), SENT + timedelta(days=5)
    orders = [(key, before, one.history) for key, one in everybody]
    orders += [(key, after, one.spent) for key, one in everybody if one.spent]
    visits = [(key, after) for key, one in everybody if one.visited]
    _table(folder / "customers.parquet", {"id": [key for key, _ in everybody]})
    _table(
        folder / "orders.parquet",
        dict(zip(("customer", "at", "total"), zip(*orders, strict=True), strict=True)),
    )
    _table(
        folder / "visits.parquet",
        dict(zip(("customer", "at"), zip(*visits, strict=True), strict=True)),
    )


def _table(path: Path, columns: Mapping[str, object]) -> None:
    arrays = {
        name: pa.array(values, INSTANT if name == "at" else None)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), path)


def workspace(folder: Path) -> Workspace:
    return Workspace(
        root=folder,
        name="hillstrom",
        zone=ZONE,
        locale="en",
        currency="USD",
        state="sqlite://",
        source=SourceSpec(location=str(folder), shown="the trial", zone=ZONE),
        customers=CustomersSpec(table="customers", key="id"),
        events={
            ORDER: EventSpec(
                name=ORDER, table="orders", customer="customer", at="at", amount="total"
            ),
            VISIT: EventSpec(name=VISIT, table="visits", customer="customer", at="at"),
        },
        rfm=RfmSpec(),
        segments={},
        triggers={},
        channels={},
    )


def study(mailing: str, event: str) -> Study:
    goal = Goal(event=event, within=Duration.parse("14 days"))
    return Study(trigger=f"{mailing} {event}", version="v", goal=goal, share=0.5)


STUDIES = [study(mailing, event) for mailing in (MENS, WOMENS) for event in (VISIT, ORDER)]


def entries(arms: Mapping[str, list[tuple[str, Person]]]) -> pa.Table:
    """Each mailing against those who got none, once by visits and once by orders."""
    rows = [
        (one.trigger, "v", arm.value, key)
        for one in STUDIES
        for arm, of in ((Arm.TREATED, one.trigger.rpartition(" ")[0]), (Arm.HOLDOUT, NONE))
        for key, _ in arms[of]
    ]
    names = ("trigger", "version", "arm", "customer")
    columns = {
        name: pa.array(c, pa.string())
        for name, c in zip(names, zip(*rows, strict=True), strict=True)
    }
    at = pa.array([SENT] * len(rows), INSTANT)
    return pa.table({**columns, "unit": pa.nulls(len(rows), pa.string()), "at": at})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("hillstrom")
    arms = customers()
    write(folder, arms)
    nobody = pa.table({"customer": pa.array([], pa.string()), "at": pa.array([], INSTANT)})
    with open_engine(workspace(folder)) as engine:
        return engine.study(entries(arms), STUDIES, nobody, Duration.parse("180 days"), READ)


@pytest.fixture(scope="module")
def reports(outcomes: Outcomes) -> Mapping[str, TriggerReport]:
    subjects = [
        Subject(
            trigger=one.trigger, version="v", share=0.5, study=one, goal=one.goal, sent_by={},
            treated=hillstrom.arms()[one.trigger.rpartition(" ")[0]]["n"],
            held_out=hillstrom.arms()[NONE]["n"], first_at=SENT,
        )
        for one in STUDIES
    ]  # fmt: skip
    found = assess(subjects, outcomes, at=READ, prices={})
    return {report.trigger: report for report in found}


def primary(report: TriggerReport) -> MetricReading:
    (one,) = [metric for metric in report.metrics if metric.primary]
    assert (one.metric, one.window) == (Metric.RETAINED, "14 days")
    return one


def rounded(estimate: object, unit: float, digits: int) -> tuple[float, float, float]:
    assert isinstance(estimate, Estimate)
    ends = (estimate.value, *estimate.interval)
    value, low, high = (round(end * unit, digits) for end in ends)
    return value, low, high


@pytest.mark.parametrize(
    ("mailing", "event", "digits", "points", "percent", "p"),
    [
        (MENS, VISIT, 2, (7.66, 7.00, 8.32), (72, 64, 81), 5.7e-112),
        (WOMENS, VISIT, 2, (4.52, 3.89, 5.16), (43, 36, 50), 3.2e-44),
        (MENS, ORDER, 3, (0.681, 0.501, 0.864), (119, 77, 171), 1.5e-13),
        (WOMENS, ORDER, 3, (0.311, 0.150, 0.475), (54, 23, 94), 1.6e-4),
    ],
)
def test_the_report_finds_the_published_effects_on_visits_and_conversions(
    reports: Mapping[str, TriggerReport],
    mailing: str,
    event: str,
    digits: int,
    points: tuple[float, float, float],
    percent: tuple[float, float, float],
    p: float,
) -> None:
    report = reports[f"{mailing} {event}"]
    found = primary(report)
    assert rounded(found.difference, 100, digits) == points
    assert isinstance(found.difference, Estimate)
    assert found.difference.p == pytest.approx(p, rel=0.02)
    assert tuple(end - 100 for end in rounded(found.ratio, 100, 0)) == percent
    assert report.reading.verdict is Verdict.BETTER


@pytest.mark.parametrize("mailing", [MENS, WOMENS])
def test_the_arms_are_as_large_as_published_and_the_split_is_sound(
    reports: Mapping[str, TriggerReport], mailing: str
) -> None:
    reading = reports[f"{mailing} {VISIT}"].reading
    visits = hillstrom.table(mailing, "visit")
    arms = (reading.treated, reading.holdout)
    assert tuple(n for arm in arms for n in (arm.retained, arm.mature)) == visits
    assert reading.srm_p > 0.6


def spending(outcomes: Outcomes, mailing: str) -> tuple[Moments, Moments]:
    sums = by_version(outcomes)[f"{mailing} {ORDER}", "v"]
    arms = (sums.summed(Metric.REVENUE, 14, arm) for arm in (Arm.TREATED, Arm.HOLDOUT))
    treated, holdout = (arm.moments for arm in arms if arm)
    return treated, holdout


@pytest.mark.parametrize(
    ("mailing", "dollars", "p"),
    [(MENS, (0.770, 0.485, 1.055), 1.2e-7), (WOMENS, (0.424, 0.169, 0.680), 1.1e-3)],
)
def test_the_sums_of_the_engine_give_the_published_dollars_per_customer(
    outcomes: Outcomes, mailing: str, dollars: tuple[float, float, float], p: float
) -> None:
    found = mean_difference(*spending(outcomes, mailing))
    assert rounded(found, 1, 3) == dollars
    assert isinstance(found, Estimate)
    assert found.p == pytest.approx(p, rel=0.04)


@pytest.mark.parametrize(
    ("mailing", "dollars", "buyers"),
    [(MENS, 0.770, (0.681, 0.501, 0.864)), (WOMENS, 0.424, (0.311, 0.150, 0.475))],
)
def test_the_report_finds_the_published_dollars_by_permutation(
    reports: Mapping[str, TriggerReport],
    mailing: str,
    dollars: float,
    buyers: tuple[float, float, float],
) -> None:
    revenue = reports[f"{mailing} {ORDER}"].revenue
    assert revenue is not None
    assert isinstance(revenue.effect, Effect)
    assert round(revenue.effect.difference, 3) == dollars
    assert revenue.effect.p < 0.005
    assert revenue.effect.capped.interval.low > 0
    assert rounded(revenue.buyers, 100, 3) == buyers


def test_what_was_spent_before_explains_as_little_as_published(outcomes: Outcomes) -> None:
    found = cuped(*spending(outcomes, MENS))
    assert isinstance(found, Cuped)
    assert rounded(found.estimate, 1, 4) == (0.7674, 0.4828, 1.0521)
    assert found.variance_cut == pytest.approx(0.0005, abs=0.0001)


def test_the_two_counts_alone_show_the_published_ratio_at_any_time(
    reports: Mapping[str, TriggerReport],
) -> None:
    reading = reports[f"{WOMENS} {ORDER}"].reading
    assert isinstance(reading, Judgement)
    assert isinstance(reading.alarm, Alarm)
    ratio = reading.alarm.ratio
    assert (round(ratio.low, 2), round(ratio.high, 2)) == (1.08, 2.25)
