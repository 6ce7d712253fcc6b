"""The report as single numbers: all that it says, and nothing that it withholds."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Goal
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.gauges import Figures, Sample, keep, kept
from relance.uplift.money import Worth
from relance.uplift.proportions import Interval
from relance.uplift.report import Report, TriggerReport
from relance.uplift.verdict import ArmCounts, Cause, Reading, Verdict

AT = datetime(2026, 3, 2, 7, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration(30, Unit.DAY))
VERDICTS = {f"verdict {verdict}" for verdict in Verdict}


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, interval=Interval(low, high), method="m")


def trigger(cause: Cause = Cause.ABOVE_ZERO, **changes: object) -> TriggerReport:
    reading = Reading(
        trigger="winback",
        version="v1",
        treated=ArmCounts(entered=1000, mature=900, retained=180),
        holdout=ArmCounts(entered=250, mature=200, retained=20),
        share=0.2,
        srm_p=0.7,
        cause=cause,
        diff=0.1,
        diff_ci=Interval(0.05, 0.14),
        readable_on=date(2026, 4, 1),
    )
    values: dict[str, object] = {
        "trigger": "winback",
        "description": "",
        "version": "v1",
        "at": AT,
        "goal": GOAL,
        "reading": reading,
        "worth": Worth(
            customers=estimate(90, 45, 126),
            revenue=estimate(5400, -100, 9000),
            cost=12.5,
            net=estimate(5387.5, -112.5, 8987.5),
        ),
    }
    return TriggerReport(**{**values, **changes})  # type: ignore[arg-type]


def report(*triggers: TriggerReport, **changes: object) -> Report:
    return Report(at=AT, currency="EUR", triggers=triggers, **changes)  # type: ignore[arg-type]


def numbers(found: Figures) -> dict[str, float]:
    """By name and whatever tells two samples of one name apart."""
    told = {}
    for one in found.samples:
        rest = [v for k, v in one.labels.items() if k not in {"trigger", "version", "currency"}]
        told[" ".join([one.name, *rest])] = one.value
    return told


def test_every_number_of_a_clear_trigger_is_there_with_its_interval():
    told = numbers(Figures.of(report(trigger())))
    assert {name: value for name, value in told.items() if name not in VERDICTS} == {
        "entered treated": 1000, "mature treated": 900, "retained treated": 180,
        "entered holdout": 250, "mature holdout": 200, "retained holdout": 20,
        "split_p": 0.7,
        "retention_difference": 0.1, "retention_difference_low": 0.05,
        "retention_difference_high": 0.14,
        "extra_customers": pytest.approx(90), "extra_customers_low": pytest.approx(45),
        "extra_customers_high": pytest.approx(126),
        "extra_revenue": 5400, "extra_revenue_low": -100, "extra_revenue_high": 9000,
        "message_cost": 12.5,
        "net_value": 5387.5, "net_value_low": -112.5, "net_value_high": 8987.5,
    }  # fmt: skip
    assert {name: told[name] for name in VERDICTS} == {
        f"verdict {verdict}": float(verdict is Verdict.BETTER) for verdict in Verdict
    }


def test_whose_number_it_is_and_in_which_currency_is_said():
    found = Figures.of(report(trigger()))
    (cost,) = [one for one in found.samples if one.name == "message_cost"]
    assert cost.labels == {"trigger": "winback", "version": "v1", "currency": "EUR"}


@pytest.mark.parametrize("cause", [Cause.SPLIT, Cause.SPLIT_PART, Cause.SHRUNK, Cause.IMPOSSIBLE])
def test_of_what_cannot_be_believed_there_is_the_verdict_and_no_number(cause: Cause):
    told = numbers(Figures.of(report(trigger(cause))))
    assert told.keys() == VERDICTS
    assert set(told.values()) == {0.0, 1.0}


def test_a_trigger_without_a_goal_has_a_verdict_and_no_number():
    told = numbers(Figures.of(report(trigger(Cause.NO_GOAL, goal=None))))
    assert told.keys() == VERDICTS


def test_what_is_withheld_is_left_out_and_the_rest_is_told():
    nothing = Withheld(why=Why.FEW_BUYERS)
    worth = Worth(customers=nothing, revenue=nothing, cost=3.0, net=nothing)
    told = numbers(Figures.of(report(trigger(Cause.FEW_RETAINED, worth=worth))))
    assert told["message_cost"] == 3.0
    assert not any(name.startswith(("extra_", "net_value")) for name in told)


def test_an_end_that_is_infinite_is_left_out():
    worth = Worth(
        customers=estimate(1, 0, 2), revenue=estimate(5, -math.inf, math.inf), cost=math.nan,
        net=Withheld(why=Why.NOT_FINITE),
    )  # fmt: skip
    told = numbers(Figures.of(report(trigger(worth=worth))))
    assert told["extra_revenue"] == 5
    assert "extra_revenue_low" not in told
    assert "message_cost" not in told


def test_the_programme_is_told_beside_the_triggers():
    found = Figures.of(report(programme=trigger(trigger="*", version="2026Q1")))
    assert {one.labels["trigger"] for one in found.samples} == {"*"}


def test_what_is_kept_is_what_is_read():
    found = Figures.of(report(trigger(), trigger(trigger="other")))
    assert Figures.of_text(found.text()) == found


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"at": "x", "samples": []}', '{"at": "2026-03-02", "samples": [1]}']
)
def test_a_text_of_another_form_is_no_figures(text: str):
    assert Figures.of_text(text) is None


class Notes:
    """Notes in memory; `meanwhile` is written by another worker before the next exchange."""

    def __init__(self, text: str | None = None, meanwhile: str | None = None) -> None:
        self.text = text
        self.meanwhile = meanwhile

    def read(self, name: str) -> str | None:
        return self.text

    def exchange(self, name: str, before: str | None, after: str) -> bool:
        if self.meanwhile is not None:
            self.text, self.meanwhile = self.meanwhile, None
        if self.text != before:
            return False
        self.text = after
        return True


def later(days: int) -> Figures:
    return Figures(at=AT + timedelta(days=days), samples=(Sample("entered", 1.0, {"arm": "x"}),))


def test_where_no_report_was_made_there_are_no_figures():
    assert kept(Notes()) is None


@pytest.mark.parametrize("before", [None, "not figures", later(-1).text(), later(0).text()])
def test_a_report_takes_the_place_of_an_earlier_one(before: str | None):
    notes = Notes(before)
    keep(notes, report(trigger()))
    assert kept(notes) == Figures.of(report(trigger()))


def test_a_report_of_an_earlier_instant_does_not():
    notes = Notes(later(1).text())
    keep(notes, report(trigger()))
    assert kept(notes) == later(1)


@pytest.mark.parametrize(("days", "wins"), [(-1, True), (1, False)])
def test_of_two_workers_the_later_instant_wins(days: int, wins: bool):
    notes = Notes(meanwhile=later(days).text())
    keep(notes, report(trigger()))
    assert (kept(notes) == Figures.of(report(trigger()))) is wins
