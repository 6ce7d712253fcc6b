"""Who must not be written to, and which consent was recorded here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, func, insert, select

from relance.store import bulk
from relance.store.tables import CONSENT_CHANGE, SUPPRESSION

_CONSENTS = pa.schema([("customer", pa.string()), ("granted", pa.bool_()), ("at", bulk.INSTANT)])


def suppress(
    connection: Connection, channel: str, customer: str, reason: str, at: datetime
) -> None:
    """Never write to a customer on a channel again; the first reason is kept."""
    known = select(SUPPRESSION.c.customer).where(
        SUPPRESSION.c.channel == channel, SUPPRESSION.c.customer == customer
    )
    if connection.execute(known).first() is None:
        row = {"channel": channel, "customer": customer, "reason": reason, "at": at}
        connection.execute(insert(SUPPRESSION).values(row))


def record_consent(
    connection: Connection, channel: str, customer: str, at: datetime, source: str, *, granted: bool
) -> None:
    """Note a consent given or taken back; the latest one counts."""
    connection.execute(
        insert(CONSENT_CHANGE).values(
            channel=channel, customer=customer, granted=granted, at=at, source=source
        )
    )


def suppressed(connection: Connection, channel: str) -> pa.Array:
    """Every customer suppressed on a channel."""
    query: Select[Any] = select(SUPPRESSION.c.customer).where(SUPPRESSION.c.channel == channel)
    return bulk.column(connection, query, pa.string())


def blocked(connection: Connection, channel: str, customers: Sequence[str]) -> set[str]:
    """Of these customers, those suppressed on a channel."""
    query = select(SUPPRESSION.c.customer).where(SUPPRESSION.c.channel == channel)
    found: set[str] = set()
    for some in bulk.chunks(customers):
        found.update(connection.scalars(query.where(SUPPRESSION.c.customer.in_(some))))
    return found


def consent_changes(connection: Connection, channel: str) -> pa.Table:
    """The latest consent recorded per customer. Columns: customer, granted, at."""
    return bulk.table(connection, _latest(channel, None), _CONSENTS)


def consents(connection: Connection, channel: str, customers: Sequence[str]) -> dict[str, bool]:
    """Of these customers, the latest consent recorded, where there is any."""
    found: dict[str, bool] = {}
    for some in bulk.chunks(customers):
        rows = connection.execute(_latest(channel, some))
        found.update({row.customer: row.granted for row in rows})
    return found


def _latest(channel: str, customers: Sequence[str] | None) -> Select[Any]:
    change = CONSENT_CHANGE.c
    newest_first = func.row_number().over(
        partition_by=change.customer, order_by=(change.at.desc(), change.id.desc())
    )
    ranked = select(change.customer, change.granted, change.at, newest_first.label("place")).where(
        change.channel == channel
    )
    if customers is not None:
        ranked = ranked.where(change.customer.in_(customers))
    found = ranked.subquery()
    columns = (found.c.customer, found.c.granted, found.c.at)
    return select(*columns).where(found.c.place == 1)
