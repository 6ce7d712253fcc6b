"""States of older schemas with rows in every table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect, text

from contracts.state_words import MINUTE, day
from relance.store.instants import Instant
from relance.store.migrate import REVISION_TABLE, upgrade
from relance.store.tables import Base

OLD_STATES = (
    "queued", "claimed", "sending", "accepted", "unknown", "failed", "skipped", "ghost",
)  # fmt: skip
NOW = day(1)


def _made_by(connection: Connection, version: int) -> None:
    """The tables of a schema, and what it says about itself."""
    upgrade(connection, 0, f"{version:04}")
    fill(connection, "meta", {"key": "schema_version", "value": str(version)})
    fill(connection, "meta", {"key": "workspace", "value": "shop"})


def first_release(connection: Connection) -> None:
    """Tables as the first release made them: by the first revision, without Alembic's own."""
    _made_by(connection, 1)
    connection.execute(text(f"DROP TABLE {REVISION_TABLE}"))


def second_schema(connection: Connection) -> None:
    """Tables as they were before it was written down how arms are drawn."""
    _made_by(connection, 2)
    fill(connection, "meta", {"key": "event:order", "value": "seen"})


def third_schema(connection: Connection) -> None:
    """Tables as they were before everything that is fitted was kept in one of them."""
    _made_by(connection, 3)


def fourth_schema(connection: Connection) -> None:
    """Tables as they were before live events came in."""
    _made_by(connection, 4)
    fill(connection, "fit", {
        "name": "rfm", "fitted_at": day(0),
        "document": '{"recency": [1], "frequency": [1], "monetary": [1]}',
    })  # fmt: skip


# as it was, for setting up: today's relance has no such table
_BREAKPOINTS = Table(
    "breakpoints", MetaData(), Column("fitted_at", Instant()),
    *(Column(name) for name in ("recency", "frequency", "monetary")),
)  # fmt: skip


def fill(connection: Connection, table: str, row: dict[str, object]) -> None:
    """Insert by the columns that are there, not by those of today."""
    known = _BREAKPOINTS if table == "breakpoints" else Base.metadata.tables[table]
    columns = [known.c[name] for name in row]
    names = ", ".join(f'"{column.name}"' for column in columns)
    marks = ", ".join(f":{column.name}" for column in columns)
    statement = text(f"INSERT INTO {table} ({names}) VALUES ({marks})")
    values = {column.name: stored(connection, column, row[column.name]) for column in columns}
    connection.execute(statement, values)


def stored(connection: Connection, column: Any, value: object) -> object:
    process = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return process(value) if process else value


def fill_every_table(connection: Connection) -> None:
    fill(connection, "run", {
        "tick": "t", "trigger": "winback", "at": day(0), "kind": "tick", "version": "v1",
        "segment_version": "s1", "baseline": False, "members": 3, "entered": 2, "left": 1,
        "treated": 1, "held_out": 1, "refused": '{"no_consent": 1}', "messages": 8,
    })  # fmt: skip
    fill(connection, "segment_state", {
        "segment": "active", "version": "1", "since": day(0), "at": day(0),
    })  # fmt: skip
    fill(connection, "membership", {
        "reign": 1, "left_at": datetime(9999, 12, 31, tzinfo=day(0).tzinfo), "customer": "ann",
        "entered_at": day(0), "baseline": True,
    })  # fmt: skip
    cut_offs = inspect(connection).has_table("breakpoints")
    for number in range(2 if cut_offs else 0):
        fill(connection, "breakpoints", {
            "fitted_at": day(number), "recency": f"[1, 2, 3, {4 + number}]",
            "frequency": "[1, 2, 3, 4]", "monetary": "[1.5, 2, 3, 4]",
        })  # fmt: skip
    fill(connection, "refusal", {
        "run": 1, "customer": "eve", "reason": "no_consent", "detail": "",
    })  # fmt: skip
    fill(connection, "suppression", {
        "channel": "email", "customer": "bob", "reason": "unsubscribed", "at": day(0),
    })  # fmt: skip
    fill(connection, "consent_change", {
        "channel": "email", "customer": "cid", "granted": False, "at": day(0), "source": "page",
    })  # fmt: skip
    for number, state in enumerate(OLD_STATES):
        fill_message(connection, number, state)


