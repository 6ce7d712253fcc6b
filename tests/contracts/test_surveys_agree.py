"""Every engine surveys segments as plain Python does: then, now, and what came in between."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from pools import ACCOUNT_SQL_LEAVES, SQL_LEAVES
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.trigger import Goal
from relance.engine import open_engine
from relance.engine.reference import evaluate
from relance.engine.reference_shop import Shop
from relance.uplift.survey import Groups, Survey
from shops import workspace, write_parquet, write_postgres, write_sqlite
from strategies import Case, cases

WEEK = Goal(event="order", within=Duration.parse("7 days"))
EVERY_SQL_LEAF = {**SQL_LEAVES, **ACCOUNT_SQL_LEAVES}


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


def members(case: Case, at: datetime, fits: Fits) -> dict[str, set[str]]:
    shop = replace(
        case.shop, answers={query: ask(case.shop, at) for query, ask in EVERY_SQL_LEAF.items()}
    )
    return {
        name: evaluate(one.condition, shop, at, segments=case.segments, fits=fits)
        for name, one in case.segments.items()
    }


def surveyed(case: Case, location: str, *, at_source: bool = False) -> tuple[Survey, Fits]:
    root, segments = Path(tempfile.gettempdir()), list(case.segments.values())
    with closing(open_engine(workspace(case, location, root, at_source=at_source))) as engine:
        with engine.picture(case.at, segments, [], Fits()) as picture:
            fits = picture.fits
        return engine.survey(case.at, segments, WEEK, ["order"], fits), fits


def agree(case: Case, location: str, *, at_source: bool = False) -> None:
    found, fits = surveyed(case, location, at_source=at_source)
    zone = ZoneInfo(str(case.shop.zone))
    then_at = WEEK.within.before(case.at, zone)
    assert (found.then_at, found.at) == (then_at, case.at)
    then, now = members(case, then_at, fits), members(case, case.at, fits)
    buyers = Counter(
        order.customer for order in case.shop.events["order"] if then_at < order.at <= case.at
    )
    returned = {who.key for who in case.shop.customers} & set(buyers)
    note(f"then {then}, now {now}, returned {returned}")
    names = list(found.names)
    assert names == list(case.segments)
    inside = found.then.inside
    for place, name in enumerate(names):
        assert size(found.then, place) == len(then[name]), name
        assert size(found.now, place) == len(now[name]), name
        assert found.stayed[place] == len(then[name] & now[name]), name
        got = int(found.outcome.returned[inside[:, place]].sum())
        assert got == len(returned & then[name]), name
        both = found.now.both()
        for other, another in enumerate(names):
            assert both[place, other] == len(now[name] & now[another])
    assert found.now.total == found.then.total == len(case.shop.customers)
    assert int(found.outcome.returned.sum()) == len(returned)
    past = [order for order in case.shop.events["order"] if order.at <= case.at]
    table = found.tables["order"]
    assert table.rows == len(past)
    assert table.recent == sum(order.at > then_at for order in past)
    assert table.newest == max((order.at for order in past), default=None)
    same_money(found, case.shop, then_at, case.at)


def size(groups: Groups, place: int) -> int:
    return int(groups.of_each(groups.customers)[place])


def same_money(found: Survey, shop: Shop, then_at: datetime, at: datetime) -> None:
    """All of it, whichever group its customers are in."""
    keys = {who.key for who in shop.customers}
    spent = sum(
        float(str(order.fields["amount"] or 0))
        for order in shop.events["order"]
        if order.customer in keys and then_at < order.at <= at
    )
    assert found.outcome.mean is not None
    total = float((found.outcome.mean * found.then.customers).sum())
    assert total == pytest.approx(spent, abs=1e-6)


@given(case=cases(segments=12))
@often(8)
def test_a_folder_of_parquet_files_is_surveyed_as_by_hand(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_parquet(case, Path(folder)))


@pytest.mark.slow
@given(case=cases(segments=12))
@often(300)
def test_many_more_folders_are_surveyed_as_by_hand(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_parquet(case, Path(folder)))


@given(case=cases(segments=12))
@often(3)
def test_a_sqlite_file_is_surveyed_as_by_hand(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_sqlite(case, Path(folder)))


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(case=cases(segments=12))
@often(2)
def test_postgresql_is_surveyed_as_by_hand(
    postgres_database: str, at_source: bool, case: Case
) -> None:
    agree(case, write_postgres(case, postgres_database), at_source=at_source)
