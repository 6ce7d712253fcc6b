"""A look at the live events of a state, for a check: it makes nothing and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import inspect

from relance.errors import StateError
from relance.store.database import Database
from relance.store.live import LiveStore
from relance.store.tables import LIVE

_LOCK_WAIT = 10.0


@contextmanager
def peek_live(url: str) -> Iterator[LiveStore | None]:
    """The live events at `sqlite:///path` or `postgresql://…`; None where there is no state yet,
    one of an older relance, or none that answers."""
    database = Database(url, lock_wait=_LOCK_WAIT)
    try:
        yield LiveStore(database) if _is_there(database) else None
    finally:
        database.close()


def _is_there(database: Database) -> bool:
    if database.path is not None and not database.path.exists():
        return False
    try:
        with database.read() as connection:
            return inspect(connection).has_table(LIVE.name)
    except StateError:
        return False
