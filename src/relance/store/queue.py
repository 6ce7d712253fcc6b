"""The state as delivery sees it: claims under a lease, and outcomes that only move forward.

The rule of promise 1: a message that may be on the wire never goes back to the queue on anybody's
word but its holder's, and what a provider accepted is accepted, whoever reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from relance.domain.ledger import Claimed, Outcome
from relance.domain.message import MessageState
from relance.store import bulk, permissions
from relance.store.database import Database
from relance.store.tables import ATTEMPT, MESSAGE

_M = MESSAGE.c
_ATTEMPT = ("message", "at", "provider", "state", "reason", "detail", "provider_id")
# as literals: a bound value would keep the planner from the partial indexes
_QUEUED = _M.state == literal_column("'queued'")
_LEASED = _M.state.in_([literal_column("'claimed'"), literal_column("'sending'")])
_CLAIMED = _M.state == literal_column("'claimed'")
_SENDING = _M.state == literal_column("'sending'")

_HELD = frozenset({MessageState.CLAIMED, MessageState.SENDING})
_ACCEPTABLE = _HELD | {MessageState.QUEUED, MessageState.UNKNOWN}
_KEEPS_CONTEXT = frozenset({MessageState.QUEUED, MessageState.UNKNOWN})
LEASE_EXPIRED = "lease_expired"


class SqlQueue:
    """Messages on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self,
        at: datetime,
        limit: int,
        lease_until: datetime,
        worker: str,
        channel: str | None = None,
    ) -> list[Claimed]:
        """Take due messages, the most urgent first: priority, then due_at.

        With a channel only that channel's. Two workers never get the same one.
        """
        with self._database.write() as connection:
            channels = [channel] if channel is not None else list(_channels(connection))
            found = [m for name in channels for m in _due(connection, name, at, limit)]
            found.sort(key=lambda m: (-m.priority, m.due_at))
            taken = found[:limit]
            claimed = update(MESSAGE).values(
                state=MessageState.CLAIMED.value,
                worker=worker,
                lease_until=lease_until,
                changed_at=at,
            )
            for ids in bulk.chunks([m.id for m in taken]):
                connection.execute(claimed.where(_M.id.in_(ids)))
        return taken

    def release_expired(self, at: datetime) -> tuple[int, int]:
        """Expired claims go back to the queue, expired `sending` becomes unknown: how many each."""
        expired = _M.lease_until < at
        with self._database.write() as connection:
            released = connection.execute(
                update(MESSAGE)
                .where(_CLAIMED, expired)
                .values(
                    state=MessageState.QUEUED.value, worker=None, lease_until=None, changed_at=at
                )
            )
            connection.execute(insert(ATTEMPT).from_select(_ATTEMPT, _given_up(at)))
            unknown = connection.execute(
                update(MESSAGE)
                .where(_SENDING, expired)
                .values(state=MessageState.UNKNOWN.value, reason=LEASE_EXPIRED, changed_at=at)
            )
        return released.rowcount, unknown.rowcount

    def sending(self, messages: Sequence[str], at: datetime, worker: str) -> list[str]:
        """Mark claimed messages as about to go on the wire; returns those still ours.

        One whose lease has run out is no longer ours, even if nobody took it yet.
        """
        ours: set[str] = set()
        with self._database.write() as connection:
            for ids in bulk.chunks(messages):
                held = (
                    select(_M.id)
                    .where(_M.id.in_(ids), _CLAIMED, _M.worker == worker, _M.lease_until >= at)
                    .with_for_update()
                )
                found = list(connection.scalars(held))
                mark = update(MESSAGE).where(_M.id.in_(found))
                connection.execute(mark.values(state=MessageState.SENDING.value, changed_at=at))
                ours.update(found)
        return [message for message in messages if message in ours]

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Move messages to their next state and write the attempts, in one transaction.

        A message moves from `claimed` or `sending` only, by its holder where the outcome names
        its worker. Besides, ACCEPTED moves one that is queued again or unknown (it has been
        sent: nobody may send it once more), and the holder of an unknown one may settle it. The
        attempt is kept in every case.
        """
        with self._database.write() as connection:
            rows = _rows(connection, [outcome.message for outcome in outcomes])
            moves = []
            for outcome in outcomes:
                row = rows.get(outcome.message)
                if row is not None and _may_move(row, outcome):
                    moves.append(_move(row, outcome))
                if row is not None and outcome.suppress:
                    reason = outcome.reason or "unsubscribed"
                    permissions.suppress(connection, row.channel, row.customer, reason, outcome.at)
            if moves:
                connection.execute(_MOVE, moves)
            attempts = [_attempt(outcome) for outcome in outcomes if outcome.attempted]
            if attempts:
                connection.execute(insert(ATTEMPT), attempts)

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        """Of these customers, those suppressed on a channel."""
        with self._database.read() as connection:
            return permissions.blocked(connection, channel, customers)

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        """Of these customers, the consent recorded here, where there is any."""
        with self._database.read() as connection:
            return permissions.consents(connection, channel, customers)

    def pending(self) -> int:
        """Messages queued, claimed or sending."""
        with self._database.read() as connection:
            counts = [select(func.count()).where(which) for which in (_QUEUED, _LEASED)]
            return sum(connection.scalar(count) or 0 for count in counts)


def _channels(connection: Connection) -> Iterator[str]:
    """The channels with something queued, by jumping through the index."""
    name = connection.scalar(select(func.min(_M.channel)).where(_QUEUED))
    while name is not None:
        yield name
        name = connection.scalar(select(func.min(_M.channel)).where(_QUEUED, _M.channel > name))


def _priorities(connection: Connection, channel: str) -> Iterator[int]:
    """The priorities queued on a channel, the highest first, by jumping through the index."""
    highest = select(func.max(_M.priority)).where(_QUEUED, _M.channel == channel)
    priority = connection.scalar(highest)
    while priority is not None:
        yield priority
        priority = connection.scalar(highest.where(_M.priority < priority))


def _due(connection: Connection, channel: str, at: datetime, limit: int) -> list[Claimed]:
    """Up to `limit` due messages of a channel.

    Priority by priority, so that a million messages of a high one which are due next week are
    not looked at on the way to those due now.
    """
    found: list[Claimed] = []
    for priority in _priorities(connection, channel):
        query = (
            select(*_CLAIM)
            .where(_QUEUED, _M.channel == channel, _M.priority == priority, _M.due_at <= at)
            .order_by(_M.due_at, _M.n)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True)
        )
        found.extend(Claimed(**row) for row in connection.execute(query).mappings())
        if len(found) >= limit:
            break
    return found


_CLAIM = (
    _M.id, _M.entry, _M.trigger, _M.version, _M.customer, _M.step, _M.channel, _M.template,
    _M.entry_at, _M.due_at, _M.priority, _M.ghost, _M.attempts, _M.context,
)  # fmt: skip


def _given_up(at: datetime) -> Any:  # Select of seven columns
    """One attempt for each message whose sender never came back."""
    return select(
        _M.id,
        literal(at, ATTEMPT.c.at.type),
        literal(""),
        literal(MessageState.UNKNOWN.value),
        literal(LEASE_EXPIRED),
        literal(""),
        literal(None, ATTEMPT.c.provider_id.type),
    ).where(_SENDING, _M.lease_until < at)


def _rows(connection: Connection, messages: Sequence[str]) -> dict[str, Row[Any]]:
    columns = (_M.id, _M.state, _M.worker, _M.customer, _M.channel, _M.due_at, _M.context)
    found: dict[str, Row[Any]] = {}
    for ids in bulk.chunks(messages):
        # in one order for every worker: no deadlock on PostgreSQL
        query = select(*columns).where(_M.id.in_(ids)).order_by(_M.id).with_for_update()
        found.update({row.id: row for row in connection.execute(query)})
    return found


def _may_move(row: Row[Any], outcome: Outcome) -> bool:
    state = MessageState(row.state)
    if outcome.state is MessageState.ACCEPTED:
        return state in _ACCEPTABLE
    if state is MessageState.UNKNOWN:
        return bool(outcome.worker) and outcome.worker == row.worker
    return state in _HELD and outcome.worker in ("", row.worker)


def _move(row: Row[Any], outcome: Outcome) -> dict[str, object]:
    back = outcome.state is MessageState.QUEUED
    return {
        "message": outcome.message,
        "new_state": outcome.state.value,
        "new_due_at": outcome.due_at if back and outcome.due_at is not None else row.due_at,
        "tried": int(back and outcome.attempted),
        "new_changed_at": outcome.at,
        "new_reason": outcome.reason,
        "new_context": row.context if outcome.state in _KEEPS_CONTEXT else "",
    }


_MOVE = (
    update(MESSAGE)
    .where(_M.id == bindparam("message"))
    .values(
        state=bindparam("new_state"),
        due_at=bindparam("new_due_at"),
        attempts=_M.attempts + bindparam("tried"),
        changed_at=bindparam("new_changed_at"),
        reason=bindparam("new_reason"),
        context=bindparam("new_context"),
        lease_until=None,
        worker=None,
    )
)


def _attempt(outcome: Outcome) -> dict[str, object]:
    return {
        "message": outcome.message,
        "at": outcome.at,
        "provider": outcome.provider,
        "state": outcome.state.value,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "provider_id": outcome.provider_id,
    }
