"""Plain SQL on the database's own driver, for what runs for every message.

SQLAlchemy around the same statements costs several times what the database does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from relance.store.instants import Stored, encoder, from_integer

_LONGEST_KEY = 255


class Statement:
    """SQL for both databases: `?` is a value, `{these}` a list of texts, `{numbers}` one of
    numbers, `{lock}` holds the rows until the end of the transaction and `{skip}` those that
    nobody else holds (SQLite's transactions stand alone).
    """

    def __init__(self, sql: str) -> None:
        one_value = "IN (SELECT value FROM json_each(?))"
        self.sqlite = sql.format(these=one_value, numbers=one_value, lock="", skip="")
        self.postgresql = sql.format(
            these="= ANY(?::text[])",
            numbers="= ANY(?::bigint[])",
            lock="FOR UPDATE",
            skip="FOR UPDATE SKIP LOCKED",
        ).replace("?", "%s")


class Driver:
    """The driver beneath an open transaction. Its errors are the database's own."""

    def __init__(self, connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection  # of one library or the other
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.instant = encoder(connection.dialect)
        self._cursor = raw.cursor()

    def rows(self, statement: Statement, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        self._cursor.execute(self._text(statement), values)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def run(self, statement: Statement, *values: object) -> int:
        """Change rows; how many."""
        self._cursor.execute(self._text(statement), values)
        return int(self._cursor.rowcount)

    def many(self, statement: Statement, rows: Iterable[Sequence[object]]) -> int:
        """The same statement for many rows; how many rows it changed in all."""
        self._cursor.executemany(self._text(statement), rows)
        return int(self._cursor.rowcount)

    def listed(self, values: Iterable[str | int]) -> object:
        """The value for `{these}` and `{numbers}`, of any length."""
        return json.dumps(list(values)) if self.is_sqlite else list(values)

    def _text(self, statement: Statement) -> str:
        return statement.sqlite if self.is_sqlite else statement.postgresql


def instant(value: Stored) -> datetime:
    """An instant as it was stored, in UTC."""
    return from_integer(value) if isinstance(value, int) else value.astimezone(UTC)


def instant_or_none(value: Stored | None) -> datetime | None:
    """The same, of a column that may be empty."""
    return None if value is None else instant(value)


def storable(text: str) -> str:
    """A text from outside as every database takes it: without NUL and broken surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def storable_key(text: str) -> str:
    """The same for an indexed text: a digest stands for one that no index would take."""
    clean = storable(text)
    return clean if len(clean) <= _LONGEST_KEY else sha256(clean.encode()).hexdigest()
