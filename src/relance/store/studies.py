"""What a report reads of the state to judge an experiment: who was written to, when, and by whom;
who wanted no more; who came as far as the global holdout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, null, select, union_all

from relance.domain.arm import Arm
from relance.domain.ledger import Refusal
from relance.domain.message import MessageState
from relance.domain.receipt import RANK, ReceiptKind
from relance.domain.study import Lateness
from relance.store import bulk
from relance.store.driver import Driver, Statement
from relance.store.instants import OPEN
from relance.store.suppressions import UNSUBSCRIBED
from relance.store.tables import (
    CONSENT_CHANGE,
    ENTRY,
    MESSAGE,
    REFUSAL,
    RUN,
    SUPPRESSED_ADDRESS,
    SUPPRESSION,
)

LEFT = tuple(state.value for state in RANK)
"""The states of messages that a provider took."""

Key = tuple[str, str]  # trigger, version

_TRIED = (*LEFT, MessageState.FAILED.value, MessageState.UNKNOWN.value, MessageState.GHOST.value)
_WISHES = (UNSUBSCRIBED, ReceiptKind.COMPLAINED.value)
_AFTER_GLOBAL = (Refusal.FREQUENCY_CAP.value, Refusal.DISPLACED.value)
_OPTOUTS = pa.schema([("customer", pa.string()), ("at", bulk.INSTANT)])
_REACHED = pa.schema([("customer", pa.string()), ("at", bulk.INSTANT), ("held_out", pa.bool_())])

# Only what was tried before has an attempt to look up: the others were tried when they changed.
_LATE = """
    SELECT trigger, version, ghost, channel, {seconds} AS late FROM (
        SELECT trigger, version, ghost, channel, entry_at,
            CASE WHEN attempts = 0 THEN coalesce(doubtful_at, changed_at) ELSE coalesce(
                (SELECT min(at) FROM attempt WHERE attempt.message = message.id), changed_at
            ) END AS tried_at
        FROM message WHERE step = 0 AND state {{these}} AND entry_at <= ?
    ) AS first WHERE tried_at <= ?
"""
_SECONDS_SQLITE = "(tried_at - entry_at) / 1e6"
_SECONDS_POSTGRESQL = "extract(epoch FROM tried_at - entry_at)::float8"
_MIDDLE = "SELECT avg(late) FROM ({late}) AS late"
# squares of deviations from the middle: those of the seconds themselves would cancel
_LATENESS = """
SELECT trigger, version, ghost, channel, count(*), sum(late), sum(late * late) FROM (
    SELECT trigger, version, ghost, channel, late - ? AS late FROM ({late}) AS late
) AS late GROUP BY trigger, version, ghost, channel ORDER BY trigger, version, ghost, channel
"""


def _statements(seconds: str) -> tuple[Statement, Statement]:
    late = _LATE.format(seconds=seconds)
    return Statement(_MIDDLE.format(late=late)), Statement(_LATENESS.format(late=late))


_ON_SQLITE = _statements(_SECONDS_SQLITE)
_ON_POSTGRESQL = _statements(_SECONDS_POSTGRESQL)


def lateness(connection: Connection, until: datetime | None = None) -> list[Lateness]:
    """How long after the entry the first step's messages were first tried, or were ghosts."""
    driver = Driver(connection)
    middle_of, sums_of = _ON_SQLITE if driver.is_sqlite else _ON_POSTGRESQL
    end = driver.instant(until or OPEN)
    these = (driver.listed(_TRIED), end, end)
    [(middle,)] = driver.rows(middle_of, *these)
    if middle is None:
        return []
    return [
        Lateness(
            trigger=trigger,
            version=version,
            arm=Arm.HOLDOUT if ghost else Arm.TREATED,
            channel=channel,
            messages=messages,
            mean=middle + total / messages,
            m2=max(0.0, squares - total * total / messages),
        )
        for trigger, version, ghost, channel, messages, total, squares in driver.rows(
            sums_of, middle, *these
        )
    ]


def sent_by_channel(
    connection: Connection, since: datetime | None, until: datetime | None
) -> Mapping[Key, Mapping[Key, int]]:
    """Messages that a provider took, by trigger and version, then by channel and provider."""
    message = MESSAGE.c
    group = (message.trigger, message.version, message.channel, message.provider)
    query = select(*group, func.count()).where(message.state.in_(LEFT)).group_by(*group)
    if since is not None:
        query = query.where(message.entry_at >= since)
    if until is not None:
        query = query.where(message.changed_at <= until)
    found: defaultdict[Key, dict[Key, int]] = defaultdict(dict)
    for trigger, version, channel, provider, number in connection.execute(query):
        found[trigger, version][channel, provider] = number
    return found


def optouts(connection: Connection) -> pa.Table:
    """Every wish not to be written to any more on some channel. Columns: customer, at.

    An address counts for whom had been written to there.
    """
    change, own, address, message = (
        table.c for table in (CONSENT_CHANGE, SUPPRESSION, SUPPRESSED_ADDRESS, MESSAGE)
    )
    there = and_(message.recipient == address.recipient, message.channel == address.channel)
    asked = address.reason.in_(_WISHES)
    # without the list SQLite would rather read all messages: they are found by their address
    listed = message.recipient.in_(select(address.recipient).where(asked))
    wishes = (
        select(change.customer, change.at).where(change.granted.is_(False), change.topic == ""),
        select(own.customer, own.at).where(own.reason.in_(_WISHES)),
        select(message.customer, address.at)
        .join_from(SUPPRESSED_ADDRESS, MESSAGE, there)
        .where(asked, listed, message.changed_at <= address.at)
        .distinct(),
    )
    found = union_all(*wishes).subquery()
    query: Select[tuple[str, datetime]] = select(found.c.customer, found.c.at)
    return bulk.table(connection, query, _OPTOUTS)


def reached_global(connection: Connection, since: datetime, until: datetime) -> pa.Table:
    """Everybody's first arrival at the global holdout's gate from `since` up to, and without,
    `until`. Columns: customer, at, held_out.

    Whom it refused was held out; whom a later gate refused, or nobody did, was not.
    """
    entry, run, refusal = ENTRY.c, RUN.c, REFUSAL.c

    def within(at: ColumnElement[datetime]) -> ColumnElement[bool]:
        return and_(at >= since, at < until)

    refused = select(refusal.customer, run.at).join_from(RUN, REFUSAL, refusal.run == run.id)
    held = refused.add_columns(run.at.label("held_at")).where(
        refusal.reason == Refusal.GLOBAL_HOLDOUT.value, within(run.at)
    )
    later = refused.add_columns(null().label("held_at")).where(
        refusal.reason.in_(_AFTER_GLOBAL), within(run.at)
    )
    entered = select(entry.customer, entry.at, null().label("held_at")).where(within(entry.at))
    arrived = union_all(held, later, entered).subquery()
    first = func.min(arrived.c.at)
    held_out = func.coalesce(func.min(arrived.c.held_at) == first, false())
    query = select(arrived.c.customer, first, held_out).group_by(arrived.c.customer)
    return bulk.table(connection, query, _REACHED)
