"""What is wrong with the accounts: their table, their keys, and who belongs to them."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from relance.domain.workspace import AccountsSpec, EventSpec
from relance.engine.checks import check_accounts, counted, figures
from relance.engine.columns import column_of
from relance.engine.profile import Profiles
from relance.errors import Problem, SourceError

CONFIG = "config/relance.yaml"


def account_problems(profiles: Profiles) -> list[Problem]:
    """Everything about the accounts; nothing where a workspace has none."""
    spec = profiles.workspace.accounts
    if spec is None:
        return []
    found = list(_columns(profiles, spec))
    if found:
        return found
    for where, work in (
        ("accounts.key", lambda: check_accounts(profiles)),
        ("customers.account", profiles.account),
    ):
        try:
            work()
        except SourceError as error:
            found.append(_problem(where, error))
    return found or list(_belonging(profiles, spec))


def _columns(profiles: Profiles, spec: AccountsSpec) -> Iterator[Problem]:
    try:
        table = profiles.source.table(spec.table)
    except SourceError as error:
        yield _problem("accounts.table", error)
        return
    columns = {"accounts.key": spec.key}
    columns |= {f"accounts.attributes.{name}": each for name, each in spec.attributes.items()}
    for where, column in columns.items():
        try:
            column_of(table, spec.table, column)
        except SourceError as error:
            yield _problem(where, error)


def _belonging(profiles: Profiles, spec: AccountsSpec) -> Iterator[Problem]:
    """Contacts of unknown accounts, accounts without contacts, events of unknown accounts."""
    customers = profiles.workspace.customers
    accounts = profiles.accounts.customers.select(key=profiles.accounts.key())
    people = profiles.customers
    contacts = people.select(account=profiles.account(people))
    if not figures(profiles, accounts, {"rows": ibis._.count()})["rows"]:
        yield _warning("accounts.table", f"table {spec.table} has no rows")
        return
    unknown = _without(profiles, contacts, "account", accounts, "key")
    if unknown:
        yield _warning(
            "customers.account",
            f"{customers.table}.{customers.account}: {counted(unknown)} of accounts that are not"
            f" in {spec.table}",
            "they count as contacts of no account",
        )
    lonely = _without(profiles, accounts, "key", contacts, "account")
    if lonely:
        yield _warning(
            "accounts.table",
            f"table {spec.table}: {counted(lonely)} without a contact in {customers.table}",
            "nobody there can be written to",
        )
    for event in profiles.workspace.events.values():
        yield from _strangers(profiles, spec, event, accounts)


def _strangers(
    profiles: Profiles, spec: AccountsSpec, event: EventSpec, accounts: ir.Table
) -> Iterator[Problem]:
    if event.account is None:
        return
    where = f"events.{event.name}.account"
    try:
        lens = profiles.accounts
        owners = lens.events(lens.event(event.name), ()).select("owner")
        rows = _without(profiles, owners, "owner", accounts, "key")
    except SourceError as error:
        yield _problem(where, error)
        return
    if rows:
        yield _warning(
            where,
            f"{event.table}.{event.account}: {counted(rows)} of accounts that are not in"
            f" {spec.table}",
        )


def _without(
    profiles: Profiles, rows: ir.Table, column: str, among: ir.Table, key: str
) -> int:  # fmt: skip
    """How many rows have a value in a column that another table does not have."""
    known = among.select(known=among[key].cast("string"))
    own = rows.select(own=rows[column].cast("string"))
    strange = own.filter(own.own.notnull()).anti_join(known, [("own", "known")])
    return figures(profiles, strange, {"rows": strange.count()})["rows"]


def _problem(where: str, error: SourceError) -> Problem:
    return Problem(path=CONFIG, where=where, message=error.message, hint=error.hint)


def _warning(where: str, message: str, hint: str | None = None) -> Problem:
    return Problem(path=CONFIG, where=where, message=message, hint=hint, warning=True)
