"""Small shops with entries for hypothesis, and the same written down as a source.

Orders fall on the very edges of the entries' windows: a random one would hardly ever.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from relance.domain.arm import Arm
from relance.domain.condition import Comparison, FieldTest, Op
from relance.domain.duration import Duration, Unit
from relance.domain.study import PROGRAMME, Study
from relance.domain.trigger import Goal
from relance.domain.workspace import CustomersSpec, EventSpec, RfmSpec, SourceSpec, Workspace
from relance.engine import open_engine
from relance.uplift.outcomes import Cell, Outcomes, SpendSums
from study_oracle import Entry, Order, Person, Shop

ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "UTC")
REPORTS = (
    datetime(2026, 6, 1, 7, tzinfo=UTC),
    datetime(2025, 11, 2, 6, 30, tzinfo=UTC),  # 01:30 in New York, the second time soon
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # the clocks go forward in Paris
)
AGES = tuple(  # of an entry, before the report
    map(timedelta, (0, 1, 6, 7, 8, 29, 30, 31, 60, 90, 91, 120, 200))
)
NUDGES = tuple(timedelta(microseconds=us) for us in (0, 1, -1, 3_600_000_000, -3_600_000_000))
WITHIN = ("7 days", "2 weeks", "30 days", "45 days", "100 days", "36 hours", "1 month", "4 months")
EDGES = ("1 day", "7 days", "30 days", "60 days", "90 days", "20 days", "1 month", "36 hours")
AMOUNTS = (10.0, 0.25, 99.5, 0.0, -5.0, math.inf, -math.inf, None, 1e6)
SHOES = (FieldTest("category", (Comparison(Op.IS, "shoes"),)),)


def generated(seed: int, kind: str, *, nan: bool = True) -> Shop:
    """A shop with a handful of customers, studies and entries, and orders on their edges."""
    random = Random(seed)
    at, whole_keys = random.choice(REPORTS), random.random() < 0.5
    keys = [str(number) if whole_keys else f"c{number}" for number in range(1, 8)]
    studies = _studies(random, at)
    shop = Shop(
        zone=ZoneInfo(random.choice(ZONES)),
        source_zone=ZoneInfo(random.choice(ZONES)),
        kind=kind,
        at=at,
        people=[_person(random, key) for key in keys[:-1]],  # the last one has vanished
        orders=(),
        entries=_entries(random, at, studies, keys),
        studies=studies,
        lapsed_after=Duration.parse(random.choice(("20 days", "1 month", "180 days"))),
        whole_keys=whole_keys,
    )
    amounts = [*AMOUNTS, math.nan] if nan else AMOUNTS
    return replace(
        shop,
        orders=list(_orders(random, shop, amounts)),
        optouts=[(entry.customer, _edge(random, shop, entry)) for entry in shop.entries[::3]],
    )


def _studies(random: Random, at: datetime) -> list[Study]:
    def goal() -> Goal:
        within = Duration.parse(random.choice(WITHIN))
        return Goal(event="order", within=within, where=random.choice(((), (), SHOES)))

    named = (("a", "v2"), ("b", "v1"), ("a", "v1"))
    studies = [
        Study(
            trigger=trigger,
            version=version,
            goal=goal(),
            share=0.1,
            read_out=random.choice((None, 1, 3, 100)),
            addresses=frozenset(random.choice((("email", "phone"), ("email",), ("phone",), ()))),
        )
        for trigger, version in named
    ]
    until = at + random.choice((timedelta(), -timedelta(days=20), timedelta(days=20)))
    return [*studies, Study(trigger=PROGRAMME, version="q1", goal=goal(), share=0.1, until=until)]


def _person(random: Random, key: str) -> Person:
    return Person(
        key=key,
        email=random.choice(
            (None, "", f"{key}@shop.example", "US@shop.example", "us@Shop.example")
        ),
        phone=random.choice((None, "no", "06 12 34 56 78", "0612345678")),
        household=random.choice((None, None, "", "h1")),
    )


def _entries(
    random: Random, at: datetime, studies: Sequence[Study], keys: Sequence[str]
) -> list[Entry]:
    """No two with one trigger, version, customer and instant: the ledger's key forbids them."""
    drawn = (_entry(random, at, studies, keys) for _ in range(random.randint(1, 14)))
    alone = {(each.trigger, each.version, each.customer, each.at): each for each in drawn}
    return list(alone.values())


