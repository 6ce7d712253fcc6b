"""A small supplier: its contacts, the companies they belong to, and what was ordered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from engine_shop import Shop
from relance.domain.condition import (
    Aggregate,
    Comparison,
    CustomerIs,
    EventIs,
    Measure,
    OfAccount,
    Op,
    Operand,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.workspace import AccountsSpec, CustomersSpec, EventSpec
from relance.engine.service import RelanceEngine

ACCOUNTS: dict[str, list[object]] = {
    "account_id": ["A", "B", "C", "D"],
    "name": ["Arbre", "Bosquet", "Chêne", "Désert"],
    "tier": ["gold", "silver", None, "gold"],
}
CONTACTS: dict[str, list[object]] = {
    "contact_id": [1, 2, 3, 4, 5],
    "account_id": ["A", "A", "B", None, "nowhere"],
    "job": ["buyer", "owner", "buyer", None, "buyer"],
    "email": [f"c{number}@shop.example" for number in range(1, 6)],
    "optin": [True, True, True, True, True],
}
ORDERS: dict[str, list[object]] = {
    "contact_id": [1, 2, 2, 3, 4, 5],
    "ordered_at": [datetime(2026, 3, day, 10, tzinfo=UTC) for day in range(1, 7)],
    "total": [100.0, 50.0, -20.0, 10.0, 7.0, 8.0],
    "category": ["tools", "paint", "paint", "tools", "tools", "tools"],
}
SHIPMENTS: dict[str, list[object]] = {
    "account_id": ["A", "A", "D", None, "nowhere"],
    "shipped_at": [datetime(2026, 3, day, 10, tzinfo=UTC) for day in range(1, 6)],
    "weight": [1.0, 2.0, 4.0, 8.0, 16.0],
}
CONTACTS_SPEC = CustomersSpec(
    table="contacts",
    key="contact_id",
    account="account_id",
    role="job",
    email="email",
    consent={"email": "optin"},
)
ACCOUNTS_SPEC = AccountsSpec(
    table="accounts", key="account_id", attributes={"name": "name", "tier": "tier"}
)
EVENTS = {
    "order": EventSpec(
        name="order",
        table="orders",
        customer="contact_id",
        at="ordered_at",
        amount="total",
        fields={"category": "category"},
    ),
    "shipment": EventSpec(
        name="shipment",
        table="shipments",
        customer="",
        account="account_id",
        at="shipped_at",
        amount="weight",
    ),
}


def supplier(shop: Shop, segments: object = None, **changes: object) -> RelanceEngine:
    """An engine over the supplier's tables; a test bends them by `shop.tables` first."""
    if "accounts" not in shop.tables:
        shop.tables = tables()
    return shop.engine(
        segments,
        customers=CONTACTS_SPEC,
        accounts=ACCOUNTS_SPEC,
        events=EVENTS,
        **changes,
    )


def tables() -> dict[str, dict[str, list[object]]]:
    """Fresh copies of the supplier's tables."""
    named = {"accounts": ACCOUNTS, "contacts": CONTACTS, "orders": ORDERS, "shipments": SHIPMENTS}
    return {
        name: {column: list(values) for column, values in columns.items()}
        for name, columns in named.items()
    }


def account(name: str, op: Op, value: Operand) -> OfAccount:
    return OfAccount(CustomerIs(name, (Comparison(op, value),)))


def ordered(measure: Measure, op: Op, value: Operand, within: str | None = None) -> OfAccount:
    """What the account ordered, through all of its contacts."""
    return OfAccount(own(measure, op, value, within))


def own(measure: Measure, op: Op, value: Operand, within: str | None = None) -> EventIs:
    window = Window(within=Duration.parse(within)) if within else Window()
    field = "amount" if measure in (Measure.SUM, Measure.AVERAGE) else None
    return EventIs(Aggregate("order", measure, field, window), (Comparison(op, value),))


def shipped(at_least: int) -> OfAccount:
    leaf = own(Measure.COUNT, Op.AT_LEAST, at_least)
    return OfAccount(replace(leaf, aggregate=replace(leaf.aggregate, event="shipment")))
