"""Writes a generated shop down as a source: a Parquet folder, a SQLite file, PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from pools import ACCOUNT_ATTRIBUTES, ATTRIBUTES, ORDER_FIELDS
from relance.domain.workspace import (
    AccountsSpec,
    ChannelSpec,
    CustomersSpec,
    EventSpec,
    SourceSpec,
    Workspace,
)
from relance.engine.reference_shop import Value
from strategies import Case

Rows = Sequence[Sequence[Value]]
ORDER_COLUMNS = {"amount": "total"}  # the others are called what they mean


class Table:
    """The rows of one table, and what kind of value each column holds."""

    def __init__(
        self, name: str, kinds: Mapping[str, str], rows: Iterable[Sequence[Value]]
    ) -> None:
        self.name = name
        self.kinds = kinds
        self.rows: Rows = list(rows)


def tables(case: Case) -> list[Table]:
    """The shop's tables; instants are written as the case says."""
    key = "integer" if case.whole_keys else "text"
    shop, source_zone = case.shop, case.shop.source_zone
    fields = {ORDER_COLUMNS.get(name, name): kind for name, kind in ORDER_FIELDS.items()}
    customers = (
        [_key(case, who.key), _maybe(case, who.account), *_row(case, who.attributes, ATTRIBUTES)]
        for who in shop.customers
    )
    accounts = (
        [_key(case, each.key), *_row(case, each.attributes, ACCOUNT_ATTRIBUTES)]
        for each in shop.accounts
    )
    orders = (
        [_key(case, each.customer), _instant(case, each.at), *_row(case, each.fields, ORDER_FIELDS)]
        for each in shop.events["order"]
    )
    visits = (
        [
            _key(case, each.customer),
            _maybe(case, each.account),
            each.at.astimezone(source_zone).date(),
        ]
        for each in shop.events["visit"]
    )
    return [
        Table("customers", {"customer_id": key, "account_id": key, **ATTRIBUTES}, customers),
        Table("accounts", {"account_id": key, **ACCOUNT_ATTRIBUTES}, accounts),
        Table("orders", {"customer_id": key, "ordered_at": "instant", **fields}, orders),
        Table("visits", {"customer_id": key, "account_id": key, "seen_on": "day"}, visits),
    ]


def _key(case: Case, key: str) -> Value:
    return int(key) if case.whole_keys else key


def _maybe(case: Case, key: str | None) -> Value:
    return None if key is None else _key(case, key)


def _instant(case: Case, instant: datetime) -> datetime:
    return instant.astimezone(case.shop.source_zone).replace(tzinfo=None) if case.naive else instant


def _row(case: Case, values: Mapping[str, Value], kinds: Mapping[str, str]) -> list[Value]:
    cells = (values[name] for name in kinds)
    return [_instant(case, cell) if isinstance(cell, datetime) else cell for cell in cells]


def workspace(case: Case, location: str, root: Path, *, at_source: bool = False) -> Workspace:
    """A workspace over a written shop; the workbench stays in memory."""
    shop = case.shop
    assert shop.source_zone is not None
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
            account="account_id",
            attributes={name: name for name in ATTRIBUTES},
        ),
        accounts=AccountsSpec(
            table="accounts",
            key="account_id",
            attributes={name: name for name in ACCOUNT_ATTRIBUTES},
        ),
        events={
            "order": EventSpec(
                name="order",
                table="orders",
                customer="customer_id",
                at="ordered_at",
                amount="total",
                fields={name: name for name in ORDER_FIELDS if name != "amount"},
            ),
            "visit": EventSpec(
                name="visit",
                table="visits",
                customer="customer_id",
                account="account_id",
                at="seen_on",
            ),
        },
        rfm=shop.rfm,
        lifecycle=shop.lifecycle,
        segments=case.segments,
        triggers={},
        channels={
            name: ChannelSpec(name=name, provider="outbox", sender="", cost=cost)
            for name, cost in shop.costs.items()
        },
        scores=shop.scores,
        models=shop.models,
    )


# -- Parquet


def write_parquet(case: Case, folder: Path) -> str:
    """One file per table. Returns the source's location."""
    arrow = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "day": pa.date32(),
        "instant": pa.timestamp("us") if case.naive else pa.timestamp("us", "UTC"),
    }
    for table in tables(case):
        schema = pa.schema([(name, arrow[kind]) for name, kind in table.kinds.items()])
        rows = [dict(zip(table.kinds, row, strict=True)) for row in table.rows]
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{table.name}.parquet")
    return str(folder)


# -- SQLite

SQLITE = {
    "text": "TEXT",
    "integer": "INTEGER",
    "number": "REAL",
    "truth": "BOOLEAN",
    "day": "DATE",
    "instant": "TIMESTAMP",
}


def write_sqlite(case: Case, folder: Path) -> str:
    """One file; days and instants are text, as SQLite has no type for them."""
    path = folder / "shop.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        for table in tables(case):
            columns = ", ".join(f"{name} {SQLITE[kind]}" for name, kind in table.kinds.items())
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
            marks = ", ".join("?" for _ in table.kinds)
            connection.executemany(
                f"INSERT INTO {table.name} VALUES ({marks})",
                [[_sqlite_cell(cell) for cell in row] for row in table.rows],
            )
    connection.close()
    return str(path)


def _sqlite_cell(cell: Value) -> str | int | float | None:
    if isinstance(cell, datetime):
        at = cell.astimezone(UTC) if cell.tzinfo else cell
        return at.isoformat(sep=" ", timespec="microseconds")
    if cell is None or isinstance(cell, str | int | float):
        return cell
    return cell.isoformat()


# -- PostgreSQL

POSTGRES = {
    "text": "text",
    "integer": "bigint",
    "number": "double precision",
    "truth": "boolean",
    "day": "date",
}


def write_postgres(case: Case, url: str) -> str:
    """Tables in the database of this URL, replacing those that are there."""
    instant = "timestamp" if case.naive else "timestamptz"
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for table in tables(case):
            columns = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(POSTGRES.get(kind, instant)))
                for name, kind in table.kinds.items()
            )
            name = sql.Identifier(table.name)
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
            cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
            with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
                for row in table.rows:
                    copy.write_row(row)
    return url
