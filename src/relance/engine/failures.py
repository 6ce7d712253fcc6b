"""Driver errors as sentences: what failed and where, never a value, a password or a traceback."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from ibis.common.exceptions import IbisError
from sqlglot.errors import SqlglotError

from relance.errors import SourceError, StateError

# these speak of names and syntax, never of a value in a row
_HARMLESS = (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException, SqlglotError)
_HINT = "`relance check` looks for the cause"
# DuckDB has no error class for it; a damaged `block` is no lock
_HELD = ("set lock on file", "already attached", "being used by another process")


@contextmanager
def source_errors(shown: str) -> Iterator[None]:
    """Turn whatever a driver raises into a SourceError about the source called `shown`."""
    try:
        yield
    except _drivers() as error:
        raise SourceError(f"{shown}: {reason(error)}", hint=_HINT) from None


@contextmanager
def workbench_errors(place: str) -> Iterator[None]:
    """Turn what DuckDB raises while memberships are kept into a StateError."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise StateError(
            f"the workbench {place} cannot be written: {reason(error)}",
            hint="it is only a cache: free some space, or delete it and run again",
        ) from None


def is_held(error: BaseException) -> bool:
    """Whether somebody else has the DuckDB file open."""
    return any(sign in str(error) for sign in _HELD)


def reason(error: BaseException) -> str:
    """One line that is safe to show."""
    if isinstance(error, duckdb.IOException) and "://" not in str(error):
        return _first_line(error)
    if "No space left on device" in str(error):
        return "the disk is full"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "the memory or the disk for temporary files is used up"
    if isinstance(error, _HARMLESS):
        return _first_line(error)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return _postgres_reason(error) or f"the data could not be read ({type(error).__name__})"


def _postgres_reason(error: BaseException) -> str | None:
    """What a PostgreSQL server says about names, rights and syntax (SQLSTATE class 42)."""
    state = getattr(error, "sqlstate", None)
    if state is not None and str(state).startswith("42"):
        diagnosis = getattr(error, "diag", None)
        return str(getattr(diagnosis, "message_primary", None) or type(error).__name__)
    if type(error).__name__ == "OperationalError" and type(error).__module__ == "psycopg":
        return "the database cannot be reached, or it broke off the connection"
    return None


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _drivers() -> tuple[type[BaseException], ...]:
    """The base errors of every driver that is loaded."""
    drivers: list[type[BaseException]] = [
        duckdb.Error, sqlite3.Error, pa.ArrowException, IbisError, SqlglotError, OSError,
    ]  # fmt: skip
    for name, base in (("psycopg", "Error"), ("sqlalchemy.exc", "SQLAlchemyError")):
        if name in sys.modules:
            drivers.append(getattr(sys.modules[name], base))
    return tuple(drivers)
