"""The customers of examples/where_it_pays: rhythms of their own, and some who leave for good."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

BEGIN = datetime(2025, 1, 1)  # noqa: DTZ001  on the shop's wall
END = datetime(2026, 3, 5)  # noqa: DTZ001
CUSTOMERS = 900
# mean days between orders, the chance to leave after one, and how many of ten are so
KINDS = ((12.0, 0.02, 2), (30.0, 0.06, 3), (75.0, 0.12, 3), (150.0, 0.5, 2))


def customers() -> pd.DataFrame:
    names = [f"c{number}" for number in range(CUSTOMERS)]
    return pd.DataFrame(
        {
            "customer_id": names,
            "email": [f"{name}@mail.example" for name in names],
            "mobile": [f"06{number:08}" for number in range(CUSTOMERS)],
            "email_optin": "yes",
            "sms_optin": "yes",
            "first_name": "Camille",
        }
    )


def orders(seed: int = 11) -> pd.DataFrame:
    """Poisson while they stay; each order may be the last."""
    dice = random.Random(seed)
    kinds = [kind for *kind, many in KINDS for _ in range(many)]
    rows = []
    for number in range(CUSTOMERS):
        gap, leaves = kinds[number % len(kinds)]
        at = BEGIN + timedelta(days=dice.uniform(0, 330))
        while at < END:
            moment = at.replace(hour=dice.randrange(10, 19), minute=0, second=0, microsecond=0)
            rows.append((f"c{number}", moment, round(dice.lognormvariate(3.2, 0.6), 2)))
            if dice.random() < leaves:
                break
            at += timedelta(days=dice.expovariate(1 / gap) + 1)
    return pd.DataFrame(rows, columns=["customer_id", "ordered_at", "total"])


def write(folder: Path) -> pd.DataFrame:
    """Both tables as CSV; the orders as they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = orders()
    customers().to_csv(folder / "customers.csv", index=False)
    made.to_csv(folder / "orders.csv", index=False, date_format="%Y-%m-%dT%H:%M:%S")
    return made
