"""What a report reads of the state to judge an experiment: who was written to, when, and by whom;
who wanted no more; who came as far as the global holdout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Float,
    Select,
    and_,
    case,
    cast,
    extract,
    false,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
)

from relance.domain.accounts import ACCOUNT
from relance.domain.arm import Arm
from relance.domain.ledger import Refusal
from relance.domain.message import MessageState
from relance.domain.receipt import RANK, ReceiptKind
from relance.domain.study import Lateness
from relance.store import bulk
from relance.store.counted import counted
from relance.store.instants import OPEN, Instant
from relance.store.suppressions import UNSUBSCRIBED
from relance.store.tables import (
    ATTEMPT,
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


def lateness(connection: Connection, until: datetime | None = None) -> list[Lateness]:
    """How long after the entry the first step's messages were first tried, or were ghosts."""
    first = _first_tries(connection, until or OPEN).subquery().c
    # Squares of the seconds themselves would cancel: of their differences from any one of them
    # they do not, it is no further from the mean than all together.
    near = connection.scalar(select(first.late).limit(1))
    if near is None:
        return []
    query = select(first.trigger, first.version, first.ghost, first.channel, first.late - near)
    return [
        Lateness(
            trigger=trigger,
            version=version,
            arm=Arm.HOLDOUT if ghost else Arm.TREATED,
            channel=channel,
            messages=messages,
            mean=near + total / messages,
            m2=max(0.0, squares - total * total / messages),
        )
        for trigger, version, ghost, channel, messages, total, squares in counted(connection, query)
    ]


def _first_tries(connection: Connection, until: datetime) -> Select[Any]:
    message = MESSAGE.c
    # Only what was tried before has an attempt to look up: the others were tried when they changed.
    attempt = select(func.min(ATTEMPT.c.at)).where(ATTEMPT.c.message == message.id)
    tried_at = case(
        (message.attempts == 0, func.coalesce(message.doubtful_at, message.changed_at)),
        else_=func.coalesce(attempt.scalar_subquery(), message.changed_at),
    )
    late = _seconds(connection, tried_at, message.entry_at)
    columns = (message.trigger, message.version, message.ghost, message.channel)
    return select(*columns, late.label("late")).where(
        message.step == 0,
        message.state.in_(_TRIED),
        message.entry_at <= until,
        type_coerce(tried_at, Instant) <= until,
    )


def _seconds(
    connection: Connection, end: ColumnElement[datetime], start: ColumnElement[datetime]
) -> ColumnElement[Any]:
    if connection.dialect.name == "sqlite":
        microseconds = type_coerce(end, BigInteger) - type_coerce(start, BigInteger)
        return microseconds / literal_column("1e6", Float)
    return cast(extract("epoch", end - start), Double)


def sent_by_channel(
    connection: Connection, since: datetime | None, until: datetime | None
) -> Mapping[Key, Mapping[Key, int]]:
    """Messages that a provider took, by trigger and version, then by channel and provider."""
    message = MESSAGE.c
    columns = (message.trigger, message.version, message.channel, message.provider)
    query = select(*columns).where(message.state.in_(LEFT))
    if since is not None:
        query = query.where(message.entry_at >= since)
    if until is not None:
        query = query.where(message.changed_at <= until)
    found: defaultdict[Key, dict[Key, int]] = defaultdict(dict)
    for trigger, version, channel, provider, number in counted(connection, query):
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

    refused = (
        select(refusal.customer, run.at)
        .join_from(RUN, REFUSAL, refusal.run == run.id)
        .where(~refusal.customer.startswith(ACCOUNT), ~refusal.detail.startswith(ACCOUNT))
    )
    held = refused.add_columns(run.at.label("held_at")).where(
        refusal.reason == Refusal.GLOBAL_HOLDOUT.value, within(run.at)
    )
    later = refused.add_columns(null().label("held_at")).where(
        refusal.reason.in_(_AFTER_GLOBAL), within(run.at)
    )
    # accounts are not customers: what they are worth is told by their own triggers
    account = func.coalesce(entry.unit, "").startswith(ACCOUNT)
    entered = select(entry.customer, entry.at, null().label("held_at")).where(
        within(entry.at), ~account
    )
    arrived = union_all(held, later, entered).subquery()
    first = func.min(arrived.c.at)
    held_out = func.coalesce(func.min(arrived.c.held_at) == first, false())
    query = select(arrived.c.customer, first, held_out).group_by(arrived.c.customer)
    return bulk.table(connection, query, _REACHED)
