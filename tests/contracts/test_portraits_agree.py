"""Every engine portrays a segment as numpy does: features, shares, and nothing personal."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from relance.domain.condition import Aggregate, Comparison, EventIs, Measure, Op, ScoreIs
from relance.domain.fits import Fits
from relance.domain.workspace import RfmSpec, Segment
from relance.engine import open_engine
from relance.engine.reference import evaluate
from relance.engine.reference_shop import Customer, Event, Shop
from relance.uplift.portrait import Feature, Portrait
from shops import workspace, write_parquet, write_postgres, write_sqlite
from strategies import MODELS, SCORE_SPECS, Case

AT = datetime(2026, 3, 10, 8, tzinfo=UTC)
OFTEN = EventIs(Aggregate("order", Measure.COUNT), (Comparison(Op.AT_LEAST, 3),))


def made(seed: int, *, whole_keys: bool) -> Case:
    """Four hundred customers, most of whom have ordered; a few orders are still to come."""
    random = Random(seed)
    keys = [str(n) if whole_keys else f"c{n}" for n in range(400)]
    customers = [Customer(key=key, attributes=_attributes(random)) for key in keys]
    orders = [
        Event(customer=key, at=AT - timedelta(days=random.uniform(-2, 300)), fields=_fields(random))
        for key in keys
        for _ in range(random.choice((0, 1, 1, 2, 3, 5)))
    ]
    shop = Shop(
        zone=ZoneInfo("Europe/Paris"),
        source_zone=ZoneInfo("UTC"),
        customers=customers,
        events={"order": orders, "visit": []},
        rfm=RfmSpec(),
    )
    return Case(
        shop=shop,
        at=AT,
        earlier=AT - timedelta(days=8),
        segments={"often": Segment(name="often", condition=OFTEN, version="1")},
        whole_keys=whole_keys,
        naive=False,
    )


def _attributes(random: Random) -> dict[str, object]:
    return {
        "country": random.choice(("FR", "FR", "FR", "BE", "BE", None, f"X{random.randint(0, 40)}")),
        "first_name": random.choice(("Zoé", "Ann")), "shoe_size": random.choice((38, 39, 40)),
        "points": random.random(), "vip": random.random() < 0.3,
        "birth_date": date(1990, 1, 1), "trial_ends": None,
    }  # fmt: skip


def _fields(random: Random) -> dict[str, object]:
    return {
        "amount": random.choice((None, 10.0, 25.5, 80.0)), "pieces": random.choice((1, 2)),
        "category": random.choice(("shoes", "hats", None)), "gift": random.random() < 0.1,
        "deliver_on": None,
    }  # fmt: skip


def drawn(case: Case, location: str, *, at_source: bool = False) -> Portrait:
    with closing(open_engine(workspace(case, location, Path("/"), at_source=at_source))) as engine:
        (found,) = engine.portraits(AT, list(case.segments.values()), Fits())
        return found


def agree(case: Case, found: Portrait) -> None:
    past = [order for order in case.shop.events["order"] if order.at <= AT]
    counts = Counter(order.customer for order in past)
    members = {key for key, number in counts.items() if number >= 3}
    assert (found.everybody, found.members) == (400, len(members))
    assert found.active == (len(counts), len(members))
    for whole, keys in ((True, set(counts)), (False, members)):
        same_features(found, past, keys, everybody=whole)
    spent = {key: sum(_amount(o) for o in past if o.customer == key) for key in counts}
    assert found.money == pytest.approx((sum(spent.values()), sum(spent[k] for k in members)))
    same_shares(found, case, past, members)


def _amount(order: Event) -> float:
    return float(str(order.fields["amount"] or 0))


def same_features(found: Portrait, past: list[Event], keys: set[str], *, everybody: bool) -> None:
    mine = [order for order in past if order.customer in keys]
    days = {
        key: [(AT - o.at) / timedelta(days=1) for o in mine if o.customer == key] for key in keys
    }
    values = {
        Feature.RECENCY: [min(each) for each in days.values()],
        Feature.TENURE: [max(each) for each in days.values()],
        Feature.FREQUENCY: [float(len(each)) for each in days.values()],
        Feature.MONETARY: [sum(_amount(o) for o in mine if o.customer == key) for key in keys],
    }
    for one in found.spreads:
        side = one.everybody if everybody else one.members
        wanted = np.array(values[one.feature])
        assert side.logs.n == len(wanted)
        assert side.median == pytest.approx(np.median(wanted), rel=1e-6)
        assert side.mean == pytest.approx(wanted.mean(), rel=1e-6)
        assert side.logs.mean == pytest.approx(np.log1p(wanted).mean(), rel=1e-6)
        assert side.logs.variance == pytest.approx(np.log1p(wanted).var(ddof=1), rel=1e-6)
        assert (side.score is None) == (one.feature is Feature.TENURE)
        assert side.score is None or 1 <= side.score <= 5


def same_shares(found: Portrait, case: Case, past: list[Event], members: set[str]) -> None:
    names = {(one.name, one.event) for one in found.shares}
    assert names == {
        ("country", None), ("shoe_size", None), ("vip", None),
        ("category", "order"), ("pieces", "order"), ("gift", "order"),
    }  # fmt: skip
    country = next(one for one in found.shares if one.name == "country")
    everybody = Counter(who.attributes["country"] for who in case.shop.customers)
    mine = Counter(w.attributes["country"] for w in case.shop.customers if w.key in members)
    shown = {value.text: (value.everybody, value.members) for value in country.values}
    assert shown == {
        text: (number, mine[text])
        for text, number in everybody.items()
        if number >= 5 and (mine[text] >= 5 or not mine[text])
    }
    assert country.others is not None
    assert country.others.everybody == 400 - sum(n for n, _ in shown.values())
    category = next(one for one in found.shares if one.name == "category")
    for value in category.values:
        having = {o.customer for o in past if o.fields["category"] == value.text}
        assert (value.everybody, value.members) == (len(having), len(having & members))


@pytest.mark.parametrize("whole_keys", [True, False], ids=["whole", "text"])
def test_a_folder_of_parquet_files(tmp_path: Path, whole_keys: bool) -> None:
    case = made(1, whole_keys=whole_keys)
    agree(case, drawn(case, write_parquet(case, tmp_path)))


def test_a_sqlite_file(tmp_path: Path) -> None:
    case = made(2, whole_keys=False)
    # a truth is a whole number there
    agree(case, drawn(case, write_sqlite(case, tmp_path)))


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
def test_postgresql(postgres_database: str, at_source: bool) -> None:
    case = made(3, whole_keys=True)
    agree(case, drawn(case, write_postgres(case, postgres_database), at_source=at_source))


def test_a_segment_by_score_is_described_as_plain_python_counts_it(
    tmp_path: Path, postgres_database: str
) -> None:
    case = made(4, whole_keys=True)
    shop = replace(case.shop, scores=SCORE_SPECS, models=MODELS)
    likely = ScoreIs("potential", (Comparison(Op.AT_LEAST, 0.5),))
    segment = Segment(name="likely", condition=likely, version="1")
    case = replace(case, shop=shop, segments={"likely": segment})
    wanted = len(evaluate(likely, shop, AT))
    assert 0 < wanted < 400
    places = (write_parquet(case, tmp_path), False), (write_postgres(case, postgres_database), True)
    for location, at_source in places:
        assert drawn(case, location, at_source=at_source).members == wanted
