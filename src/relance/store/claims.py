"""Claims: due messages taken under a lease, and what becomes of leases that ran out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from relance.domain.ledger import Claimed, Sibling
from relance.domain.message import MessageState
from relance.store.driver import Driver, Statement, instant, instant_or_none
from relance.store.instants import OPEN, Stored

LEASE_EXPIRED = "lease_expired"

STILL_HELD = "state || '' IN ('claimed', 'sending')"
"""A condition on one message that is found by its id. Written so that no planner sees the partial
index in it: PostgreSQL, which counted it while nothing was claimed, would rather read all of that.
"""

# states are literals: a bound value would keep the planner from the partial indexes
COLUMNS = (
    "n, id, entry, trigger, version, customer, step, channel, template, entry_at, due_at,"
    " priority, ghost, attempts, context, expires_at, provider, doubtful_at"
)
_NEXT_CHANNEL = Statement("SELECT min(channel) FROM message WHERE state = 'queued' AND channel > ?")
_NEXT_PRIORITY = Statement(
    "SELECT max(priority) FROM message WHERE state = 'queued' AND channel = ? AND priority < ?"
)
# by jumping from one expiry to the next: a million messages that are due next week share a few
_EXPIRIES = Statement(
    """
    WITH RECURSIVE expiry (at) AS (
        SELECT min(expires_at) FROM message
        WHERE state = 'queued' AND channel = ? AND priority = ?
        UNION ALL
        SELECT (
            SELECT min(expires_at) FROM message
            WHERE state = 'queued' AND channel = ? AND priority = ? AND expires_at > expiry.at
        ) FROM expiry WHERE expiry.at IS NOT NULL
    )
    SELECT at FROM expiry WHERE at IS NOT NULL AND EXISTS (
        SELECT 1 FROM message
        WHERE state = 'queued' AND channel = ? AND priority = ? AND expires_at = expiry.at
        AND due_at <= ?
    )
    """
)
_DUE = Statement(
    f"SELECT {COLUMNS} FROM message"  # noqa: S608  names only
    " WHERE state = 'queued' AND channel = ? AND priority = ? AND expires_at = ? AND due_at <= ?"
    " ORDER BY due_at, n LIMIT ? {skip}"
)
_CLAIM = Statement(
    "UPDATE message SET state = 'claimed', worker = ?, lease_until = ?, changed_at = ?"
    " WHERE n {numbers}"
)
_HIGHEST = 2**31 - 1  # a priority is one less than that at most


def claim(
    driver: Driver,
    at: datetime,
    limit: int,
    lease_until: datetime,
    worker: str,
    channel: str | None,
) -> list[Claimed]:
    """Take due messages of one channel or of all, the most urgent first."""
    channels = [channel] if channel is not None else list(_channels(driver))
    found = [row for name in channels for row in _due(driver, name, at, limit)]
    found.sort(key=lambda row: (-row[11], row[15], row[10]))  # priority, expiry, due
    taken = found[:limit]
    if taken:
        numbers = driver.listed(row[0] for row in taken)
        encode = driver.instant
        driver.run(_CLAIM, worker, encode(lease_until), encode(at), numbers)
    return claimed(taken)


def _channels(driver: Driver) -> Iterator[str]:
    """The channels with something queued, by jumping through the index."""
    [(name,)] = driver.rows(_NEXT_CHANNEL, "")
    while name is not None:
        yield name
        [(name,)] = driver.rows(_NEXT_CHANNEL, name)


def _priorities(driver: Driver, channel: str) -> Iterator[int]:
    """The priorities queued on a channel, the highest first."""
    [(priority,)] = driver.rows(_NEXT_PRIORITY, channel, _HIGHEST)
    while priority is not None:
        yield priority
        [(priority,)] = driver.rows(_NEXT_PRIORITY, channel, priority)


def _due(driver: Driver, channel: str, at: datetime, limit: int) -> list[tuple[Any, ...]]:
    now = driver.instant(at)
    found: list[tuple[Any, ...]] = []
    for priority in _priorities(driver, channel):
        key = (channel, priority)
        for (expiry,) in driver.rows(_EXPIRIES, *key, *key, *key, now):
            found += driver.rows(_DUE, *key, _bound(driver, expiry), now, limit - len(found))
            if len(found) >= limit:
                return found
    return found


def _bound(driver: Driver, value: Stored) -> Stored:
    return value if driver.is_sqlite else driver.instant(instant(value))


def claimed(rows: Sequence[tuple[Any, ...]]) -> list[Claimed]:
    """Rows of COLUMNS as delivery is given them; what is equal in many of them is one object."""
    words: dict[str, str] = {}
    one = words.setdefault
    moments: dict[Stored, datetime] = {}

    def moment(stored: Stored) -> datetime:
        found = moments.get(stored)
        if found is None:
            found = moments[stored] = instant(stored)
        return found

    return [
        Claimed(
            id=row[1],
            entry=row[2],
            trigger=one(row[3], row[3]),
            version=one(row[4], row[4]),
            customer=row[5],
            step=row[6],
            channel=one(row[7], row[7]),
            template=one(row[8], row[8]),
            entry_at=moment(row[9]),
            due_at=moment(row[10]),
            priority=row[11],
            ghost=bool(row[12]),
            attempts=row[13],
            context=row[14],
            expires_at=None if moment(row[15]) == OPEN else moment(row[15]),
            provider=one(row[16], row[16]),
            doubtful_at=instant_or_none(row[17]),
        )
        for row in rows
    ]


# with the whole condition of the partial index, or SQLite does not see that it fits
_RELEASE = Statement(
    "UPDATE message SET state = 'queued', worker = NULL, lease_until = NULL, changed_at = ?"
    " WHERE n IN (SELECT n FROM message"
    " WHERE state IN ('claimed', 'sending') AND state = 'claimed' AND lease_until < ? {skip})"
)
_LOST = Statement(
    "SELECT n, id, provider, coalesce(doubtful_at, changed_at) FROM message"
    " WHERE state IN ('claimed', 'sending') AND state = 'sending' AND lease_until < ? {skip}"
)
_REPEAT = Statement(
    "UPDATE message SET state = 'queued', worker = NULL, lease_until = NULL, changed_at = ?,"
    " reason = ?, attempts = attempts + 1, doubtful_at = coalesce(doubtful_at, changed_at)"
    " WHERE n {numbers}"
)
# the worker stays: should it come back, it may say what became of the message
_GIVE_UP = Statement(
    "UPDATE message SET state = 'unknown', changed_at = ?, reason = ?, look_up_at = ?,"
    " doubtful_at = coalesce(doubtful_at, changed_at) WHERE n {numbers}"
)
ATTEMPT = Statement(
    "INSERT INTO attempt (message, at, provider, state, reason, detail, provider_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def release_expired(
    driver: Driver, at: datetime, repeatable: Mapping[str, timedelta]
) -> tuple[int, int]:
    """Put back what was only claimed and what may be repeated; the rest becomes unknown."""
    now = driver.instant(at)
    released = driver.run(_RELEASE, now, now)
    again: list[tuple[Any, ...]] = []
    unknown: list[tuple[Any, ...]] = []
    for row in driver.rows(_LOST, now):
        window = repeatable.get(row[2])
        holds = window is not None and at < instant(row[3]) + window
        (again if holds else unknown).append(row)
    if again:
        driver.run(_REPEAT, now, LEASE_EXPIRED, driver.listed(row[0] for row in again))
        _note(driver, again, MessageState.QUEUED, now)
    if unknown:
        driver.run(_GIVE_UP, now, LEASE_EXPIRED, now, driver.listed(row[0] for row in unknown))
        _note(driver, unknown, MessageState.UNKNOWN, now)
    return released + len(again), len(unknown)


def _note(driver: Driver, rows: list[tuple[Any, ...]], state: MessageState, now: Stored) -> None:
    """One attempt for each message whose sender never came back."""
    notes = ((row[1], now, row[2], state.value, LEASE_EXPIRED, "", None) for row in rows)
    driver.many(ATTEMPT, notes)


_SIBLINGS = Statement(
    "SELECT id, customer, trigger, step, channel, template, entry_at, state, changed_at,"
    " doubtful_at FROM message WHERE customer {these} AND state NOT IN ('skipped', 'failed')"
)


def siblings(driver: Driver, customers: Sequence[str], triggers: Sequence[str]) -> list[Sibling]:
    """Every message of these customers by these triggers, those that went nowhere aside."""
    wanted = frozenset(triggers)
    return [
        Sibling(
            id=row[0],
            customer=row[1],
            trigger=row[2],
            step=row[3],
            channel=row[4],
            template=row[5],
            entry_at=instant(row[6]),
            state=MessageState(row[7]),
            changed_at=instant(row[8]),
            doubtful_at=instant_or_none(row[9]),
        )
        for row in driver.rows(_SIBLINGS, driver.listed(customers))
        if row[2] in wanted
    ]
