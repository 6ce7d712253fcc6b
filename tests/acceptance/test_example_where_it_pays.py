"""examples/where_it_pays: a message goes where it is expected to bring back what was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import wine_shop
from replay import Replay

EXAMPLE = Path(__file__).parents[2] / "examples" / "where_it_pays"
FIT = "2026-03-01"
DAYS = ("2026-03-01T10:00", "2026-03-02T10:00", "2026-03-03T10:00", "2026-03-04T10:00")
VALUE, RETURN = 6.50, 20
COST = {"sms": 0.08, "email": 0.03}


@pytest.fixture
def shop(tmp_path: Path) -> Replay:
    replay = Replay.of(EXAMPLE, tmp_path, {})
    wine_shop.write(replay.root / "data")
    return replay


def chances(model: dict[str, Any], orders: pd.DataFrame, at: str) -> pd.DataFrame:
    """Every customer's silence and chance, from the numbers of the file and by pandas alone."""
    now = pd.Timestamp(at)
    past = orders[orders["ordered_at"] <= now]
    found = past.groupby("customer_id").agg(
        first=("ordered_at", "min"), last=("ordered_at", "max"), count=("total", "size"),
        mean_amount=("total", "mean"),
    )  # fmt: skip
    day = pd.Timedelta(days=1)
    found["recency"], found["tenure"] = (now - found["last"]) / day, (now - found["first"]) / day
    for days in (30, 90, 180):
        recent = past[past["ordered_at"] > now - days * day].groupby("customer_id").size()
        found[f"count_{days}"] = recent.reindex(found.index, fill_value=0)
    gap = (found["tenure"] - found["recency"]) / (found["count"] - 1)
    found["mean_gap"] = gap.where(found["count"] > 1, 0.0)
    found["silence"] = found["recency"] / (found["mean_gap"] + 7)
    odds = sum(
        term["coefficient"] * (np.log1p(found[term["name"]]) - term["mean"]) / term["scale"]
        for term in model["features"]
    )
    return found.assign(chance=1 / (1 + np.exp(-(odds + model["intercept"]))))


def segments(model: dict[str, Any], orders: pd.DataFrame, at: str) -> dict[str, set[str]]:
    found = chances(model, orders, at)
    quiet = found["recency"] >= 21

    def pays(channel: str) -> pd.Series:
        return found["chance"] * VALUE / COST[channel] >= RETURN

    return {
        "worth_a_text": set(found.index[quiet & pays("sms")]),
        "worth_an_email": set(found.index[quiet & pays("email") & ~pays("sms")]),
        "not_worth_a_word": set(found.index[quiet & ~pays("email")]),
    }


def written_to(replay: Replay) -> dict[str, set[str]]:
    """Who got something, by channel, as the outbox has it."""
    people = wine_shop.customers().set_index("mobile")["customer_id"]
    found: dict[str, set[str]] = {"email": set(), "sms": set()}
    for path in (replay.root / "outbox").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for number, name in people.items():
                if f"+33{str(number)[1:]}" in text:
                    found["sms"].add(name)
                elif f"{name}@mail.example" in text:
                    found["email"].add(name)
    return found


def test_only_those_are_written_to_for_whom_it_pays(shop: Replay) -> None:
    assert shop.run("check") == []
    model = json.loads((shop.root / "scores/potential.json").read_text(encoding="utf-8"))
    orders = wine_shop.orders()
    before = segments(model, orders, DAYS[0])
    first = shop.run("tick", "--at", DAYS[0])
    assert all(run["baseline"] and not run["messages"] for run in first["triggers"])

    expected: dict[str, set[str]] = {"worth_a_text": set(), "worth_an_email": set()}
    treated = {"come_by": 0, "new_arrivals": 0}
    entered = {"come_by": 0, "new_arrivals": 0}
    for day in DAYS[1:]:
        now = segments(model, orders, day)
        for name, everybody in expected.items():
            everybody |= now[name] - before[name]
        before = now
        for run in shop.run("tick", "--at", day)["triggers"]:
            treated[run["name"]] += run["treated"]
            entered[run["name"]] += run["treated"] + run["held_out"]
        shop.run("deliver", "--at", day)
        for name, members in now.items():
            assert set(shop.run("members", name)["customers"]) == members, name

    got = written_to(shop)
    assert got["sms"] <= expected["worth_a_text"]
    assert got["email"] <= expected["worth_an_email"]
    assert not (got["sms"] | got["email"]) & before["not_worth_a_word"]
    assert len(got["sms"]) == treated["come_by"] > 0
    assert len(got["email"]) == treated["new_arrivals"] > 0
    assert entered["come_by"] == len(expected["worth_a_text"])
    assert len(before["not_worth_a_word"]) > 100


def test_the_model_is_the_one_that_the_history_gives_and_fitting_it_again_changes_nothing(
    shop: Replay,
) -> None:
    written = json.loads((shop.root / "scores/potential.json").read_text(encoding="utf-8"))
    shop.run("tick", "--at", DAYS[0])
    (report,) = shop.run("scores", "fit", "--at", FIT)

    assert report["accepted"]
    assert report["model"]["evaluation"]["auc"] == pytest.approx(
        written["evaluation"]["auc"], abs=1e-3
    )
    for new, old in zip(report["model"]["features"], written["features"], strict=True):
        assert new["coefficient"] == pytest.approx(old["coefficient"], abs=1e-3)
    for run in shop.run("tick", "--at", DAYS[0].replace("10:00", "10:01"))["triggers"]:
        assert (run["baseline"], run["entered"]) == (False, 0)


def test_a_dearer_message_moves_the_threshold_and_writes_to_nobody(shop: Replay) -> None:
    shop.run("tick", "--at", DAYS[0])
    many = len(shop.run("members", "worth_a_text")["customers"])
    config = shop.root / "config/relance.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("0.08", "0.16"), encoding="utf-8")

    runs = {run["name"]: run for run in shop.run("tick", "--at", DAYS[1])["triggers"]}

    assert runs["come_by"]["baseline"]
    assert runs["come_by"]["messages"] == 0
    assert 0 < runs["come_by"]["members"] < many
