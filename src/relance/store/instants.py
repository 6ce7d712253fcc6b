"""How an instant is stored: whole microseconds since 1970 on SQLite, timestamptz on PostgreSQL.

Both sort as time does. Integers halve the file and the time of bulk writes against ISO text;
`datetime(at / 1000000, 'unixepoch')` shows one in the sqlite3 shell.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

OPEN = datetime(9999, 12, 31, tzinfo=UTC)
"""`left_at` of a spell that has not ended: later than every instant, so that ranges just work."""

Stored = int | datetime


class _OpenDefault(FunctionElement[Any]):
    """OPEN as the default of a column, in each database's own writing."""

    inherit_cache = True


OPEN_DEFAULT = _OpenDefault()


@compiles(_OpenDefault, "sqlite")
def _open_on_sqlite(*_: object, **__: object) -> str:
    return str(to_integer(OPEN))


@compiles(_OpenDefault, "postgresql")
def _open_on_postgresql(*_: object, **__: object) -> str:
    return f"'{OPEN.isoformat()}'"


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an aware datetime is needed")
    return at.astimezone(UTC)


def to_integer(at: datetime) -> int:
    """Microseconds since 1970. Raises ValueError for a datetime without a zone."""
    return _count(_aware(at))


@lru_cache(maxsize=4096)  # a bulk write repeats few instants many times
def _count(at: datetime) -> int:
    # in UTC only: the two 02:30 of an autumn night are equal keys in their own zone
    return (at - _EPOCH) // _TICK


@lru_cache(maxsize=4096)  # and so does what is read
def from_integer(value: int) -> datetime:
    """The instant in UTC of microseconds since 1970."""
    return _EPOCH + value * _TICK


def encoder(dialect: Dialect) -> Callable[[datetime], Stored]:
    """How raw bulk rows write an instant: the same as the column type does."""
    return to_integer if dialect.name == "sqlite" else _aware


class Instant(TypeDecorator[datetime]):
    """A column of instants: aware datetimes in, aware datetimes in UTC out."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Stored | None:
        return None if value is None else encoder(dialect)(value)

    def process_result_value(
        self,
        value: Stored | None,
        dialect: Dialect,  # noqa: ARG002  SQLAlchemy's signature
    ) -> datetime | None:
        if value is None:
            return None
        return from_integer(value) if isinstance(value, int) else value.astimezone(UTC)
