"""Customers in several tables, and ids that are somebody's: one row each, and what check says."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import psycopg
import pyarrow as pa
import pytest

from engine_shop import PARIS, TUESDAY, Shop, at, bought, customer, members, segments_of
from relance.domain.condition import Op
from relance.domain.identity import joined
from relance.domain.workspace import CustomersSpec, EventSpec, IdentitySpec, Workspace
from relance.errors import SourceError


def local(*day: int) -> datetime:
    """A midnight without a zone: the source's is meant."""
    return datetime.combine(date(*day), time())


CRM = CustomersSpec(
    table="crm",
    key="id",
    email="email",
    consent={"email": "optin"},
    attributes={"first_name": "first_name", "country": "country", "born": "born"},
)
LOYALTY = CustomersSpec(
    table="loyalty",
    key="card",
    email="mail",
    consent={"email": "agreed"},
    attributes={"first_name": "prenom", "points": "points", "born": "birthday"},
)
TABLES = {
    "crm": {
        "id": [1, 2, 3],
        "email": ["a@crm.example", "", None],
        "optin": [True, True, None],
        "first_name": ["Ann", None, "Cid"],
        "country": ["FR", "BE", None],
        "born": [date(1990, 1, 1), None, None],
    },
    "loyalty": {
        "card": ["1", "2", "L9"],
        "mail": ["a@loyal.example", "b@loyal.example", "l@loyal.example"],
        "agreed": ["no", None, "yes"],
        "prenom": ["Anne", "Bea", "Lea"],
        "points": [5, 70, 9],
        "birthday": [local(1991, 2, 2), local(1992, 2, 2), None],
    },
    "orders": {
        "who": ["1", "L9", "L9"],
        "at": [local(2026, 3, 1)] * 3,
        "total": [1.0, 2.0, 4.0],
    },
}
ORDER = EventSpec(name="order", table="orders", customer="who", at="at", amount="total")
EVERYBODY = pa.array(["1", "2", "3", "L9"])
NAMES = ("customer.first_name", "customer.country", "customer.points", "order.sum")


@pytest.fixture
def known(shop: Shop) -> Shop:
    shop.tables = {name: dict(columns) for name, columns in TABLES.items()}
    return shop


def rows(shop: Shop, spec: CustomersSpec, **changes: object) -> dict[str, dict[str, object]]:
    engine = shop.engine(
        customers=spec, events={"order": ORDER}, channels={"email": None}, **changes
    )
    with engine.picture(TUESDAY, [], NAMES, None) as picture:
        found = picture.rows(EVERYBODY, NAMES).to_pylist()
    return {row["customer"]: row for row in found}


def test_one_customer_has_the_first_value_of_the_tables_in_their_order(known: Shop) -> None:
    found = rows(known, joined([CRM, LOYALTY]))
    assert set(found) == {"1", "2", "3", "L9"}
    names = {who: row["customer.first_name"] for who, row in found.items()}
    assert names == {"1": "Ann", "2": "Bea", "3": "Cid", "L9": "Lea"}
    emails = {who: row["email"] for who, row in found.items()}
    assert emails == {
        "1": "a@crm.example",
        "2": "b@loyal.example",
        "3": None,
        "L9": "l@loyal.example",
    }
    assert found["1"]["customer.points"] == 5
    assert (found["L9"]["order.sum"], found["L9"]["customer.country"]) == (6.0, None)


def test_precedence_and_prefer_decide_between_tables(known: Shop) -> None:
    spec = joined([CRM, LOYALTY], ["loyalty"], {"email": ["crm"]})
    found = rows(known, spec)
    assert (found["1"]["customer.first_name"], found["1"]["email"]) == ("Anne", "a@crm.example")


def test_a_no_in_any_table_wins_and_a_gap_says_nothing(known: Shop) -> None:
    found = rows(known, joined([CRM, LOYALTY]))
    consents = {who: row["consent_email"] for who, row in found.items()}
    assert consents == {"1": False, "2": True, "3": False, "L9": True}


