"""What is wrong with the customers' tables, and with the tables that say who is who."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import ibis.expr.types as ir

from relance.domain.identity import OWN
from relance.domain.workspace import CustomersSpec, IdentitySpec
from relance.engine.checks import TextColumn, counted, figures, keys_of_table, unreadable_rows
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import NO, YES, Reading, column_of
from relance.engine.identities import Identities
from relance.engine.problems import CONFIG, failure, warning
from relance.engine.profile import Profiles
from relance.engine.source import tables_of
from relance.errors import Problem


def inspect_customers(profiles: Profiles) -> list[Problem]:
    """Every table of the customers; what the tables are together only where each is sound."""
    tables = tables_of(profiles.workspace.customers)
    found = [
        problem
        for number, table in enumerate(tables)
        for problem in _table(profiles, table, _place(number))
    ]
    if not any(not problem.warning for problem in found):
        found += failure(CONFIG, "customers", lambda: profiles.customers.schema())
    return found


def _place(number: int) -> str:
    return "customers" if number == 0 else f"customers.more_tables.{number - 1}"


def _table(profiles: Profiles, spec: CustomersSpec, place: str) -> list[Problem]:
    found = failure(CONFIG, f"{place}.table", lambda: profiles.source.table(spec.table))
    if found:
        return found
    table = profiles.source.table(spec.table)
    for where, column in {"key": spec.key, **_columns(spec)}.items():
        check = partial(column_of, table, spec.table, column)
        found += failure(CONFIG, f"{place}.{where}", check)
    if not found:
        found = failure(CONFIG, f"{place}.key", lambda: profiles.own_key(spec))
    return found or [*_keys(profiles, spec, place), *_consents(profiles, table, spec, place)]


def _columns(spec: CustomersSpec) -> dict[str, str]:
    """The columns that a block of the YAML names, by where it does."""
    own = {name: getattr(spec, name) for name in OWN}
    attributes = {f"attributes.{name}": column for name, column in spec.attributes.items()}
    consents = {f"consent.{name}": column for name, column in spec.consent.items()}
    every = {**own, **attributes, **consents}
    return {where: column for where, column in every.items() if isinstance(column, str)}


def _keys(profiles: Profiles, spec: CustomersSpec, place: str) -> Iterator[Problem]:
    if not _rows(profiles, profiles.source.table(spec.table)):
        yield warning(f"{place}.table", f"table {spec.table} has no rows")
    problem = keys_of_table(profiles, spec)
    if problem:
        yield Problem(
            path=CONFIG, where=f"{place}.key", message=problem,
            hint="each customer needs a key of its own",
        )  # fmt: skip


def _rows(profiles: Profiles, table: ir.Table) -> int:
    return figures(profiles, table, {"rows": table.count()})["rows"]


def _consents(
    profiles: Profiles, table: ir.Table, spec: CustomersSpec, place: str
) -> Iterator[Problem]:
    for channel, column in spec.consent.items():
        if isinstance(column, str) and kind_of(table[column].type()) is not Kind.TRUTH:
            answer = table[column].cast("string").strip().lower()
            rows = figures(profiles, table, {"rows": answer.notin([*YES, *NO]).sum()})["rows"]
            if rows:
                yield warning(
                    f"{place}.consent.{channel}",
                    f"{spec.table}.{column}: {counted(rows)} say neither yes nor no",
                    "they count as no consent",
                )


# -- who is who


def inspect_identities(profiles: Profiles) -> list[Problem]:
    """Every table of links, and what they come to together."""
    found = []
    for number, spec in enumerate(profiles.workspace.identities):
        found += _links(profiles, spec, f"identities.{number}")
    if profiles.identities is not None and not any(not problem.warning for problem in found):
        found += _ways(profiles, profiles.identities)
    return found


def _links(profiles: Profiles, spec: IdentitySpec, place: str) -> list[Problem]:
    found = failure(CONFIG, f"{place}.table", lambda: profiles.source.table(spec.table))
    if found:
        return found
    table = profiles.source.table(spec.table)
    named = {"id": spec.id, "customer": spec.customer, "at": spec.at}
    columns = {where: column for where, column in named.items() if column is not None}
    for where, column in columns.items():
        check = partial(column_of, table, spec.table, column)
        found += failure(CONFIG, f"{place}.{where}", check)
    identities = profiles.identities
    if found or identities is None:
        return found
    found = failure(CONFIG, place, partial(identities.written, spec))
    return found or [*_texts(profiles, spec, place), *_link_rows(profiles, identities, spec, place)]


def _texts(profiles: Profiles, spec: IdentitySpec, place: str) -> Iterator[Problem]:
    table = profiles.source.table(spec.table)
    if spec.at is not None and kind_of(table[spec.at].type()) is Kind.TEXT:
        text = TextColumn(spec.table, spec.at, Reading.MOMENT)
        rows = unreadable_rows(profiles, text)
        if rows:
            yield Problem(
                path=CONFIG, where=f"{place}.at", message=text.complaint(rows), hint=text.hint
            )


def _link_rows(
    profiles: Profiles, identities: Identities, spec: IdentitySpec, place: str
) -> Iterator[Problem]:
    rows = identities.written(spec)
    there = _rows(profiles, profiles.source.table(spec.table))
    known = figures(
        profiles,
        rows,
        {
            "rows": rows.count(),
            "half": (rows.id.isnull() | rows.to.isnull()).sum(),
            "selves": (rows.id == rows.to).sum(),
        },
    )
    if not there:
        yield warning(f"{place}.table", f"table {spec.table} has no rows: it links nobody")
    if there > known["rows"]:
        yield warning(
            f"{place}.at",
            f"{spec.table}.{spec.at}: {counted(there - known['rows'])} in the future",
            "a link does not exist before its instant",
        )
    if known["half"]:
        yield warning(
            place,
            f"{spec.table}: {counted(known['half'])} without an id or without a customer",
            "they link nobody",
        )
    if known["selves"]:
        yield warning(
            place,
            f"{spec.table}: {counted(known['selves'])} link an id to itself",
            "they say nothing",
        )


def _ways(profiles: Profiles, identities: Identities) -> Iterator[Problem]:
    """Ids that could be several customers', circles, and ways that lead to nobody."""
    doubtful = identities.doubtful()
    if doubtful:
        yield warning(
            "identities",
            f"{_ids(doubtful)} linked to several customers",
            "the latest link counts, and of equally late ones that to the smallest id",
        )
    circles = identities.in_circles()
    if circles:
        yield warning(
            "identities",
            f"{_ids(circles)} linked in a circle",
            "a circle is one customer, known by its smallest id",
        )
    known = profiles.workspace.customers
    lost = identities.customers_of_all().anti_join(
        profiles.customers.select(known_key=known.key), [("customer", "known_key")]
    )
    nobody = figures(profiles, lost, {"rows": lost.customer.nunique()})["rows"]
    if nobody:
        yield warning(
            "identities",
            f"links lead to {nobody:,} {'id that is' if nobody == 1 else 'ids that are'}"
            f" not in {known.table}",
            "events of those ids are nobody's",
        )


def _ids(number: int) -> str:
    return "1 id is" if number == 1 else f"{number:,} ids are"
