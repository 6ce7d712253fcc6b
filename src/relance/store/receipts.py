"""The state as providers' reports see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from relance.domain.receipt import Receipt
from relance.domain.workspace import BouncePolicy
from relance.store import reports
from relance.store.database import Database
from relance.store.driver import Driver


class SqlReceipts:
    """Providers' events, each written down once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int:
        """Write down each event once, move its message, suppress where it says so.

        `at` is when the events arrived. An event whose message is not known is kept until an
        outcome names it. One transaction: how many events were new. Raises StateError; then
        nothing was stored.
        """
        if not receipts:
            return 0
        with self._database.write() as connection:
            return reports.take_in(Driver(connection), channel, receipts, at, bounces)