def test_consents_follow_the_order_where_the_yaml_says_so(known: Shop) -> None:
    found = rows(known, joined([CRM, LOYALTY], no_wins=False))
    assert found["1"]["consent_email"] is True


def test_an_identity_map_joins_rows_of_different_tables(known: Shop) -> None:
    known.tables["links"] = {"card": ["L9"], "customer": [3]}
    links = IdentitySpec(table="links", id="card", customer="customer")
    found = rows(known, joined([CRM, LOYALTY]), identities=(links,))
    assert set(found) == {"1", "2", "3"}
    row = found["3"]
    assert (row["customer.first_name"], row["email"], row["order.sum"]) == (
        "Cid", "l@loyal.example", 6.0,
    )  # fmt: skip


def test_conditions_see_the_joined_customer_also_on_postgresql(
    known: Shop, postgres_database: str
) -> None:
    kinds = {"id": "integer", "points": "integer", "at": "timestamp", "total": "numeric",
             "born": "date", "birthday": "timestamp", "optin": "boolean"}  # fmt: skip
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        for name, columns in TABLES.items():
            defined = ", ".join(f"{c} {kinds.get(c, 'text')}" for c in columns)
            connection.execute(f"CREATE TABLE {name} ({defined})")
            marks = ", ".join("%s" for _ in columns)
            with connection.cursor() as cursor:
                values = list(zip(*columns.values(), strict=True))
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", values)
    asked = {
        "rich": customer("points", Op.AT_LEAST, 9),
        "anns": customer("first_name", Op.STARTS_WITH, "Ann"),
        "old": customer("born", Op.BEFORE, date(1992, 1, 1)),
        "buyers": bought(1),
    }
    space = at(_space(known), postgres_database)
    for at_source in (False, True):
        engine = known.open(at(space, postgres_database, at_source=at_source))
        with engine.picture(TUESDAY, segments_of(asked), [], None) as picture:
            found = {name: members(picture, name) for name in asked}
        assert found == {
            "rich": {"2", "L9"}, "anns": {"1"}, "old": {"1"}, "buyers": {"1", "L9"},
        }  # fmt: skip


def _space(shop: Shop, **changes: object) -> Workspace:
    return shop.workspace(customers=joined([CRM, LOYALTY]), events={"order": ORDER}, **changes)


def test_an_attribute_of_another_kind_in_another_table_is_a_mistake(known: Shop) -> None:
    known.tables["loyalty"]["prenom"] = [1, 2, 3]
    engine = known.engine(customers=joined([CRM, LOYALTY]), events={"order": ORDER})
    (problem,) = engine.inspect()
    assert not problem.warning
    assert problem.message == (
        "first_name is of different kinds: crm.first_name holds text,"
        " loyalty.prenom holds whole numbers"
    )
    with pytest.raises(SourceError, match="different kinds"):
        engine.picture(TUESDAY, segments_of({"all": customer("first_name", Op.IS, "x")}), [], None)


def test_each_table_needs_keys_of_its_own(known: Shop) -> None:
    known.tables["loyalty"]["card"] = ["1", "1", None]
    engine = known.engine(customers=joined([CRM, LOYALTY]), events={"order": ORDER})
    assert [(p.where, p.message) for p in engine.inspect() if not p.warning] == [
        (
            "customers.more_tables.0.key",
            "loyalty.card: 1 row without a key and 1 row with the key of another row",
        )
    ]
    with pytest.raises(SourceError, match=r"loyalty\.card"):
        engine.picture(TUESDAY, [], [], None)


# -- what check says of links


def checked(shop: Shop, *specs: IdentitySpec) -> dict[str, str]:
    engine = shop.engine(customers=CRM, events={"order": ORDER}, identities=specs)
    return {p.message: p.where for p in engine.inspect() if "orders" not in p.message}


