"""SQL that people write: named queries and `sql` leaves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from engine_shop import (
    ACTIVE,
    CUSTOMERS,
    MONDAY,
    ORDER,
    PARIS,
    Shop,
    at,
    fill_postgres,
    fill_sqlite,
    members,
    segments_of,
)
from relance.domain.condition import SqlIs
from relance.domain.fits import Fits
from relance.domain.workspace import EventSpec
from relance.errors import SourceError


def test_named_queries_stand_for_tables_and_in_front_of_them(shop: Shop) -> None:
    workspace = shop.workspace(ACTIVE)
    tables = {
        "big": "SELECT * FROM orders WHERE total >= 10 -- only these\n;",
        "orders": "SELECT * FROM big UNION ALL SELECT * FROM orders WHERE category = 'hats'",
    }
    engine = shop.engine(ACTIVE, source=replace(workspace.source, tables=tables))

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        rows = picture.rows(pa.array(["1", "2", "3"]), ["order.count"]).sort_by("customer")
    assert rows["order.count"].to_pylist() == [1, 1, 0]


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT FROM WHERE (", "DROP TABLE orders"],
)
def test_only_one_select_is_allowed_wherever_sql_is_written(shop: Shop, query: str) -> None:
    engine = shop.engine(ACTIVE)

    with pytest.raises(SourceError, match=r"SQL|SELECT"):
        engine.picture(MONDAY, segments_of({"mine": SqlIs(query)}), [], Fits())


def test_sql_leaves_know_the_instant_and_ignore_strangers(shop: Shop) -> None:
    query = "SELECT customer_id, ':at' FROM orders WHERE ordered_at <= :at UNION ALL SELECT 99, ''"
    engine = shop.engine(ACTIVE)

    with engine.picture(MONDAY, segments_of({"mine": SqlIs(query)}), [], Fits()) as picture:
        assert members(picture, "mine") == {"1", "2", "3"}


UP_TO_NOW = "SELECT customer_id FROM orders WHERE ordered_at <= :at"
VISIT = EventSpec(name="visit", table="visits", customer="customer_id", at="seen_on")


@pytest.mark.parametrize("where", ["folder", "postgresql", "at_source"])
def test_sql_leaves_tell_an_hour_that_comes_twice_also_beside_a_table_of_bare_dates(
    shop: Shop, postgres_database: str, where: str
) -> None:
    """2025-10-26 in Paris has 02:00 to 03:00 twice, from 00:00 and from 01:00 UTC."""
    half_past_two = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    orders = [
        datetime(2025, 10, 26, 0, 29, tzinfo=UTC),  # 02:29, before
        datetime(2025, 10, 26, 1, 1, tzinfo=UTC),  # 02:01, half an hour after
    ]
    shop.tables = {
        "customers": CUSTOMERS,
        "orders": {"customer_id": [1, 2], "ordered_at": orders, "total": [1.0, 1.0],
                   "category": ["hats", "hats"]},
        "visits": {"customer_id": [1], "seen_on": [date(2025, 10, 25)]},
    }  # fmt: skip
    workspace = shop.workspace(events={"order": ORDER, "visit": VISIT})
    if where == "folder":
        engine = shop.engine(events=workspace.events)
    else:
        fill_postgres(postgres_database, shop.tables, ordered_at="timestamptz", seen_on="date")
        asked = at(workspace, postgres_database, at_source=where == "at_source")
        engine = shop.open(asked)

    with engine.picture(half_past_two, segments_of({"n": SqlIs(UP_TO_NOW)}), [], Fits()) as picture:
        assert members(picture, "n") == {"1"}


def test_sql_leaves_of_a_sqlite_file_know_the_local_instant_also_beside_bare_dates(
    shop: Shop,
) -> None:
    path = shop.folder / "shop.sqlite"
    fill_sqlite(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE visits (customer_id, seen_on)")
        file.execute("INSERT INTO visits VALUES (1, '2026-03-10'), (2, '2026-03-11')")
        file.execute("UPDATE orders SET ordered_at = '2026-03-10 00:' || (14 + customer_id)")
        file.commit()
    visits = "SELECT customer_id FROM visits WHERE seen_on <= :at"
    asked = segments_of({"n": SqlIs(UP_TO_NOW), "there": SqlIs(visits)})
    after_midnight = datetime(2026, 3, 10, 0, 16, 30, tzinfo=PARIS)  # still Monday in UTC
    found = []
    for events in ({"visit": VISIT, "order": ORDER}, {"visit": VISIT}):
        engine = shop.open(at(shop.workspace(events=events), path))
        with engine.picture(after_midnight, asked, [], Fits()) as picture:
            found.append([members(picture, name) for name in ("n", "there")])

    assert found == [[{"1", "2"}, {"1"}]] * 2


def test_a_mistake_in_sql_is_told_without_a_traceback(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)

    with pytest.raises(SourceError, match='"nonsense" not found'):
        engine.picture(
            MONDAY, segments_of({"mine": SqlIs("SELECT nonsense FROM orders")}), [], None
        )
