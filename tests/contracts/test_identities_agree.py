"""Identity maps: the engine's customers and events are those of a plain walk along the links."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relance.domain.workspace import (
    CustomersSpec,
    EventSpec,
    IdentitySpec,
    RfmSpec,
    SourceSpec,
    Workspace,
)
from relance.engine import open_engine

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 10, 9, tzinfo=PARIS)
NAMES = ("order.count", "order.sum", "order.last", "customer.first_name", "customer.city")
IDS = ("a", "b", "c", "d", "B", "É", "10", "9", "w1", "w2")
IDENTITIES = (
    IdentitySpec(table="links", id="anonymous", customer="customer", at="at"),
    IdentitySpec(table="merges", id="old", customer="kept"),
)

Link = tuple[str | None, str | None, int | None]  # id, whose, known since so many days


@dataclass(frozen=True)
class World:
    """Rows of the tables: customers (id, name, city), orders (id, days ago, total), links."""

    customers: Sequence[tuple[str, str | None, str | None]]
    orders: Sequence[tuple[str | None, int, int]]
    links: Sequence[Link]
    merges: Sequence[tuple[str | None, str | None]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    ids = st.sampled_from(IDS)
    known = draw(st.lists(ids, unique=True, min_size=1, max_size=6))
    word = st.sampled_from(("Ann", "Bob", "", None))
    return World(
        customers=[(who, draw(word), draw(word)) for who in known],
        orders=draw(
            st.lists(
                st.tuples(ids | st.none(), st.integers(-2, 9), st.integers(1, 50)), max_size=12
            )
        ),
        links=draw(
            st.lists(
                st.tuples(ids | st.none(), ids | st.none(), st.none() | st.integers(-2, 9)),
                max_size=8,
            )
        ),
        merges=draw(st.lists(st.tuples(ids, ids), max_size=4)),
    )


def days_ago(days: int) -> datetime:
    return AT - timedelta(days=days)


# -- the oracle


def owners(world: World) -> Mapping[str, str]:
    """Where each id's way ends: the latest link counts, then the smallest; a circle is its
    smallest id's."""
    best: dict[str, tuple[tuple[bool, int], bytes, str]] = {}
    every = [*world.links, *((old, kept, None) for old, kept in world.merges)]
    for who, whose, days in every:
        if who is None or whose is None or who == whose or (days is not None and days < 0):
            continue
        rank = ((days is None, days or 0), whose.encode(), whose)
        best[who] = min(best.get(who, rank), rank)
    found = {}
    for who in best:
        way = [who]
        while (step := best.get(way[-1])) is not None and step[2] not in way:
            way.append(step[2])
        if step is None:
            found[who] = way[-1]
        else:
            circle = way[way.index(step[2]) :]
            found[who] = min(circle, key=str.encode)
    return found


def expected(world: World) -> dict[str, dict[str, object]]:
    owner = owners(world)
    people: dict[str, list[tuple[str, str | None, str | None]]] = {}
    for row in world.customers:
        people.setdefault(owner.get(row[0], row[0]), []).append(row)
    found = {}
    for who, rows in people.items():
        ordered = sorted(rows, key=lambda row, who=who: (row[0] != who, row[0].encode()))
        orders = [
            (days, total)
            for each, days, total in world.orders
            if each is not None and days >= 0 and owner.get(each, each) == who
        ]
        found[who] = {
            "order.count": len(orders),
            "order.sum": float(sum(total for _, total in orders)),
            "order.last": days_ago(min(days for days, _ in orders)) if orders else None,
            "customer.first_name": first_said([row[1] for row in ordered]),
            "customer.city": first_said([row[2] for row in ordered]),
        }
    return found


def first_said(values: Sequence[str | None]) -> str | None:
    there = [value for value in values if value is not None]
    return next((value for value in there if value.strip()), there[0] if there else None)


# -- the engine


def tables(world: World) -> Mapping[str, pa.Table]:
    text, instant = pa.string(), pa.timestamp("us", "UTC")

    def table(rows: Sequence[Sequence[object]], **kinds: pa.DataType) -> pa.Table:
        cells = zip(*rows, strict=True) if rows else [()] * len(kinds)
        columns = zip(kinds.items(), cells, strict=True)
        return pa.table({name: pa.array(list(each), kind) for (name, kind), each in columns})

    dated = [(who, days_ago(days), float(total)) for who, days, total in world.orders]
    links = [(w, c, None if days is None else days_ago(days)) for w, c, days in world.links]
    return {
        "customers": table(world.customers, id=text, name=text, city=text),
        "orders": table(dated, customer=text, at=instant, total=pa.float64()),
        "links": table(links, anonymous=text, customer=text, at=instant),
        "merges": table(world.merges, old=text, kept=text),
    }


