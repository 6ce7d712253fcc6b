"""The state as people change it: loose ends, suppressions, consents, pauses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from relance.domain.ledger import Skip
from relance.errors import UsageError
from relance.store import consents, suppressions
from relance.store.database import Database
from relance.store.driver import Driver, Statement
from relance.store.reader import unknown_messages
from relance.store.views import Preferences, Suppressed, UnknownMessage

_NOT_UNKNOWN = Statement("SELECT id FROM message WHERE id {these} AND state = 'unknown' {lock}")
# due now, and as if it had never left: a person has decided
_RESEND = Statement(
    "UPDATE message SET state = 'queued', due_at = ?, changed_at = ?, reason = 'resent',"
    " doubtful_at = NULL, look_up_at = NULL, look_ups = 0, worker = NULL, lease_until = NULL"
    " WHERE id {these}"
)
_DROP = Statement(
    "UPDATE message SET state = 'skipped', changed_at = ?, reason = ?, context = '',"
    " look_up_at = NULL, worker = NULL, lease_until = NULL WHERE id {these}"
)
_SHOWN = 5


class Desk:
    """Decisions of people: the command line's, and the preference page's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown_list(
        self,
        *,
        trigger: str | None = None,
        channel: str | None = None,
        provider: str | None = None,
        before: datetime | None = None,
    ) -> list[UnknownMessage]:
        """Messages that may have been sent and wait for somebody to settle them, the oldest
        first; `before` asks for those that were noticed earlier than that."""
        with self._database.read() as connection:
            return [
                found
                for found in unknown_messages(connection)
                if trigger in (None, found.trigger)
                and channel in (None, found.channel)
                and provider in (None, found.provider)
                and (before is None or found.since < before)
            ]

    def unknown_resend(self, ids: Sequence[str], at: datetime) -> None:
        """Send these again, due now: the customer may get them twice. What has expired in the
        meantime is skipped for that reason. Raises UsageError unless every one is unknown."""
        with self._database.write() as connection:
            driver = Driver(connection)
            _refuse_known(driver, ids)
            now = driver.instant(at)
            driver.run(_RESEND, now, now, driver.listed(ids))

    def unknown_drop(self, ids: Sequence[str], at: datetime) -> None:
        """Never send these again (skipped, reason dropped). Raises UsageError unless every one
        is unknown."""
        with self._database.write() as connection:
            driver = Driver(connection)
            _refuse_known(driver, ids)
            driver.run(_DROP, driver.instant(at), Skip.DROPPED.value, driver.listed(ids))

    def suppress(self, rows: Iterable[Suppressed]) -> int:
        """Never write to these customers and addresses again; how many are new.

        Of one that is suppressed already the first reason is kept.
        """
        with self._database.write() as connection:
            return suppressions.add(Driver(connection), rows)

    def unsuppress(self, rows: Iterable[Suppressed]) -> int:
        """Lift suppressions, whatever their reason; how many there were."""
        with self._database.write() as connection:
            return suppressions.remove(Driver(connection), rows)

    def suppressions(self, channel: str | None = None) -> Iterator[Suppressed]:
        """Every suppression, of one channel or of all, as a stream."""
        with self._database.read() as connection:
            yield from suppressions.listed(connection, channel)

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
        """Note a consent given or taken back; `source` says where it was given.

        With a topic it is about that topic alone, on every channel.
        """
        with self._database.write() as connection:
            driver = Driver(connection)
            consents.record(driver, channel, [customer], at, source, granted=granted, topic=topic)

    def pause(
        self, customer: str, until: datetime | None, at: datetime, source: str = "page"
    ) -> None:
        """Write to a customer only later than `until`; None ends a pause."""
        with self._database.write() as connection:
            consents.pause(Driver(connection), customer, until, at, source)

    def preferences(self, customer: str, at: datetime) -> Preferences:
        """What one customer said here."""
        with self._database.read() as connection:
            return consents.preferences(Driver(connection), customer, at)


def _refuse_known(driver: Driver, ids: Sequence[str]) -> None:
    found = {id_ for (id_,) in driver.rows(_NOT_UNKNOWN, driver.listed(ids))}
    wrong = [id_ for id_ in dict.fromkeys(ids) if id_ not in found]
    if wrong:
        shown = ", ".join(wrong[:_SHOWN]) + (", …" if len(wrong) > _SHOWN else "")
        raise UsageError(
            f"not unknown, or no message at all: {shown}",
            hint="nothing was changed; `relance unknown list` shows those that are",
        )
