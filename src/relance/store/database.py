"""Connections to the state: SQLite or PostgreSQL, transactions, and errors in a person's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry

from relance.errors import StateError

if TYPE_CHECKING:
    import psycopg  # 9 MB that a state on SQLite does without

_WRITES = "relance_writes"
_PAGES = "relance_pages"
# Memory for pages of an SQLite file, per connection. A worker holds some connections for good, and
# delivers no slower with a quarter; a tick writes a million rows at random places in the indexes.
_KEPT = 2 * 1024  # kB
_BULK = 64 * 1024
_CONNECT_SECONDS = 10

# Bound rows hold customers' data: they never appear in an error.
_FOREIGN = ("its tables are not those that relance makes", "name another database in `state:`")
_REASONS: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": ("the disk is full", "free some space, then run the command again"),
    "SQLITE_BUSY": (
        "another process is writing and did not finish in time",
        "wait for it to end, then run the command again",
    ),
    "SQLITE_READONLY": ("it is read-only", "make the file and its folder writable"),
    "SQLITE_CANTOPEN": ("the file cannot be opened", "check the path and its permissions"),
    "SQLITE_CORRUPT": ("the file is damaged", "restore it from a backup"),
    "SQLITE_NOTADB": ("the file is not a SQLite database", "check `state:` in the YAML"),
    "SQLITE_IOERR": (
        "the disk cannot be read or written",
        "is it full? check it, then run the command again",
    ),
    "SQLITE_ERROR": _FOREIGN,
    "42P01": _FOREIGN,
    "42703": _FOREIGN,
    "53100": ("the server's disk is full", "free some space, then run the command again"),
    "55P03": (
        "another process is writing and did not finish in time",
        "wait for it to end, then run the command again",
    ),
    "25006": ("it is read-only", "connect to the primary server"),
    "42501": ("this user may not do that", "grant it the right to create and write tables"),
}


class Database:
    """One state database. `shown` names it to people, without its password."""

    def __init__(self, url: str, *, lock_wait: float) -> None:
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.shown = (
            str(parsed.database)
            if self.is_sqlite
            else parsed.render_as_string(hide_password=True).replace("+psycopg", "")
        )
        self.path = Path(str(parsed.database)) if self.is_sqlite else None
        self.engine = _engine(parsed, lock_wait)
        self._driver: Any = self.engine.dialect.loaded_dbapi  # sqlite3 or psycopg

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state on SQLite."""
        with self.errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, bulk: bool = False) -> Iterator[Connection]:
        """A transaction: whole, or rolled back by whatever is raised inside.

        On SQLite it holds the write lock from its first moment. `bulk` may take more memory.
        """
        writing = self.engine.execution_options(**{_WRITES: True, _PAGES: _BULK if bulk else _KEPT})
        with self.errors(), writing.begin() as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn a database's errors into a StateError with a sentence."""
        try:
            yield
        except StatementError as error:
            cause = error.orig or error
            if not isinstance(error, DBAPIError):
                raise cause from None  # a value that we refuse ourselves: the caller's mistake
            raise self.translate(cause) from error
        except (self._driver.Error, SQLAlchemyError) as error:
            raise self.translate(error) from error

    def translate(self, error: BaseException) -> StateError:
        """The sentence for a database error; never with the values of a row in it."""
        code = _code(error)
        if code in _REASONS:
            reason, hint = _REASONS[code]
        elif not self.is_sqlite and isinstance(error, self._driver.OperationalError):
            reason, hint = _no_connection(error), "check that it runs, and `state:` in the YAML"
        elif isinstance(error, self._driver.IntegrityError):
            reason = "another process changed it meanwhile; nothing was stored"
            hint = "run the command again"
        else:
            reason, hint = f"{type(error).__name__} {code}".strip(), "nothing was stored"
        return StateError(f"the state {self.shown} cannot be used: {reason}", hint=hint)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _code(error: BaseException) -> str:
    name = str(getattr(error, "sqlite_errorname", ""))
    # SQLITE_IOERR_WRITE and its like are kinds of SQLITE_IOERR
    return "_".join(name.split("_")[:2]) or getattr(error, "sqlstate", None) or ""


def _no_connection(error: BaseException) -> str:
    """libpq gives a refused connection no code, only the server's sentence after FATAL."""
    _, _, sentence = str(error).partition("FATAL:")
    return sentence.strip().splitlines()[0] if sentence else "the server cannot be reached"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        raise StateError(
            "`state:` is not a database URL",
            hint="write it like sqlite:///state/relance.db or postgresql://user@host/name",
        ) from error
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StateError(f"the state cannot be kept in {backend}", hint="use sqlite or postgresql")
    if parsed.database in (None, "", ":memory:"):
        raise StateError(
            "a state in memory would forget who was written to",
            hint="name a file: sqlite:///state/relance.db",
        )
    return parsed.set(drivername="sqlite+pysqlite")


def _engine(url: URL, lock_wait: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": lock_wait})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )

    def prepare(connection: psycopg.Connection[object], _entry: ConnectionPoolEntry) -> None:
        connection.execute("SELECT set_config('TimeZone', 'UTC', false)")
        wait = f"{int(lock_wait * 1000)}ms"
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [wait])
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: a promise made (a committed tick, a `sending` mark) survives a power cut
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes, pages = options.get(_WRITES, False), options.get(_PAGES, _KEPT)
    # on the driver itself: delivery begins a transaction for every hundred messages
    raw: Any = connection.connection.driver_connection
    if connection.info.get(_PAGES) != pages:
        raw.execute(f"PRAGMA cache_size = -{pages}")
        connection.info[_PAGES] = pages
    # a deferred BEGIN may fail half-way when it wants to write; an immediate one waits at the door
    raw.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
