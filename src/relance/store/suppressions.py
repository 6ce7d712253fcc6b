"""Who must not be written to on a channel: customers, and addresses by their digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, select

from relance.errors import UsageError
from relance.store import bulk
from relance.store.driver import Driver, Statement
from relance.store.tables import SUPPRESSED_ADDRESS, SUPPRESSION
from relance.store.views import Suppressed

UNSUBSCRIBED = "unsubscribed"
"""The reason of a suppression that the customer asked for and may take back."""

# the first reason is kept
_SUPPRESS = Statement(
    "INSERT INTO suppression (channel, customer, reason, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_SUPPRESS_ADDRESS = Statement(
    "INSERT INTO suppressed_address (channel, recipient, reason, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_LIFT = Statement("DELETE FROM suppression WHERE channel = ? AND customer = ?")
_LIFT_ADDRESS = Statement("DELETE FROM suppressed_address WHERE channel = ? AND recipient = ?")
_LIFT_OWN = Statement(
    "DELETE FROM suppression WHERE channel = ? AND customer {these} AND reason = ? AND at <= ?"
)
_LIFT_OWN_ADDRESS = Statement(
    "DELETE FROM suppressed_address"
    " WHERE channel = ? AND recipient {these} AND reason = ? AND at <= ?"
)
_BLOCKED = Statement("SELECT customer FROM suppression WHERE channel = ? AND customer {these}")
_BLOCKED_ADDRESSES = Statement(
    "SELECT recipient FROM suppressed_address WHERE channel = ? AND recipient {these}"
)


def add(driver: Driver, rows: Iterable[Suppressed]) -> int:
    """Suppress customers and addresses; how many were not suppressed yet.

    Raises UsageError for a row that names neither, or both.
    """
    customers, addresses = _split(driver, rows)
    added = driver.many(_SUPPRESS, customers) if customers else 0
    return added + (driver.many(_SUPPRESS_ADDRESS, addresses) if addresses else 0)


def remove(driver: Driver, rows: Iterable[Suppressed]) -> int:
    """Lift suppressions, whatever their reason; how many there were. Raises UsageError."""
    customers, addresses = (_keys(some) for some in _split(driver, rows))
    removed = driver.many(_LIFT, customers) if customers else 0
    return removed + (driver.many(_LIFT_ADDRESS, addresses) if addresses else 0)


def _keys(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row[:2] for row in rows]


def _split(
    driver: Driver, rows: Iterable[Suppressed]
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    customers: list[tuple[object, ...]] = []
    addresses: list[tuple[object, ...]] = []
    for row in rows:
        if (row.customer is None) == (row.recipient is None):
            raise UsageError("a suppression names either a customer or an address")
        kind = addresses if row.customer is None else customers
        name = row.recipient if row.customer is None else row.customer
        kind.append((row.channel, name, row.reason, driver.instant(row.at)))
    return customers, addresses


def lift_own(
    driver: Driver,
    channel: str,
    customers: Iterable[str],
    recipients: Iterable[str],
    at: datetime,
) -> None:
    """Lift what these people had asked for themselves, up to an instant; nothing else."""
    until = driver.instant(at)
    driver.run(_LIFT_OWN, channel, driver.listed(customers), UNSUBSCRIBED, until)
    driver.run(_LIFT_OWN_ADDRESS, channel, driver.listed(recipients), UNSUBSCRIBED, until)


def blocked(driver: Driver, channel: str, customers: Sequence[str]) -> set[str]:
    """Of these customers, those suppressed on a channel."""
    return {name for (name,) in driver.rows(_BLOCKED, channel, driver.listed(customers))}


def blocked_addresses(driver: Driver, channel: str, recipients: Sequence[str]) -> set[str]:
    """Of these recipients, those suppressed on a channel."""
    rows = driver.rows(_BLOCKED_ADDRESSES, channel, driver.listed(recipients))
    return {name for (name,) in rows}


def customers(connection: Connection, channel: str) -> pa.Array:
    """Every customer suppressed on a channel."""
    query: Select[Any] = select(SUPPRESSION.c.customer).where(SUPPRESSION.c.channel == channel)
    return bulk.column(connection, query, pa.string())


def addresses(connection: Connection, channel: str) -> pa.Array:
    """Every recipient suppressed on a channel."""
    address = SUPPRESSED_ADDRESS.c
    query: Select[Any] = select(address.recipient).where(address.channel == channel)
    return bulk.column(connection, query, pa.string())


def listed(connection: Connection, channel: str | None) -> Iterator[Suppressed]:
    """Every suppression of one channel or of all, by channel, customers before addresses."""
    for table, name in ((SUPPRESSION, "customer"), (SUPPRESSED_ADDRESS, "recipient")):
        query = select(table).order_by(table.c.channel, table.c[name])
        if channel is not None:
            query = query.where(table.c.channel == channel)
        for row in connection.execute(query).mappings():
            yield Suppressed(**{"customer": None, "recipient": None, **row})
