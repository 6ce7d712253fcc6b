"""Words for tests of the oracle: its morning, an order, and five customers who order unlike."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from relance.domain.duration import Duration
from relance.engine.reference_shop import Customer, Event, Shop, Value

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 10, 9, 0, tzinfo=PARIS)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=PARIS)


def days(count: int) -> Duration:
    return Duration.parse(f"{count} days")


def order(at: datetime, customer: str = "ada", **fields: Value) -> Event:
    return Event(customer=customer, at=at, fields=fields)


def five_customers() -> Shop:
    """Customer n (a to e) has n orders, the last one n days ago, 10 n of money in each."""
    orders = [
        order(AT - timedelta(days=n), name, amount=10 * n)
        for n, name in enumerate("abcde", start=1)
        for _ in range(n)
    ]
    customers = [Customer(key=name) for name in "abcdef"]
    return Shop(zone=PARIS, customers=customers, events={"order": orders})
