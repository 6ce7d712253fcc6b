"""The engine's scores are scikit-learn's, to nine digits, in every engine."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine_shop import CUSTOMERS, MONDAY, ORDERS, Shop, at, fill_postgres
from relance.domain.duration import Duration
from relance.domain.score import BgNbd, Feature, Rule, ScoreModel, ScoreSpec
from relance.domain.workspace import Workspace
from relance.engine.scored import where_it_stays
from relance.engine.scores import Columns, Scorer, column_name, needs_of_score
from relance.engine.service import RelanceEngine
from relance.scoring import bgnbd, logistic
from relance.scoring.history import History

WITHIN = Duration.parse("90 days")
SPEC = ScoreSpec(name="potential", within=WITHIN)
PARIS = ZoneInfo("Europe/Paris")


def tables() -> dict[str, Mapping[str, list[object]]]:
    dice = random.Random(7)
    rows: list[tuple[int, datetime, float]] = []
    for customer in range(1, 81):
        for _ in range(dice.choice([0, 1, 1, 2, 5, 30])):
            ago = timedelta(days=dice.expovariate(1 / 120), seconds=dice.randrange(86_400))
            moment = (MONDAY - ago).replace(tzinfo=None, microsecond=dice.randrange(10**6))
            rows.append((customer, moment, round(dice.uniform(-20, 90), 2)))
    rows.append((1, datetime.fromisoformat("2026-05-01 10:00"), 1e6))  # not yet
    rows.append((2, datetime.fromisoformat("2025-03-01 10:00"), -500.0))  # a return
    customers = {
        name: [list(values)[number % 4] for number in range(80)]
        for name, values in CUSTOMERS.items()
    }
    customers["customer_id"] = list(range(1, 81))
    orders = dict(zip(ORDERS, [*map(list, zip(*rows, strict=True)), [None] * len(rows)],
                      strict=True))  # fmt: skip
    return {"customers": customers, "orders": orders}


def scores(engine: RelanceEngine, workspace: Workspace, model: ScoreModel) -> dict[str, float]:
    """Everybody's score as a tick would have it, wherever the profile stays."""
    profiles = engine._profiles(MONDAY)
    needs = needs_of_score(workspace, "potential")
    names = {need: f"n_{short}" for short, need in needs.items()}
    with engine._session():
        profile = profiles.build(names)
        bench = engine._workbench
        if profiles.source.remote and not workspace.source.at_source:
            profile = bench.scratch(bench.load(profiles.source.fetch(profile)))
        scorer = Scorer(
            workspace=workspace, clock=profiles.clock, dialect=where_it_stays(profiles),
            models={"potential": model},
        )  # fmt: skip
        table = scorer.add(profile, names, ["potential"]).select("key", column_name("potential"))
        stays = profiles.source.remote and workspace.source.at_source
        found = profiles.source.fetch(table).read_all() if stays else bench.arrow(table)
    return dict(zip(found[0].to_pylist(), found[1].to_pylist(), strict=True))


@pytest.fixture(params=["parquet", "postgres", "at_source"])
def place(request: pytest.FixtureRequest, shop: Shop) -> tuple[RelanceEngine, Workspace]:
    shop.tables = tables()
    workspace = shop.workspace(scores={"potential": SPEC})
    if request.param == "parquet":
        return shop.engine(scores={"potential": SPEC}), workspace
    url = request.getfixturevalue("postgres_database")
    fill_postgres(url, shop.tables)
    workspace = at(workspace, url, at_source=request.param == "at_source")
    return shop.open(workspace), workspace


def history(engine: RelanceEngine, workspace: Workspace) -> tuple[History, list[int]]:
    """Every customer's features, and a coin for each."""
    profiles = engine._profiles(MONDAY)
    needs = needs_of_score(workspace, "potential")
    names = {need: f"n_{short}" for short, need in needs.items()}
    with engine._session():
        bench = engine._workbench
        profile = bench.scratch(bench.load(profiles.source.fetch(profiles.build(names))))
        columns = Columns(
            table=profile, names=names, needs=needs, clock=profiles.clock, dialect="duckdb"
        )
        values = {str(each): columns.value(each) for each in Feature}
        found = bench.arrow(profile.filter(columns.known).select("key", **values).order_by("key"))
    keys = found["key"].to_pylist()
    coin = np.array([random.Random(key).random() < 0.4 for key in keys], dtype=float)
    one = np.ones(len(keys))
    features = {each: found[str(each)].to_numpy() for each in Feature}
    return History(features=features, customers=one, buyers=coin, spent=0 * one), keys


