"""Conditions and template values that look at the account behind a contact."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from account_shop import account, ordered, own, shipped, supplier, tables
from engine_shop import Shop, members, segments_of
from relance.domain.condition import Condition, Measure, Op
from relance.domain.fits import Fits
from relance.errors import SourceError

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)


def who(shop: Shop, condition: Condition) -> set[str]:
    engine = supplier(shop, {"asked": condition})
    with engine.picture(AT, segments_of({"asked": condition}), [], Fits()) as picture:
        return members(picture, "asked")


def test_an_attribute_of_the_account_is_asked_of_its_contacts(shop: Shop) -> None:
    assert who(shop, account("tier", Op.IS, "gold")) == {"1", "2"}


def test_a_contact_without_a_known_account_has_missing_attributes_and_no_events(shop: Shop) -> None:
    assert who(shop, account("tier", Op.EXISTS, False)) == {"4", "5"}
    assert who(shop, ordered(Measure.COUNT, Op.IS, 0)) == {"4", "5"}
    assert who(shop, account("tier", Op.IS_NOT, "gold")) == {"3", "4", "5"}


def test_an_order_of_a_colleague_is_an_order_of_the_account(shop: Shop) -> None:
    assert who(shop, ordered(Measure.COUNT, Op.AT_LEAST, 3)) == {"1", "2"}
    assert who(shop, own(Measure.COUNT, Op.AT_LEAST, 3)) == set()


def test_what_is_returned_counts_against_the_accounts_sum(shop: Shop) -> None:
    assert who(shop, ordered(Measure.SUM, Op.IS, 130)) == {"1", "2"}


def test_an_event_may_name_nothing_but_the_account(shop: Shop) -> None:
    assert who(shop, shipped(2)) == {"1", "2"}


def test_templates_say_what_the_account_is_and_does(shop: Shop) -> None:
    names = ["account.name", "account.order_sum", "account.shipment_count"]
    with supplier(shop).picture(AT, [], names, Fits()) as picture:
        rows = picture.rows(pa.array(["1", "3", "4"]), names).sort_by("customer").to_pylist()
    assert [[row["account"], *(row[name] for name in names)] for row in rows] == [
        ["A", "Arbre", 130.0, 2],
        ["B", "Bosquet", 10.0, 0],
        [None, None, 0.0, 0],
    ]


def test_an_account_key_twice_stops_the_tick_instead_of_doubling_contacts(shop: Shop) -> None:
    shop.tables = tables()
    shop.tables["accounts"]["account_id"] = ["A", "A", None, "D"]
    with pytest.raises(SourceError) as told:
        who(shop, own(Measure.COUNT, Op.AT_LEAST, 1))
    assert told.value.message == (
        "accounts.account_id: 1 row without a key and 1 row with the key of another row"
    )


def test_check_tells_who_belongs_nowhere_and_which_account_has_nobody(shop: Shop) -> None:
    problems = supplier(shop).inspect()
    assert {(problem.where, problem.message) for problem in problems} == {
        ("customers.account", "contacts.account_id: 1 row of accounts that are not in accounts"),
        ("accounts.table", "table accounts: 2 rows without a contact in contacts"),
        (
            "events.shipment.account",
            "shipments.account_id: 1 row of accounts that are not in accounts",
        ),
    }
    assert all(problem.warning for problem in problems)


def test_check_tells_missing_columns_and_doubled_keys_of_accounts(shop: Shop) -> None:
    shop.tables = tables()
    del shop.tables["accounts"]["tier"]
    (problem,) = supplier(shop).inspect()
    assert (problem.where, problem.message) == (
        "accounts.attributes.tier",
        "table accounts has no column 'tier'",
    )
    shop.tables = tables()
    shop.tables["accounts"]["account_id"] = ["A", "A", "C", "D"]
    (problem,) = (each for each in supplier(shop).inspect() if not each.warning)
    assert (problem.where, problem.hint) == ("accounts.key", "each account needs a key of its own")
