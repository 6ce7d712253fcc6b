"""What became of messages: moves that only go forward, and the attempts.

Nearly every outcome is that a held message was accepted: those are moved by one statement and leave
no row beside the message. Whatever else there is, is looked at one by one.

The rule of promise 1: a message that may be on the wire never goes back to the queue on anybody's
word but its holder's, and what a provider accepted is accepted, whoever reports it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from relance.domain.ledger import Budget, Outcome, Tried
from relance.domain.message import MessageState
from relance.domain.receipt import RANK
from relance.store import reports, suppressions
from relance.store.claims import ATTEMPT, STILL_HELD
from relance.store.driver import Driver, Statement, storable, storable_key
from relance.store.instants import Stored
from relance.store.marks import give_back
from relance.store.views import Suppressed

LOOK_UP_AFTER = timedelta(minutes=1)
"""A vendor rarely knows of a message sooner than that, if it has it."""

_HELD = frozenset({MessageState.CLAIMED, MessageState.SENDING})
_ROWS = Statement(
    "SELECT id, state, worker, customer, channel, recipient, changed_at FROM message"
    " WHERE id {these} ORDER BY n {lock}"
)
_END = Statement(
    "UPDATE message SET state = ?, changed_at = ?, reason = ?, context = '', look_up_at = NULL,"
    " worker = NULL, lease_until = NULL WHERE id = ?"
)
_ACCEPT_SQL = (
    "UPDATE message SET state = 'accepted', changed_at = ?, reason = ?, provider = ?,"
    " provider_id = ?, context = '', look_up_at = NULL, worker = NULL, lease_until = NULL"
    " WHERE id = ?"
)
_ACCEPT = Statement(_ACCEPT_SQL)
_ACCEPT_HELD = Statement(_ACCEPT_SQL + " AND " + STILL_HELD)
_BACK = Statement(
    "UPDATE message SET state = 'queued', changed_at = ?, reason = ?,"
    " due_at = coalesce(?, due_at), attempts = attempts + ?,"
    " doubtful_at = coalesce(doubtful_at, ?), look_up_at = NULL, worker = NULL, lease_until = NULL"
    " WHERE id = ?"
)
_UNSURE = Statement(
    "UPDATE message SET state = 'unknown', changed_at = ?, reason = ?, look_up_at = ?,"
    " doubtful_at = coalesce(doubtful_at, ?), worker = NULL, lease_until = NULL WHERE id = ?"
)


class _Row(NamedTuple):
    """What of a message decides about its move."""

    id: str
    state: str
    worker: str | None
    customer: str
    channel: str
    recipient: str | None
    changed_at: Stored


def record(driver: Driver, outcomes: Sequence[Outcome]) -> None:
    """Move messages to their next state and write the attempts."""
    named = {
        (one.provider, provider_id): one.message
        for one in outcomes
        if one.state is MessageState.ACCEPTED and (provider_id := _provider_id(one)) is not None
    }
    if named:
        reports.let_others_finish(driver)
    noted: list[Outcome] = []
    for some in _rounds(outcomes):
        rest = _accept(driver, some)
        _record(driver, rest)
        noted += rest
    tried = [_tried(driver, one, each) for one in outcomes if one.tried for each in one.tried]
    driver.many(ATTEMPT, tried + [_attempt(driver, one) for one in noted if one.attempted])
    if named:
        reports.apply_waiting(driver, named)


def _rounds(outcomes: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """A message's second outcome is judged by what its first has made of it."""
    rest = list(outcomes)
    while rest:
        first: dict[str, Outcome] = {}
        later = [one for one in rest if first.setdefault(one.message, one) is not one]
        yield list(first.values())
        rest = later


