"""Opening the state, and the three views of it that other rooms are given."""

from __future__ import annotations

from datetime import datetime

from relance.store import permissions
from relance.store.database import Database
from relance.store.ledger import SqlLedger
from relance.store.queue import SqlQueue
from relance.store.reader import Reader
from relance.store.schema import prepare

LOCK_WAIT = 120.0
"""Seconds a writer waits for another; the baseline of millions of members takes half a minute."""


class State:
    """An open state: `ledger` for ticks, `queue` for delivery, `reader` for people."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ledger = SqlLedger(database)
        self.queue = SqlQueue(database)
        self.reader = Reader(database)

    def suppress(self, channel: str, customer: str, reason: str, at: datetime) -> None:
        """Never write to a customer on a channel again; the first reason is kept."""
        with self._database.write() as connection:
            permissions.suppress(connection, channel, customer, reason, at)

    def record_consent(
        self, channel: str, customer: str, at: datetime, source: str, *, granted: bool
    ) -> None:
        """Note a consent given or taken back; `source` says where it was given."""
        with self._database.write() as connection:
            permissions.record_consent(connection, channel, customer, at, source, granted=granted)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()


def open_state(
    url: str, *, workspace: str, create: bool = True, lock_wait: float = LOCK_WAIT
) -> State:
    """Open the state at `sqlite:///path` or `postgresql://…`, making it where it is missing.

    Raises StateError where it cannot be opened, belongs to another workspace, was made by a
    newer relance, or is missing and `create` is false. `lock_wait` is in seconds.
    """
    database = Database(url, lock_wait=lock_wait)
    try:
        prepare(database, workspace, create=create)
    except BaseException:
        database.close()
        raise
    return State(database)
