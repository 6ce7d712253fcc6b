"""What a picture may not be built on: keys missing or twice, text that is no date or number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Aggregate
from relance.domain.identity import origins
from relance.domain.workspace import CustomersSpec
from relance.engine.aggregates import fields_of
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import Reading, column_of
from relance.engine.needs import AccountNeed, Attribute, Need
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench
from relance.errors import SourceError


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text column that is to be read as something else."""

    table: str
    column: str
    reading: Reading

    def complaint(self, rows: int) -> str:
        what = "a number" if self.reading is Reading.NUMBER else "a date"
        are = "is" if rows == 1 else "are"
        return f"{self.table}.{self.column}: {counted(rows)} {are} text that is not {what}"

    @property
    def hint(self) -> str:
        if self.reading is Reading.NUMBER:
            return "numbers have a point and no thousands separator: 1234.50"
        return "dates are written 2026-11-21 or 2026-11-21 09:30:00"


def counted(rows: int) -> str:
    """`1 row`, `12 rows`."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def check_keys(workbench: Workbench, profiles: Profiles, masks: str) -> int:
    """How many customers there are.

    Raises SourceError where a customer has no key, or a key belongs to several rows.
    """
    spec = profiles.workspace.customers
    if spec.tables:
        _check_tables(profiles)
    rows, keys, different = workbench.numbers(
        f"SELECT count(*), count(key), count(DISTINCT key) FROM {masks}"
    )
    problem = key_problem(spec.table, spec.key, rows - keys, keys - different)
    if problem:
        raise SourceError(problem, hint="each customer needs a key of its own")
    return rows


def check_accounts(profiles: Profiles) -> None:
    """Raises SourceError where an account has no key, or a key belongs to several accounts."""
    if profiles.workspace.accounts is None:
        return
    spec, accounts = profiles.workspace.accounts, profiles.accounts
    numbers = figures(
        profiles,
        accounts.customers.select(key=accounts.key()),
        {"rows": ibis._.count(), "keys": ibis._.key.count(), "different": ibis._.key.nunique()},
    )
    missing, repeated = numbers["rows"] - numbers["keys"], numbers["keys"] - numbers["different"]
    problem = key_problem(spec.table, spec.key, missing, repeated)
    if problem:
        raise SourceError(problem, hint="each account needs a key of its own")


def _check_tables(profiles: Profiles) -> None:
    """The keys of each of several tables, before their rows become one customer's."""
    for table in profiles.workspace.customers.tables:
        problem = keys_of_table(profiles, table)
        if problem:
            raise SourceError(problem, hint="each customer needs a key of its own in each table")


def keys_of_table(profiles: Profiles, table: CustomersSpec) -> str | None:
    """What is wrong with the keys of one table."""
    own = profiles.source.table(table.table).select(key=profiles.own_key(table))
    numbers = figures(
        profiles,
        own,
        {"rows": ibis._.count(), "keys": ibis._.key.count(), "different": ibis._.key.nunique()},
    )
    missing, repeated = numbers["rows"] - numbers["keys"], numbers["keys"] - numbers["different"]
    return key_problem(table.table, table.key, missing, repeated)


def key_problem(table: str, column: str, missing: int, repeated: int) -> str | None:
    """What is wrong with keys, in one sentence."""
    found = []
    if missing:
        found.append(f"{counted(missing)} without a key")
    if repeated:
        found.append(f"{counted(repeated)} with the key of another row")
    return f"{table}.{column}: {' and '.join(found)}" if found else None


def check_links(profiles: Profiles) -> None:
    """Raises SourceError where a link has an instant that cannot be read."""
    for spec in profiles.workspace.identities:
        for text in _text(profiles, spec.table, spec.at, Reading.MOMENT):
            rows = unreadable_rows(profiles, text)
            if rows:
                raise SourceError(text.complaint(rows), hint=text.hint)


def check_texts(profiles: Profiles, needs: Mapping[Need, str]) -> None:
    """Raises SourceError where a needed text column has rows that cannot be read."""
    for text in dict.fromkeys(text_columns(profiles, needs)):
        rows = unreadable_rows(profiles, text)
        if rows:
            raise SourceError(text.complaint(rows), hint=text.hint)


def text_columns(profiles: Profiles, needs: Mapping[Need, str]) -> Iterator[TextColumn]:
    """The text columns that needs read as dates or numbers."""
    customers = profiles.workspace.customers
    for need in needs:
        if isinstance(need, AccountNeed):
            yield from text_columns(profiles.accounts, {need.need: ""})
        elif isinstance(need, Attribute) and need.reading is not Reading.PLAIN:
            for table, column in columns_behind(customers, need.name):
                yield from _text(profiles, table, column, need.reading)
        elif isinstance(need, Aggregate):
            spec = profiles.event(need.event)
            yield from _text(profiles, spec.table, spec.at, Reading.MOMENT)
            for name, reading in fields_of([need]):
                if reading is not Reading.PLAIN:
                    yield from _text(profiles, spec.table, spec.column(name), reading)


def columns_behind(customers: CustomersSpec, attribute: str) -> list[tuple[str, str | None]]:
    """Where an attribute stands: a table and its column, one for each of several tables."""
    column = customers.column(attribute)
    if not customers.tables or column is None:
        return [(customers.table, column)]
    found = origins(customers)[column]
    return [(each.table.table, each.column) for each in found if isinstance(each.column, str)]


def _text(
    profiles: Profiles, table: str, column: str | None, reading: Reading
) -> Iterator[TextColumn]:
    if column is None:
        return
    value = column_of(profiles.source.table(table), table, column)
    if kind_of(value.type()) is Kind.TEXT:
        yield TextColumn(table, column, reading)


def unreadable_rows(profiles: Profiles, text: TextColumn) -> int:
    """How many rows of a text column are neither empty nor readable."""
    table = profiles.source.table(text.table)
    unreadable = profiles.reader.unreadable(table[text.column], text.reading)
    (rows,) = figures(profiles, table, {"rows": unreadable.sum()}).values()
    return rows


def figures(profiles: Profiles, table: ir.Table, wanted: Mapping[str, ir.Value]) -> dict[str, int]:
    """Some whole numbers about a table, in one query; nothing counts as 0."""
    numbers = {
        name: ibis.coalesce(value.cast("int64"), ibis.literal(0, type="int64"))
        for name, value in wanted.items()
    }
    found = table.aggregate(**numbers)
    data = profiles.source.fetch(found).read_all()
    return {name: int(data[name][0].as_py()) for name in wanted}
