"""Which columns of the source a condition or a template's name looks at."""

from __future__ import annotations

from collections.abc import Iterator

from relance.domain.condition import Aggregate, Condition, leaves
from relance.domain.fits import Fits
from relance.domain.identity import origins
from relance.domain.workspace import CustomersSpec, EventSpec, Workspace
from relance.engine.aggregates import fields_of
from relance.engine.needs import (
    AccountKey,
    AccountNeed,
    Answer,
    Attribute,
    Column,
    Need,
    inlined,
    needs_of,
)
from relance.engine.rows import need_of

Place = tuple[str, str]
"""A table of the source and one of its columns."""


def read_by(condition: Condition, workspace: Workspace) -> Iterator[Place]:
    """The columns that a condition looks at, those of segments that it refers to among them."""
    for leaf in leaves(inlined(condition, workspace.segments)):
        for need in needs_of(leaf, workspace, Fits()):
            yield from _places(need, workspace)


def asks_itself(condition: Condition, workspace: Workspace) -> bool:
    """Whether a condition reads with a query of its own, whatever that looks at."""
    needs = (
        need
        for leaf in leaves(inlined(condition, workspace.segments))
        for need in needs_of(leaf, workspace, Fits())
    )
    return any(isinstance(n.need if isinstance(n, AccountNeed) else n, Answer) for n in needs)


def read_by_name(name: str, workspace: Workspace) -> Iterator[Place]:
    """The columns behind a name that a template uses."""
    yield from _places(need_of(name, workspace), workspace)


def behind(customers: CustomersSpec, column: str | None) -> Iterator[Place]:
    """The real columns behind a column of the customers, who may be in several tables."""
    if column is None:
        return
    if not customers.tables:
        yield customers.table, column
        return
    for origin in origins(customers).get(column, ()):
        if isinstance(origin.column, str):
            yield origin.table.table, origin.column


def _places(need: Need, workspace: Workspace) -> Iterator[Place]:
    customers = workspace.customers
    if isinstance(need, AccountNeed):
        yield from behind(customers, customers.account)
        yield from _of_account(need.need, workspace)
    elif isinstance(need, AccountKey):
        yield from behind(customers, customers.account)
    elif isinstance(need, Attribute):
        yield from behind(customers, customers.column(need.name))
    elif isinstance(need, Column):
        yield from behind(customers, need.name)
    elif isinstance(need, Aggregate):
        yield from read_of_event(
            workspace.events[need.event], [name for name, _ in fields_of([need])]
        )


def _of_account(need: Attribute | Aggregate | Answer, workspace: Workspace) -> Iterator[Place]:
    accounts = workspace.accounts
    if accounts is None:
        return
    yield accounts.table, accounts.key
    if isinstance(need, Attribute):
        yield accounts.table, accounts.attributes.get(need.name, need.name)
    elif isinstance(need, Aggregate):
        yield from _places(need, workspace)


def read_of_event(event: EventSpec, fields: list[str]) -> Iterator[Place]:
    """Whose an event is, when it was, and some of its fields."""
    columns = [event.customer, event.account, event.at, *(event.column(name) for name in fields)]
    for column in dict.fromkeys(columns):
        if column:
            yield event.table, column
