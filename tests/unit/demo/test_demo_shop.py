"""The simulated shop: the same seed, the same shop; a known effect that an experiment finds."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from relance.demo.answers import Answers, Sent, instant
from relance.demo.people import customer_id, customer_index
from relance.demo.shop import CATEGORIES, HISTORY, Shop, opening

START = date(2026, 1, 5)
MONTH = timedelta(days=30)
SIZE = 3_000


def shop(folder: Path, **changes: object) -> Shop:
    return Shop(folder, **{"seed": 4, "customers": SIZE, "start": START, **changes})


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def letters(day: date, customers: range, trigger: str = "welcome") -> list[Sent]:
    return [Sent(customer_id(index), trigger, opening(day)) for index in customers]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        one = shop(tmp_path / name)
        one.open()
        one.live(START, letters(START, range(200)))
        one.live(START + timedelta(days=1))
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert len(digest(tmp_path / "one")) == 4


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    for seed in (1, 2):
        shop(tmp_path / str(seed), seed=seed).open()
    assert digest(tmp_path / "1") != digest(tmp_path / "2")


def test_the_order_in_which_messages_are_told_changes_nothing(tmp_path: Path) -> None:
    told = letters(START, range(500)) + letters(START, range(300, 700), "win_back")
    one, two = shop(tmp_path / "one"), shop(tmp_path / "two")
    one.live(START, told)
    two.live(START, list(reversed(told)) + told[:50])
    for days in range(1, 20):
        one.live(START + timedelta(days=days))
        two.live(START + timedelta(days=days))
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_the_days_files_hold_each_order_once_and_none_is_lost(tmp_path: Path) -> None:
    one = shop(tmp_path)
    one.open()
    for days in range(10):
        day = START + timedelta(days=days)
        one.live(day, letters(day, range(100 * days, 100 * days + 100)))
    written = pq.read_table(tmp_path / "orders")
    whole = one.orders(opening(START) - HISTORY - MONTH, opening(START + timedelta(days=10)))
    assert sorted(written["order_id"].to_pylist()) == sorted(whole["order_id"].to_pylist())
    assert len(set(whole["order_id"].to_pylist())) == whole.num_rows


def test_messages_leave_everybody_else_as_they_were(tmp_path: Path) -> None:
    quiet, loud = shop(tmp_path / "quiet"), shop(tmp_path / "loud")
    loud.live(START, letters(START, range(500)))
    quiet.live(START)
    for days in range(1, 16):
        quiet.live(START + timedelta(days=days))
        loud.live(START + timedelta(days=days))
    end = opening(START + timedelta(days=16))
    before, after = (s.orders(opening(START), end).to_pylist() for s in (quiet, loud))
    added = [order for order in after if order not in before]
    assert added
    assert [order for order in before if order not in after] == []
    assert {customer_index(order["customer_id"]) for order in added} <= set(range(500))


def test_the_tables_have_the_columns_that_the_example_maps(tmp_path: Path) -> None:
    one = shop(tmp_path)
    one.open()
    customers = pq.read_table(tmp_path / "customers.parquet")
    assert customers.column_names == [
        "customer_id", "email", "mobile", "lang", "tz", "email_optin", "sms_optin", "first_name",
        "country", "birth_date", "created_at",
    ]  # fmt: skip
    orders = pq.read_table(tmp_path / "orders")
    assert orders.column_names == ["order_id", "customer_id", "ordered_at", "total", "category"]
    assert orders.schema.field("ordered_at").type == pa.timestamp("us", tz="UTC")
    assert customers.num_rows == SIZE
    assert set(orders["category"].to_pylist()) == set(CATEGORIES)


def test_the_customers_are_as_varied_as_real_ones(tmp_path: Path) -> None:
    people = shop(tmp_path, customers=20_000).customers(opening(START))
    assert pc.mean(people["email_optin"].cast(pa.int8())).as_py() == pytest.approx(0.82, abs=0.01)
    assert pc.mean(people["sms_optin"].cast(pa.int8())).as_py() == pytest.approx(0.38, abs=0.015)
    assert set(people["lang"].to_pylist()) == {"fr", "en"}
    assert len(set(people["tz"].to_pylist())) >= 5
    born = [day for day in people["birth_date"].to_pylist() if day]
    assert any((day.month, day.day) == (2, 29) for day in born)
    emails = people["email"].to_pylist()
    assert 300 < emails.count(None) < 900
    assert any(email and not email.endswith("@clients.example") for email in emails)
    assert len({email for email in emails if email and email.endswith("@clients.example")}) > 19_000


def test_every_mobile_number_is_from_a_range_reserved_for_fiction(tmp_path: Path) -> None:
    numbers = shop(tmp_path).customers(opening(START))["mobile"].to_pylist()
    digits = {"".join(c for c in number if c.isdigit()) for number in numbers if number}
    starts = {"0639 98", "3363998", "003363998", "07700900"}
    for number in digits:
        assert number.startswith(tuple(start.replace(" ", "") for start in starts)), number
    shapes = {number[:4] for number in numbers if number}
    assert {"06 3", "0639", "+33 ", "0033", "06.3", "0770"} <= shapes


def test_new_customers_keep_arriving(tmp_path: Path) -> None:
    one = shop(tmp_path)
    one.open()
    for days in range(30):
        one.live(START + timedelta(days=days))
    after = pq.read_table(tmp_path / "customers.parquet")
    assert SIZE + 150 < after.num_rows < SIZE + 300
    first = after.slice(0, SIZE)
    assert first.equals(one.customers(opening(START)))


def test_nobody_orders_before_signing_up(tmp_path: Path) -> None:
    one = shop(tmp_path)
    end = opening(START)
    joined = {row["customer_id"]: row["created_at"] for row in one.customers(end).to_pylist()}
    orders = one.orders(end - HISTORY - MONTH, end).to_pylist()
    assert orders
    assert all(joined[order["customer_id"]] <= order["ordered_at"] for order in orders)


def test_a_reminder_of_one_category_brings_orders_in_it(tmp_path: Path) -> None:
    one = shop(tmp_path, effects={"replenishment": 1.0})
    one.live(START, letters(START, range(300), "replenishment"))
    for days in range(1, 31):
        one.live(START + timedelta(days=days))
    bought = one.orders(opening(START), opening(START) + MONTH)
    brought = bought.filter(pc.starts_with(bought["order_id"], "M"))
    assert brought.num_rows == 300
    assert set(brought["category"].to_pylist()) == {"beauty"}


def test_days_come_one_after_the_other(tmp_path: Path) -> None:
    one = shop(tmp_path)
    one.live(START)
    with pytest.raises(ValueError, match="out of turn"):
        one.live(START)
    with pytest.raises(ValueError, match="out of turn"):
        one.live(START + timedelta(days=2))


def test_a_message_of_another_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was not sent on"):
        shop(tmp_path).live(START, letters(START + timedelta(days=1), range(1)))


def test_an_effect_is_a_probability(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not between -1 and 1"):
        shop(tmp_path, effects={"welcome": 1.5})


def test_a_key_of_another_shop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a customer of the simulated shop"):
        shop(tmp_path).live(START, [Sent("X-17", "welcome", opening(START))])


def test_a_message_that_annoys_costs_orders_as_often_as_it_says() -> None:
    answers = Answers(seed=1, effects={"spam": -0.3}, reach=timedelta(days=14))
    answers.tell(letters(START, range(2_000), "spam"))
    soon = instant(opening(START) + timedelta(days=3))
    lost = [answers.given_up(who, f"O{who}", soon) for who in range(2_000)]
    assert sum(lost) / 2_000 == pytest.approx(0.3, abs=0.03)
    late = instant(opening(START) + timedelta(days=15))
    assert not any(answers.given_up(who, f"O{who}", late) for who in range(2_000))
