"""Accounts: what contacts belong to, and a workspace as it looks from there.

A condition about an account is a tree of `OfAccount` leaves, whoever is asked: of a contact they
look at its account. Seen `as_customers`, the accounts are the customers, their events are those of
all their contacts, and the same leaves are about themselves: one engine does for both.
"""

from __future__ import annotations

from dataclasses import replace

from relance.domain.condition import AllOf, AnyOf, Condition, NoneOf, OfAccount
from relance.domain.workspace import AccountsSpec, CustomersSpec, Segment, Workspace

ACCOUNT = "account:"
"""Before an account's key, wherever an account stands among customers: units, refusals."""

KEY = "account.key"
"""The name under which a message keeps the account that entered."""


def as_unit(account: str) -> str:
    """An account as the unit that an arm is drawn for."""
    return f"{ACCOUNT}{account}"


def account_of(unit: str | None) -> str | None:
    """The account's key in a unit; None where the unit is something else."""
    return unit.removeprefix(ACCOUNT) if unit and unit.startswith(ACCOUNT) else None


def of_itself(condition: Condition) -> Condition:
    """A condition about accounts as one about the customers that `as_customers` makes of them."""
    match condition:
        case OfAccount(leaf):
            return leaf
        case AllOf(inner):
            return AllOf(tuple(of_itself(each) for each in inner))
        case AnyOf(inner):
            return AnyOf(tuple(of_itself(each) for each in inner))
        case NoneOf(inner):
            return NoneOf(tuple(of_itself(each) for each in inner))
        case _:
            return condition


def as_customers(workspace: Workspace, accounts: AccountsSpec) -> Workspace:
    """The workspace of a company whose customers are the accounts.

    An event that names the account itself is found by it; of the others, the engine asks the
    contacts.
    """
    return replace(
        workspace,
        customers=CustomersSpec(
            table=accounts.table, key=accounts.key, attributes=accounts.attributes
        ),
        accounts=None,
        identities=(),
        events={
            name: replace(event, customer=event.account or event.customer, account=None)
            for name, event in workspace.events.items()
        },
        segments={
            name: own_segment(segment)
            for name, segment in workspace.segments.items()
            if segment.of_accounts
        },
        triggers={
            name: trigger for name, trigger in workspace.triggers.items() if trigger.of_accounts
        },
    )


def own_segment(segment: Segment) -> Segment:
    """A segment of accounts as `as_customers` has it."""
    return replace(segment, condition=of_itself(segment.condition), of_accounts=False)