def workspace(location: str, *, at_source: bool = False) -> Workspace:
    return Workspace(
        root=Path(tempfile.gettempdir()),
        name="known",
        zone=PARIS,
        locale="en",
        currency="EUR",
        state="sqlite://",
        source=SourceSpec(location=location, shown="here", zone=PARIS, at_source=at_source),
        customers=CustomersSpec(
            table="customers", key="id", attributes={"first_name": "name", "city": "city"}
        ),
        events={
            "order": EventSpec(
                name="order", table="orders", customer="customer", at="at", amount="total"
            )
        },
        rfm=RfmSpec(),
        segments={},
        triggers={},
        channels={},
        identities=IDENTITIES,
    )


def profiles(space: Workspace) -> dict[str, dict[str, object]]:
    everybody = pa.array(IDS, pa.string())
    with (
        closing(open_engine(space)) as engine,
        engine.picture(AT, [], NAMES, None) as picture,
    ):
        rows = picture.rows(everybody, NAMES).to_pylist()
        assert picture.customers == len(rows)
    return {row["customer"]: {name: row[name] for name in NAMES} for row in rows}


def write_parquet(world: World, folder: Path) -> str:
    for name, table in tables(world).items():
        pq.write_table(table, folder / f"{name}.parquet")
    return str(folder)


def write_sqlite(world: World, folder: Path) -> str:
    path = folder / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, table in tables(world).items():
            kinds = {"total": "REAL"}
            columns = ", ".join(f'"{c}" {kinds.get(c, "TEXT")}' for c in table.column_names)
            connection.execute(f"CREATE TABLE {name} ({columns})")
            marks = ", ".join("?" * table.num_columns)
            rows = [
                [v.isoformat(sep=" ") if isinstance(v, datetime) else v for v in row.values()]
                for row in table.to_pylist()
            ]
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return str(path)


def write_postgres(world: World, url: str) -> str:
    kinds = {"at": "timestamptz", "total": "double precision"}
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for name, table in tables(world).items():
            columns = ", ".join(f'"{c}" {kinds.get(c, "text")}' for c in table.column_names)
            cursor.execute(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})")
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in table.to_pylist():
                    copy.write_row(list(row.values()))
    return url


def few(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@given(world=worlds())
@few(30)
def test_profiles_over_parquet_are_those_of_whom_the_ids_belong_to(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert profiles(workspace(write_parquet(world, Path(folder)))) == expected(world)


@given(world=worlds())
@few(10)
def test_profiles_over_sqlite_are_those_of_whom_the_ids_belong_to(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert profiles(workspace(write_sqlite(world, Path(folder)))) == expected(world)


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(world=worlds())
@few(10)
def test_profiles_over_postgresql_are_those_of_whom_the_ids_belong_to(
    postgres_database: str, at_source: bool, world: World
) -> None:
    space = workspace(write_postgres(world, postgres_database), at_source=at_source)
    assert profiles(space) == expected(world)


@given(world=worlds(), data=st.data())
@few(10)
def test_merging_in_any_order_gives_the_same_profiles(world: World, data: st.DataObject) -> None:
    shuffled = replace(
        world,
        customers=data.draw(st.permutations(world.customers)),
        orders=data.draw(st.permutations(world.orders)),
        links=data.draw(st.permutations(world.links)),
        merges=data.draw(st.permutations(world.merges)),
    )
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first = workspace(write_parquet(world, Path(one)))
        second = workspace(write_parquet(shuffled, Path(other)))
        turned = replace(second, identities=tuple(reversed(IDENTITIES)))
        assert profiles(first) == profiles(second) == profiles(turned)


def test_a_long_chain_and_a_circle_with_tails_are_followed_to_their_ends(tmp_path: Path) -> None:
    chain = [(f"n{k}", f"n{k + 1}") for k in range(100)]
    circle = [("x", "y"), ("y", "z"), ("z", "x"), ("tail", "far"), ("far", "y")]
    world = World(
        customers=[("n100", "Ann", None), ("x", "Xi", None)],
        orders=[("n0", 1, 10), ("tail", 1, 5), ("z", 2, 5)],
        links=[],
        merges=[*chain, *circle],
    )
    space = workspace(write_parquet(world, tmp_path))
    with closing(open_engine(space)) as engine, engine.picture(AT, [], NAMES, None) as picture:
        rows = picture.rows(pa.array(["n100", "x"]), NAMES).to_pylist()
        assert {row["customer"]: row["order.sum"] for row in rows} == {"n100": 10, "x": 10}
    with closing(open_engine(space)) as engine:
        kin = engine.kin(["n100", "y"], AT)
    assert kin.num_rows == 101 + 5
