"""Scores of a record shop: fitted, shown and used through the command line, against the published
numbers and against scikit-learn on pandas' own features."""

from __future__ import annotations

import json
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler

from acceptance.expected_cdnow import read_log, read_orders
from json_page import differences, documented
from replay import Replay

WORKSPACE = Path(__file__).parent / "cdnow"
SCORES = """\
version: 1
scores:
  potential: {event: order, within: 91 days, value: average}
  rhythm: {event: order, within: 91 days, model: bgnbd}
  churn: {complement_of: potential}
segments:
  likely: {score: potential, at_least: 30%}
  best_tenth: {score: potential, top: 10%}
  leaving: {score: churn, at_least: 0.95}
  rhythmic: {score: rhythm, more_than: 0.5}
"""
LEARNT, JUDGED, END = "1997-12-30", "1998-03-31", "1998-06-30"


def shop(folder: Path, log: pd.DataFrame) -> Replay:
    replay = Replay.of(WORKSPACE, folder, {})
    (replay.root / "data").mkdir()
    log.to_csv(replay.root / "data" / "log.csv", index=False, date_format="%Y-%m-%d")
    (replay.root / "config" / "segments.yaml").write_text(SCORES, encoding="utf-8")
    for trigger in (replay.root / "triggers").iterdir():
        trigger.unlink()
    return replay


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replay, list[Any]]:
    replay = shop(tmp_path_factory.mktemp("scores"), read_log())
    return replay, replay.run("scores", "fit", "--at", END)


def features(orders: pd.DataFrame, at: str) -> tuple[np.ndarray, np.ndarray]:
    """The nine features and who bought within 91 days, by pandas alone."""
    instant = pd.Timestamp(at)
    past = orders[orders["day"] <= instant]
    found = past.groupby("customer").agg(
        first=("day", "min"), last=("day", "max"), n=("day", "size"), amount=("total", "mean")
    )
    recency, tenure = (instant - found["last"]).dt.days, (instant - found["first"]).dt.days
    gap = ((tenure - recency) / (found["n"] - 1)).where(found["n"] > 1, 0.0)
    counts = [
        past[past["day"] > instant - pd.Timedelta(days=days)]
        .groupby("customer")
        .size()
        .reindex(found.index, fill_value=0)
        for days in (30, 90, 180)
    ]
    columns = [recency, found["n"], found["amount"], tenure, *counts, gap, recency / (gap + 7)]
    later = orders[(orders["day"] > instant) & (orders["day"] <= instant + pd.Timedelta(days=91))]
    bought = found.index.isin(later["customer"])
    return np.log1p(np.column_stack(columns)), bought.astype(int)


def test_a_logistic_score_ranks_who_buys_next_as_well_as_the_nine_features_can(
    fitted: tuple[Replay, list[Any]],
) -> None:
    _, (potential, _) = fitted
    found = potential["model"]["evaluation"]

    assert potential["accepted"]
    assert potential["model"]["training"]["snapshots"] == [f"{LEARNT}T05:00:00+00:00"]
    assert found["snapshot"] == f"{JUDGED}T05:00:00+00:00"
    assert found["customers"] == 23_570
    assert found["base_rate"] == pytest.approx(0.141, abs=5e-4)
    assert found["auc"] >= 0.835
    assert found["brier"] <= 0.091
    assert found["calibration_error"] <= 0.03
    assert max(abs(each["mean"] - each["observed"]) for each in found["calibration"]) <= 0.03


