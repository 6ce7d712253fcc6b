"""What `relance check` says about the data: table, column, how many rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import psycopg
import pyarrow as pa
import pytest

from engine_shop import (
    CUSTOMERS,
    CUSTOMERS_SPEC,
    ORDERS,
    Shop,
    at,
    bought,
    customer,
    fill_postgres,
    trigger,
)
from relance.domain.condition import Aggregate, Comparison, EventIs, Measure, Op, Window
from relance.domain.duration import Duration
from relance.domain.trigger import OnDate, OnEnter, Step
from relance.domain.workspace import Segment
from relance.errors import Problem, SourceError


def told(problems: list[Problem]) -> set[tuple[str, str, bool]]:
    return {(problem.where, problem.message, problem.warning) for problem in problems}


def test_clean_data_has_no_problem(shop: Shop) -> None:
    assert shop.engine({"active": bought(1)}).inspect() == []


def test_missing_tables_and_columns_are_all_told_at_once(shop: Shop) -> None:
    shop.tables = {
        "customers": {name: values for name, values in CUSTOMERS.items() if name != "lang"},
        "order": ORDERS,
    }
    engine = shop.engine()

    problems = engine.inspect()
    assert told(problems) == {
        ("customers.locale", "table customers has no column 'lang'", False),
        ("events.order.table", "data/: there is no table 'orders'", False),
    }
    assert {problem.path for problem in problems} == {"config/relance.yaml"}
    assert {problem.hint for problem in problems} == {None, "did you mean order?"}


def test_a_household_that_is_no_column_is_told(shop: Shop) -> None:
    wrong = replace(CUSTOMERS_SPEC, household="mobil")
    (problem,) = shop.engine(customers=wrong).inspect()
    assert problem.where == "customers.household"
    assert problem.message == "table customers has no column 'mobil'"
    assert problem.hint == "did you mean mobile?"
    right = replace(CUSTOMERS_SPEC, household="mobile")
    assert shop.engine(customers=right).inspect() == []


def test_keys_missing_or_repeated_are_counted(shop: Shop) -> None:
    shop.tables["customers"] = {**CUSTOMERS, "customer_id": [1, 1, None, 4]}

    assert ("customers.key",
            "customers.customer_id: 1 row without a key and 1 row with the key of another row",
            False) in told(shop.engine().inspect())  # fmt: skip


def test_a_key_that_is_no_key_is_told(shop: Shop) -> None:
    days = CUSTOMERS["birth_date"]
    shop.tables["customers"] = {**CUSTOMERS, "customer_id": days}

    (problem,) = [each for each in shop.engine().inspect() if each.where == "customers.key"]
    assert problem.message == "customers.customer_id holds dates, which cannot be a customer's key"


def test_amounts_as_text_and_unreadable_dates_are_counted(shop: Shop) -> None:
    shop.tables["orders"] = {
        **ORDERS,
        "total": ["1,234.50", "12,50", "12.50", ""],
        "ordered_at": ["2026-03-01", "yesterday", "2026-02-31", None],
    }
    engine = shop.engine({"rich": bought(1)})

    assert told(engine.inspect()) == {
        ("events.order.amount", "orders.total: 2 rows are text that is not a number", False),
        ("events.order.at", "orders.ordered_at: 2 rows are text that is not a date", False),
        ("events.order.at", "orders.ordered_at: 3 rows without a date", True),
    }
    with pytest.raises(SourceError, match=r"orders.ordered_at: 2 rows are text that is not a date"):
        engine.picture(
            datetime.fromisoformat("2026-03-10T09:00Z"), list(engine_segments()), [], None
        )


def engine_segments() -> list[Segment]:
    return [Segment(name="rich", condition=bought(1), version="v1")]


def test_numbers_where_dates_should_be_are_told(shop: Shop) -> None:
    shop.tables["orders"] = {**ORDERS, "ordered_at": [1, 2, 3, 4], "total": [True] * 4}

    assert told(shop.engine().inspect()) == {
        ("events.order.at", "orders.ordered_at holds whole numbers, not dates", False),
        (
            "events.order.amount",
            "orders.total holds true or false, which cannot be added up",
            False,
        ),
    }


def test_what_is_merely_strange_is_a_warning(shop: Shop) -> None:
    shop.tables["orders"] = {
        **ORDERS,
        "customer_id": [1, None, 77, 78],
        "ordered_at": [datetime.fromisoformat("2999-01-01")] * 4,
    }
    shop.tables["customers"] = {**CUSTOMERS, "email_optin": ["yes", "perhaps", None, "no"]}

    problems = shop.engine().inspect()
    assert told(problems) == {
        ("events.order.customer", "orders.customer_id: 1 row without a customer", True),
        ("events.order.customer",
         "orders.customer_id: 2 rows of customers who are not in customers", True),
        ("events.order.at", "orders.ordered_at: 4 rows in the future", True),
        ("customers.consent.email", "customers.email_optin: 1 row say neither yes nor no", True),
    }  # fmt: skip


def test_empty_tables_are_warnings(shop: Shop) -> None:
    schema = pa.table(CUSTOMERS).schema
    shop.tables["customers"] = {field.name: pa.array([], field.type) for field in schema}
    shop.tables["orders"] = {
        name: values[:0] for name, values in pa.table(ORDERS).to_pydict().items()
    }
    shop.tables["orders"]["customer_id"] = pa.array([], pa.int64())
    shop.tables["orders"]["ordered_at"] = pa.array([], pa.timestamp("us"))
    shop.tables["orders"]["total"] = pa.array([], pa.float64())
    engine = shop.engine({"active": bought(1)})

    assert told(engine.inspect()) == {
        ("customers.table", "table customers has no rows", True),
        ("events.order.table", "table orders has no rows", True),
    }
    with engine.picture(
        datetime.fromisoformat("2026-03-10T09:00Z"), engine_segments(), [], None
    ) as empty:
        assert empty.counts() == {"rich": 0}


def test_a_condition_that_does_not_fit_is_told_in_its_own_file(shop: Shop) -> None:
    named = {
        "tall": customer("first_name", Op.AT_LEAST, 3),
        "trigger/win": customer("country", Op.IS, 7),
    }
    since_entry = Aggregate("order", Measure.SUM, "category", Window(since_entry=True))
    step = Step(
        index=0, channel="email", template="t", unless=EventIs(since_entry, (Comparison(Op.IS, 0),))
    )
    win = replace(trigger("trigger/win", OnEnter()), steps=(step,), path="triggers/win.yaml")
    engine = shop.engine(named, triggers={"win": win})

    problems = {(problem.path, problem.where): problem.message for problem in engine.inspect()}
    assert problems == {
        ("config/segments.yaml", "segments.tall"):
            "customer first_name: column customers.first_name holds text,"
            " which `at_least` does not fit",
        ("triggers/win.yaml", "segment"):
            "customer country: column customers.country holds text,"
            " but is compared with a number",
        ("triggers/win.yaml", "steps.0.unless"):
            "orders.category: 3 rows are text that is not a number",
    }  # fmt: skip


def test_a_date_trigger_wants_a_date(shop: Shop) -> None:
    shop.tables["customers"] = {
        **CUSTOMERS,
        "first_name": ["2026-01-01", "Bea", None, "1990-05-05"],
    }
    on = OnDate("first_name", Duration.parse("0 days"))
    named = replace(trigger("all", on), name="named", path="triggers/named.yaml")
    engine = shop.engine({"all": bought(0)}, triggers={"named": named})

    (problem,) = engine.inspect()
    assert (problem.path, problem.where) == ("triggers/named.yaml", "on.date")
    assert problem.message == "customers.first_name: 1 row is text that is not a date"


def test_an_attribute_that_is_not_mapped_is_told(shop: Shop) -> None:
    engine = shop.engine({"tall": customer("height", Op.AT_LEAST, 180)})

    (problem,) = engine.inspect()
    assert problem.message == "customer height: no column is mapped to it"


def test_postgresql_is_inspected_the_same_way(shop: Shop, postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE customers (id uuid, born text)")
        connection.execute(
            "INSERT INTO customers VALUES (gen_random_uuid(), '1990-05-05'), (NULL, 'soon')"
        )
        connection.execute("CREATE TABLE orders (id uuid, at text, total text)")
        connection.execute(
            "INSERT INTO orders VALUES (NULL, 'never', '1,5'), (gen_random_uuid(), NULL, '2')"
        )
    base = shop.workspace({"old": customer("born", Op.BEFORE, Duration.parse("30 years"))})
    workspace = replace(
        at(base, postgres_database),
        customers=replace(
            CUSTOMERS_SPEC, key="id", email=None, phone=None, locale=None, timezone=None,
            consent={}, country=None, attributes={"born": "born"},
        ),
        events={"order": replace(base.events["order"], customer="id", at="at", fields={})},
    )  # fmt: skip

    assert told(shop.open(workspace).inspect()) == {
        ("customers.key", "customers.id: 1 row without a key", False),
        ("events.order.at", "orders.at: 1 row is text that is not a date", False),
        ("events.order.at", "orders.at: 2 rows without a date", True),
        ("events.order.amount", "orders.total: 1 row is text that is not a number", False),
        ("events.order.customer", "orders.id: 1 row without a customer", True),
        ("events.order.customer", "orders.id: 1 row of customers who are not in customers", True),
    }


@pytest.mark.parametrize("remote", [False, True], ids=["duckdb", "postgresql"])
def test_dates_that_do_not_exist_are_counted_alike_everywhere(
    shop: Shop, postgres_database: str, remote: bool
) -> None:
    good = ["2024-02-29", "2000-02-29", "2026-12-31 23:59:59.5", "2026-01-01T00:00Z"]
    bad = ["2026-02-29", "1900-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-01-01 24:61"]
    count = len(good) + len(bad)
    columns = {"customer_id": [1] * count, "ordered_at": good + bad, "total": [1.0] * count}
    shop.tables["orders"] = {**columns, "category": ["x"] * count}
    engine = shop.engine()
    if remote:
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (ordered_at text)")
            for text in (*good, *bad):
                connection.execute("INSERT INTO orders VALUES (%s)", [text])
            connection.execute("ALTER TABLE orders ADD customer_id int, ADD total int")
            connection.execute("ALTER TABLE orders ADD category text")
        fill_postgres(postgres_database, {"customers": CUSTOMERS})
        engine = shop.open(at(shop.workspace(), postgres_database))

    messages = [each.message for each in engine.inspect() if each.where == "events.order.at"]
    assert messages[0] == "orders.ordered_at: 6 rows are text that is not a date"
