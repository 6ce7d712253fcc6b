"""A shop with live events, its data in a folder, in SQLite or in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import psycopg

from relance.domain.live import LiveMessage
from relance.wiring import Relance, open_relance
from stage import CUSTOMER, RELANCE, START, Stage

KEY = "a-write-key-of-the-shop"
ENV = {"SHOP_WRITE_KEY": KEY}
LIVE = 'live:\n  write_keys: ["${SHOP_WRITE_KEY}"]\n'
CART = "  cart: {live: Cart Abandoned, amount: properties.total, fields: [category]}\n"
_NUMBERS = count()


class LiveStage(Stage):
    """A stage to whose customers things happen live. `source` is a folder unless it says else."""

    def __init__(self, root: Path, source: str = "folder", url: str = "") -> None:
        super().__init__(root)
        self.source = source
        self.url = url
        self.heard: list[tuple[LiveMessage, datetime]] = []  # not yet stored
        self.configure()

    def configure(self, events: str = CART, live: str = "", more: str = "") -> None:
        """The workspace's file, with these events beside the orders and these live settings."""
        text = RELANCE.replace("channels:", f"{events}channels:")
        at_source = "\nworkbench: source" if self.source == "postgresql itself" else ""
        place = {"folder": "data/", "sqlite": "data/shop.sqlite"}.get(self.source, self.url)
        text = text.replace("source: data/", f"source: {place}{at_source}")
        self.write("config/relance.yaml", text + LIVE + live + more)

    def hears(self, event: str = "Cart Abandoned", user: str | None = None, **told: Any) -> None:
        """A call that arrives now; `at` and `received` say otherwise, and the rest is told."""
        self.call("track", event=event, user=user, **told)

    def call(
        self, kind: str, *, event: str = "", user: str | None = None, anonymous: str | None = None,
        previous: str | None = None, at: datetime | None = None, received: datetime | None = None,
        **told: Any,
    ) -> None:  # fmt: skip
        """A call of any kind, stored as of its arrival."""
        message = LiveMessage(
            message_id=f"m{next(_NUMBERS)}", kind=kind, event=event, user_id=user,
            anonymous_id=anonymous, previous_id=previous, at=at or self.now, told=None,
            body=orjson.dumps(told).decode(),
        )  # fmt: skip
        self.heard.append((message, received or self.now))

    @contextmanager
    def open(self) -> Iterator[Relance]:
        """With what was heard since stored, each message as of its arrival."""
        self._write_data()
        with open_relance(self.root, env=ENV) as relance:
            for message, arrived in self.heard:
                relance.state.live.record([message], partial(_at, arrived))
            self.heard.clear()
            yield relance

    def look(self, **segments: str) -> dict[str, set[str]]:
        """Who is in each of these segments now."""
        self.segments(**segments)
        with self.open() as relance:
            return members(relance, self.now, segments)

    def _write_data(self) -> None:
        if self.source == "folder":
            super()._write_data()
        elif self.source == "sqlite":
            path = self.root / "data/shop.sqlite"
            with sqlite3.connect(path) as connection:
                for statement, rows in self._statements("?"):
                    connection.executemany(statement, rows) if rows else connection.execute(
                        statement
                    )
            connection.close()
        else:
            with psycopg.connect(self.url, autocommit=True) as server, server.cursor() as cursor:
                for statement, rows in self._statements("%s"):
                    cursor.executemany(statement, rows) if rows else cursor.execute(statement)

    def _statements(self, mark: str) -> list[tuple[str, list[tuple[object, ...]]]]:
        names = ", ".join(f"{name} TEXT" for name in CUSTOMER)
        when = "TEXT" if self.source == "sqlite" else "TIMESTAMPTZ"
        people = [tuple(row.values()) for row in self.customers.values()]
        orders = [(o["customer"], o["at"], float(o["total"])) for o in self.orders]
        marks = ", ".join([mark] * len(CUSTOMER))
        return [
            ("DROP TABLE IF EXISTS customers", []),
            ("DROP TABLE IF EXISTS orders", []),
            (f"CREATE TABLE customers ({names})", []),
            (f"CREATE TABLE orders (customer TEXT, at {when}, total DOUBLE PRECISION)", []),
            *([(f"INSERT INTO customers VALUES ({marks})", people)] if people else []),
            *([(f"INSERT INTO orders VALUES ({mark}, {mark}, {mark})", orders)] if orders else []),
        ]


def members(relance: Relance, at: datetime, segments: Mapping[str, str]) -> dict[str, set[str]]:
    """Who is in each segment at an instant, whatever was before."""
    from relance.domain.fits import Fits

    wanted = [relance.workspace.segments[name] for name in segments]
    with relance.engine.picture(at, wanted, [], Fits()) as picture:
        return {
            name: {key for batch in picture.members(name) for key in batch["customer"].to_pylist()}
            for name in segments
        }


def _at(instant: datetime) -> datetime:
    return instant


def ago(**length: float) -> datetime:
    """So long before the stage begins."""
    return START - timedelta(**length)
