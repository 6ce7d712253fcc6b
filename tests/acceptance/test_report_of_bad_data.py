"""A report of data as it really comes: a named reason each time, and never a misleading number."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relance.domain.arm import Arm
from trial import BASELINE, ENTRY, READ, Trial, every, numbers

pytestmark = pytest.mark.xdist_group("finished_trial")  # the trial is lived through once

CUSTOMERS = 600
YESTERDAY = (READ - timedelta(days=1)).isoformat()
SOUND = every(2, 4)  # half of the treated come back, a quarter of the held out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Arm, list[str]]]:
    """A sound trial that found something, in a folder to copy."""
    trial = Trial(tmp_path_factory.mktemp("trial") / "shop")
    arms = trial.finish(CUSTOMERS, SOUND)
    return trial.root, arms


@pytest.fixture
def arms(finished: tuple[Path, dict[Arm, list[str]]]) -> dict[Arm, list[str]]:
    return finished[1]


@pytest.fixture
def trial(finished: tuple[Path, dict[Arm, list[str]]], tmp_path: Path) -> Trial:
    """The finished trial, whose data the test may spoil."""
    made = Trial(tmp_path / "shop")
    shutil.rmtree(made.root)
    shutil.copytree(finished[0], made.root)
    return made


def orders(trial: Trial) -> list[str]:
    return (trial.root / "data/orders.csv").read_text(encoding="utf-8").splitlines()


def customers(trial: Trial) -> list[str]:
    return (trial.root / "data/customers.csv").read_text(encoding="utf-8").splitlines()


def metric(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["metrics"] if one["metric"] == name)


def counts(document: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {
        name: (arm["entered"], arm["mature"], arm["retained"])
        for name, arm in document["arms"].items()
    }


def test_a_sound_trial_is_told_with_numbers_that_add_up(
    trial: Trial, arms: dict[Arm, list[str]]
) -> None:
    found = trial.read()
    assert found["verdict"] == "better"
    for arm, step in ((Arm.TREATED, 2), (Arm.HOLDOUT, 4)):
        people = len(arms[arm])
        assert counts(found)[arm.value] == (people, people, -(-people // step))
    assert found["diff"] == pytest.approx(0.25, abs=0.01)
    assert len(list(numbers(found))) > 20


def test_all_retained_is_no_detectable_effect(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.finish(300, every(1, 1))
    found = trial.read()
    assert found["verdict"] == "no_detectable_effect"
    assert found["diff"] == 0
    assert found["diff_ci"][0] < 0 < found["diff_ci"][1]


def test_none_retained_is_not_enough_data_and_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.finish(300, every(0, 0))
    found = trial.read()
    assert found["verdict"] == "not_enough_data"
    assert found["reason"].startswith("Too few retained customers: 0 treated and 0 held out")
    assert found["extra"] is None


def test_without_a_holdout_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.finish(20, every(2, 2), holdout="0%")
    found = trial.read()
    assert (found["verdict"], found["held_out"]) == ("not_enough_data", 0)
    assert found["reason"] == "Nobody is held out, so there is nothing to compare with."
    assert metric(found, "retained")["withheld"]["diff"] == "no_holdout"


def test_a_trial_of_one_customer_says_that_it_needs_more(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.finish(1, every(1, 1))
    found = trial.read()
    assert found["verdict"] == "not_enough_data"
    assert found["reason"].startswith("Too few customers entered")
    withheld = metric(found, "retained")["withheld"]
    assert withheld["diff"] in {"no_holdout", "no_treated"}


def test_a_trigger_that_nobody_entered_says_so(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.enter(0)
    found = trial.read()
    assert (found["entered"], found["verdict"]) == (0, "not_enough_data")
    assert found["diff"] is None


@pytest.mark.parametrize(
    ("amount", "why"), [("-50.00", "negative"), ("inf", "not_finite"), ("nan", "not_finite")]
)
def test_an_amount_that_is_no_revenue_is_named_and_leaves_retention_alone(
    trial: Trial, amount: str, why: str
) -> None:
    sound = trial.read()
    *others, last = orders(trial)
    spoilt = ",".join([*last.split(",")[:-1], amount])
    trial.data("orders", "\n".join([*others, spoilt]) + "\n")
    found = trial.read()
    assert metric(found, "revenue")["withheld"]["diff"] == why
    assert metric(found, "revenue")["diff"] is None
    assert counts(found) == counts(sound)
    assert (found["verdict"], found["diff"]) == (sound["verdict"], sound["diff"])


def test_entrants_who_vanished_from_the_customers_are_counted_as_assigned(
    trial: Trial, arms: dict[Arm, list[str]]
) -> None:
    sound = trial.read()
    gone = set(arms[Arm.TREATED][:20])
    kept = [line for line in customers(trial) if line.split(",")[0] not in gone]
    trial.data("customers", "\n".join(kept) + "\n")
    found = trial.read()
    assert counts(found) == counts(sound)
    assert any(one["check"] == "vanished" for one in found["findings"])


def test_an_order_table_that_shrank_since_yesterday_withholds_every_number(trial: Trial) -> None:
    assert trial.call("tick", "--at", YESTERDAY).code == 0
    header, *rows = orders(trial)
    trial.data("orders", "\n".join([header, *rows[len(rows) // 10 :]]) + "\n")
    found = trial.read()
    assert found["verdict"] == "not_enough_data"
    assert "lost rows" in found["reason"]
    assert [found[key] for key in ("diff", "diff_ci", "extra", "ratio", "mde")] == [None] * 5
    assert {one["withheld"]["diff"] for one in found["metrics"]} == {"shrunk"}


def test_a_few_rows_less_are_somebody_s_right_to_be_forgotten(trial: Trial) -> None:
    assert trial.call("tick", "--at", YESTERDAY).code == 0
    header, *rows = orders(trial)
    trial.data("orders", "\n".join([header, *rows[3:]]) + "\n")
    assert trial.read()["verdict"] == "better"


def test_what_lies_in_the_future_does_not_exist_yet(trial: Trial) -> None:
    early = trial.read(at=ENTRY + timedelta(days=1))
    assert counts(early)["treated"][1:] == (0, 0)
    assert early["verdict"] == "too_early"
    before = trial.read(at=BASELINE)
    assert (before["treated"], before["held_out"], before["runs"]) == (0, 0, 1)
    assert counts(before) == {"treated": (0, 0, 0), "holdout": (0, 0, 0)}


def test_a_clock_set_wrong_changes_no_report_of_today(trial: Trial) -> None:
    sound = trial.read()
    header, *rows = orders(trial)
    future = (READ + timedelta(days=400)).isoformat()
    ahead = [f"c{number:04},{future},50.00" for number in range(CUSTOMERS)]
    trial.data("orders", "\n".join([header, *rows, *ahead]) + "\n")
    found = trial.read()
    assert counts(found) == counts(sound)
    assert list(numbers(found)) == pytest.approx(list(numbers(sound)))


def test_a_report_of_the_past_is_that_of_then(trial: Trial) -> None:
    then = ENTRY + timedelta(days=8)
    before = trial.read(at=then)
    trial.call("tick", "--at", READ.isoformat())
    trial.call("deliver", "--at", READ.isoformat())
    again = trial.read(at=then)
    people = ("entered", "treated", "held_out", "refused", "sent", "pending", "verdict", "reason")
    assert [again[name] for name in people] == [before[name] for name in people]
    assert counts(again) == counts(before)
    # sums are added up by several threads, in no order: their last digit may differ
    assert list(numbers(again)) == pytest.approx(list(numbers(before)))


def test_one_trigger_can_be_looked_at_and_an_unknown_one_is_told(trial: Trial) -> None:
    assert trial.read("--trigger", "hello")["trigger"] == "hello"
    unknown = trial.call("report", "--trigger", "helo")
    assert unknown.code == 2
    assert unknown.errors() == "error: there is no trigger 'helo' (there are: hello)"


def test_a_report_as_csv_has_a_row_for_each_metric(trial: Trial) -> None:
    answer = trial.call("report", "--csv", "--at", READ.isoformat())
    header, *rows = answer.out.splitlines()
    assert header.startswith("at,trigger,version,verdict,")
    assert {row.split(",")[1] for row in rows} == {"hello"}
    assert len(rows) >= 8
    both = trial.call("report", "--csv", "--json")
    assert (both.code, both.out) == (2, "")
