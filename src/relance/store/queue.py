"""The state as delivery sees it: claims under a lease, marks, and outcomes that only go forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from relance.domain.consent import Said
from relance.domain.ledger import Budget, Claimed, Mark, Marked, Outcome, Sibling
from relance.store import claims, consents, lookups, suppressions
from relance.store.database import Database
from relance.store.driver import Driver
from relance.store.marks import mark, reserve
from relance.store.outcomes import record
from relance.store.tables import MESSAGE

_PENDING = (text("state = 'queued'"), text("state IN ('claimed', 'sending')"))


class SqlQueue:
    """Messages on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def in_process(self) -> bool:
        """Whether the database works in this process."""
        return self._database.is_sqlite

    def claim(
        self,
        at: datetime,
        limit: int,
        lease_until: datetime,
        worker: str,
        channel: str | None = None,
    ) -> list[Claimed]:
        """Take due messages, the most urgent first: priority, then expiry, then due_at.

        With a channel only that channel's. Two workers never get the same one.
        """
        with self._database.write() as connection:
            return claims.claim(Driver(connection), at, limit, lease_until, worker, channel)

    def release_expired(self, at: datetime, repeatable: Mapping[str, timedelta]) -> tuple[int, int]:
        """Put expired claims back, and `sending` ones whose provider still knows the key.

        `repeatable` says how long each provider's idempotency key holds, counted from the first
        time that the message may have left. Other expired `sending` becomes unknown. How many
        went back, and how many became unknown.
        """
        with self._database.write() as connection:
            return claims.release_expired(Driver(connection), at, repeatable)

    def sending(
        self,
        marks: Sequence[Mark],
        at: datetime,
        worker: str,
        budgets: Sequence[Budget] = (),
        unspent: Sequence[Budget] = (),
    ) -> Marked:
        """Mark messages as about to go on the wire, as far as every budget reaches.

        One whose lease has run out is no longer ours, even if nobody took it yet. One that is
        `sending` by this worker already moves to another provider and stays `sending` where
        that provider's budget is used up; where it moves, `unspent` is given back for it.
        """
        with self._database.write() as connection:
            return mark(Driver(connection), marks, at, worker, budgets, unspent)

    def reserve(self, name: str, messages: int, gap: float, at: datetime) -> datetime:
        """When so many messages may leave under a shared rate; `gap` is seconds between two."""
        with self._database.write() as connection:
            return reserve(Driver(connection), name, messages, gap, at)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Move messages to their next state and write the attempts, in one transaction.

        A message moves from `claimed` or `sending` only, by its holder where the outcome names
        its worker. Besides, ACCEPTED moves any that is not known to have been sent yet (nobody
        may send it once more), and the holder of an unknown one may settle it. What a report
        has moved stays. Every attempt can be told afterwards. `unspent` is given back where the
        message was still `sending` by the outcome's worker.
        """
        if not outcomes:
            return
        with self._database.write() as connection:
            record(Driver(connection), outcomes)

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        """Of these customers, those suppressed on a channel."""
        with self._database.read() as connection:
            return suppressions.blocked(Driver(connection), channel, customers)

    def blocked_addresses(self, channel: str, recipients: Sequence[str]) -> set[str]:
        """Of these recipients, those suppressed on a channel."""
        with self._database.read() as connection:
            return suppressions.blocked_addresses(Driver(connection), channel, recipients)

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        """Of these customers, the consent recorded here, where there is any."""
        with self._database.read() as connection:
            return consents.of_channel(Driver(connection), channel, customers)

    def said(self, channel: str, customers: Sequence[str]) -> Sequence[Said]:
        """Of these customers, their latest words about a channel and about every topic."""
        with self._database.read() as connection:
            return consents.said(Driver(connection), channel, customers)

    def siblings(self, customers: Sequence[str], triggers: Sequence[str]) -> Sequence[Sibling]:
        """Every message of these customers by these triggers, those that went nowhere aside."""
        with self._database.read() as connection:
            return claims.siblings(Driver(connection), customers, triggers)

    def topics_refused(self, customers: Sequence[str]) -> set[tuple[str, str]]:
        """Of these customers, who does not want to hear of what: (customer, topic)."""
        with self._database.read() as connection:
            return consents.topics_refused(Driver(connection), customers)

    def paused(self, customers: Sequence[str], at: datetime) -> Mapping[str, datetime]:
        """Of these customers, who asked not to be written to, and until when."""
        with self._database.read() as connection:
            return consents.paused(Driver(connection), customers, at)

    def doubtful(self, at: datetime, limit: int) -> list[Claimed]:
        """Unknown messages whose look-up is due, the longest due first."""
        with self._database.read() as connection:
            return lookups.doubtful(Driver(connection), at, limit)

    def taken(self, provider: str, provider_ids: Sequence[str]) -> set[str]:
        """Of these ids of a provider, those that already belong to a message."""
        with self._database.read() as connection:
            return lookups.taken(Driver(connection), provider, provider_ids)

    def look_again(self, messages: Sequence[str], at: datetime | None) -> None:
        """When these unknown messages are looked up next; None: never by itself."""
        with self._database.write() as connection:
            lookups.look_again(Driver(connection), messages, at)

    def pending(self) -> int:
        """Messages queued, claimed or sending."""
        with self._database.read() as connection:
            counts = (select(func.count()).select_from(MESSAGE).where(some) for some in _PENDING)
            return sum(connection.scalar(count) or 0 for count in counts)