def _entry(random: Random, at: datetime, studies: Sequence[Study], keys: Sequence[str]) -> Entry:
    study, customer = random.choice(studies), random.choice(keys)
    instant = at - random.choice(AGES) + random.choice((timedelta(), timedelta(hours=1)))
    return Entry(
        trigger=study.trigger,
        version=random.choice((study.version, study.version, "v0")),
        arm=random.choice((*Arm, Arm.TREATED)),
        customer=customer,
        at=instant,
        unit=random.choice((None, None, customer, "household:h1")),
    )


def _orders(random: Random, shop: Shop, amounts: Sequence[float | None]) -> Iterator[Order]:
    for entry in shop.entries:
        for _ in range(random.choice((0, 1, 1, 2, 5))):
            order = Order(
                customer=entry.customer,
                at=shop.written(_edge(random, shop, entry)),
                amount=random.choice(amounts)
                if random.random() < 0.3
                else random.randint(1, 400) / 4,
                category=random.choice(("shoes", "hats")),
            )
            yield from [order] * random.choice((1, 1, 1, 2))


def _edge(random: Random, shop: Shop, entry: Entry) -> datetime:
    """The end of some window of the entry, or just beside it."""
    study = random.choice(shop.studies)
    if study.until is not None and random.random() < 0.1:
        return study.until + random.choice(NUDGES)
    lengths = [study.goal.within, shop.lapsed_after, Duration(random.randint(0, 95), Unit.DAY)]
    length = random.choice([*lengths, *map(Duration.parse, EDGES)])
    shift = length.after if random.random() < 0.6 else length.before
    return shift(entry.at, shop.zone) + random.choice(NUDGES)


# -- as a source


def counted(shop: Shop, location: str, root: Path, *, at_source: bool = False) -> Outcomes:
    """What the engine says of a written shop."""
    with open_engine(workspace(shop, location, root, at_source=at_source)) as engine:
        return engine.study(
            entries_of(shop), shop.studies, optouts_of(shop), shop.lapsed_after, shop.at
        )


def agrees(found: Outcomes, wanted: Outcomes) -> None:
    """Counts are the same; sums are as near as two orders of adding up may come."""
    assert set(found.entered) == set(wanted.entered)
    assert set(found.ages) == set(wanted.ages)
    assert found.planned == wanted.planned
    assert found.shared == wanted.shared
    assert set(found.pairs) == set(wanted.pairs)
    _alike({_place(cell): cell for cell in found.cells}, {_place(c): c for c in wanted.cells})
    _alike({_place(one): one for one in found.spend}, {_place(s): s for s in wanted.spend})
    for name in ("entered", "ages", "pairs", "cells", "spend"):
        assert len(getattr(found, name)) == len(getattr(wanted, name)), f"{name}: each row once"


def _place(row: Cell | SpendSums) -> tuple[object, ...]:
    names = ("trigger", "version", "arm", "week", "metric", "days")
    return tuple(getattr(row, name, None) for name in names)


def _alike(
    found: Mapping[tuple[object, ...], Cell | SpendSums],
    wanted: Mapping[tuple[object, ...], Cell | SpendSums],
) -> None:
    assert found.keys() == wanted.keys()
    for place, row in found.items():
        mine, other = _flat(asdict(row)), _flat(asdict(wanted[place]))
        assert mine == pytest.approx(other, rel=1e-9, abs=1e-6), place


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, float]:
    """Numbers by name; what is nested gets the name of its field before its own."""
    flat: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat |= {f"{prefix}{name}.{place}": one for place, one in enumerate(value)}
        elif value is None:
            flat[f"{prefix}{name} is missing"] = 1
        elif isinstance(value, int | float):
            flat[prefix + name] = value
    return flat


def entries_of(shop: Shop) -> pa.Table:
    rows = [
        {
            "trigger": entry.trigger,
            "version": entry.version,
            "arm": str(entry.arm),
            "customer": entry.customer,
            "unit": entry.unit,
            "at": entry.at,
        }
        for entry in shop.entries
    ]
    texts = [(name, pa.string()) for name in ("trigger", "version", "arm", "customer", "unit")]
    return pa.Table.from_pylist(rows, pa.schema([*texts, ("at", pa.timestamp("us", "UTC"))]))


