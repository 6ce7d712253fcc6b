"""Who is in which segment of the CDNOW log on which day, by pandas alone.

Nothing of relance is imported: this is the other opinion. An order is everything that a
customer bought on one day, as of its midnight in New York; baskets that cost nothing count.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import files
from pathlib import Path

import pandas as pd

Members = dict[str, set[str]]
ZONE = "America/New_York"
QUINTILES = [0.2, 0.4, 0.6, 0.8]


def log_path() -> Path:
    """The log in the wheel of `lifetimes`, found without importing that package."""
    found = [file for file in files("lifetimes") or [] if file.name == "CDNOW_master.txt"]
    return Path(str(found[0].locate()))


def read_log() -> pd.DataFrame:
    """The log as it is: one row per basket."""
    names = ["customer_id", "day", "cds", "dollars"]
    log = pd.read_csv(log_path(), sep=r"\s+", skiprows=1, names=names)
    return log.assign(day=pd.to_datetime(log["day"].astype(str), format="%Y%m%d"))


def read_orders(log: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and day."""
    orders = log.groupby(["customer_id", "day"], as_index=False).agg(total=("dollars", "sum"))
    return orders.assign(customer=orders["customer_id"].astype(str))


def memberships(
    orders: pd.DataFrame, midnights: Sequence[pd.Timestamp]
) -> dict[pd.Timestamp, Members]:
    """The members of every segment at every instant, scored against the first one's cut-offs."""
    first = _customers(orders, midnights[0])
    cutoffs = first[["silence", "orders", "spent"]].quantile(QUINTILES)
    return {at: _members(orders, at, cutoffs) for at in midnights}


def _customers(orders: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    customers = (
        orders[orders["day"] <= at]
        .groupby("customer")
        .agg(
            first=("day", "min"),
            last=("day", "max"),
            orders=("day", "size"),
            spent=("total", "sum"),
        )
    )
    silence = at.tz_localize(ZONE) - customers["last"].dt.tz_localize(ZONE)  # real hours
    return customers.assign(silence=silence / pd.Timedelta(days=1))


def _members(orders: pd.DataFrame, at: pd.Timestamp, cutoffs: pd.DataFrame) -> Members:
    def ago(days: int) -> pd.Timestamp:
        return at - pd.Timedelta(days=days)

    customers = _customers(orders, at)
    recent = orders[(orders["day"] > ago(180)) & (orders["day"] <= at)].groupby("customer").size()
    silent = customers["last"] <= ago(60)

    def chosen(rows: pd.Series) -> set[str]:
        return set(customers.index[rows])

    return {
        "newcomer": chosen(customers["first"] > ago(14)),
        "active": chosen(~silent),
        "at_risk": chosen(silent),
        "regular": set(recent.index[recent >= 3]),
        "quiet_spender": chosen(silent & (customers["spent"] >= 100)),
        # 4 and 5 are: at most one cut-off below the silence, at least three below the others
        "champion": chosen(
            (customers["silence"] <= cutoffs["silence"].iloc[1])
            & (customers["orders"] > cutoffs["orders"].iloc[2])
            & (customers["spent"] > cutoffs["spent"].iloc[2])
        ),
    }
