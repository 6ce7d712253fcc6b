"""Hillstrom's e-mail trial (2008), as published: totals by arm."""

from __future__ import annotations

import json
import os
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