LINKS = IdentitySpec(table="links", id="id", customer="whose", at="since")


def test_links_that_say_little_are_counted(known: Shop) -> None:
    before, after = datetime(2026, 1, 1, tzinfo=PARIS), datetime(2099, 1, 1, tzinfo=PARIS)
    known.tables["links"] = {
        "id": ["v1", "v2", "v2", "v3", None, "c1", "c2", "v4", "v5"],
        "whose": ["1", "1", "2", "v3", "1", "c2", "c1", "nobody", "3"],
        "since": [before] * 8 + [after],
    }
    assert checked(known, LINKS) == {
        "links.since: 1 row in the future": "identities.0.at",
        "links: 1 row without an id or without a customer": "identities.0",
        "links: 1 row link an id to itself": "identities.0",
        "1 id is linked to several customers": "identities",
        "2 ids are linked in a circle": "identities",
        "links lead to 2 ids that are not in crm": "identities",
    }


def test_an_empty_map_links_nobody_and_says_so(known: Shop) -> None:
    nothing = pa.array([], pa.string())
    known.tables["links"] = {"id": nothing, "whose": nothing, "since": nothing}
    told = checked(known, LINKS)
    assert told == {"table links has no rows: it links nobody": "identities.0.table"}


def test_ids_of_different_kinds_meet_as_text(known: Shop) -> None:
    known.tables["links"] = {"old": ["v1", "v2"], "kept": [1, 2]}
    known.tables["orders"]["who"] = ["v1", "v2", "2"]
    links = IdentitySpec(table="links", id="old", customer="kept")
    assert checked(known, links) == {}
    both = joined([CRM, LOYALTY])
    found = rows(known, both, identities=(links,))
    found.pop("L9")
    assert {who: row["order.sum"] for who, row in found.items()} == {"1": 1.0, "2": 6.0, "3": 0.0}


def test_an_instant_that_cannot_be_read_stops_the_tick(known: Shop) -> None:
    known.tables["links"] = {"id": ["v1"], "whose": ["1"], "since": ["soon"]}
    engine = known.engine(customers=CRM, events={"order": ORDER}, identities=(LINKS,))
    assert [p.message for p in engine.inspect() if not p.warning] == [
        "links.since: 1 row is text that is not a date"
    ]
    with pytest.raises(SourceError, match=r"links\.since"):
        engine.picture(TUESDAY, [], [], None)


def test_a_column_that_cannot_be_an_id_is_a_mistake_where_it_stands(known: Shop) -> None:
    known.tables["links"] = {"id": [date(2026, 1, 1)], "whose": ["1"], "since": [date(2026, 1, 1)]}
    problems = checked(known, LINKS)
    assert problems == {"links.id holds dates, which cannot be an id": "identities.0"}


def test_missing_columns_of_a_map_are_told(known: Shop) -> None:
    known.tables["links"] = {"ids": ["v1"], "whose": ["1"], "since": [local(2026, 1, 1)]}
    assert checked(known, LINKS) == {"table links has no column 'id'": "identities.0.id"}


def test_delivery_looks_at_the_links_once_a_minute_and_never_ahead_of_them(known: Shop) -> None:
    known.tables["links"] = {"id": ["v1"], "whose": ["1"], "since": [TUESDAY]}
    engine = known.engine(customers=CRM, events={"order": ORDER}, identities=(LINKS,))

    def owner(at: datetime) -> str:
        return engine.kin(["v1"], at)["customer"][0].as_py()

    assert owner(TUESDAY + timedelta(seconds=1)) == "1"
    known.write("links", {"id": ["v1"], "whose": ["2"], "since": [TUESDAY]})
    assert owner(TUESDAY + timedelta(seconds=30)) == "1"
    assert owner(TUESDAY + timedelta(seconds=61)) == "2"
    assert owner(TUESDAY - timedelta(seconds=1)) == "v1"
