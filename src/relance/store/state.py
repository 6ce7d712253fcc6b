"""Opening the state, and the views of it that other rooms are given."""

from __future__ import annotations

from datetime import datetime

from relance.store.database import Database
from relance.store.desk import Desk
from relance.store.ledger import SqlLedger
from relance.store.live import LiveStore
from relance.store.notes import Notes
from relance.store.queue import SqlQueue
from relance.store.reader import Reader
from relance.store.receipts import SqlReceipts
from relance.store.schema import prepare
from relance.store.views import Suppressed

LOCK_WAIT = 120.0
"""Seconds a writer waits for another; the baseline of millions of members takes half a minute."""


class State:
    """An open state: `ledger` for ticks, `queue` for delivery, `receipts` for providers'
    reports, `live` for live events, `reader` for people who ask, `desk` for people who decide, and
    `notes`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ledger = SqlLedger(database)
        self.queue = SqlQueue(database)
        self.receipts = SqlReceipts(database)
        self.reader = Reader(database)
        self.desk = Desk(database)
        self.notes = Notes(database)
        self.live = LiveStore(database)

    def suppress(self, channel: str, customer: str, reason: str, at: datetime) -> None:
        """Never write to a customer on a channel again; the first reason is kept."""
        self.desk.suppress([Suppressed(channel=channel, customer=customer, reason=reason, at=at)])

    def record_consent(
        self,
        channel: str,
        customer: str,
        at: datetime,
        source: str,
        *,
        granted: bool,
        topic: str = "",
    ) -> None:
        """Note a consent given or taken back; see `Desk.record_consent`."""
        self.desk.record_consent(channel, customer, at, source, granted=granted, topic=topic)

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
