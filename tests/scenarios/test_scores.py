"""Segments of scores, tick after tick: a new model and new cut-offs write to nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relance.errors import WorkspaceError
from relance.spec import write_score
from score_files import put, score_file, silent_for_less_than
from stage import Stage

SCORES = "version: 1\nscores:\n  potential: {within: 90 days, value: 20}\n"
MORE = "  churn: {complement_of: potential}\n"
LIKELY = "segments:\n  likely: {score: potential, at_least: 50%}\n"
TOP = "segments:\n  likely: {score: potential, top: 25%}\n"


@pytest.fixture
def shop(stage: Stage) -> Stage:
    """Eight customers who ordered 1, 6, 11, … days before the first tick."""
    stage.write("config/segments.yaml", SCORES + LIKELY)
    stage.trigger(segment="likely")
    for number in range(8):
        stage.arrive(f"c{number}")
        stage.order(f"c{number}", at=stage.now - timedelta(days=1 + 5 * number))
    stage.arrive("never")
    return stage


def test_a_new_model_writes_to_nobody_and_loses_nobody(shop: Stage) -> None:
    put(shop.root, silent_for_less_than(10))
    version = shop.tick()["hello"].version
    assert shop.members("likely") == {"c0", "c1"}
    shop.wait(days=1)
    put(shop.root, silent_for_less_than(30))
    shop.order("c7")  # comes under the old model too

    run = shop.tick()["hello"]

    assert (run.entered, run.treated + run.held_out) == (1, 1)
    assert run.version == version
    assert shop.members("likely") == {"c0", "c1", "c2", "c3", "c4", "c5", "c7"}
    shop.wait(hours=1)
    assert shop.entered() == {"hello": 0}
    shop.wait(days=1)
    shop.order("c6")
    assert shop.entered() == {"hello": 1}


def test_a_model_that_is_taken_back_is_a_new_one_too(shop: Stage) -> None:
    put(shop.root, silent_for_less_than(10))
    shop.tick()
    for days in (30, 10):
        shop.wait(hours=1)
        put(shop.root, silent_for_less_than(days))
        assert shop.entered() == {"hello": 0}
    assert shop.members("likely") == {"c0", "c1"}


def test_the_cut_off_of_the_best_share_is_kept_until_its_time(shop: Stage) -> None:
    shop.write("config/segments.yaml", SCORES + TOP)
    put(shop.root, silent_for_less_than(10, steep=1.0))
    shop.tick()
    assert shop.members("likely") == {"c0", "c1"}
    shop.wait(days=1)
    shop.order("c2", "c3", "c4", "c5")
    assert shop.entered() == {"hello": 4}  # as good as the best were: nobody is pushed out
    assert shop.members("likely") == {"c0", "c1", "c2", "c3", "c4", "c5"}

    shop.wait(days=31)
    shop.order("c6")  # in under both; the others' silence alone would take them out
    run = shop.tick()["hello"]
    assert run.entered == 1
    assert {"c6"} <= shop.members("likely")
    shop.wait(hours=1)
    assert shop.entered() == {"hello": 0}


def test_a_new_model_brings_its_own_cut_off(shop: Stage) -> None:
    shop.write("config/segments.yaml", SCORES + TOP)
    put(shop.root, silent_for_less_than(10, steep=1.0))
    shop.tick()
    shop.wait(hours=1)
    put(shop.root, silent_for_less_than(10, steep=-1.0))  # the longest silence is the best
    assert shop.entered() == {"hello": 0}
    assert shop.members("likely") == {"c6", "c7"}


def test_an_edited_score_is_a_new_version_and_writes_to_nobody(shop: Stage) -> None:
    put(shop.root, silent_for_less_than(10))
    version = shop.tick()["hello"].version
    shop.wait(hours=1)
    shop.write("config/segments.yaml", SCORES + MORE + LIKELY.replace("potential", "churn"))
    run = shop.tick()["hello"]
    assert (run.baseline, run.treated) == (True, 0)
    assert run.version != version
    # past the usual gap of 30 days, and one less the chance
    assert shop.members("likely") == {"c6", "c7"}


def test_what_a_message_must_bring_back_decides_who_is_worth_it(shop: Stage) -> None:
    channels = '  sms: {provider: outbox, from: "+33700000000"'
    settings = (shop.root / "config/relance.yaml").read_text()
    shop.write("config/relance.yaml", settings.replace(channels, f"{channels}, cost: 0.5"))
    wanted = "{channel: sms, at_least: 20}"  # 20 × 0.5 / 20: a chance of one half
    shop.write(
        "config/segments.yaml",
        SCORES + "segments:\n  likely: {score: potential, expected_return: " + wanted + "}\n",
    )
    put(shop.root, silent_for_less_than(10))
    shop.tick()
    assert shop.members("likely") == {"c0", "c1"}


def test_a_value_that_no_fit_has_told_is_a_missing_value(shop: Stage) -> None:
    average = SCORES.replace("value: 20", "value: average")
    leaves = "{expected_value: {is_not: 3}}, {expected_value: {is: 3}}"
    one, two = (leaf.replace("{", "{score: potential, ", 1) for leaf in leaves.split(", "))
    shop.write("config/segments.yaml", f"{average}segments:\n  likely: {one}\n  same: {two}\n")
    write_score(shop.root, score_file(silent_for_less_than(10), value=None))
    shop.tick()
    assert len(shop.members("likely")) == 9
    assert shop.members("same") == set()


def test_without_a_model_a_workspace_says_what_to_run(shop: Stage) -> None:
    with pytest.raises(WorkspaceError, match="has no model yet") as raised:
        shop.tick()
    assert raised.value.problems[0].hint == "run: relance scores fit potential"


def test_why_a_customer_has_a_score_is_told_by_its_parts(shop: Stage) -> None:
    put(shop.root, silent_for_less_than(10))
    with shop.open() as relance:
        spec = relance.score("potential")
        found = relance.explain_score(spec, "c0", shop.now)
        nobody = relance.explain_score(spec, "never", shop.now)
    assert found.score is not None
    assert found.score > 0.9
    assert found.parts[0].name == "recency"
    assert found.parts[0].value == pytest.approx(1.0)
    assert found.expected_value == pytest.approx(20 * found.score, abs=1e-5)
    assert (nobody.score, nobody.reason) == (None, "never had the event order")
