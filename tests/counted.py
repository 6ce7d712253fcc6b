"""Outcomes as the engine would count them, made from a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from relance.domain.arm import Arm
from relance.domain.duration import Duration
from relance.domain.study import WINDOWS, Metric, Study
from relance.domain.trigger import Goal
from relance.uplift.assess import Subject, assess
from relance.uplift.judge import Judgement, judge
from relance.uplift.moments import Moments
from relance.uplift.outcomes import AgeDay, Cell, Entered, Outcomes, SpendSums
from relance.uplift.report import TriggerReport
from relance.uplift.trial import Trial
from relance.uplift.verdict import ArmCounts

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration.parse("30 days"))
MONDAY = date(2026, 1, 5)


class People(NamedTuple):
    """One arm in one week: entered, with a closed window, retained."""

    entered: int
    closed: int
    retained: int


Week = tuple[People, People]  # treated, held out


def study(trigger: str = "winback", version: str = "v1", **more: object) -> Study:
    settings: dict[str, object] = {"goal": GOAL, "share": 0.1}
    return Study(trigger=trigger, version=version, **settings | more)  # type: ignore[arg-type]


def subject(of: Study | None = None, **more: object) -> Subject:
    one = of or study()
    settings: dict[str, object] = {
        "share": one.share, "goal": one.goal, "sent_by": {}, "first_at": AT - timedelta(days=140),
        "window": timedelta(days=30), "treated": 900, "held_out": 100, "sent": 880,
    }  # fmt: skip
    return Subject(trigger=one.trigger, version=one.version, study=one, **settings | more)  # type: ignore[arg-type]


def outcomes(weeks: Sequence[Week], of: Study | None = None) -> Outcomes:
    """Every metric of one version, where each who is retained ordered once, on the first day.

    A third of them had ordered before entry, too.
    """
    one = of or study()
    entered: list[Entered] = []
    cells: list[Cell] = []
    for number, arms in enumerate(weeks):
        monday = MONDAY + timedelta(weeks=number)
        for arm, people in zip(Arm, arms, strict=True):
            entered.append(
                Entered(
                    trigger=one.trigger, version=one.version, arm=arm, week=monday,
                    customers=people.entered, closed=people.closed, retained=people.retained,
                )
            )  # fmt: skip
            cells += _cells(one, arm, monday, people)
    ages = [day for arm in Arm for day in _ages(one, arm, weeks)]
    return Outcomes(entered=entered, cells=cells, ages=ages)


def _cells(of: Study, arm: Arm, monday: date, people: People) -> Iterable[Cell]:
    asked = [(Metric.RETAINED, days) for days in {*WINDOWS, of.days}]
    asked += [(metric, of.days) for metric in (Metric.ORDERS, Metric.UNSUBSCRIBED)]
    for metric, days in asked:
        n, hits = people.closed, people.retained if metric is not Metric.UNSUBSCRIBED else 0
        before = hits // 3
        share = before / n if n else 0.0
        moments = replace(
            Moments.of_count(hits, n), before=share, before_m2=before * (1 - share),
            cross=before * (1 - hits / n) if n else 0.0,
        )  # fmt: skip
        yield Cell(
            trigger=of.trigger, version=of.version, arm=arm, week=monday, metric=metric, days=days,
            customers=n, hits=hits, hits_before=before, moments=moments,
        )  # fmt: skip


def _ages(of: Study, arm: Arm, weeks: Sequence[Week]) -> Iterable[AgeDay]:
    """Everybody is watched for a day; to the end, whose window is closed."""
    mine = [week[list(Arm).index(arm)] for week in weeks]
    entered, closed = (sum(one[part] for one in mine) for part in (0, 1))
    retained = sum(one.retained for one in mine)
    for day in range(1, 91):
        at_risk = entered if day == 1 else closed - retained
        yield AgeDay(
            trigger=of.trigger, version=of.version, arm=arm, day=day, at_risk=at_risk,
            events=retained if day == 1 else 0,
        )  # fmt: skip


def with_spend(found: Outcomes, spend: tuple[SpendSums, SpendSums]) -> Outcomes:
    """The same with revenue, counted in the first week."""
    one = found.entered[0]
    named = [replace(arm, trigger=one.trigger, version=one.version) for arm in spend]
    cells = [
        Cell(
            trigger=one.trigger, version=one.version, arm=arm.arm, week=one.week,
            metric=Metric.REVENUE, days=GOAL.within.count, customers=arm.customers,
            hits=arm.buyers, moments=arm.moments,
        )
        for arm in named
    ]  # fmt: skip
    return replace(found, cells=[*found.cells, *cells], spend=named)


def report(found: Outcomes, about: Subject | None = None) -> TriggerReport:
    """The report of one trigger alone."""
    return assess([about or subject()], found, at=AT, prices={"email": 0.01})[0]


def judged(treated: ArmCounts, holdout: ArmCounts, *, share: float) -> Judgement:
    """The verdict about two arms, of one trigger alone and without a planned read-out."""
    trial = Trial(trigger="t", version="v", treated=treated, holdout=holdout, share=share)
    return judge([trial])[0]


def even(entered: int, share: float, base_share: float, weeks: int = 9) -> list[Week]:
    """Weeks with a tenth held out, all windows closed, and these shares retained."""
    held = entered // 9
    return [
        (
            People(entered, entered, round(share * entered)),
            People(held, held, round(base_share * held)),
        )
    ] * weeks
