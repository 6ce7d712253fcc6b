"""What scores add to a tick: half of its own time is theirs to share with RFM and stages."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, median, run_json
from benchmarks.shop import FIRST_TICK, write_workspace
from benchmarks.tick import second_tick
from relance.domain.duration import Duration
from relance.domain.score import Bin, Feature, Logistic, Quality, ScoreFile, ScoreModel, Term
from relance.spec import write_score

ROUNDS = 3
SCORES = """\
scores:
  potential: {event: order, within: 90 days, value: 24.00}
  churn: {complement_of: potential}
"""
SEGMENTS = """\
  scored_likely: {score: potential, at_least: 0.3}
  scored_best: {score: potential, top: 10%}
  scored_leaving: {score: churn, at_least: 0.9}
  scored_worth: {score: potential, expected_value: {at_least: 2.50}}
"""


def scores_beside_the_tick(folder: Path, data: Path) -> list[Result]:
    """The same twenty triggers, without scores and with two of them in four segments."""
    plain, scored = folder / "unscored", folder / "scored"
    for root in (plain, scored):
        _prepare(root, data, with_scores=root is scored)
    rounds = [(second_tick(scored), second_tick(plain)) for _ in range(ROUNDS)]
    more = median([_evaluating(one) - _evaluating(two) for one, two in rounds])
    own = median([float(two["seconds"]) for _, two in rounds])
    share = more / own
    return [
        Result(
            work="two scores in four segments, evaluated for 1 M customers, 10 M orders",
            measured=f"{more:.2f} s more",
            limit=f"{own:.2f} s (the tick without them)",
            ratio=f"{share:.2f}",
            budget="RFM, stages and scores at most half of a tick",
            held=share <= 0.5,
            note="what evaluating takes more; that of the spells and entries of more segments is"
            " in the tick's own budgets",
        )
    ]


def _evaluating(tick: dict[str, Any]) -> float:
    """Seconds from opening to the end of the profile and of every segment."""
    begins = dict(tick["phases"])
    return float(begins["compare"] - begins["profile"])


def _prepare(root: Path, data: Path, *, with_scores: bool) -> None:
    shutil.rmtree(root, ignore_errors=True)
    write_workspace(root, triggers=20)
    if with_scores:
        text = f"version: 1\n{SCORES}segments:\n{SEGMENTS}"
        (root / "config/segments.yaml").write_text(text, encoding="utf-8")
        write_score(root, _file("bench"))
    (root / "data").symlink_to(data)
    run_json("benchmarks.tick_once", str(root), FIRST_TICK)
    shutil.copytree(root / "state", root / "state.baseline")


def _file(workspace: str) -> ScoreFile:
    """Nine features with middling numbers: what they are changes no time."""
    at = datetime.fromisoformat(FIRST_TICK)
    terms = tuple(Term(feature, 1.0, 1.0, 0.3 - n / 20) for n, feature in enumerate(Feature))
    return ScoreFile(
        workspace=workspace,
        model=ScoreModel(
            score="potential", event="order", within=Duration.parse("90 days"), trained_at=at,
            formula=Logistic(terms, -0.5), usual_gap=60.0, value=24.0,
        ),
        trained_on=(at,), customers=1, base_rate=0.5, evaluated_on=at,
        quality=Quality(
            customers=1, base_rate=0.5, mean=0.5, auc=0.5, brier=0.25, log_loss=0.7,
            calibration_error=0.0, bins=(Bin(1, 0.5, 0.5),),
        ),
    )  # fmt: skip