def optouts_of(shop: Shop) -> pa.Table:
    rows = [{"customer": customer, "at": at} for customer, at in shop.optouts]
    schema = pa.schema([("customer", pa.string()), ("at", pa.timestamp("us", "UTC"))])
    return pa.Table.from_pylist(rows, schema)


def study(text: str, within: str = "7 days", **changes: object) -> Study:
    """`a v1` with a goal of any order."""
    trigger, version = text.split()
    goal = Goal(event="order", within=Duration.parse(within))
    return replace(Study(trigger=trigger, version=version, goal=goal, share=0.1), **changes)


def workspace(shop: Shop, location: str, root: Path, *, at_source: bool = False) -> Workspace:
    return Workspace(
        root=root,
        name="generated",
        zone=shop.zone,
        locale="en",
        currency="EUR",
        state="sqlite://",
        source=SourceSpec(
            location=location, shown="the source", zone=shop.source_zone, at_source=at_source
        ),
        customers=CustomersSpec(
            table="customers",
            key="customer_id",
            email="email",
            phone="phone",
            household="household",
        ),
        events={
            "order": EventSpec(
                name="order",
                table="orders",
                customer="customer_id",
                at="ordered_at",
                amount="total",
                fields={"category": "category"},
            )
        },
        rfm=RfmSpec(),
        segments={},
        triggers={},
        channels={},
    )


PEOPLE = ("customer_id", "email", "phone", "household")
ORDERS = ("customer_id", "ordered_at", "total", "category")
Rows = list[tuple[object, ...]]


def _rows(shop: Shop) -> dict[str, tuple[tuple[str, ...], Rows]]:
    def key(text: str) -> str | int:
        return int(text) if shop.whole_keys else text

    people: Rows = [(key(p.key), p.email, p.phone, p.household) for p in shop.people]
    orders: Rows = [(key(o.customer), o.at, o.amount, o.category) for o in shop.orders]
    return {"customers": (PEOPLE, people), "orders": (ORDERS, orders)}


def write_parquet(shop: Shop, folder: Path) -> str:
    moments = {"instant": pa.timestamp("us", "UTC"), "local": pa.timestamp("us"),
               "day": pa.date32()}  # fmt: skip
    kinds = {"customer_id": pa.int64() if shop.whole_keys else pa.string(),
             "ordered_at": moments[shop.kind], "total": pa.float64()}  # fmt: skip
    for name, (columns, rows) in _rows(shop).items():
        schema = pa.schema([(column, kinds.get(column, pa.string())) for column in columns])
        table = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema)
        pq.write_table(table, folder / f"{name}.parquet")
    return str(folder)


def write_sqlite(shop: Shop, folder: Path) -> str:
    """Moments are text: SQLite has no type for them."""
    path = folder / "shop.sqlite"
    path.unlink(missing_ok=True)
    kinds = {"customer_id": "INTEGER" if shop.whole_keys else "TEXT", "total": "REAL"}
    with sqlite3.connect(path) as connection:
        for name, (columns, rows) in _rows(shop).items():
            defined = ", ".join(f"{column} {kinds.get(column, 'TEXT')}" for column in columns)
            connection.execute(f"CREATE TABLE {name} ({defined})")
            marks = ", ".join("?" for _ in columns)
            connection.executemany(
                f"INSERT INTO {name} VALUES ({marks})", [tuple(map(_text, row)) for row in rows]
            )
    connection.close()
    return str(path)


def _text(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="microseconds")
    return cell.isoformat() if isinstance(cell, date) else cell


def write_postgres(shop: Shop, url: str) -> str:
    """Tables in the database of this URL, replacing those that are there."""
    moments = {"instant": "timestamptz", "local": "timestamp", "day": "date"}
    kinds = {"customer_id": "bigint" if shop.whole_keys else "text",
             "ordered_at": moments[shop.kind], "total": "double precision"}  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for name, (columns, rows) in _rows(shop).items():
            defined = ", ".join(f"{column} {kinds.get(column, 'text')}" for column in columns)
            cursor.execute(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({defined})")
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    return url
