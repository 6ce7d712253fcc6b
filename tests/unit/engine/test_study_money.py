"""Revenue of studies: sums that keep their digits, and amounts that are no money."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine_shop import Shop as Tables
from relance.domain.arm import Arm
from relance.domain.study import Metric
from relance.uplift.outcomes import Outcomes, SpendSums
from study_oracle import Entry, Order, Person, Shop
from study_shops import counted, entries_of, optouts_of, study, workspace, write_parquet

PARIS = ZoneInfo("Europe/Paris")
ENTRY = datetime(2026, 3, 2, 9, tzinfo=PARIS)
AFTER = ENTRY + timedelta(days=1)
BEFORE = ENTRY - timedelta(days=1)


def shop(
    treated: Sequence[float | None],
    holdout: Sequence[float | None] = (),
    before: Sequence[float] = (),
    trigger: str = "a",
) -> Shop:
    """Each customer of each arm with one order of so much, treated customers first."""
    arms = [Arm.TREATED] * len(treated) + [Arm.HOLDOUT] * len(holdout)
    keys = [f"{trigger}{number}" for number in range(len(arms))]
    amounts = [*treated, *holdout]
    orders = [
        Order(customer=key, at=AFTER, amount=amount)
        for key, amount in zip(keys, amounts, strict=True)
    ]
    earlier = [
        Order(customer=key, at=BEFORE, amount=amount)
        for key, amount in zip(keys, before, strict=False)
    ]
    return Shop(
        zone=PARIS,
        source_zone=PARIS,
        kind="instant",
        at=ENTRY + timedelta(days=10),
        people=[Person(key=key) for key in keys],
        orders=[*orders, *earlier],
        entries=[
            Entry(trigger=trigger, version="v1", arm=arm, customer=key, at=ENTRY)
            for key, arm in zip(keys, arms, strict=True)
        ],
        studies=[study(f"{trigger} v1")],
    )


def spent(outcomes: Outcomes, trigger: str = "a", arm: Arm = Arm.TREATED) -> SpendSums:
    (found,) = (one for one in outcomes.spend if (one.trigger, one.arm) == (trigger, arm))
    return found


def count(one: Shop, folder: Path) -> Outcomes:
    return counted(one, write_parquet(one, folder), folder)


def test_small_differences_of_large_amounts_keep_their_digits(tmp_path: Path) -> None:
    noise = [(37 * number % 64) / 64 for number in range(300)]
    amounts = [1e9 + one for one in noise]
    before = [2e9 - one for one in noise]

    found = count(shop(amounts, before=before), tmp_path)

    exact = [Fraction(amount) for amount in amounts]
    mean = sum(exact) / len(exact)
    m2 = float(sum((one - mean) ** 2 for one in exact))
    third = float(sum((one - mean) ** 3 for one in exact))
    sums = spent(found)
    assert sums.moments.mean == pytest.approx(float(mean), rel=1e-15)
    assert sums.moments.m2 == pytest.approx(m2, rel=1e-12)
    assert sums.third == pytest.approx(third, rel=1e-9)
    (revenue,) = (cell for cell in found.cells if cell.metric is Metric.REVENUE)
    assert revenue.moments.before_m2 == pytest.approx(m2, rel=1e-12)
    assert revenue.moments.cross == pytest.approx(-m2, rel=1e-12)


def test_amounts_that_are_no_money_are_counted_and_spoil_nothing(tmp_path: Path) -> None:
    bad = shop([10.0, math.nan, math.inf, -math.inf, 1e300, None, -4.0], [20.0])
    good = shop([10.0, 30.0], [20.0], trigger="b")
    both = replace(
        bad,
        people=[*bad.people, *good.people],
        orders=[*bad.orders, *good.orders],
        entries=[*bad.entries, *good.entries],
        studies=[*bad.studies, *good.studies],
    )

    found = count(both, tmp_path)

    odd, sound = spent(found), spent(found, "b")
    assert (odd.not_finite, odd.negative, odd.buyers, odd.customers) == (4, 1, 2, 7)
    assert odd.moments.total == pytest.approx(6.0)
    assert odd.moments.finite
    assert (sound.not_finite, sound.negative, sound.moments.mean) == (0, 0, 20.0)
    assert all(cell.moments.finite for cell in found.cells)


@pytest.mark.parametrize("texts", [["10.50", "ten", "", None], ["10.50", "nan", "12,50", "inf"]])
def test_text_that_is_no_number_is_no_money(
    shop_of_tables: Tables, texts: list[str | None]
) -> None:
    one = shop([None] * 4)
    keys = [person.key for person in one.people]
    shop_of_tables.write("customers", {"customer_id": keys, "email": keys, "phone": keys,
                                       "household": [None] * 4})  # fmt: skip
    shop_of_tables.write(
        "orders",
        {"customer_id": keys, "ordered_at": [AFTER] * 4, "total": texts, "category": ["x"] * 4},
    )
    data = str(shop_of_tables.folder / "data")
    engine = shop_of_tables.open(workspace(one, data, shop_of_tables.folder))

    found = engine.study(entries_of(one), one.studies, optouts_of(one), one.lapsed_after, one.at)

    sums = spent(found)
    assert sums.moments.total == pytest.approx(10.5)
    assert sums.not_finite == sum(text not in ("10.50", "", None) for text in texts)


@pytest.fixture
def shop_of_tables(shop: Tables) -> Tables:
    """Tables that a test writes itself."""
    return shop


@pytest.mark.parametrize(("buyers", "leave"), [(500, True), (501, False)])
def test_amounts_leave_the_engine_where_the_smaller_arm_has_few(
    tmp_path: Path, buyers: int, leave: bool
) -> None:
    found = count(shop([5.0] * 600, [7.0] * buyers + [0.0]), tmp_path)

    for arm, amounts in ((Arm.TREATED, [5.0] * 600), (Arm.HOLDOUT, [7.0] * buyers)):
        assert spent(found, arm=arm).amounts == (amounts if leave else None)
        assert spent(found, arm=arm).buyers == len(amounts)


def test_without_a_holdout_no_amount_leaves_the_engine(tmp_path: Path) -> None:
    found = count(shop([5.0, 6.0]), tmp_path)

    assert spent(found).amounts is None


def test_an_event_without_amounts_has_no_revenue(shop_of_tables: Tables) -> None:
    one = shop([5.0])
    location = write_parquet(one, shop_of_tables.folder)
    setting = workspace(one, location, shop_of_tables.folder)
    events = {"order": replace(setting.events["order"], amount=None)}
    engine = shop_of_tables.open(replace(setting, events=events))

    found = engine.study(entries_of(one), one.studies, optouts_of(one), one.lapsed_after, one.at)

    assert not found.spend
    assert Metric.REVENUE not in {cell.metric for cell in found.cells}
    assert Metric.ORDERS in {cell.metric for cell in found.cells}


def test_spend_is_capped_for_both_arms_alike(tmp_path: Path) -> None:
    found = count(shop([10.0] * 19 + [1000.0], [10.0] * 20), tmp_path)

    treated, holdout = spent(found), spent(found, arm=Arm.HOLDOUT)
    assert treated.cap == holdout.cap == 10.0
    assert treated.capped.mean == holdout.capped.mean == 10.0
    assert treated.moments.mean == pytest.approx(59.5)