def test_its_numbers_are_those_of_scikit_learn_on_pandas_features(
    fitted: tuple[Replay, list[Any]],
) -> None:
    _, (potential, _) = fitted
    orders = read_orders(read_log())
    past, bought = features(orders, LEARNT)
    scaler = StandardScaler().fit(past)
    model = LogisticRegression(max_iter=2_000, tol=1e-8).fit(scaler.transform(past), bought)
    now, buys = features(orders, JUDGED)
    chances = model.predict_proba(scaler.transform(now))[:, 1]

    written = potential["model"]
    assert [each["mean"] for each in written["features"]] == pytest.approx(scaler.mean_)
    coefficients = [each["coefficient"] for each in written["features"]]
    assert coefficients == pytest.approx(model.coef_[0], abs=1e-4)
    assert written["evaluation"]["auc"] == pytest.approx(roc_auc_score(buys, chances), abs=1e-4)
    brier = brier_score_loss(buys, chances)
    assert written["evaluation"]["brier"] == pytest.approx(brier, abs=1e-5)


def test_the_closed_form_does_nearly_as_well_without_scikit_learn(
    fitted: tuple[Replay, list[Any]],
) -> None:
    _, (_, rhythm) = fitted

    assert rhythm["model"]["evaluation"]["auc"] >= 0.82
    assert rhythm["model"]["evaluation"]["brier"] <= 0.091
    assert rhythm["model"]["evaluation"]["calibration_error"] <= 0.03


def test_segments_of_scores_hold_those_who_come_back_and_those_who_do_not(
    fitted: tuple[Replay, list[Any]],
) -> None:
    replay, _ = fitted
    replay.run("tick", "--at", JUDGED)
    orders = read_orders(read_log())
    later = orders[(orders["day"] > JUDGED) & (orders["day"] <= END)]
    buyers = set(later["customer"])

    def rate(segment: str) -> tuple[int, float]:
        members = set(replay.run("members", segment, "--at", JUDGED)["customers"])
        return len(members), len(members & buyers) / len(members)

    size, share = rate("best_tenth")
    assert 2_357 <= size <= 2_400
    assert share > 4 * 0.141
    assert rate("likely")[1] > 0.4
    assert rate("rhythmic")[1] > 0.5
    size, share = rate("leaving")
    assert size > 8_000
    assert share < 0.04


def test_what_is_told_of_scores_as_json_is_what_the_page_tells(
    fitted: tuple[Replay, list[Any]],
) -> None:
    replay, report = fitted
    for document, found in (
        ("scores fit [NAME]", report),
        ("scores show [NAME]", replay.run("scores", "show")),
        ("scores of CUSTOMER", replay.run("scores", "of", "100", "--at", END)),
        ("scores of CUSTOMER", replay.run("scores", "of", "1", "--at", END)),
    ):
        example, nullable = documented(document)
        assert list(differences(found, example, nullable)) == []
    assert json.loads((replay.root / "scores/rhythm.json").read_text())["model"] == "bgnbd"


def test_the_published_parameters_come_out_of_the_sample_that_they_were_published_for(
    tmp_path: Path,
) -> None:
    (path,) = (file for file in files("lifetimes") or [] if file.name == "CDNOW_sample.txt")
    names = ["master", "customer_id", "day", "cds", "dollars"]
    log = pd.read_csv(str(path.locate()), sep=r"\s+", names=names)
    log = log.assign(day=pd.to_datetime(log["day"].astype(str), format="%Y%m%d"))
    replay = shop(tmp_path, log)

    # learnt from what was known on 1997-09-30; Christmas makes it badly calibrated, and refused
    (rhythm,) = replay.run("scores", "fit", "rhythm", "--force", "--at", "1998-03-31")

    assert "badly calibrated" in rhythm["refused"][0]
    assert rhythm["model"]["training"]["customers"] == 2_357
    numbers = rhythm["model"]["parameters"]
    assert numbers["r"] == pytest.approx(0.243, abs=5e-4)
    assert numbers["alpha"] == pytest.approx(4.414, abs=5e-4)
    assert numbers["a"] == pytest.approx(0.793, abs=5e-4)
    assert numbers["b"] == pytest.approx(2.426, abs=5e-4)
    assert rhythm["model"]["log_likelihood"] == pytest.approx(-9582.4, abs=0.05)
