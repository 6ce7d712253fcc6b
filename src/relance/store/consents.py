"""What customers allowed and refused here: channels, topics, and pauses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from relance.domain.consent import Said
from relance.store import bulk
from relance.store.driver import Driver, Statement, instant
from relance.store.tables import CONSENT_CHANGE, PAUSE
from relance.store.views import Preferences

_CONSENTS = pa.schema([("customer", pa.string()), ("granted", pa.bool_()), ("at", bulk.INSTANT)])

_RECORD = Statement(
    "INSERT INTO consent_change (channel, customer, granted, at, source, topic)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
# of two changes at one instant the later written counts
_LATEST = (
    "SELECT {names}, granted FROM ("
    "SELECT {names}, granted, row_number() OVER"
    " (PARTITION BY {names} ORDER BY at DESC, id DESC) AS place"
    " FROM consent_change WHERE {which}) AS ranked WHERE place = 1"
)
_OF_CHANNEL = Statement(
    _LATEST.format(names="customer", which="channel = ? AND topic = '' AND customer {these}")
)
_OF_TOPICS = Statement(
    _LATEST.format(
        names="customer, topic", which="channel = '' AND topic <> '' AND customer {these}"
    )
)
_OF_CUSTOMER = Statement(_LATEST.format(names="channel, topic", which="customer = ?"))
_SAID = Statement(
    "SELECT customer, topic, at, granted FROM ("
    "SELECT customer, topic, at, granted, row_number() OVER"
    " (PARTITION BY customer, topic ORDER BY at DESC, id DESC) AS place"
    " FROM consent_change WHERE (topic <> '' OR channel = ?) AND customer {these}"
    ") AS ranked WHERE place = 1"
)
_PAUSED = Statement("SELECT customer, until FROM pause WHERE customer {these} AND until > ?")
_PAUSE = Statement(
    "INSERT INTO pause (customer, until, at, source) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (customer) DO UPDATE"
    " SET until = excluded.until, at = excluded.at, source = excluded.source"
)
_RESUME = Statement("DELETE FROM pause WHERE customer = ?")


def record(
    driver: Driver,
    channel: str,
    customers: Sequence[str],
    at: datetime,
    source: str,
    *,
    granted: bool,
    topic: str = "",
) -> None:
    """Note a consent given or taken back by customers; the latest one of each counts.

    A topic is refused or wanted on every channel.
    """
    when = driver.instant(at)
    where = "" if topic else channel
    driver.many(_RECORD, [(where, each, granted, when, source, topic) for each in customers])


def pause(driver: Driver, customer: str, until: datetime | None, at: datetime, source: str) -> None:
    """Write to a customer only later than `until`; None ends a pause."""
    if until is None:
        driver.run(_RESUME, customer)
    else:
        driver.run(_PAUSE, customer, driver.instant(until), driver.instant(at), source)


def of_channel(driver: Driver, channel: str, customers: Sequence[str]) -> dict[str, bool]:
    """Of these customers, the latest consent recorded, where there is any."""
    rows = driver.rows(_OF_CHANNEL, channel, driver.listed(customers))
    return {customer: bool(granted) for customer, granted in rows}


def topics_refused(driver: Driver, customers: Sequence[str]) -> set[tuple[str, str]]:
    """Of these customers, who does not want to hear of what: (customer, topic)."""
    rows = driver.rows(_OF_TOPICS, driver.listed(customers))
    return {(customer, topic) for customer, topic, granted in rows if not granted}


def paused(driver: Driver, customers: Sequence[str], at: datetime) -> dict[str, datetime]:
    """Of these customers, who asked not to be written to, and until when."""
    rows = driver.rows(_PAUSED, driver.listed(customers), driver.instant(at))
    return {customer: instant(until) for customer, until in rows}


def said(driver: Driver, channel: str, customers: Sequence[str]) -> list[Said]:
    """Of these customers, their latest words about a channel and about every topic."""
    rows = driver.rows(_SAID, channel, driver.listed(customers))
    return [
        Said(customer=customer, topic=topic, granted=bool(granted), at=instant(at))
        for customer, topic, at, granted in rows
    ]


def preferences(driver: Driver, customer: str, at: datetime) -> Preferences:
    """What one customer said here, as of now."""
    rows = driver.rows(_OF_CUSTOMER, customer)
    return Preferences(
        channels={channel: bool(granted) for channel, topic, granted in rows if not topic},
        topics_refused=frozenset(t for _, t, granted in rows if t and not granted),
        paused_until=paused(driver, [customer], at).get(customer),
    )


def all_of_channel(connection: Connection, channel: str) -> pa.Table:
    """The latest consent recorded per customer. Columns: customer, granted, at."""
    return _latest(connection, channel, "")


def all_of_topic(connection: Connection, topic: str) -> pa.Table:
    """The latest choice recorded per customer. Columns: customer, granted, at."""
    return _latest(connection, "", topic)


def all_refusing(connection: Connection, topic: str) -> pa.Array:
    """Every customer who does not want to hear of a topic."""
    latest = _latest(connection, "", topic)
    refused: pa.Array = latest.filter(pc.invert(latest["granted"]))["customer"].combine_chunks()
    return refused


def _latest(connection: Connection, channel: str, topic: str) -> pa.Table:
    change = CONSENT_CHANGE.c
    newest_first = func.row_number().over(
        partition_by=change.customer, order_by=(change.at.desc(), change.id.desc())
    )
    found = (
        select(change.customer, change.granted, change.at, newest_first.label("place"))
        .where(change.channel == channel, change.topic == topic)
        .subquery()
    )
    columns = (found.c.customer, found.c.granted, found.c.at)
    return bulk.table(connection, select(*columns).where(found.c.place == 1), _CONSENTS)


def all_paused(connection: Connection, at: datetime) -> pa.Array:
    """Every customer who asked not to be written to until later than `at`."""
    query = select(PAUSE.c.customer).where(PAUSE.c.until > at)
    return bulk.column(connection, query, pa.string())
