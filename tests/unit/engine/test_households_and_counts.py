"""What a tick asks beside segments: who lives together, and how much data there is."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from engine_shop import (
    CUSTOMERS,
    CUSTOMERS_SPEC,
    MONDAY,
    TUESDAY,
    Shop,
    at,
    bought,
    fill_postgres,
    segments_of,
    trigger,
)
from relance.domain.condition import AllOf, RfmIs
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.trigger import Goal, OnEnter
from relance.domain.workspace import EventSpec
from relance.engine.service import RelanceEngine

HOME = replace(CUSTOMERS_SPEC, household="home")
SEGMENTS = {"buyers": bought(1)}
VISIT = EventSpec(name="visit", table="visits", customer="customer_id", at="seen_at")
VISITS = {
    "customer_id": [1, 2, 99, None],
    "seen_at": ["2026-03-09 08:00", "2026-03-09 20:00", "2026-03-01 08:00", "2026-03-02 08:00"],
}


def households(engine: RelanceEngine) -> list[str | None]:
    """Of the customers 1 to 4."""
    asked = pa.array(["1", "2", "3", "4"])
    with engine.picture(MONDAY, segments_of(SEGMENTS), [], Fits()) as picture:
        rows = picture.rows(asked, []).sort_by("customer")
    assert rows["household"].type == pa.string()
    return rows["household"].to_pylist()


def test_without_a_mapped_column_nobody_has_a_household(shop: Shop) -> None:
    assert households(shop.engine(SEGMENTS)) == [None] * 4


@pytest.mark.parametrize(
    ("keys", "read"),
    [
        (["h1", " h1 ", "", None], ["h1", "h1", None, None]),
        ([7, 7, None, 12345678901], ["7", "7", None, "12345678901"]),
        ([7.0, None, float("nan"), 1e10], ["7", None, None, "10000000000"]),
        ([Decimal("7.00"), None, None, Decimal("8.00")], ["7", None, None, "8"]),
        (["Zoe\u0301", "Zoé", "  ", None], ["Zoé", "Zoé", None, None]),
    ],
    ids=["texts", "numbers", "numbers with gaps", "decimals", "letters"],
)
def test_a_household_is_the_same_however_its_key_is_written(
    shop: Shop, keys: list[object], read: list[str | None]
) -> None:
    shop.tables["customers"] = {**CUSTOMERS, "home": keys}
    assert households(shop.engine(SEGMENTS, customers=HOME)) == read


def test_in_csv_a_key_of_digits_keeps_its_zeros(shop: Shop) -> None:
    data = shop.folder / "data"
    data.mkdir()
    lines = ["id,home", "1,007", "2,007", "3,", "4,8"]
    (data / "customers.csv").write_text("\n".join(lines) + "\n")
    (data / "orders.csv").write_text("customer_id,ordered_at\n1,2026-03-01 12:00:00\n")
    spec = replace(
        CUSTOMERS_SPEC, key="id", email=None, phone=None, locale=None, timezone=None, consent={},
        attributes={}, country=None, household="home",
    )  # fmt: skip
    order = EventSpec(name="order", table="orders", customer="customer_id", at="ordered_at")
    engine = shop.open(shop.workspace(SEGMENTS, customers=spec, events={"order": order}))
    assert households(engine) == ["007", "007", None, "8"]


def test_households_of_a_sqlite_file_and_of_postgresql_are_read(
    shop: Shop, postgres_database: str
) -> None:
    tables = {**shop.tables, "customers": {**CUSTOMERS, "home": ["h1", "h1", None, ""]}}
    fill_postgres(postgres_database, tables)
    path = shop.folder / "shop.sqlite"
    with sqlite3.connect(path) as file:
        for name, columns in tables.items():
            file.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            rows = [
                [v if v is None or isinstance(v, int | float) else str(v) for v in row]
                for row in zip(*columns.values(), strict=True)
            ]
            file.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    file.close()
    workspace = shop.workspace(SEGMENTS, customers=HOME)
    for location in (path, postgres_database):
        assert households(shop.open(at(workspace, location))) == ["h1", "h1", None, None]


def visited(shop: Shop) -> dict[str, object]:
    """A trigger whose goal no segment looks at."""
    shop.tables["visits"] = VISITS
    goal = Goal(event="visit", within=Duration.parse("30 days"))
    one = replace(trigger("buyers", OnEnter()), goal=goal)
    order = shop.workspace().events["order"]
    return {"events": {"order": order, "visit": VISIT}, "triggers": {"t": one}}


def test_rows_are_counted_up_to_the_instant_whoever_they_are_of(shop: Shop) -> None:
    changes = visited(shop)
    engine = shop.engine(SEGMENTS, **changes)
    with engine.picture(MONDAY, segments_of(SEGMENTS), [], Fits()) as picture:
        assert picture.events == {"order": 3, "visit": 3}
    with engine.picture(TUESDAY, segments_of(SEGMENTS), [], Fits()) as picture:
        assert picture.events == {"order": 4, "visit": 4}


def test_only_events_that_a_segment_or_a_goal_names_are_counted(shop: Shop) -> None:
    changes = visited(shop)
    everybody = {"everybody": AllOf(())}
    engine = shop.engine(everybody, **changes)
    with engine.picture(TUESDAY, segments_of(everybody), [], Fits()) as picture:
        assert picture.events == {"visit": 4}


def test_a_server_counts_its_own_rows(shop: Shop, postgres_database: str) -> None:
    fill_postgres(postgres_database, shop.tables)
    workspace = at(shop.workspace(SEGMENTS), postgres_database)
    for spot in (workspace, at(workspace, postgres_database, at_source=True)):
        with shop.open(spot).picture(MONDAY, segments_of(SEGMENTS), [], Fits()) as picture:
            assert picture.events == {"order": 3}


def test_under_other_cut_offs_the_same_instant_has_the_same_rows(shop: Shop) -> None:
    scored = {"best": RfmIs(recency=(5,))}
    engine = shop.engine(scored)
    with engine.picture(MONDAY, segments_of(scored), [], Fits()) as picture:
        fits, events = picture.fits, picture.events
    with engine.picture(MONDAY + timedelta(days=30), segments_of(scored), [], fits) as picture:
        refitted = picture.refitted()
        assert refitted is not None
        with refitted:
            assert refitted.events == picture.events
            assert refitted.events["order"] > events["order"] == 3


def test_the_count_is_the_one_that_a_report_compares_it_with(shop: Shop) -> None:
    engine = shop.engine(SEGMENTS, **visited(shop))
    with engine.picture(MONDAY, segments_of(SEGMENTS), [], Fits()) as picture:
        assert engine.rows(dict.fromkeys(picture.events, MONDAY)) == picture.events
