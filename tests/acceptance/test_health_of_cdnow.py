"""A record shop's RFM grid against what its customers bought next, beside pandas."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from acceptance.expected_cdnow import QUINTILES, ZONE, read_log, read_orders
from newcomer import call

THEN, AT = (pd.Timestamp(day, tz=ZONE) for day in ("1998-03-31", "1998-06-30"))
DAYS = 91
CONFIG = (Path(__file__).parent / "cdnow/config/relance.yaml").read_text(encoding="utf-8")


def grid(orders: pd.DataFrame) -> pd.Series:
    """Everybody's cell as of the window's beginning, by the quintiles of that day."""
    customers, cuts = _scored(orders, THEN)
    recency = 5 - sum((customers["silence"] > cut).astype(int) for cut in cuts["silence"])
    frequency = 1 + sum((customers["orders"] > cut).astype(int) for cut in cuts["orders"])
    return recency.astype(str) + frequency.astype(str)


def _scored(orders: pd.DataFrame, at: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    past = orders[orders["day"] <= at.tz_localize(None)].groupby("customer")
    customers = past.agg(last=("day", "max"), orders=("day", "size"))
    silence = (at - customers["last"].dt.tz_localize(ZONE)) / pd.Timedelta(days=1)
    customers = customers.assign(silence=silence)
    return customers, customers[["silence", "orders"]].quantile(QUINTILES)


def eta_squared(values: pd.Series, cells: pd.Series) -> float:
    within = ((values - values.groupby(cells).transform("mean")) ** 2).sum()
    return float(1 - within / ((values - values.mean()) ** 2).sum())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cdnow")
    for folder in ("config", "data", "triggers"):
        (root / folder).mkdir()
    (root / "config/relance.yaml").write_text(CONFIG, encoding="utf-8")
    cells = [f"  {name[0]}{score}: {{rfm: {{{name}: {score}}}}}\n"
             for name in ("recency", "frequency") for score in range(1, 6)]  # fmt: skip
    (root / "config/segments.yaml").write_text(f"version: 1\nsegments:\n{''.join(cells)}")
    read_log().to_csv(root / "data/log.csv", index=False, date_format="%Y-%m-%d")
    return root


def test_the_grid_tells_more_than_a_fifth_of_who_buys_next_as_pandas_has_it(shop: Path) -> None:
    # the first tick's cut-offs are kept, and the check-up goes by them
    assert call("tick", "--at", THEN.isoformat(), "--workspace", str(shop)).code == 0
    words = ("health", "--within", f"{DAYS} days", "--at", AT.isoformat(), "--json")
    answer = call(*words, "--workspace", str(shop))
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)

    orders = read_orders(read_log())
    cells, end = grid(orders), AT.tz_localize(None)
    window = orders[(orders["day"] > end - pd.Timedelta(days=DAYS)) & (orders["day"] <= end)]
    bought = pd.Series(cells.index.isin(window["customer"]), index=cells.index).astype(float)
    assert found["window"]["customers"] == len(cells) == 23_570
    assert found["window"]["returned"] == bought.sum()
    assert found["window"]["rate"] == pytest.approx(0.141, abs=0.002)
    assert found["eta_squared"] == pytest.approx(eta_squared(bought, cells), abs=1e-9)
    # the ten named cells of the same grid have 0.218, its recency alone 0.196
    assert 0.2 < found["omega_squared"] < found["eta_squared"] < 0.25
    by_name = {one["segment"]: one for one in found["segments"]}
    for score in range(1, 6):
        mine = bought[cells.str[0] == str(score)]
        cohort = by_name[f"r{score}"]["cohort"]
        assert (cohort["members"], cohort["returned"]) == (len(mine), mine.sum())
    assert by_name["r5"]["cohort"]["lift"] > 2 > 1 > by_name["r1"]["cohort"]["lift"]