def fill_message(connection: Connection, number: int, state: str) -> None:
    held = state in ("claimed", "sending")
    fill(connection, "entry", {
        "trigger": "winback", "customer": f"c{number}", "at": day(0), "version": "v1",
        "id": f"e{number}", "arm": "holdout" if state == "ghost" else "treated",
    })  # fmt: skip
    fill(connection, "message", {
        "id": f"m-{state}", "entry": f"e{number}", "trigger": "winback", "version": "v1",
        "customer": f"c{number}", "step": 0, "channel": "email", "template": "winback",
        "entry_at": day(0), "due_at": day(0), "priority": 50, "ghost": state == "ghost",
        "state": state, "attempts": 1, "changed_at": day(0) + MINUTE,
        "worker": "w1" if held else None, "lease_until": day(0) + 15 * MINUTE if held else None,
        "reason": "timeout" if state == "unknown" else "", "context": '{"a":"Zoé"}',
    })  # fmt: skip
    if state in ("accepted", "unknown", "failed"):
        fill(connection, "attempt", {
            "message": f"m-{state}", "at": day(0) + MINUTE, "provider": "postmark",
            "state": state, "reason": "", "detail": "",
            "provider_id": "p-7" if state == "accepted" else None,
        })  # fmt: skip


def fill_what_the_second_schema_brought(connection: Connection) -> None:
    fill(connection, "receipt", {
        "provider": "postmark", "event_id": "e1", "channel": "email", "kind": "delivered",
        "message": "m-accepted", "provider_id": "p-7", "recipient": "r", "at": day(0),
        "received_at": day(0), "reason": "", "machine": False, "raw": "",
    })  # fmt: skip
    fill(connection, "suppressed_address", {
        "channel": "email", "recipient": "r2", "reason": "hard_bounced", "at": day(0),
    })  # fmt: skip
    fill(connection, "pause", {
        "customer": "dan", "until": day(9), "at": day(0), "source": "page",
    })  # fmt: skip
    fill(connection, "rate", {"name": "provider/email/postmark", "free_at": day(0)})
    fill(connection, "spending", {"name": "channel/email", "day": "2026-03-01", "used": 7})


def fill_what_the_third_schema_brought(connection: Connection) -> None:
    fill(connection, "draw", {
        "trigger": "winback", "version": "v1", "at": day(0), "hash_version": 1,
        "salt": "winback:v1", "share": 0.1, "household": False, "read_out": 400,
    })  # fmt: skip


def contents(connection: Connection) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, as the database gives it."""
    found = {}
    for name in inspect(connection).get_table_names():
        rows = connection.execute(text(f"SELECT * FROM {name}")).mappings()
        found[name] = sorted(map(dict, rows), key=str)
    return found


def shape(connection: Connection) -> dict[str, object]:
    """Columns, types, defaults, keys and indexes of every table, as the database sees them."""
    seen = inspect(connection)
    return {
        name: {
            "columns": [
                (c["name"], repr(c["type"]), c["nullable"], c["default"], c.get("autoincrement"))
                for c in seen.get_columns(name)
            ],
            "key": seen.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(
                map(str, (u["column_names"] for u in seen.get_unique_constraints(name)))
            ),
            "indexes": sorted(
                (
                    str(index["name"]),
                    str(index["column_names"]),
                    bool(index["unique"]),
                    str({k: str(v) for k, v in index["dialect_options"].items()}),
                )
                for index in seen.get_indexes(name)
                if "duplicates_constraint" not in index
            ),
            "options": str(seen.get_table_options(name)),
        }
        for name in sorted(seen.get_table_names())
        if name != REVISION_TABLE
    }
