"""Scores as YAML, score leaves, and the files of scores/: what they mean, and every mistake."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from relance.domain.condition import Comparison, Op, Return, ScoreIs
from relance.domain.duration import Duration
from relance.domain.score import Rule, ScoreSpec
from relance.spec.score_file import text_of
from score_files import put, score_file, silent_for_less_than
from unit.spec.conftest import SEGMENTS, Shop

SCORES = """\
version: 1
scores:
  potential: {event: order, within: 90 days, value: 24.50}
  churn: {complement_of: potential}
"""
AT_LEAST_HALF = (Comparison(Op.AT_LEAST, 0.5),)
AT_LEAST_20 = (Comparison(Op.AT_LEAST, 20),)


@pytest.fixture
def scored(shop: Shop) -> Shop:
    shop.write("config/segments.yaml", SEGMENTS.replace("version: 1\n", SCORES))
    shop.edit("config/relance.yaml", "from: Shop}", "from: Shop, cost: 0.08}")
    put(shop.root, silent_for_less_than(30), workspace="shop")
    return shop


def leaf(shop: Shop, text: str) -> None:
    shop.edit("config/segments.yaml", "{event: order, last: {after: 90 days}}", text)


def test_what_is_declared_is_read_with_its_defaults(scored: Shop) -> None:
    scores = scored.workspace().scores
    days = Duration.parse("90 days")
    assert scores["potential"] == ScoreSpec(name="potential", within=days, value=24.5)
    assert scores["churn"] == ScoreSpec(name="churn", within=days, complement_of="potential")
    assert scores["churn"].rule is Rule.LOGISTIC


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{score: potential, at_least: 50%}", ScoreIs("potential", AT_LEAST_HALF)),
        ("{score: potential, at_least: 0.5}", ScoreIs("potential", AT_LEAST_HALF)),
        ("{score: churn, top: 10%}", ScoreIs("churn", top=0.1)),
        (
            "{score: potential, expected_value: {at_least: 20}}",
            ScoreIs("potential", expected_value=AT_LEAST_20),
        ),
        (
            "{score: potential, at_least: 0.5, expected_return: {channel: sms, at_least: 20}}",
            ScoreIs("potential", AT_LEAST_HALF, expected_return=Return("sms", AT_LEAST_20)),
        ),
        ("{score: churn, exists: true}", ScoreIs("churn", (Comparison(Op.EXISTS, True),))),
    ],
)
def test_each_form_of_the_leaf_means_what_it_says(scored: Shop, text: str, meant: ScoreIs) -> None:
    leaf(scored, text)
    assert scored.workspace().segments["active"].condition == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{score: p_alive, at_least: 0.5}", "p_alive is never offered as a score (whoever bought"),
        ("{score: potentail, top: 10%}", "no score 'potentail' (did you mean potential?)"),
        ("{score: potential}", "is not compared with anything (add at_least: 0.3, top: 10%"),
        ("{score: potential, at_least: 30}", "`30%` (it lies between 0 and 1)"),
        ("{score: potential, top: 0%}", "it must be more than nothing"),
        ("{score: potential, top: 10}", "write 10% if that is what you mean"),
        (
            "{score: potential, expected_return: {channel: email, at_least: 20}}",
            "channels.email does not say what a message costs (add cost: 0.08",
        ),
        (
            "{score: potential, expected_return: {channel: fax, at_least: 20}}",
            "there is no channel 'fax'",
        ),
        ("{score: potential, expected_value: {}}", "is not compared with anything"),
        ("{score: potential, at_lest: 0.3}", "unknown key (did you mean at_least?)"),
    ],
)
def test_each_mistake_in_a_leaf_is_told_where_it_is(scored: Shop, text: str, said: str) -> None:
    leaf(scored, text)
    (problem,) = scored.problems()
    assert problem.startswith("config/segments.yaml:6:")
    assert said in problem


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("within: 90 days, ", "", "does not say of which stretch of time it is the chance"),
        ("90 days", "90 minutes", "count it in days, weeks, months or years"),
        (
            "potential: {event: order",
            "potential: {event: oder",
            "there is no event 'oder' (did you mean order?)",
        ),
        ("24.50", "-3", "is not an amount of money, or `average`"),
        ("24.50", ".nan", "is not an amount of money, or `average`"),
        ("value: 24.50", "model: p_alive", "is not `logistic` or `bgnbd`"),
        ("complement_of: potential", "complement_of: churn", "churn is a complement itself"),
        ("complement_of: potential", "complement_of: worth", "there is no score 'worth'"),
        (
            "complement_of: potential",
            "complement_of: potential, within: 30 days",
            "is potential's to say, whose complement this is",
        ),
        ("  churn:", "  p_alive:", "`p_alive` is a name of relance's own"),
        ("value: 24.50", "snapshots: 0", "a whole number from 1 to 24"),
    ],
)
def test_each_mistake_in_a_declaration_is_told(scored: Shop, old: str, new: str, said: str) -> None:
    scored.edit("config/segments.yaml", old, new)
    found = [problem for problem in scored.problems() if "has no model" not in problem]
    assert len(found) == 1, found
    assert said in found[0]


def test_a_value_that_nobody_has_said_is_a_mistake_of_who_asks_for_it(scored: Shop) -> None:
    scored.edit("config/segments.yaml", ", value: 24.50", "")
    leaf(scored, "{score: churn, expected_value: {at_least: 2}}")
    assert "nobody says what a customer is worth" in scored.problem().message


def test_an_average_value_needs_amounts(scored: Shop) -> None:
    scored.edit("config/segments.yaml", "event: order, within: 90 days, value: 24.50",
                "event: visit, within: 90 days, value: average")  # fmt: skip
    found = [problem for problem in scored.problems() if "visit has no field" in problem]
    assert len(found) == 1


FILE = json.loads(text_of(score_file(silent_for_less_than(30), workspace="shop")))


def changed(path: str, value: object) -> str:
    """The file with one value changed, or without it."""
    made = json.loads(json.dumps(FILE))
    *way, last = path.split(".")
    here = made
    for step in way:
        here = here[int(step) if isinstance(here, list) else step]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return json.dumps(made, indent=2)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("version", 2, "is not a version that this relance knows"),
        ("surprise", 1, "surprise: unknown key"),
        ("workspace", "other", "is other, where the workspace has shop"),
        ("event", "visit", "is visit, where the workspace has order"),
        ("within", "30 days", "is 30 days, where the workspace has 90 days"),
        ("features.0.coefficient", float("nan"), "features.0.coefficient: must be a number"),
        ("features.0.coefficient", "much", "features.0.coefficient: must be a number"),
        ("features.0.scale", 0, "features.0.scale: 0 is not a number above 0"),
        ("features.0.name", "shoe_size", "features.0.name"),
        ("intercept", None, "intercept is missing, which a logistic model has"),
        ("parameters", {"r": 1, "alpha": 1, "a": 1, "b": 1}, "has no place in a logistic model"),
        ("evaluation.auc", 1.4, "evaluation.auc: 1.4 is not a number from 0 to 1"),
        ("evaluation.brier", None, "evaluation.brier: is missing"),
        ("trained_at", "2026-02-01", "has no time zone"),
        ("training.snapshots", [], "training.snapshots: is an empty list"),
    ],
)
def test_each_mistake_in_a_models_file_is_told_at_its_line(
    scored: Shop, path: str, value: object, said: str
) -> None:
    leaf(scored, "{score: potential, at_least: 0.5}")
    scored.write("scores/potential.json", changed(path, value))
    found = scored.problems()
    assert found, path
    assert all(problem.startswith("scores/potential.json:") for problem in found), found
    assert any(said in problem for problem in found), found


def test_a_file_that_is_no_json_is_told_too(scored: Shop) -> None:
    scored.write("scores/potential.json", '{"version": 1, ')
    assert scored.problem().path == "scores/potential.json"


def test_a_score_without_a_model_is_a_mistake_where_it_is_used(scored: Shop) -> None:
    (scored.root / "scores/potential.json").unlink()
    assert [problem.warning for problem in scored.load().problems] == [True]
    leaf(scored, "{score: churn, at_least: 0.5}")
    problem = scored.problem()
    assert not problem.warning
    assert (problem.where, problem.hint) == (
        "scores.potential", "run: relance scores fit potential",
    )  # fmt: skip


def test_a_new_model_changes_no_version_but_a_new_meaning_does(scored: Shop) -> None:
    leaf(scored, "{score: potential, expected_return: {channel: sms, at_least: 20}}")

    def version() -> str:
        return scored.workspace().segments["active"].version

    first = version()
    put(scored.root, silent_for_less_than(60), workspace="shop")
    assert version() == first
    scored.edit("config/relance.yaml", "cost: 0.08", "cost: 0.09")
    dearer = version()
    assert dearer != first
    scored.edit("config/segments.yaml", "24.50", "25")
    assert version() not in (first, dearer)


def test_a_file_is_read_as_it_was_written(scored: Shop) -> None:
    found = replace(score_file(silent_for_less_than(30), workspace="shop"), recalibrated=True)
    scored.write("scores/potential.json", text_of(found))
    assert scored.workspace().models["potential"] == found.model
