"""Fitting scores on little, odd and wrong data: refused with a reason, and nothing is written."""

from __future__ import annotations

import random
import sys
from datetime import timedelta

import pytest

from relance.errors import UsageError
from relance.pipeline.score_fit import FitReport
from relance.wiring import open_relance
from score_files import put, silent_for_less_than
from stage import Stage

SCORES = """\
version: 1
scores:
  potential: {within: 90 days, MORE}
  churn: {complement_of: potential}
segments: {}
"""


@pytest.fixture(params=["logistic", "bgnbd"])
def shop(stage: Stage, request: pytest.FixtureRequest) -> Stage:
    stage.write("config/segments.yaml", SCORES.replace("MORE", f"model: {request.param}"))
    return stage


def fit(stage: Stage, *, force: bool = False, name: str = "potential") -> FitReport:
    with stage.open() as relance:
        return relance.fit_score(relance.score(name), stage.now, force=force)


def regulars(stage: Stage, count: int, *, seed: int = 1) -> None:
    """Customers with rhythms of their own, some of whom stop for good."""
    dice = random.Random(seed)
    for number in range(count):
        name = f"r{seed}_{number}"
        stage.arrive(name)
        gap = dice.choice([10, 20, 40, 80, 160])
        at = stage.now - timedelta(days=dice.uniform(250, 400))
        while at < stage.now:
            stage.order(name, at=at, total=dice.uniform(5, 90))
            if dice.random() < 0.25:
                break
            at += timedelta(days=dice.expovariate(1 / gap))


def said(report: FitReport) -> str:
    assert not report.accepted
    return "; ".join(report.refused)


def test_no_orders_at_all_are_nothing_to_learn_from(shop: Stage) -> None:
    shop.arrive("ann", "bob")
    assert "nobody had the event order up to" in said(fit(shop))
    assert not (shop.root / "scores").exists()


def test_one_customer_is_nothing_to_tell_apart(shop: Stage) -> None:
    shop.arrive("ann")
    for days in (300, 150, 60):
        shop.order("ann", at=shop.now - timedelta(days=days))
    assert "nothing to tell apart" in said(fit(shop))


def test_customers_who_are_all_alike_cannot_be_told_apart_by_a_model(shop: Stage) -> None:
    for number in range(60):
        shop.arrive(f"c{number}")
        shop.order(f"c{number}", at=shop.now - timedelta(days=200))
        if number < 30:
            shop.order(f"c{number}", at=shop.now - timedelta(days=100))
            shop.order(f"c{number}", at=shop.now - timedelta(days=200))
    for number in range(0, 60, 3):
        shop.order(f"c{number}", at=shop.now - timedelta(days=10))
    report = fit(shop)
    assert report.accepted or report.refused  # an answer either way, and no crash
    for number in range(60):
        shop.order(f"c{number}", at=shop.now - timedelta(days=5))
    assert "everybody had" in said(fit(shop))


def test_nobody_who_comes_back_is_nothing_to_learn(shop: Stage) -> None:
    for number in range(30):
        shop.arrive(f"c{number}")
        shop.order(f"c{number}", at=shop.now - timedelta(days=200 + number))
    assert "nobody had" in said(fit(shop))


def test_returns_and_orders_of_the_future_do_no_harm(shop: Stage) -> None:
    regulars(shop, 150)
    for number in range(40):
        shop.order(f"r1_{number}", at=shop.now - timedelta(days=185), total=-500)
        shop.order(f"r1_{number}", at=shop.now + timedelta(days=number + 1))
    report = fit(shop, force=True)
    assert report.found is not None
    assert report.found.quality.auc is not None
    assert report.found.quality.auc > 0.7
    with shop.open() as relance:  # and the file that was written is one that is read
        assert relance.fitted_score(relance.score("churn")).model == report.found.model


def test_the_same_data_gives_the_same_file(shop: Stage) -> None:
    regulars(shop, 120)
    fit(shop, force=True)
    first = (shop.root / "scores/potential.json").read_bytes()
    fit(shop, force=True)
    assert (shop.root / "scores/potential.json").read_bytes() == first


def test_a_fit_that_is_worse_than_the_standing_model_is_refused_unless_forced(
    stage: Stage,
) -> None:
    stage.write("config/segments.yaml", SCORES.replace("MORE", "model: logistic"))
    path = put(stage.root, silent_for_less_than(60, steep=2))
    standing = path.read_bytes()

    def order(name: str, *days_ago: int) -> None:
        stage.arrive(name)
        for days in days_ago:
            stage.order(name, at=stage.now - timedelta(days=days))

    # a quarter in which only the silent came back, before one in which it is as it always was
    for number in range(100):
        order(f"recent{number}", 190, *([100] if number % 10 == 0 else []))
        order(f"silent{number}", 300, *([120] if number % 10 else []))
        if number % 5:
            order(f"silent{number}", 20)
        else:
            order(f"recent{number}", 20)

    report = fit(stage)

    assert "ranks worse than the standing model" in said(report)
    assert report.standing is not None
    assert path.read_bytes() == standing
    assert fit(stage, force=True).accepted
    assert path.read_bytes() != standing


def test_a_model_whose_mean_is_off_has_its_intercept_set_right(stage: Stage) -> None:
    stage.write("config/segments.yaml", SCORES.replace("MORE", "model: logistic"))
    regulars(stage, 400)
    end = (stage.now - timedelta(days=90)).isoformat()
    dice = random.Random(3)  # half of the last quarter's customers stay away
    away = {f"r1_{number}" for number in range(400) if dice.random() < 0.6}
    stage.orders = [o for o in stage.orders if o["at"] <= end or o["customer"] not in away]

    report = fit(stage)

    assert report.found is not None
    assert report.found.recalibrated
    quality = report.found.quality
    assert abs(quality.mean - quality.base_rate) < 0.35 * quality.base_rate


def test_a_complement_has_no_model_of_its_own(stage: Stage) -> None:
    stage.write("config/segments.yaml", SCORES.replace("MORE", "model: bgnbd"))
    with pytest.raises(UsageError, match="no model of its own") as raised:
        fit(stage, name="churn")
    assert raised.value.hint == "run: relance scores fit potential"


def test_without_scikit_learn_it_is_said_what_to_install(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.write("config/segments.yaml", SCORES.replace("MORE", "model: logistic"))
    regulars(stage, 60)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(UsageError, match="scikit-learn") as raised:
        fit(stage)
    assert "relance[scores]" in str(raised.value.hint)


def test_a_standing_file_of_another_shop_counts_for_nothing(stage: Stage) -> None:
    stage.write("config/segments.yaml", SCORES.replace("MORE", "model: logistic"))
    put(stage.root, silent_for_less_than(10), workspace="other")
    regulars(stage, 150)
    stage._write_data()
    with open_relance(stage.root, env={}, with_models=False) as relance:
        report = relance.fit_score(relance.score("potential"), stage.now, force=True)
    assert report.standing is None
    assert report.accepted
