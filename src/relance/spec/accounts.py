"""`accounts` of relance.yaml, and the leaves that look at the account instead of the customer."""

from __future__ import annotations

from relance.domain.condition import Condition, CustomerIs, OfAccount
from relance.domain.workspace import AccountsSpec
from relance.spec.data import Columns
from relance.spec.nodes import Node, Scalar, child
from relance.spec.operators import Comparing
from relance.spec.record import Key, Record, optional, required
from relance.spec.shapes import Choice, JsonSchema, Shape, Text, listed
from relance.spec.spot import Spot


class AccountsYaml(Record[AccountsSpec]):
    """The companies that customers are the contacts of. `customers.account` says whose."""

    what = "a mapping with table and key"
    table = required(Text("a table's name"), "The table, or a query from `tables`.")
    key = required(Text("a column's name"), "The column that tells accounts apart.")
    attributes: Key[dict[str, str]] = optional(
        Columns(), "Columns that conditions and templates may use: a list, or `name: column`.",
        default={}, shown="none",
    )  # fmt: skip

    def build(self) -> AccountsSpec:
        return AccountsSpec(table=self.table, key=self.key, attributes=self.attributes)


class AccountAttribute(Shape[str]):
    """The name of an attribute of the account."""

    says = "the name of an attribute of the account"

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        check_accounts(spot)
        known = spot.scope.account_attributes
        return spot.known(name, known, "attribute of the account")

    def schema(self) -> JsonSchema:
        return {"type": "string"}


def check_accounts(spot: Spot) -> None:
    """Note what looks at an account where there are none."""
    if spot.scope.account_attributes is None and spot.scope.attributes is not None:
        raise spot.broken("there are no accounts", "add accounts: to config/relance.yaml")


def has_accounts(node: Node | None, key: str) -> bool:
    """Whether a mapping says `accounts` under a key, be it `members` or `enters`."""
    said = child(node, key)
    return isinstance(said, Scalar) and said.text == "accounts"


WHOSE = Choice("customers", "accounts")
ABOUT_ACCOUNTS = ("all", "any", "none", "account", "event", "segment", "sql")
"""The conditions that an account can be asked, by their first keys."""


def check_about(spot: Spot, head: str) -> None:
    """Refuse a condition about customers where accounts are the members. In a step there is a
    contact to be asked as well."""
    if spot.of_accounts and not spot.in_step and head not in ABOUT_ACCOUNTS:
        raise spot.broken(
            f"{head} looks at a customer, and the members are accounts",
            f"an account has {listed(ABOUT_ACCOUNTS, 'or')}",
        )


class AccountYaml(Comparing[Condition]):
    """An attribute of the customer's account, with operators."""

    what = "a condition"
    account = required(
        AccountAttribute(), "An attribute from `accounts.attributes` in relance.yaml."
    )

    def build(self) -> Condition:
        return OfAccount(CustomerIs(self.account, self.comparisons()))
