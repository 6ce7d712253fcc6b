"""Hillstrom's e-mail trial (2008): the totals by arm, and customers who have these totals."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from relance.uplift.moments import Moments

TOTALS = Path(__file__).parents[2] / "shared" / "data" / "hillstrom_aggregates.json"
MENS, WOMENS, NONE = "Mens E-Mail", "Womens E-Mail", "No E-Mail"


@cache
def arms() -> dict:
    """Counts, sums, sums of squares and cross products of the three arms."""
    if not TOTALS.exists():
        if os.environ.get("RELANCE_REQUIRE_SHARED") == "1":
            pytest.fail(f"{TOTALS} is missing")
        pytest.skip(f"{TOTALS} is missing")
    return json.loads(TOTALS.read_text(encoding="utf-8"))


def table(arm: str, metric: str) -> tuple[int, int, int, int]:
    """Hits and customers of an arm, then of those who got no e-mail."""
    one, base = arms()[arm], arms()[NONE]
    return int(one[metric]["sum"]), one["n"], int(base[metric]["sum"]), base["n"]


def moments(arm: str, metric: str) -> Moments:
    """A metric of an arm, with last year's spend as what was known before."""
    one = arms()[arm]
    n, own, before = one["n"], one[metric], one["history"]
    return Moments(
        n=n,
        mean=own["sum"] / n,
        m2=own["ss"] - own["sum"] ** 2 / n,
        before=before["sum"] / n,
        before_m2=before["ss"] - before["sum"] ** 2 / n,
        cross=own["xy_history"] - own["sum"] * before["sum"] / n,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One customer of a table that has the trial's totals: within two weeks of the mailing they
    visited or not, and spent; `history` is what they had spent before."""

    visited: bool
    spent: float
    history: float


def people(arm: str) -> list[Person]:
    """Customers with exactly the arm's counts, sums, sums of squares and cross products.

    The trial's own rows are not public property; any such table gives the same comparisons.
    """
    one = arms()[arm]
    visitors, buyers = int(one["visit"]["sum"]), int(one["conversion"]["sum"])
    before = one["history"]["sum"], one["visit"]["xy_history"], one["conversion"]["xy_history"]
    half = buyers // 2
    high, low = _two_values(buyers, half, one["spend"]["sum"], one["spend"]["ss"])
    # two equations for the history of those who spent much and those who spent little
    of_high = (one["spend"]["xy_history"] - low * before[2]) / (half * (high - low))
    of_low = (before[2] - half * of_high) / (buyers - half)
    looked = (before[1] - before[2]) / (visitors - buyers)
    away = one["n"] - visitors
    squares = half * of_high**2 + (buyers - half) * of_low**2 + (visitors - buyers) * looked**2
    much, little = _two_values(
        away, away // 5, before[0] - before[1], one["history"]["ss"] - squares
    )
    return [
        *[Person(visited=True, spent=high, history=of_high)] * half,
        *[Person(visited=True, spent=low, history=of_low)] * (buyers - half),
        *[Person(visited=True, spent=0, history=looked)] * (visitors - buyers),
        *[Person(visited=False, spent=0, history=much)] * (away // 5),
        *[Person(visited=False, spent=0, history=little)] * (away - away // 5),
    ]


def _two_values(size: int, upper: int, total: float, squares: float) -> tuple[float, float]:
    """The two values, the first for `upper` of so many, that have this sum and sum of squares."""
    mean = total / size
    spread = math.sqrt(squares / size - mean**2)
    above, below = math.sqrt((size - upper) / upper), math.sqrt(upper / (size - upper))
    return mean + spread * above, mean - spread * below
