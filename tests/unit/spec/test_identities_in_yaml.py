"""`identities` and several customers' tables in config/relance.yaml."""

from __future__ import annotations

from relance.domain.workspace import IdentitySpec

CONFIG = "config/relance.yaml"
LOGINS = "identities: {table: logins, id: visitor, customer: id, at: since}\n"
MORE = """\
  more_tables:
    - {table: loyalty, key: card, email: mail2, attributes: {points: pts, first_name: prenom}}
"""


def test_one_table_of_links_or_several(shop) -> None:
    shop.add(CONFIG, LOGINS)
    assert shop.workspace().identities == (
        IdentitySpec(table="logins", id="visitor", customer="id", at="since"),
    )
    shop.edit(CONFIG, LOGINS, "identities:\n  - {table: merged, id: old, customer: kept}\n")
    assert shop.workspace().identities == (
        IdentitySpec(table="merged", id="old", customer="kept", at=None),
    )


def test_a_link_needs_all_its_columns(shop) -> None:
    shop.add(CONFIG, "identities:\n  - {table: merged, ids: old}\n")
    told = " ".join(shop.problems())
    assert "identities.0.ids: unknown key (did you mean id?)" in told
    assert "identities.0.customer: is missing (the column that says whose" in told


def test_more_tables_add_their_attributes(shop) -> None:
    shop.edit(CONFIG, "events:\n", f"{MORE}  precedence: [loyalty]\nevents:\n")
    customers = shop.workspace().customers
    assert [table.table for table in customers.tables] == ["customers", "loyalty"]
    assert set(customers.attributes) == {"first_name", "country", "birth_date", "points"}
    assert (customers.precedence, customers.no_wins) == (("loyalty",), True)


def test_an_attribute_of_a_second_table_can_stand_in_conditions(shop) -> None:
    shop.edit(CONFIG, "events:\n", f"{MORE}events:\n")
    shop.edit("triggers/thanks.yaml", "segment: loyal", "segment: {customer: points, at_least: 3}")
    assert shop.workspace().triggers["thanks"].segment == "trigger/thanks"


def test_what_orders_the_tables_must_name_them(shop) -> None:
    more = (
        f"{MORE}  precedence: [loyalti]\n  prefer: {{points: customer, shoes: loyalty}}\nevents:\n"
    )
    shop.edit(CONFIG, "events:\n", more)
    told = " ".join(shop.problems())
    assert (
        "precedence: loyalti is no table of the customers (there are: customers, loyalty)" in told
    )
    assert "prefer.points: customer is no table of the customers" in told
    assert "prefer: no table has the attribute 'shoes'" in told


def test_one_table_alone_needs_no_order(shop) -> None:
    shop.edit(CONFIG, "events:\n", "  precedence: [customers]\nevents:\n")
    assert ["there is one table only" in line for line in shop.problems()] == [True]


def test_versions_change_with_identities_and_with_what_is_believed(shop) -> None:
    def versions() -> tuple[str, str]:
        trigger = shop.workspace().triggers["thanks"]
        return trigger.segment_version, trigger.version

    plain = versions()
    shop.add(CONFIG, LOGINS)
    known = versions()
    shop.edit(CONFIG, "events:\n", f"{MORE}events:\n")
    several = versions()
    assert len({plain, known, several}) == 3
