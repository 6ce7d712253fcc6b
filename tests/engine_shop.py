"""A small shop as a folder of Parquet files, and workspaces over whatever a test writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from relance.domain.condition import (
    Aggregate,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    Measure,
    Op,
    Operand,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.trigger import On, Schedule, Trigger
from relance.domain.workspace import (
    CustomersSpec,
    EventSpec,
    RfmSpec,
    Segment,
    SourceSpec,
    Workspace,
)
from relance.engine import open_engine
from relance.engine.service import RelanceEngine
from relance.pipeline.ports import Changes

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 3, 9, 9, tzinfo=PARIS)
TUESDAY = datetime(2026, 3, 10, 9, tzinfo=PARIS)

CUSTOMERS = {
    "customer_id": [1, 2, 3, 4],
    "email": ["a@shop.example", "b@shop.example", None, "d@shop.example"],
    "mobile": ["0612345678", None, "0698765432", None],
    "lang": ["fr", "en", None, "fr"],
    "tz": ["Europe/Paris", "America/New_York", None, "Mars/Olympus"],
    "email_optin": [True, False, None, True],
    "country": ["fr", "BE", None, "FR"],
    "first_name": ["Ada", "Bea", "Cy", "Dan"],
    "birth_date": [date(1990, 3, 10), date(1992, 2, 29), None, None],
}
ORDERS = {
    "customer_id": [1, 1, 2, 3],
    "ordered_at": [
        datetime.fromisoformat("2026-03-01 12:00"),  # without a zone: the source's is meant
        datetime.fromisoformat("2026-03-09 20:00"),
        datetime.fromisoformat("2026-02-01 08:00"),
        datetime.fromisoformat("2026-03-08 08:00"),
    ],
    "total": [10.0, 20.5, 99.0, 5.0],
    "category": ["shoes", "hats", "shoes", None],
}

CUSTOMERS_SPEC = CustomersSpec(
    table="customers",
    key="customer_id",
    email="email",
    phone="mobile",
    locale="lang",
    timezone="tz",
    consent={"email": "email_optin"},
    attributes={"country": "country", "first_name": "first_name", "birth_date": "birth_date"},
    country="country",
    region="FR",
)
ORDER = EventSpec(
    name="order",
    table="orders",
    customer="customer_id",
    at="ordered_at",
    amount="total",
    fields={"category": "category"},
)


@dataclass
class Shop:
    """Writes tables and opens engines over them; everything is closed with the test."""

    folder: Path
    stack: ExitStack
    tables: dict[str, Mapping[str, list[object]]] = field(
        default_factory=lambda: {"customers": CUSTOMERS, "orders": ORDERS}
    )

    def write(self, name: str, columns: Mapping[str, object]) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        pq.write_table(pa.table(dict(columns)), data / f"{name}.parquet")

    def workspace(
        self, segments: Mapping[str, Condition] | None = None, **changes: object
    ) -> Workspace:
        named = {
            name: Segment(name=name, condition=condition, version="v1")
            for name, condition in (segments or {}).items()
        }
        workspace = Workspace(
            root=self.folder,
            name="shop",
            zone=PARIS,
            locale="fr",
            currency="EUR",
            state="sqlite://",
            source=SourceSpec(location=str(self.folder / "data"), shown="data/", zone=PARIS),
            customers=CUSTOMERS_SPEC,
            events={"order": ORDER},
            rfm=RfmSpec(),
            segments=named,
            triggers={},
            channels={},
        )
        return replace(workspace, **changes)

    def open(self, workspace: Workspace) -> RelanceEngine:
        return self.stack.enter_context(open_engine(workspace))

    def engine(
        self, segments: Mapping[str, Condition] | None = None, **changes: object
    ) -> RelanceEngine:
        for name, columns in self.tables.items():
            self.write(name, columns)
        return self.open(self.workspace(segments, **changes))


def bought(at_least: int, within: str | None = None) -> EventIs:
    window = Window(within=Duration.parse(within)) if within else Window()
    aggregate = Aggregate("order", Measure.COUNT, window=window)
    return EventIs(aggregate, (Comparison(Op.AT_LEAST, at_least),))


def customer(name: str, op: Op, value: Operand) -> CustomerIs:
    return CustomerIs(name, (Comparison(op, value),))


def segments_of(workspace_segments: Mapping[str, Condition]) -> list[Segment]:
    return [
        Segment(name=name, condition=condition, version="v1")
        for name, condition in workspace_segments.items()
    ]


def members(picture: object, segment: str) -> set[str]:
    batches = picture.members(segment)
    return {name for batch in batches for name in batch.column("customer").to_pylist()}


def trigger(segment: str, on: On) -> Trigger:
    return Trigger(
        name="t", segment=segment, on=on, schedule=Schedule(), steps=(), version="v1",
        segment_version="v1",
    )  # fmt: skip


Moves = set[tuple[str, str, bool]]


def moves(changes: Changes) -> Moves:
    """(segment, customer, whether it was an entry); nobody moves twice in one segment."""
    rows = [
        (segment, customer, way)
        for segment, ways in changes.items()
        for way, customers in zip((True, False), ways, strict=True)
        for customer in customers.to_pylist()
    ]
    assert len(rows) == len({(segment, customer) for segment, customer, _ in rows})
    return set(rows)


def customers_of(table: pa.Table) -> set[str]:
    return set(table["customer"].to_pylist())


def at(workspace: Workspace, location: Path | str, **changes: object) -> Workspace:
    return replace(workspace, source=replace(workspace.source, location=str(location), **changes))


def fill_postgres(url: str, tables: Mapping[str, Mapping[str, list[object]]], **types: str) -> None:
    """`types` are of columns that are no text, where they differ from the small shop's."""
    kinds = {"customer_id": "integer", "total": "numeric(10,2)", "ordered_at": "timestamp",
             "birth_date": "date", "email_optin": "boolean", **types}  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        for name, columns in tables.items():
            defined = ", ".join(f"{column} {kinds.get(column, 'text')}" for column in columns)
            connection.execute(f"CREATE TABLE {name} ({defined})")
            marks = ", ".join("%s" for _ in columns)
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {name} VALUES ({marks})",
                    list(zip(*columns.values(), strict=True)),
                )


ACTIVE = {"active": bought(1, "7 days"), "french": customer("country", Op.IS, "FR")}


def fill_duckdb(path: Path) -> None:
    customers, orders = pa.table(CUSTOMERS), pa.table(ORDERS)
    with duckdb.connect(str(path)) as connection:
        for name, table in (("customers", customers), ("orders", orders)):
            connection.register("given", table)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            connection.unregister("given")


def fill_sqlite(path: Path) -> None:
    connection = sqlite3.connect(path)
    for name, columns in (("customers", CUSTOMERS), ("orders", ORDERS)):
        connection.execute(f"CREATE TABLE {name} ({', '.join(columns)}, secret)")
        rows = zip(*columns.values(), strict=True)
        marks = ", ".join("?" for _ in columns)
        connection.executemany(
            f"INSERT INTO {name} VALUES ({marks}, 'x')",
            [
                [value if isinstance(value, int | float | None) else str(value) for value in row]
                for row in rows
            ],
        )
    connection.commit()
    connection.close()
