"""Live calls beside the rows of a table: what columns and ids there may be like."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from live_shop import LiveStage, ago

HAD = "{event: bought, count: {at_least: 1}}"
BOUGHT = (
    "  bought: {table: purchases, customer: who, at: day, amount: money, fields: {FIELDS},\n"
    "    live: {event: Bought, amount: properties.total}}\n"
)
AT = [ago(hours=5)]


class Shop(LiveStage):
    """A stage with a table of its own, of bob's or of customer 8's one purchase."""

    def purchases(self, who: pa.Array, day: pa.Array | None = None, **told: list[object]) -> None:
        money = told.pop("money", [50.0])
        moment = day if day is not None else pa.array(AT, pa.timestamp("us", "UTC"))
        table = pa.table({"who": who, "day": moment, "money": money, **told})
        pq.write_table(table, self.root / "data/purchases.parquet")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    stage = Shop(tmp_path)
    stage.arrive("ann", "bob", "7", "8")
    stage.configure(BOUGHT.replace("FIELDS", ""))
    return stage


BOB = pa.array(["bob"])


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.decimal128(22, 2)])
def test_only_a_whole_number_is_somebody_where_customers_are_numbers(
    shop: Shop, kind: pa.DataType
) -> None:
    shop.purchases(pa.array([8]).cast(kind))
    for strange in ("1e300", "inf", "nan", "8.2", "8.0", "0x8", "008", "8e0", " 8"):
        shop.hears("Bought", user=strange, total=1, at=ago(hours=1))
        shop.hears("Bought", anonymous=strange, total=1, at=ago(hours=1))
    shop.hears("Bought", user="7", total=30, at=ago(hours=1))
    once = "{event: bought, count: {is: 1}}"
    assert shop.look(had=HAD, once=once) == {"had": {"7", "8"}, "once": {"7", "8"}}


def test_a_call_is_not_rounded_where_the_table_has_whole_amounts(shop: Shop) -> None:
    shop.purchases(BOB, money=[50])
    shop.hears("Bought", user="ann", total=89.5, at=ago(hours=1))
    assert shop.look(spent="{event: bought, sum: {is: 89.5}}") == {"spent": {"ann"}}


def test_what_is_no_whole_number_is_missing_where_the_table_has_whole_numbers(shop: Shop) -> None:
    shop.configure(BOUGHT.replace("FIELDS", "pieces: pieces"))
    shop.purchases(BOB, pieces=[2])
    for user, pieces in (("ann", 2), ("7", 1.6), ("8", "2.0")):
        shop.hears("Bought", user=user, total=1, pieces=pieces, at=ago(hours=1))
    two = "{event: bought, count: {at_least: 1}, where: {pieces: 2}}"
    assert shop.look(had=HAD, two=two) == {
        "had": {"ann", "bob", "7", "8"},
        "two": {"ann", "bob", "8"},
    }


@pytest.mark.parametrize("fields", ["when: day", "buyer: who", "at: note", "total: money"])
def test_a_field_may_be_a_column_that_the_event_is_made_of(shop: Shop, fields: str) -> None:
    shop.configure(BOUGHT.replace("FIELDS", fields))
    shop.purchases(BOB, note=["x"])
    shop.hears("Bought", user="ann", total=30, at=ago(hours=1))
    assert shop.look(had=HAD, spent="{event: bought, sum: {is: 30}}") == {
        "had": {"ann", "bob"},
        "spent": {"ann"},
    }


@pytest.mark.parametrize("table", ["", "table: purchases, customer: who, at: day, amount: money, "])
def test_events_that_read_the_same_call_each_read_it_their_own_way(shop: Shop, table: str) -> None:
    if table:
        each = "  {}: {{{}live: {{event: Bought, amount: properties.{}}}}}\n"
    else:
        each = "  {}: {{{}live: Bought, amount: properties.{}}}\n"
    shop.configure("".join(each.format(name, table, name) for name in ("gross", "net")))
    shop.purchases(BOB)
    shop.hears("Bought", user="ann", gross=120, net=100, at=ago(hours=1))
    assert shop.look(
        gross="{event: gross, sum: {is: 120}}", net="{event: net, sum: {is: 100}}"
    ) == {"gross": {"ann"}, "net": {"ann"}}


@pytest.mark.parametrize("source", ["folder", "postgresql"])
def test_the_table_may_say_received_at_itself(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = str(request.getfixturevalue("postgres_database")) if source == "postgresql" else ""
    shop = Shop(tmp_path, source, url)
    shop.arrive("ann", "bob")
    shop.configure(
        "  bought: {table: bills, customer: who, at: received_at, amount: relance_id,\n"
        "    live: {event: Bought, amount: properties.total}}\n"
    )
    if url:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("CREATE TABLE bills (who TEXT, received_at TIMESTAMP, relance_id INT)")
            server.execute("INSERT INTO bills VALUES ('bob', '2026-02-28 09:00', 5)")
    else:
        bills = {"who": ["bob"], "received_at": [datetime(2026, 2, 28, 9)], "relance_id": [5]}  # noqa: DTZ001  no zone
        pq.write_table(pa.table(bills), shop.root / "data/bills.parquet")
    shop.hears("Bought", user="ann", total=89.5, at=ago(hours=1))
    shop.trigger(on="{event: bought}", schedule='"every 15 minutes"')
    shop.entered()
    shop.wait(minutes=15)
    shop.hears("Bought", user="ann", total=3, at=shop.now - timedelta(minutes=5))
    assert shop.entered() == {"hello": 1}
    assert shop.look(had=HAD, spent="{event: bought, sum: {is: 92.5}}") == {
        "had": {"ann", "bob"},
        "spent": {"ann"},
    }


def test_a_call_in_the_hour_that_comes_again_happens_once(shop: Shop) -> None:
    naive = pa.array([datetime(2026, 2, 1, 12)], pa.timestamp("us"))  # noqa: DTZ001  no zone
    shop.purchases(BOB, naive)
    shop.trigger(on="{event: bought}", schedule='"every 15 minutes"', reentry="always")
    shop.now = datetime(2026, 10, 25, 0, 5, tzinfo=UTC)
    shop.entered()
    at = shop.now + timedelta(minutes=20)
    shop.hears("Bought", user="ann", total=3, at=at, received=at)
    entries = []
    for _ in range(7):
        shop.wait(minutes=15)
        entries.append(shop.entered()["hello"])
    assert entries == [0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("source", ["folder", "postgresql", "postgresql itself"])
@pytest.mark.parametrize(
    "told",
    [{"due": "infinity"}, {"due": "12000-01-01"}, {"due": "0044-03-15 (BC)"}, {"category": "a\0b"}],
    ids=["infinity", "later", "earlier", "NUL"],
)
def test_no_property_keeps_the_rows_from_reaching_the_server(
    source: str, told: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = str(request.getfixturevalue("postgres_database")) if source != "folder" else ""
    shop = LiveStage(tmp_path, source, url)
    shop.arrive("ann", "bob")
    shop.configure("  bought: {live: Bought, fields: {category: category, due: due as date}}\n")
    shop.hears("Bought", user="ann", at=ago(hours=1), **told)
    shop.hears("Bought", user="bob", due="2026-05-01", category="x", at=ago(hours=1))
    known: Callable[[str], str] = (
        "{{event: bought, count: {{at_least: 1}}, where: {{{}: {{exists: true}}}}}}".format
    )
    assert shop.look(had=HAD, due=known("due"), category=known("category")) == {
        "had": {"ann", "bob"},
        "due": {"bob"},
        "category": {"ann", "bob"} if "category" in told else {"bob"},
    }