def test_the_engines_chances_are_scikit_learns(place: tuple[RelanceEngine, Workspace]) -> None:
    engine, workspace = place
    known, keys = history(engine, workspace)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000, tol=1e-8))
    model.fit(known.matrix(list(Feature)), known.buyers)
    wanted = model.predict_proba(known.matrix(list(Feature)))[:, 1]
    formula = logistic.fit(known, list(Feature))
    exact = replace(
        formula,
        intercept=float(model[-1].intercept_[0]),
        terms=tuple(
            replace(term, mean=float(m), scale=float(s), coefficient=float(c))
            for term, m, s, c in zip(
                formula.terms, model[0].mean_, model[0].scale_, model[-1].coef_[0], strict=True
            )
        ),
    )
    made = ScoreModel(
        score="potential", event="order", within=WITHIN, trained_at=MONDAY, formula=exact
    )

    found = scores(engine, workspace, made)

    assert sorted(key for key, value in found.items() if value is not None) == keys
    assert [found[key] for key in keys] == pytest.approx(wanted, abs=1e-9, rel=0)
    own = [term.coefficient for term in formula.terms]
    assert own == pytest.approx(model[-1].coef_[0], abs=1e-5)


def test_the_closed_form_is_the_same_in_every_engine(
    place: tuple[RelanceEngine, Workspace],
) -> None:
    engine, workspace = place
    known, keys = history(engine, workspace)
    workspace = replace(workspace, scores={"potential": replace(SPEC, rule=Rule.BGNBD)})
    numbers = BgNbd(0.243, 4.414, 0.793, 2.426)
    made = ScoreModel(
        score="potential", event="order", within=WITHIN, trained_at=MONDAY, formula=numbers
    )

    found = scores(engine, workspace, made)

    wanted = bgnbd.probability(numbers, known, 90)
    assert [found[key] for key in keys] == pytest.approx(wanted, abs=1e-9, rel=0)


def test_a_history_counts_who_came_back_and_what_they_spent(
    place: tuple[RelanceEngine, Workspace],
) -> None:
    engine, _ = place
    begin = MONDAY - timedelta(days=90)
    found = engine.score_history(SPEC, begin, MONDAY)
    orders = tables()["orders"]
    rows = list(zip(orders["customer_id"], orders["ordered_at"], orders["total"], strict=True))
    naive = begin.replace(tzinfo=None), MONDAY.replace(tzinfo=None)
    before = {who for who, when, _ in rows if when <= naive[0]}
    after = [
        (who, total) for who, when, total in rows
        if naive[0] < when <= naive[1] and who in before
    ]  # fmt: skip

    assert found.total == len(before)
    assert found.buyers.sum() == len({who for who, _ in after})
    assert found.spent.sum() == pytest.approx(sum(total for _, total in after))


def test_an_hour_of_summer_time_changes_no_length_where_instants_have_a_zone(shop: Shop) -> None:
    shop.tables = tables()
    moment = datetime(2026, 3, 1, 12, tzinfo=PARIS)
    shop.tables["orders"] = {
        **{name: values[:1] for name, values in shop.tables["orders"].items()},
        "customer_id": [1], "ordered_at": [moment],
    }  # fmt: skip
    engine = shop.engine(scores={"potential": SPEC})
    later = datetime(2026, 4, 1, 12, tzinfo=PARIS)  # the clocks have gone forward
    values = engine.score_features(SPEC, "1", later)
    assert values is not None
    assert values[Feature.RECENCY] == pytest.approx(31 - 1 / 24)
    assert values[Feature.GAP] == 0
    assert engine.score_features(SPEC, "99", later) is None
    assert engine.score_features(SPEC, "2", later) == {}
