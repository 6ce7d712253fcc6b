"""`accounts` and the conditions about them, as the YAML says them."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relance.domain.condition import (
    Aggregate,
    AllOf,
    Comparison,
    CustomerIs,
    EventIs,
    Measure,
    OfAccount,
    Op,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.trigger import WriteTo
from relance.domain.workspace import AccountsSpec

if TYPE_CHECKING:
    from conftest import Shop

ACCOUNTS = "accounts: {table: companies, key: id, attributes: [name, tier]}\n"


@pytest.fixture
def supplier(shop: Shop) -> Shop:
    """The shop, whose customers are contacts of companies."""
    shop.edit("config/relance.yaml", "  key: id\n", "  key: id\n  account: company\n  role: job\n")
    shop.add("config/relance.yaml", ACCOUNTS)
    shop.edit(
        "config/relance.yaml", "{table: visits, customer: id,", "{table: visits, account: company,"
    )
    return shop


def test_accounts_are_a_table_and_a_column_of_the_customers(supplier: Shop) -> None:
    workspace = supplier.workspace()
    assert workspace.accounts == AccountsSpec(
        table="companies", key="id", attributes={"name": "name", "tier": "tier"}
    )
    assert (workspace.customers.account, workspace.customers.role) == ("company", "job")
    assert (workspace.events["visit"].customer, workspace.events["visit"].account) == (
        "",
        "company",
    )


MEANT = {
    "{account: tier, is: gold}": OfAccount(CustomerIs("tier", (Comparison(Op.IS, "gold"),))),
    "{event: order, of: account, sum: {at_least: 10000}, within: 1 year}": OfAccount(
        EventIs(
            Aggregate("order", Measure.SUM, "amount", Window(within=Duration.parse("1 year"))),
            (Comparison(Op.AT_LEAST, 10000),),
        )
    ),
    "{event: visit, of: account}": OfAccount(
        EventIs(Aggregate("visit", Measure.COUNT), (Comparison(Op.AT_LEAST, 1),))
    ),
}


@pytest.mark.parametrize("text", MEANT)
def test_a_leaf_may_look_at_the_account(supplier: Shop, text: str) -> None:
    supplier.condition(text)
    assert supplier.workspace().segments["active"].condition == MEANT[text]


MISTAKES = {
    "{account: teir, is: gold}": "config/segments.yaml:3:21: segments.active.account: there is no attribute of the account 'teir' (did you mean tier?)",
    "{event: visit}": "config/segments.yaml:3:19: segments.active.event: visit names accounts and no customer (add of: account)",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_leaf_that_looks_at_nothing_is_told(supplier: Shop, text: str) -> None:
    supplier.condition(text)
    assert supplier.problems() == [MISTAKES[text]]


def test_without_accounts_nothing_looks_at_one(shop: Shop) -> None:
    shop.condition("{event: order, of: account}")
    assert [problem.message for problem in shop.load().problems] == ["there are no accounts"]
    shop.condition("{account: tier, is: gold}")
    assert [problem.message for problem in shop.load().problems] == ["there are no accounts"]


def test_accounts_to_which_nobody_belongs_are_told(shop: Shop) -> None:
    shop.add("config/relance.yaml", ACCOUNTS)
    assert shop.problem().message == "nobody says who belongs to which account"


def test_a_column_of_accounts_without_their_table_is_told(shop: Shop) -> None:
    shop.edit("config/relance.yaml", "  key: id\n", "  key: id\n  account: company\n  role: job\n")
    assert [(each.where, each.message) for each in shop.load().problems] == [
        ("customers.account", "there are no accounts"),
        ("customers.role", "there are no accounts"),
    ]


def test_an_event_names_a_customer_or_an_account(shop: Shop) -> None:
    shop.edit("config/relance.yaml", "{table: visits, customer: id,", "{table: visits,")
    assert (shop.problem().where, shop.problem().message) == ("events.visit.customer", "is missing")


def test_naming_accounts_changes_no_version_of_what_does_not_ask_them(shop: Shop) -> None:
    before = shop.workspace()
    shop.edit("config/relance.yaml", "  key: id\n", "  key: id\n  account: company\n")
    shop.add("config/relance.yaml", ACCOUNTS)
    after = shop.workspace()
    assert before.segments == after.segments
    assert before.triggers == after.triggers


def test_another_column_of_accounts_is_another_segment(supplier: Shop) -> None:
    supplier.condition("{event: order, of: account}")
    before = supplier.workspace().segments["active"].version
    supplier.edit("config/relance.yaml", "  account: company", "  account: firm")
    assert supplier.workspace().segments["active"].version != before


ACCOUNT_TRIGGER = """\
version: 1
name: thanks
enters: accounts
segment: {event: order, count: {at_least: 3}}
on: enter
write_to: {role: [buyer, owner], others: true, then: {last: order}}
steps:
  - send: {channel: email, template: thanks}
    unless: {all: [{customer: country, is: FR}, {event: order, since: entry}]}
