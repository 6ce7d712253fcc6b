"""`relance programme`: all triggers together, against the customers of the global holdout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from json_page import differences, documented
from relance.domain.arm import Arm, in_global_holdout
from trial import BASELINE, Trial, every

MARCH, APRIL = datetime(2026, 3, 20, 8, tzinfo=UTC), datetime(2026, 4, 2, 8, tzinfo=UTC)
SHARE = 0.2
HOLDOUT = f"global_holdout: {{share: {SHARE:.0%}, rotate: month}}\n"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A month in which half of those who may be written to come back, and a fifth of the others."""
    made = Trial(tmp_path_factory.mktemp("programme"))
    made.settings(HOLDOUT)
    made.enter(700, holdout="20%")
    made.come_back(arms(made), every(2, 5))
    return made


def arms(trial: Trial) -> dict[Arm, list[str]]:
    found: dict[Arm, list[str]] = {arm: [] for arm in Arm}
    for name in trial.customers:
        held_out = in_global_holdout("2026-03", name, SHARE)
        found[Arm.HOLDOUT if held_out else Arm.TREATED].append(name)
    return found


def asked(trial: Trial, at: datetime) -> list[dict[str, Any]]:
    answer = trial.call("programme", "--json", "--at", at.isoformat())
    assert answer.code == 0, answer.err
    return list(json.loads(answer.out))


def test_while_the_period_runs_it_is_too_early_and_says_until_when(trial: Trial) -> None:
    (running,) = asked(trial, MARCH)
    assert (running["period"], running["running"]) == ("2026-03", True)
    report = running["report"]
    assert (report["verdict"], report["diff"]) == ("too_early", None)
    assert report["readable_on"] == "2026-04-01"
    expected = arms(trial)
    assert report["treated"] == len(expected[Arm.TREATED])
    assert report["held_out"] == len(expected[Arm.HOLDOUT])
    assert report["curves"]["preliminary"]


def test_once_the_period_is_over_everybody_counts_and_the_next_one_runs(trial: Trial) -> None:
    over, running = asked(trial, APRIL)
    assert [over["period"], running["period"]] == ["2026-03", "2026-04"]
    report, expected = over["report"], arms(trial)
    for arm, step in ((Arm.TREATED, 2), (Arm.HOLDOUT, 5)):
        people = len(expected[arm])
        told = report["arms"][arm.value]
        assert (told["entered"], told["mature"]) == (people, people)
        assert told["retained"] == -(-people // step)
    assert report["verdict"] == "better"
    assert report["diff"] == pytest.approx(0.3, abs=0.01)
    assert running["report"]["entered"] == 0


def test_its_document_is_what_the_page_tells(trial: Trial) -> None:
    example, nullable = documented("programme")
    report, nullable_there = documented("report")
    for period in asked(trial, APRIL):
        assert list(differences(period.pop("report"), report[0], nullable_there)) == []
        assert list(differences({**period, "report": {}}, example[0], nullable)) == []


def test_nobody_has_arrived_before_the_first_entries(trial: Trial) -> None:
    (running,) = asked(trial, BASELINE)
    assert running["report"]["entered"] == 0


def test_a_report_shows_the_programme_beside_its_triggers(trial: Trial, tmp_path: Path) -> None:
    with trial.open() as relance:
        report = relance.report(APRIL)
        assert report.programme is not None
        assert report.programme.version == "2026-03"
        assert [one.trigger for one in report.triggers] == ["hello"]
    page = tmp_path / "report.html"
    assert trial.call("report", "--at", APRIL.isoformat(), "--html", str(page)).code == 0
    assert "2026-03" in page.read_text(encoding="utf-8")


def test_the_terminal_says_it_in_a_sentence(trial: Trial) -> None:
    answer = trial.call("programme", "--at", APRIL.isoformat())
    assert "2026-03: Better than no message" in answer.out
    assert "2026-04: Too early" in answer.out


def test_without_a_global_holdout_it_says_how_to_get_one(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.publish()
    assert "write `global_holdout: 2%` into config/relance.yaml" in trial.call("programme").out
    assert asked(trial, APRIL) == []
