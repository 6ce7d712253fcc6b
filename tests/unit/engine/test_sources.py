"""Where customer data may live, and what is said when it cannot be read."""

from __future__ import annotations

import sqlite3

import duckdb
import psycopg
import pyarrow as pa
import pytest

from engine_shop import (
    ACTIVE,
    CUSTOMERS,
    MONDAY,
    ORDERS,
    Shop,
    at,
    bought,
    fill_duckdb,
    fill_postgres,
    fill_sqlite,
    members,
    segments_of,
)
from relance.domain.condition import SqlIs
from relance.domain.fits import Fits
from relance.engine.elsewhere import IbisSource
from relance.engine.service import RelanceEngine
from relance.errors import SourceError

CSV_CUSTOMERS = """customer_id;email;mobile;lang;tz;email_optin;country;first_name;birth_date
007;a@shop.example;0612345678;fr;Europe/Paris;yes;FR;Ada;1990-03-10
008;b@shop.example;+32470123456;fr;;no;BE;Bea;
"""
CSV_ORDERS = """customer_id;ordered_at;total;category
007;2026-03-08 10:00:00;12.50;shoes
"""


def active(engine: RelanceEngine) -> set[str]:
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        return members(picture, "active")


def test_csv_files_keep_leading_zeros_of_keys_and_phone_numbers(shop: Shop) -> None:
    data = shop.folder / "data"
    data.mkdir()
    (data / "customers.csv").write_text(CSV_CUSTOMERS)
    (data / "orders.csv").write_text(CSV_ORDERS)
    engine = shop.open(shop.workspace(ACTIVE))

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert members(picture, "active") == {"007"}
        rows = picture.rows(pa.array(["007", "008"]), ["order.sum"]).sort_by("customer")
    assert rows["phone"].to_pylist() == ["0612345678", "+32470123456"]
    assert rows["consent_email"].to_pylist() == [True, False]
    assert rows["order.sum"].to_pylist() == [12.5, 0.0]
    assert not [problem for problem in engine.inspect() if not problem.warning]


def test_the_files_of_a_sub_folder_are_one_table(shop: Shop) -> None:
    shop.write("customers", CUSTOMERS)
    (shop.folder / "data" / "orders").mkdir()
    for number, rows in enumerate((slice(0, 2), slice(2, 4))):
        shop.write(f"orders/part{number}", {name: values[rows] for name, values in ORDERS.items()})
    engine = shop.open(shop.workspace(ACTIVE))

    with engine.picture(MONDAY, segments_of(ACTIVE), ["order.count"], Fits()) as picture:
        rows = picture.rows(pa.array(["1", "3"]), ["order.count"])
    assert sorted(rows["order.count"].to_pylist()) == [1, 1]