"""


def test_a_trigger_may_let_accounts_enter(supplier: Shop) -> None:
    supplier.write("triggers/thanks.yaml", ACCOUNT_TRIGGER)
    workspace = supplier.workspace()
    trigger = workspace.triggers["thanks"]
    assert trigger.of_accounts
    assert trigger.write_to == WriteTo(roles=("buyer", "owner"), others=True, event="order")
    assert workspace.segments["trigger/thanks"].of_accounts
    assert workspace.segments["trigger/thanks"].condition == OfAccount(
        EventIs(Aggregate("order", Measure.COUNT), (Comparison(Op.AT_LEAST, 3),))
    )
    (step,) = trigger.steps
    assert step.unless == AllOf(
        (
            CustomerIs("country", (Comparison(Op.IS, "FR"),)),
            OfAccount(
                EventIs(
                    Aggregate("order", Measure.COUNT, window=Window(since_entry=True)),
                    (Comparison(Op.AT_LEAST, 1),),
                )
            ),
        )
    )


TRIGGER_MISTAKES = {
    "segment: {event: order, count: {at_least: 3}}": {
        "segment: {customer: country, is: FR}": "segment: customer looks at a customer, and the members are accounts",
        "segment: {rfm: {recency: 5}}": "segment: rfm looks at a customer, and the members are accounts",
        "segment: loyal": "segment: loyal is a segment of customers, and accounts enter",
        "segment: {all: [{segment: loyal}]}": "segment.all.0.segment: loyal is a segment of customers, and the members here are accounts",
    },
    "enters: accounts": {"enters: customers": "write_to: customers enter, and are written to"},
    "role: [buyer, owner], others: true": {
        "others: true": "write_to.others: there are no roles to be another than"
    },
    "on: enter": {
        "on: {date: birth_date}": "on.date: there is no attribute of the account 'birth_date'"
    },
}
CASES = [(old, new, said) for old, news in TRIGGER_MISTAKES.items() for new, said in news.items()]


@pytest.mark.parametrize(("old", "new", "said"), CASES)
def test_what_does_not_go_with_accounts_that_enter_is_told(
    supplier: Shop, old: str, new: str, said: str
) -> None:
    supplier.write("triggers/thanks.yaml", ACCOUNT_TRIGGER.replace(old, new))
    assert said in [f"{each.where}: {each.message}" for each in supplier.load().problems]


def test_a_segment_of_accounts_is_no_trigger_of_customers(supplier: Shop) -> None:
    supplier.condition("{members: accounts, event: order}")
    supplier.edit("triggers/thanks.yaml", "segment: loyal", "segment: active")
    assert supplier.problem().message == "active is a segment of accounts, and customers enter"


def test_whom_to_write_to_is_a_version_and_a_baseline_is_not(supplier: Shop) -> None:
    supplier.write("triggers/thanks.yaml", ACCOUNT_TRIGGER)
    before = supplier.workspace().triggers["thanks"]
    supplier.edit("triggers/thanks.yaml", "[buyer, owner]", "[owner]")
    after = supplier.workspace().triggers["thanks"]
    assert before.version != after.version
    assert before.segment_version == after.segment_version
