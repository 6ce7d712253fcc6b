"""Who belongs to some accounts, in the order in which a trigger's rule would write to them."""

from __future__ import annotations

import pyarrow as pa

from relance.domain.condition import Aggregate, Measure
from relance.domain.trigger import WriteTo
from relance.engine.clock import Kind, kind_of
from relance.engine.narrowing import Only
from relance.engine.needs import Column, Need
from relance.engine.profile import Profiles
from relance.engine.rows import ask_for, chunked, gather
from relance.engine.workbench import Workbench, literal

_NEVER = "-9223372036854775807"
_NONE = pa.schema([("customer", pa.string()), ("account", pa.string()), ("place", pa.int64())])


def contacts_of(
    workbench: Workbench, profiles: Profiles, accounts: pa.Array, rule: WriteTo
) -> pa.Table:
    """See `relance.pipeline.ports.Picture.contacts`."""
    if not len(accounts):
        return _NONE.empty_table()
    belonging = _belonging(workbench, profiles, accounts)
    asked = workbench.create(f"SELECT DISTINCT key FROM {belonging}", "contacts")
    needs = _needs(profiles, rule)
    rows = gather(workbench, profiles, needs, asked)
    ranks = _rank(profiles, needs, rule)
    active = _active(workbench, profiles, needs, rows)
    chosen = f" WHERE {ranks} < {len(rule.roles)}" if rule.roles and not rule.others else ""
    return workbench.arrow(
        "SELECT CAST(key AS VARCHAR) AS customer, CAST(account AS VARCHAR) AS account,"
        " row_number() OVER (PARTITION BY account ORDER BY rank, active DESC, key) AS place"
        f" FROM (SELECT r.key, b.account, {ranks} AS rank, {active} AS active"
        f" FROM {rows} AS r JOIN {belonging} AS b ON b.key = r.key{chosen})"
    ).cast(_NONE)


def _belonging(workbench: Workbench, profiles: Profiles, accounts: pa.Array) -> str:
    """A table of the contacts of the accounts: key, account."""
    wanted = ask_for(workbench, profiles.accounts, accounts)
    people = profiles.customers
    contacts = people.select(key=profiles.key(people), account=profiles.account(people))
    if not profiles.source.remote:
        only = Only(table=workbench.scratch(wanted))
        return workbench.create(only.rows(contacts, contacts.account), "belonging")
    batches = (
        batch
        for keys in chunked(workbench, wanted)
        for batch in profiles.source.fetch(Only(keys=keys).rows(contacts, contacts.account))
    )
    schema = contacts.schema().to_pyarrow()
    return workbench.load(pa.RecordBatchReader.from_batches(schema, batches), "belonging")


def _needs(profiles: Profiles, rule: WriteTo) -> dict[Need, str]:
    """The role, and when each event was last."""
    workspace = profiles.workspace
    needs: dict[Need, str] = {}
    if rule.roles and workspace.customers.role is not None:
        needs[Column(workspace.customers.role)] = "role"
    for number, event in enumerate(workspace.events.values()):
        if event.customer and rule.event in (None, event.name):
            needs[Aggregate(event.name, Measure.LAST)] = f"last{number}"
    return needs


def _rank(profiles: Profiles, needs: dict[Need, str], rule: WriteTo) -> str:
    """SQL for the place of the contact's role in the rule's list; one beyond it for another."""
    role = profiles.workspace.customers.role
    if not rule.roles or role is None or Column(role) not in needs:
        return "0"
    cases = " ".join(f"WHEN {literal(name)} THEN {place}" for place, name in enumerate(rule.roles))
    return f"CASE CAST(r.role AS VARCHAR) {cases} ELSE {len(rule.roles)} END"


def _active(
    workbench: Workbench, profiles: Profiles, needs: dict[Need, str], rows: str
) -> str:  # fmt: skip
    """SQL for when the contact last did anything, in microseconds."""
    types, zone = workbench.types(rows), literal(str(profiles.clock.source))
    found = []
    for need, name in needs.items():
        if isinstance(need, Aggregate):
            instant = kind_of(types[name]) is Kind.INSTANT
            at = f"r.{name}" if instant else f"timezone({zone}, r.{name}::TIMESTAMP)"
            found.append(f"coalesce(epoch_us({at}), {_NEVER})")
    return f"greatest({', '.join(found)})" if found else _NEVER