def test_two_files_that_could_be_one_table_are_refused(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    (shop.folder / "data" / "orders.csv").write_text(CSV_ORDERS)

    with pytest.raises(SourceError, match="two files could be the table 'orders'"):
        active(engine)


def test_new_rows_in_the_folder_are_seen_by_the_next_picture(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    assert active(engine) == {"3"}
    recent = ["2026-03-08 10:00"] * 4
    shop.write("orders", {**ORDERS, "ordered_at": recent})

    assert active(engine) == {"1", "2", "3"}


def test_a_source_that_vanishes_is_a_clear_error_and_its_return_is_noticed(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    orders = shop.folder / "data" / "orders.parquet"
    aside = orders.rename(shop.folder / "aside")
    with pytest.raises(SourceError, match="there is no table 'orders'"):
        active(engine)

    aside.rename(orders)
    assert active(engine) == {"3"}


def test_a_source_that_vanishes_after_the_picture_does_not_keep_it_from_being_kept(
    shop: Shop,
) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        (shop.folder / "data").rename(shop.folder / "elsewhere")
        assert members(picture, "active") == {"3"}
        with pytest.raises(SourceError, match="cannot be read"):
            picture.rows(pa.array(["1"]), [])
        picture.keep()

    assert engine.knows(MONDAY, {"active": "v1"})


def test_a_missing_table_is_told_with_the_nearest_name(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    shop.write("order", ORDERS)
    (shop.folder / "data" / "orders.parquet").unlink()

    with pytest.raises(SourceError, match=r"no table 'orders' \(did you mean order\?\)"):
        active(engine)


def test_a_missing_column_is_told_with_the_nearest_name(shop: Shop) -> None:
    shop.tables["orders"] = {
        ("order_at" if name == "ordered_at" else name): values for name, values in ORDERS.items()
    }

    with pytest.raises(
        SourceError, match=r"orders has no column 'ordered_at' \(did you mean order_at\?\)"
    ):
        active(shop.engine(ACTIVE))


@pytest.mark.parametrize("name", ["nothing", "notes.txt"])
def test_a_location_that_cannot_be_a_source_is_refused_at_once(shop: Shop, name: str) -> None:
    (shop.folder / "notes.txt").write_text("hello")

    with pytest.raises(SourceError, match="data/: "):
        shop.open(at(shop.workspace(ACTIVE), shop.folder / name))


def test_a_duckdb_file_is_free_for_its_owner_between_two_pieces_of_work(shop: Shop) -> None:
    path = shop.folder / "shop.duckdb"
    fill_duckdb(path)
    engine = shop.open(at(shop.workspace(ACTIVE), path))
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        with duckdb.connect(str(path)) as owner:
            owner.execute("UPDATE customers SET first_name = 'Eve'")
        names = picture.rows(pa.array(["1"]), ["customer.first_name"])["customer.first_name"]

    assert names.to_pylist() == ["Eve"]
    assert active(engine) == {"3"}


def test_a_sqlite_file_is_read_again_only_after_it_changed(shop: Shop) -> None:
    path = shop.folder / "shop.sqlite"
    fill_sqlite(path)
    engine = shop.open(at(shop.workspace(ACTIVE), path))
    assert active(engine) == {"3"}

    connection = sqlite3.connect(path)
    connection.execute("UPDATE orders SET ordered_at = '2026-03-08 10:00:00'")
    connection.commit()
    connection.close()
    assert active(engine) == {"1", "2", "3"}


def test_rows_from_a_sqlite_file_are_typed(shop: Shop) -> None:
    path = shop.folder / "shop.db"
    fill_sqlite(path)
    engine = shop.open(at(shop.workspace(ACTIVE), path))

    with engine.picture(MONDAY, segments_of(ACTIVE), ["order.last"], Fits()) as picture:
        (row,) = picture.rows(
            pa.array(["2"]), ["order.last", "order.sum", "customer.birth_date"]
        ).to_pylist()
    assert row["consent_email"] is False
    assert row["order.sum"] == 99.0
    assert row["order.last"].isoformat() == "2026-02-01T07:00:00+00:00"
    assert row["customer.birth_date"] == "1992-02-29"


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
def test_postgresql_gives_the_same_members_and_rows(
    shop: Shop, postgres_database: str, at_source: bool
) -> None:
    fill_postgres(postgres_database, {"customers": CUSTOMERS, "orders": ORDERS})
    names = ["customer.first_name", "order.sum", "order.last", "order.count"]
    local = shop.engine(ACTIVE)
    remote = shop.open(at(shop.workspace(ACTIVE), postgres_database, at_source=at_source))

    found = []
    for engine in (local, remote):
        with engine.picture(MONDAY, segments_of(ACTIVE), names, Fits()) as picture:
            rows = picture.rows(pa.array(["1", "2", "4", "77"]), names).sort_by("customer")
            found.append((dict(picture.counts()), rows.to_pylist()))
    assert found[0] == found[1]


def test_text_from_postgresql_survives_quotes_lines_and_emptiness(
    shop: Shop, postgres_database: str
) -> None:
    odd = ['a "quoted", one', "two\nlines", "", None]
    fill_postgres(
        postgres_database, {"customers": {**CUSTOMERS, "first_name": odd}, "orders": ORDERS}
    )
    engine = shop.open(at(shop.workspace(ACTIVE), postgres_database))

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        rows = picture.rows(pa.array(["1", "2", "3", "4"]), ["customer.first_name"])
    assert rows.sort_by("customer")["customer.first_name"].to_pylist() == odd


def test_postgresql_is_only_ever_read(shop: Shop, postgres_database: str) -> None:
    fill_postgres(postgres_database, {"customers": CUSTOMERS, "orders": ORDERS})
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS integer LANGUAGE sql AS 'DELETE FROM orders; SELECT 1'"
        )
        engine = shop.open(at(shop.workspace(ACTIVE), postgres_database))
        with pytest.raises(SourceError):
            engine.picture(MONDAY, segments_of({"mine": SqlIs("SELECT spoil()")}), [], Fits())
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (4,)


def test_a_database_that_cannot_be_reached_is_told_without_its_password(shop: Shop) -> None:
    url = "postgresql://crm:tops3cret@127.0.0.1:1/shop"

    with pytest.raises(SourceError) as caught:
        shop.open(at(shop.workspace(ACTIVE), url, shown="postgresql://crm:***@127.0.0.1:1/shop"))
    assert "cannot be reached" in str(caught.value)
    assert "tops3cret" not in str(caught.value)


def test_an_url_that_no_engine_knows_is_refused(shop: Shop) -> None:
    with pytest.raises(SourceError, match="no engine for this URL"):
        shop.open(at(shop.workspace(ACTIVE), "gopher://somewhere/shop"))


def test_other_engines_are_reached_through_ibis_alone(
    shop: Shop, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_postgres(postgres_database, {"customers": CUSTOMERS, "orders": ORDERS})
    monkeypatch.setattr("relance.engine.source._open_server", lambda spec, _: IbisSource(spec))
    engine = shop.open(at(shop.workspace(ACTIVE), postgres_database))

    with engine.picture(MONDAY, segments_of(ACTIVE), ["order.sum"], Fits()) as picture:
        assert members(picture, "active") == {"3"}
        assert picture.rows(pa.array(["1"]), ["order.sum"])["order.sum"].to_pylist() == [10.0]


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_a_file_may_be_given_as_an_url(shop: Shop, scheme: str) -> None:
    path = shop.folder / f"shop.{scheme}"
    {"duckdb": fill_duckdb, "sqlite": fill_sqlite}[scheme](path)

    assert active(shop.open(at(shop.workspace(ACTIVE), f"{scheme}://{path}"))) == {"3"}


CASTING = "SELECT customer_id FROM customers WHERE CAST(email AS INTEGER) > 1"


@pytest.mark.parametrize("remote", [False, True], ids=["duckdb", "postgresql"])
def test_an_error_in_the_data_shows_none_of_its_values(
    shop: Shop, postgres_database: str, remote: bool
) -> None:
    engine = shop.engine(ACTIVE)
    if remote:
        fill_postgres(postgres_database, {"customers": CUSTOMERS, "orders": ORDERS})
        engine = shop.open(at(shop.workspace(ACTIVE), postgres_database))

    with pytest.raises(SourceError) as caught:
        engine.picture(MONDAY, segments_of({"mine": SqlIs(CASTING)}), [], Fits())
    assert "shop.example" not in str(caught.value)


def test_a_duration_that_leaves_the_calendar_is_a_clear_error(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)

    with pytest.raises(SourceError, match="leaves the calendar"):
        engine.picture(MONDAY, segments_of({"old": bought(1, "9999 years")}), [], Fits())