def _accept(driver: Driver, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Move what was held and is accepted; those still to be looked at one by one: the others, or
    all where one was not held any more. (To look at one that has moved changes nothing.)"""
    changes = [_acceptance(driver, one) for one in outcomes if _is_plain(one)]
    if driver.many(_ACCEPT_HELD, changes) != len(changes):
        return list(outcomes)
    return [one for one in outcomes if not _is_plain(one)]


def _is_plain(outcome: Outcome) -> bool:
    """Whether all that there is to do is to move the message to `accepted`."""
    accepted = outcome.state is MessageState.ACCEPTED
    return accepted and not outcome.unspent and not outcome.suppress


def _acceptance(driver: Driver, outcome: Outcome) -> tuple[object, ...]:
    now, reason = driver.instant(outcome.at), storable(outcome.reason)
    return now, reason, outcome.provider, _provider_id(outcome), outcome.message


def _record(driver: Driver, outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    found = driver.rows(_ROWS, driver.listed(one.message for one in outcomes))
    rows = {row[0]: _Row._make(row) for row in found}
    known = [(rows[one.message], one) for one in outcomes if one.message in rows]
    changes: dict[Statement, list[tuple[object, ...]]] = {}
    for row, outcome in known:
        if _may_move(row, outcome):
            statement, values = _move(driver, row, outcome)
            changes.setdefault(statement, []).append(values)
        elif outcome.state is MessageState.ACCEPTED and outcome.provider_id is not None:
            # a report was faster than this outcome, and may have known our id only
            named = (_provider_id(outcome), row.id, outcome.provider)
            changes.setdefault(reports.NAME, []).append(named)
    for statement, values_of_all in changes.items():
        driver.many(statement, values_of_all)
    for row, outcome in known:
        if outcome.suppress:
            _suppress(driver, row, outcome)
    give_back(driver, _unspent(known))


def _unspent(known: Sequence[tuple[_Row, Outcome]]) -> Counter[Budget]:
    """What the marks of these messages have spent in vain: only a mark that still stood."""
    sending = MessageState.SENDING.value
    return Counter(
        budget
        for row, outcome in known
        if outcome.unspent and row.state == sending and row.worker == outcome.worker
        for budget in outcome.unspent
    )


def _may_move(row: _Row, outcome: Outcome) -> bool:
    state = MessageState(row.state)
    if outcome.state is MessageState.ACCEPTED:
        return state is not MessageState.GHOST and state not in RANK
    if state is MessageState.UNKNOWN:
        return bool(outcome.worker) and outcome.worker == row.worker
    return state in _HELD and outcome.worker in ("", row.worker)


def _move(driver: Driver, row: _Row, outcome: Outcome) -> tuple[Statement, tuple[object, ...]]:
    now, reason = driver.instant(outcome.at), storable(outcome.reason)
    # from the mark on it may have left
    since = row.changed_at if row.state == MessageState.SENDING.value else now
    if outcome.state is MessageState.ACCEPTED:
        return _ACCEPT, _acceptance(driver, outcome)
    if outcome.state is MessageState.UNKNOWN:
        look_up_at = driver.instant(outcome.at + LOOK_UP_AFTER)
        return _UNSURE, (now, reason, look_up_at, since, row.id)
    if outcome.state is MessageState.QUEUED:
        due_at = None if outcome.due_at is None else driver.instant(outcome.due_at)
        doubtful_at = since if outcome.doubtful else None
        return _BACK, (now, reason, due_at, int(outcome.attempted), doubtful_at, row.id)
    return _END, (outcome.state.value, now, reason, row.id)


def _suppress(driver: Driver, row: _Row, outcome: Outcome) -> None:
    """Of a customer's address the vendor wants no more: neither that customer nor that address."""
    reason, at = storable(outcome.reason) or suppressions.UNSUBSCRIBED, outcome.at
    both = [
        Suppressed(
            channel=row.channel, customer=customer, recipient=recipient, reason=reason, at=at
        )
        for customer, recipient in ((row.customer, None), (None, row.recipient))
        if customer is not None or recipient is not None
    ]
    suppressions.add(driver, both)


def _attempt(driver: Driver, outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.message,
        driver.instant(outcome.at),
        outcome.provider,
        outcome.state.value,
        storable(outcome.reason),
        storable(outcome.detail),
        _provider_id(outcome),
    )


def _tried(driver: Driver, outcome: Outcome, tried: Tried) -> tuple[object, ...]:
    state, reason = MessageState.QUEUED.value, storable(tried.reason)
    at, detail = driver.instant(tried.at), storable(tried.detail)
    return outcome.message, at, tried.provider, state, reason, detail, None


def _provider_id(outcome: Outcome) -> str | None:
    return None if outcome.provider_id is None else storable_key(outcome.provider_id)
