"""Everybody's lifecycle stage and RFM cell in the Online Retail shop, by pandas alone.

Nothing of relance is imported: this is the other opinion. Times are the shop's local ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from acceptance.expected_online_retail import read_orders

DAY = pd.Timedelta(days=1)
SHARES = [0.2, 0.4, 0.6, 0.8]
# the rows are recency 1 to 5, the columns frequency 1 to 5
GRID = [
    ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose_them"],
    ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose_them"],
    ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
    ["promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"],
    ["new", "potential_loyalist", "potential_loyalist", "champions", "champions"],
]


def read(path: Path) -> tuple[pd.DataFrame, pd.Index]:
    """The orders, and everybody who ever had a line, be it a cancellation."""
    lines = pd.read_parquet(path, columns=["customer_id"])
    return read_orders(path), pd.Index(lines["customer_id"].dropna().unique())


def thresholds(orders: pd.DataFrame, at: pd.Timestamp) -> list[int]:
    """The days between the stages: of who bought twice, how long they usually take."""
    past = orders[orders["at"] <= at].groupby("customer")["at"].agg(["min", "max", "size"])
    again = past[(past["size"] > 1) & (past["min"] < past["max"])]
    gaps = (again["max"] - again["min"]) / DAY / (again["size"] - 1)
    days: list[int] = []
    for share in (0.5, 0.8, 0.95):
        days.append(max(math.ceil(round(gaps.quantile(share), 6)), (days[-1] if days else 0) + 1))
    return [*days, 2 * days[-1]]


def stages(orders: pd.DataFrame, everybody: pd.Index, at: pd.Timestamp) -> dict[str, str]:
    """Everybody's stage at an instant, under the thresholds of that instant."""
    recent, active, at_risk, lapsed = (days * DAY for days in thresholds(orders, at))
    past = orders[orders["at"] <= at]
    inside = past["at"] > at - recent
    seen = pd.DataFrame(index=everybody)
    seen["back"] = past[inside].groupby("customer")["at"].min()
    seen["before"] = past[~inside].groupby("customer")["at"].max()
    seen["silence"] = at - past.groupby("customer")["at"].max()

    def stage(one: Any) -> str:
        if pd.isna(one.silence):
            return "prospect"
        if pd.isna(one.before):
            return "new"
        if not pd.isna(one.back) and one.back - one.before >= at_risk:
            return "reactivated"
        if one.silence < active:
            return "active"
        if one.silence < at_risk:
            return "at_risk"
        return "lapsed" if one.silence < lapsed else "lost"

    return {one.Index: stage(one) for one in seen.itertuples()}


def cells(orders: pd.DataFrame, at: pd.Timestamp) -> dict[str, str]:
    """Every buyer's cell at an instant, under the quintiles of that instant."""
    past = orders[orders["at"] <= at].groupby("customer")["at"].agg(["max", "size"])
    days = (at - past["max"]) / DAY
    recency = 5 - sum((days > cut).astype(int) for cut in days.quantile(SHARES))
    frequency = 1 + sum((past["size"] > cut).astype(int) for cut in past["size"].quantile(SHARES))
    return {
        customer: GRID[recency[customer] - 1][frequency[customer] - 1] for customer in past.index
    }
