"""`relance power`: before launch, from the customer history, when which uplift becomes readable."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk import Desk
from json_page import differences, documented
from relance.domain.arm import Arm
from stage import START
from trial import READ, Trial, every

PER_WEEK, RETURNING = 20, 5  # of each week's lapsed customers, every fifth comes back
WEEKS, GOAL_WEEKS = 6, 1
LAPSED = "{event: order, last: {before: 30 days}}"
KEYS = {"segment": LAPSED, "holdout": "10%", "goal": "{event: order, within: 7 days}"}


class History(Desk):
    """Twenty customers lapse every week, and every fifth of them orders again six days later."""

    def __init__(self, root: Path, weeks: int = WEEKS + GOAL_WEEKS) -> None:
        super().__init__(root)
        self.customers.clear()
        self.orders.clear()
        self.arrive("old")
        self.order("old", at=START - timedelta(days=400))
        for week in range(weeks):
            names = [f"w{week:02}-{number:02}" for number in range(PER_WEEK)]
            self.arrive(*names)
            lapsed = START - timedelta(days=7 * week + 3)
            self.order(*names, at=lapsed - timedelta(days=30))
            self.order(*names[::RETURNING], at=lapsed + timedelta(days=6))
        self.orders = [order for order in self.orders if order["at"] <= START.isoformat()]
        self.trigger(**KEYS)
        self.publish()

    def power(self, *words: str) -> dict[str, Any]:
        answer = self.call("power", "hello", "--json", "--at", START.isoformat(), *words)
        assert answer.code == 0, answer.err
        return dict(json.loads(answer.out))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def found(history: History) -> dict[str, Any]:
    return history.power("--weeks", str(WEEKS))


def rows(document: dict[str, Any], share: float) -> dict[float, dict[str, Any]]:
    plan = next(one for one in document["holdouts"] if one["share"] == share)
    return {row["uplift"]: row for row in plan["uplifts"]}


def test_how_many_enter_and_return_is_read_from_the_history(found: dict[str, Any]) -> None:
    assert found["entered_by_week"] == [PER_WEEK] * (WEEKS + GOAL_WEEKS)
    assert (found["per_week"], found["at_once"], found["gap"]) == (PER_WEEK, 0, None)
    base = found["base"]
    assert base["origin"] == "history"
    assert base["mature"] == PER_WEEK * WEEKS
    assert base["rate"] == pytest.approx(1 / RETURNING)


def test_its_document_is_what_the_page_tells(found: dict[str, Any]) -> None:
    example, nullable = documented("power TRIGGER")
    assert list(differences(found, example, nullable)) == []


def test_each_holdout_says_what_is_readable_when(found: dict[str, Any]) -> None:
    assert [one["share"] for one in found["holdouts"]] == [0.05, 0.1, 0.2, 0.5]
    tenth, half = rows(found, 0.1)[0.5], rows(found, 0.5)[0.5]
    assert half["entrants"] < tenth["entrants"]
    weeks = (date.fromisoformat(half["readable_on"]) - START.date()) / timedelta(weeks=1)
    assert weeks == pytest.approx(half["entrants"] / PER_WEEK + GOAL_WEEKS, abs=0.2)
    assert tenth["rate"] == pytest.approx(1.5 / RETURNING)


def test_a_share_of_ones_own_stands_among_the_others(history: History) -> None:
    found = history.power("--weeks", str(WEEKS), "--holdout", "30%")
    assert [one["share"] for one in found["holdouts"]] == [0.05, 0.1, 0.2, 0.3, 0.5]
    assert found["holdout_share"] == 0.3
    assert "30 % held out" in found["sentence"]


def test_the_terminal_says_when_and_what_to_plan(history: History) -> None:
    answer = history.call("power", "hello", "--weeks", str(WEEKS), "--at", START.isoformat())
    assert "base 20.0 %, 20 entrants a week, 10 % held out: +20 % is readable after" in answer.out
    assert "attributes, consents and suppressions are today's" in answer.out
    assert "10 % held out *" in answer.out


def test_a_number_of_entrants_to_read_out_at_is_suggested_where_half_a_year_is_enough(
    history: History,
) -> None:
    found = history.power("--weeks", str(WEEKS), "--holdout", "50%")
    doubled = rows(found, 0.5)[1.0]
    assert found["read_out"]["uplift"] == 1.0
    assert 0 <= found["read_out"]["entrants"] - doubled["entrants"] < 10


def test_what_cannot_be_asked_is_told(history: History) -> None:
    for words, sentence in (
        (("helo",), "there is no trigger 'helo'"),
        (("hello", "--holdout", "0%"), "holds nobody out"),
        (("hello", "--holdout", "150%"), "at most 99%"),
        (("hello", "--holdout", "ten"), "write it like 10%"),
        (("hello", "--weeks", "0"), "--weeks"),
    ):
        answer = history.call("power", *words)
        assert (answer.code, answer.out) == (2, "")
        assert sentence in answer.err


def test_a_trigger_without_a_goal_has_nothing_to_read(history: History) -> None:
    history.trigger(segment=LAPSED)
    found = history.power()
    history.trigger(**KEYS)
    assert (found["gap"], found["base"], found["holdouts"]) == ("no_goal", None, [])
    assert "add `goal:`" in found["sentence"]


@pytest.mark.parametrize(
    ("keys", "words", "gap"),
    [
        ({"segment": "{customer: country, in: [XX]}"}, (), "nobody_enters"),
        ({}, ("--weeks", "60"), "short_history"),
        ({}, ("--weeks", "2"), "few_closed"),
        ({"goal": "{event: order, within: 2 days}"}, ("--weeks", "6"), "few_retained"),
        ({"goal": "{event: order, within: 100 days}"}, ("--weeks", "1"), "no_closed_window"),
    ],
)
def test_a_history_that_cannot_carry_a_forecast_is_named(
    history: History, keys: dict[str, str], words: tuple[str, ...], gap: str
) -> None:
    history.trigger(**{**KEYS, **keys})
    found = history.power(*words)
    history.trigger(**KEYS)
    assert (found["gap"], found["holdouts"], found["read_out"]) == (gap, [], None)
    assert found["sentence"].endswith(".")


def test_an_empty_shop_has_a_reason_too(tmp_path: Path) -> None:
    desk = History(tmp_path, weeks=0)
    desk.customers.clear()
    desk.orders.clear()
    desk.publish()
    assert desk.power()["gap"] == "short_history"


def test_who_was_held_out_already_says_best_what_happens_without_a_message(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.arrive("old")
    trial.order("old", at=START - timedelta(days=400))
    arms = trial.finish(500, every(1, 4))
    answer = trial.call("power", "hello", "--json", "--weeks", "2", "--at", READ.isoformat())
    found = json.loads(answer.out)
    assert found["base"]["origin"] == "held_out"
    assert found["base"]["mature"] == len(arms[Arm.HOLDOUT])
    assert found["base"]["rate"] == pytest.approx(0.25, abs=0.01)
    assert found["written_to"] == len(arms[Arm.TREATED])


def test_whom_the_trigger_wrote_to_does_not_say_what_happens_without_it(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.arrive("old")
    trial.order("old", at=START - timedelta(days=400))
    arms = trial.finish(200, every(1, 4), holdout="20%")
    answer = trial.call("power", "hello", "--json", "--weeks", "2", "--at", READ.isoformat())
    found = json.loads(answer.out)
    assert (found["base"]["origin"], found["gap"]) == ("history", "few_closed")
    assert found["base"]["mature"] == len(arms[Arm.HOLDOUT])
    assert sum(found["entered_by_week"]) == 200
