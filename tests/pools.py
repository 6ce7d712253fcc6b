"""What generated shops consist of: kinds of values, words and numbers to draw from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import cast
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from relance.domain.condition import (
    Scalar,
)
from relance.domain.duration import Duration
from relance.domain.workspace import day_start
from relance.engine.reference_shop import Shop, Value

# -- what the shops consist of: logical name -> kind of value

ATTRIBUTES = {
    "country": "text",
    "first_name": "text",
    "shoe_size": "integer",
    "points": "number",
    "vip": "truth",
    "birth_date": "day",
    "trial_ends": "instant",
}
ORDER_FIELDS = {
    "amount": "number",
    "pieces": "integer",
    "category": "text",
    "gift": "truth",
    "deliver_on": "day",
}

ACCOUNT_ATTRIBUTES = {"tier": "text", "staff": "integer", "since": "day"}

PARIS = ZoneInfo("Europe/Paris")
INSTANTS = (
    datetime(2026, 3, 10, 9, 0, tzinfo=PARIS),
    datetime(2026, 3, 30, 8, 15, tzinfo=PARIS),  # the clocks went forward the day before
    datetime(2025, 10, 26, 1, 30, tzinfo=UTC),  # 02:30 in Paris for the second time
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1971, 1, 1, tzinfo=PARIS),
)
ZONES = ("Europe/Paris", "UTC", "America/New_York", "Asia/Kolkata")
STEADY_ZONES = ("UTC", "Asia/Tokyo")  # every local time there happens once

PAST = tuple(
    map(
        Duration.parse,
        ("30 minutes", "2 hours", "1 day", "7 days", "2 weeks", "1 month", "90 days", "1 year"),
    )
)
FUTURE = (Duration.parse("-3 days"), Duration.parse("-1 month"))
NUDGES = (timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1))

WORDS = (
    "FR",
    "fr",
    "BE",
    "",
    " ",
    "é",
    "e\u0301",
    "Zoë",
    "100%",
    "a_b",
    "axb",
    "O'Neil",
    "\\",
    "🦊",
)
NUMBERS = (-10.0, -2.5, 0.0, 0.25, 1.0, 2.0, 10.0, 1e6)  # halves and quarters add up exactly
INTEGERS = (-3, 0, 1, 2, 3, 38, 40)

SQL_LEAVES: Mapping[str, Callable[[Shop, datetime], set[str]]] = {
    "SELECT customer_id FROM customers WHERE shoe_size > 2": lambda shop, _: {
        who.key for who in shop.customers if cast(int, who.attributes["shoe_size"] or 0) > 2
    },
    "SELECT o.customer_id, 1 AS more FROM orders AS o WHERE o.total >= 1 AND o.ordered_at <= :at": (
        lambda shop, at: {
            order.customer
            for order in shop.events["order"]
            if order.at <= at and cast(float, order.fields["amount"] or 0) >= 1
        }
    ),
}
ACCOUNT_SQL_LEAVES: Mapping[str, Callable[[Shop, datetime], set[str]]] = {
    "SELECT account_id FROM accounts WHERE staff > 1": lambda shop, _: {
        who.key for who in shop.accounts if cast(int, who.attributes["staff"] or 0) > 1
    },
}


class Pools:
    """The strategies whose values depend on the instant and on the zone of a shop.

    There is one per instant and zone: hypothesis takes far longer to build a strategy than to
    draw from it, so everything that hangs on a pool is kept.
    """

    @staticmethod
    @cache
    def of(at: datetime, zone: str) -> Pools:
        return Pools(at, ZoneInfo(zone))

    def __init__(self, at: datetime, zone: ZoneInfo) -> None:
        edges = [at, *(length.before(at, zone) for length in (*PAST, *FUTURE))]
        days = [edge.astimezone(zone).date() for edge in edges]
        midnights = [day_start(day, zone) for day in days[:5]]
        nudged = [edge + nudge for edge in (*edges, *midnights) for nudge in NUDGES]
        odd = [datetime(1954, 7, 20, 12, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)]
        self.at = at
        self.zone = zone
        self.instants = st.sampled_from([instant.astimezone(UTC) for instant in (*nudged, *odd)])
        self.days = st.sampled_from([*days, date(1954, 7, 20), date(1968, 2, 29)])
        self.values: Mapping[str, st.SearchStrategy[Scalar]] = {
            "text": st.sampled_from(WORDS) | odd_text(),
            "integer": st.sampled_from(INTEGERS),
            "number": st.sampled_from(NUMBERS),
            "truth": st.booleans(),
            "day": self.days,
            "instant": self.instants,
        }
        self.customer_row = self.row(ATTRIBUTES)
        self.order_row = self.row(ORDER_FIELDS)
        self.account_row = self.row(ACCOUNT_ATTRIBUTES)

    def row(self, kinds: Mapping[str, str]) -> st.SearchStrategy[dict[str, Value]]:
        """A value or a gap for each name."""
        gap = st.none()
        return st.fixed_dictionaries(
            {name: gap | self.values[kind] | self.values[kind] for name, kind in kinds.items()}
        )


def odd_text() -> st.SearchStrategy[str]:
    """Any text that a PostgreSQL column can hold."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
