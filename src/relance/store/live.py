"""The state as live events see it: the calls of the Segment protocol, each written down once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa
from sqlalchemy import select, text

from relance.domain.live import LiveCounts, LiveKind, LiveMessage
from relance.store.bulk import INSTANT, stream
from relance.store.database import Database
from relance.store.driver import Driver, Statement, instant, instant_or_none
from relance.store.tables import LIVE, META

_COLUMNS = (
    "message_id", "kind", "event", "user_id", "anonymous_id", "previous_id", "at", "received_at",
    "told", "body",
)  # fmt: skip
_LISTED = ", ".join(_COLUMNS)
_ONE = f"INSERT INTO live_message ({_LISTED}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  names only
_MANY = (
    f"INSERT INTO live_message ({_LISTED})"  # noqa: S608  names only
    " SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],"
    " ?::timestamptz[], ?::timestamptz[], ?::text[], ?::text[])"
)
_ADD_ONE = Statement(_ONE + " ON CONFLICT DO NOTHING")
_ADD_MANY = Statement(_MANY + " ON CONFLICT DO NOTHING")
# Numbers are given out before the commit: who commits out of turn would never be read.
_IN_TURN = Statement("SELECT pg_advisory_xact_lock(7308899)")
_GENERATION = "live:generation"
_BEGIN = Statement(
    f"INSERT INTO meta (key, value) VALUES ('{_GENERATION}', ?) ON CONFLICT DO NOTHING"  # noqa: S608
)
_ANEW = Statement(f"UPDATE meta SET value = ? WHERE key = '{_GENERATION}'")  # noqa: S608

_NOT_TAKEN = "live:not_taken"
_COUNTED = Statement(f"SELECT value FROM meta WHERE key = '{_NOT_TAKEN}'")  # noqa: S608
_COUNTED_ALONE = Statement(
    f"SELECT value FROM meta WHERE key = '{_NOT_TAKEN}' FOR UPDATE"  # noqa: S608
)
_COUNT_FROM = Statement(
    f"INSERT INTO meta (key, value) VALUES ('{_NOT_TAKEN}', ?) ON CONFLICT DO NOTHING"  # noqa: S608
)
_COUNT = Statement(f"UPDATE meta SET value = ? WHERE key = '{_NOT_TAKEN}'")  # noqa: S608
_NOTHING = json.dumps({"last": None, "counts": {}})

_OLDEST = Statement("SELECT n, received_at FROM live_message ORDER BY n LIMIT ?")
_DROP = Statement("DELETE FROM live_message WHERE n < ?")
_PORTION = 5_000  # rows a transaction deletes: nobody waits long for the lock

# whose anonymous ids and earlier ids a customer has had
_TIED = Statement(
    "SELECT DISTINCT anonymous_id, previous_id FROM live_message"
    " WHERE user_id {these} AND (anonymous_id IS NOT NULL OR previous_id IS NOT NULL)"
)
_FORGET = Statement(
    "DELETE FROM live_message WHERE user_id {these} OR previous_id {these}"
    " OR (user_id IS NULL AND anonymous_id {these})"
)
_SPAN = Statement("SELECT min(n), max(n) FROM live_message")
_KINDS = Statement(
    "SELECT kind, count(*), min(received_at), max(received_at), count(told) FROM live_message"
    " GROUP BY kind ORDER BY kind"
)
_EVENTS = Statement(
    f"SELECT event, count(*) FROM live_message WHERE kind = '{LiveKind.TRACK}'"  # noqa: S608
    " GROUP BY event ORDER BY 2 DESC, 1"
)

FEED = pa.schema(
    [
        ("n", pa.int64()),
        ("message_id", pa.string()),
        ("kind", pa.string()),
        ("event", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_id", pa.string()),
        ("previous_id", pa.string()),
        ("at", INSTANT),
        ("received_at", INSTANT),
        ("body", pa.string()),
    ]
)


class LiveStore:
    """The live events of one state. Everything may raise StateError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begun = False

    # -- taking in

    def record(self, messages: Sequence[LiveMessage], clock: Callable[[], datetime]) -> int:
        """Write down each message once, in one transaction: how many were new.

        `clock` says when they arrived: it is asked once nobody else writes any more, so that what
        a reader has not seen yet arrived a moment ago.
        """
        with self._database.write() as connection:
            driver = Driver(connection)
            if not driver.is_sqlite:
                driver.rows(_IN_TURN)
            if not self._begun:
                driver.run(_BEGIN, uuid4().hex)
            stored = self._insert(driver, messages, clock())
        self._begun = True
        return stored

    def _insert(self, driver: Driver, messages: Sequence[LiveMessage], at: datetime) -> int:
        write, arrived = driver.instant, driver.instant(at)
        rows = (
            (*message[:6], write(message.at), arrived, message.told, message.body)
            for message in messages
        )
        if driver.is_sqlite:
            return driver.many(_ADD_ONE, rows)
        return driver.run(_ADD_MANY, *(list(column) for column in zip(*rows, strict=True)))

    def turn_down(self, counts: Mapping[str, int], at: datetime) -> None:
        """Count what was not taken, by reason; the last of it came at `at`."""
        with self._database.write() as connection:
            driver = Driver(connection)
            driver.run(_COUNT_FROM, _NOTHING)
            # a tick that is being committed holds all of meta: nobody's messages wait behind us
            known, last = _not_taken(driver, _COUNTED if driver.is_sqlite else _COUNTED_ALONE)
            for reason, number in counts.items():
                known[reason] = known.get(reason, 0) + number
            latest = max(at, last or at).astimezone(UTC).isoformat()
            driver.run(_COUNT, json.dumps({"last": latest, "counts": known}))

    # -- reading

    def span(self) -> tuple[str, int, int]:
        """What there is to read: a name that changes when a customer is forgotten, the first
        number that is kept, and the last one; (0, 0) where there is none."""
        with self._database.read() as connection:
            name = connection.scalar(select(META.c.value).where(META.c.key == _GENERATION))
            ((first, last),) = Driver(connection).rows(_SPAN)
        return str(name or ""), int(first or 0), int(last or 0)

    def after(self, number: int) -> Iterator[pa.RecordBatch]:
        """The messages of greater numbers, in their order. Columns: those of FEED."""
        query = select(*(LIVE.c[name] for name in FEED.names))
        with self._database.read() as connection:
            yield from stream(connection, query.where(LIVE.c.n > number).order_by(LIVE.c.n), FEED)

    def counts(self) -> LiveCounts:
        """What is stored, by kind and by name."""
        with self._database.read() as connection:
            driver = Driver(connection)
            kinds, events = driver.rows(_KINDS), driver.rows(_EVENTS)
            not_taken, not_taken_at = _not_taken(driver)
        firsts = [instant(first) for _, _, first, _, _ in kinds]
        lasts = [instant_or_none(last) for _, _, _, last, _ in kinds]
        return LiveCounts(
            messages=sum(count for _, count, *_ in kinds),
            by_kind={kind: count for kind, count, *_ in kinds},
            by_event=dict(events),
            first_at=min(firsts, default=None),
            last_at=max((last for last in lasts if last), default=None),
            disbelieved=sum(told for *_, told in kinds),
            not_taken=dict(sorted(not_taken.items())),
            not_taken_at=not_taken_at,
        )

    # -- letting go

    def expire(self, before: datetime) -> int:
        """Drop what arrived before an instant, a portion at a time; how many."""
        dropped = 0
        while True:
            with self._database.write() as connection:
                gone, more = _expire_portion(Driver(connection), before)
            dropped += gone
            if not more:
                return dropped

    def forget(self, customer: str) -> int:
        """Delete everything of one customer, also under the anonymous and earlier ids that calls
        have tied to them; how many messages."""
        with self._database.write() as connection:
            driver = Driver(connection)
            if driver.is_sqlite:
                connection.execute(text("PRAGMA secure_delete = ON"))
            listed = driver.listed(sorted(_ids_of(driver, customer)))
            gone = driver.run(_FORGET, listed, listed, listed)
            driver.run(_ANEW, uuid4().hex)
        return gone


def _not_taken(
    driver: Driver, statement: Statement = _COUNTED
) -> tuple[dict[str, int], datetime | None]:
    """How much was not taken, by reason, and when the last of it came."""
    rows = driver.rows(statement)
    if not rows:
        return {}, None
    noted = json.loads(rows[0][0])
    last = noted["last"]
    return noted["counts"], datetime.fromisoformat(last) if last else None


def _expire_portion(driver: Driver, before: datetime) -> tuple[int, bool]:
    """How many of the oldest rows went, and whether there may be more."""
    rows = driver.rows(_OLDEST, _PORTION)
    kept = [number for number, arrived in rows if instant(arrived) >= before]
    if kept:
        return driver.run(_DROP, min(kept)), False
    if not rows:
        return 0, False
    return driver.run(_DROP, rows[-1][0] + 1), len(rows) == _PORTION


def _ids_of(driver: Driver, customer: str) -> set[str]:
    """All ids that calls tie to a customer, also through others."""
    known: set[str] = set()
    fresh = {customer}
    while fresh:
        known |= fresh
        rows = driver.rows(_TIED, driver.listed(sorted(fresh)))
        fresh = {one for row in rows for one in row if one is not None} - known
    return known
