"""Who is in which segment of the Online Retail shop on which day, by pandas alone.

Nothing of relance is imported: this is the other opinion. Times are the shop's local ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

Members = dict[str, set[str]]


def read_orders(path: Path) -> pd.DataFrame:
    """One row per invoice that is no cancellation, of a known customer."""
    lines = pd.read_parquet(
        path, columns=["invoice", "invoice_date", "customer_id", "quantity", "unit_price"]
    )
    sold = lines[lines["customer_id"].notna() & ~lines["invoice"].str.startswith("C")]
    return (
        sold.assign(total=sold["quantity"] * sold["unit_price"])
        .groupby("invoice")
        .agg(customer=("customer_id", "first"), at=("invoice_date", "min"), total=("total", "sum"))
    )


def memberships(path: Path, instants: Iterable[pd.Timestamp]) -> dict[pd.Timestamp, Members]:
    """The members of every segment at every instant."""
    orders = read_orders(path)
    return {at: _members(orders[orders["at"] <= at], at) for at in instants}


def _members(past: pd.DataFrame, at: pd.Timestamp) -> Members:
    def ago(days: int) -> pd.Timestamp:
        return at - pd.Timedelta(days=days)

    customers = past.groupby("customer").agg(
        first=("at", "min"), last=("at", "max"), spent=("total", "sum")
    )
    recent = past[past["at"] > ago(180)].groupby("customer").size()
    silent = customers["last"] <= ago(45)
    return {
        "newcomer": set(customers.index[customers["first"] > ago(14)]),
        "active": set(customers.index[~silent]),
        "at_risk": set(customers.index[silent & (customers["last"] > ago(120))]),
        "loyal": set(recent.index[recent >= 5]),
        "silent_good": set(
            customers.index[(customers["last"] <= ago(60)) & (customers["spent"] >= 1000)]
        ),
    }
