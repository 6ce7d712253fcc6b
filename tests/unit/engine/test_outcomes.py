"""Retention by arm: whose window is closed, and who came back inside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from engine_shop import MONDAY, ORDER, ORDERS, PARIS, Shop, at, fill_postgres
from relance.domain.arm import Arm
from relance.domain.condition import Comparison, FieldTest, Op
from relance.domain.duration import Duration
from relance.domain.ledger import ArmSums
from relance.domain.trigger import Goal

ENTRY = datetime(2026, 3, 1, 9, tzinfo=PARIS)
GOAL = Goal(event="order", within=Duration.parse("7 days"))
Entry = tuple[str, str, str, datetime]


def entries(*rows: Entry, version: str = "v1") -> pa.Table:
    return pa.table(
        {
            "trigger": pa.array([row[0] for row in rows], pa.string()),
            "version": pa.array([version] * len(rows), pa.string()),
            "arm": pa.array([row[1] for row in rows], pa.string()),
            "customer": pa.array([row[2] for row in rows], pa.string()),
            "at": pa.array([row[3].astimezone(UTC) for row in rows], pa.timestamp("us", "UTC")),
        }
    )


def sums(trigger: str, arm: Arm, entered: int, mature: int, retained: int) -> ArmSums:
    return ArmSums(
        trigger=trigger, version="v1", arm=arm, entered=entered, mature=mature, retained=retained
    )


def test_retention_is_counted_by_arm_over_closed_windows_only(shop: Shop) -> None:
    engine = shop.engine()
    table = entries(
        ("a", "treated", "1", ENTRY),
        ("a", "treated", "2", ENTRY),
        ("a", "holdout", "3", ENTRY),
        ("a", "treated", "4", MONDAY),
    )

    assert engine.outcomes(table, {"a": GOAL}, MONDAY) == [
        sums("a", Arm.HOLDOUT, 1, 1, 1),
        sums("a", Arm.TREATED, 3, 2, 1),
    ]


def test_only_a_customers_first_entry_counts(shop: Shop) -> None:
    engine = shop.engine()
    table = entries(("a", "treated", "3", ENTRY - timedelta(days=30)), ("a", "treated", "3", ENTRY))

    assert engine.outcomes(table, {"a": GOAL}, MONDAY) == [sums("a", Arm.TREATED, 1, 1, 0)]


@pytest.mark.parametrize(
    ("order", "counts"),
    [
        ("2026-03-01 09:00:00", False),  # at the entry
        ("2026-03-01 09:00:00.000001", True),
        ("2026-03-08 09:00:00", True),  # at the end
        ("2026-03-08 09:00:00.000001", False),
    ],
)
def test_the_window_is_later_than_the_entry_up_to_its_end(
    shop: Shop, order: str, counts: bool
) -> None:
    shop.tables["orders"] = {
        **{name: values[:1] for name, values in ORDERS.items()},
        "ordered_at": [datetime.fromisoformat(order)],
    }
    engine = shop.engine()

    (found,) = engine.outcomes(entries(("a", "treated", "1", ENTRY)), {"a": GOAL}, MONDAY)
    assert found.retained == int(counts)


@pytest.mark.parametrize(("after", "mature"), [(0, 1), (-1, 0)])
def test_a_window_is_closed_from_its_end_on(shop: Shop, after: int, mature: int) -> None:
    engine = shop.engine()
    end = ENTRY.replace(day=8) + timedelta(microseconds=after)

    (found,) = engine.outcomes(entries(("a", "treated", "1", ENTRY)), {"a": GOAL}, end)
    assert found.mature == mature


def test_windows_of_days_are_counted_on_the_calendar(shop: Shop) -> None:
    before_summer = datetime(2026, 3, 28, 9, tzinfo=PARIS)  # the clocks go forward in between
    shop.tables["orders"] = {
        **{name: values[:1] for name, values in ORDERS.items()},
        "ordered_at": [datetime.fromisoformat("2026-03-30 08:59:00")],
    }
    engine = shop.engine()
    goal = replace(GOAL, within=Duration.parse("2 days"))
    at_nine = datetime(2026, 3, 30, 9, tzinfo=PARIS)

    (found,) = engine.outcomes(entries(("a", "treated", "1", before_summer)), {"a": goal}, at_nine)
    assert (found.mature, found.retained) == (1, 1)


def test_goals_may_look_at_fields_and_triggers_without_one_only_count_entries(shop: Shop) -> None:
    engine = shop.engine()
    shoes = replace(GOAL, where=(FieldTest("category", (Comparison(Op.IS, "shoes"),)),))
    table = entries(
        ("any", "treated", "3", ENTRY),
        ("shoes", "treated", "3", ENTRY),
        ("shoes", "treated", "1", ENTRY),
        ("none", "treated", "1", ENTRY),
    )

    assert engine.outcomes(table, {"any": GOAL, "shoes": shoes}, MONDAY) == [
        sums("any", Arm.TREATED, 1, 1, 1),
        sums("none", Arm.TREATED, 1, 0, 0),
        sums("shoes", Arm.TREATED, 2, 2, 1),
    ]


def test_no_entries_have_no_outcome(shop: Shop) -> None:
    assert shop.engine().outcomes(entries(), {"a": GOAL}, MONDAY) == []


def test_events_with_only_a_day_count_from_the_day_after(shop: Shop) -> None:
    shop.tables["orders"] = {
        **ORDERS,
        "ordered_at": [date(2026, 3, 1), date(2026, 3, 9), date(2026, 3, 8), date(2026, 3, 2)],
    }
    engine = shop.engine()
    table = entries(*(("a", "treated", key, ENTRY) for key in ("1", "2", "3")))

    assert engine.outcomes(table, {"a": GOAL}, MONDAY) == [sums("a", Arm.TREATED, 3, 3, 2)]


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
def test_postgresql_counts_the_same(shop: Shop, postgres_database: str, at_source: bool) -> None:
    from engine_shop import CUSTOMERS

    fill_postgres(postgres_database, {"customers": CUSTOMERS, "orders": ORDERS})
    engine = shop.open(at(shop.workspace(), postgres_database, at_source=at_source))
    table = entries(*(("a", "treated", key, ENTRY) for key in ("1", "2", "3")))

    assert engine.outcomes(table, {"a": GOAL}, MONDAY) == [sums("a", Arm.TREATED, 3, 3, 2)]
    assert ORDER.table == "orders"
