"""Where customer data lives, read-only, whatever it is: tables as Ibis expressions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.workspace import CustomersSpec, SourceSpec, Workspace
from relance.engine.workbench import Workbench
from relance.errors import SourceError

SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db")


class Source(Protocol):
    """What the engine needs from a place with customer data.

    `remote` means that expressions over its tables run somewhere else than in the workbench;
    their rows then come through `fetch`. `dialect` is the SQL that people write for it.
    """

    @property
    def remote(self) -> bool: ...

    @property
    def dialect(self) -> str: ...

    def refresh(self) -> None:
        """Look again at what is there; called before each piece of work."""

    def release(self) -> None:
        """Let go of what others may want to write to; called after each piece of work."""

    def table(self, name: str) -> ir.Table:
        """A table or a named query. Raises SourceError where there is none of that name."""

    def answer(self, query: str) -> ir.Table:
        """A SELECT in the source's dialect, named queries included."""

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        """Run an expression over this source's tables."""

    def close(self) -> None: ...


def open_source(workspace: Workspace, workbench: Workbench) -> Source:
    """The source that a workspace names. Raises SourceError where it cannot be opened."""
    spec = workspace.source
    scheme, separator, rest = spec.location.partition("://")
    if separator and scheme not in ("duckdb", "sqlite"):
        return _open_server(spec, scheme)
    path = Path(rest if separator else spec.location)
    if not path.exists():
        raise SourceError(
            f"{spec.shown}: there is no such file or folder", hint="`source` names it"
        )
    if path.is_dir():
        from relance.engine.folder import FolderSource

        return FolderSource(spec, path, workbench, texts=identifying_columns(workspace))
    if path.suffix.lower() in SQLITE_SUFFIXES:
        from relance.engine.sqlite import SQLiteSource

        return SQLiteSource(spec, path, workbench, mapped_columns(workspace))
    if path.suffix.lower() in (".duckdb", ".ddb"):
        from relance.engine.folder import DuckDBSource

        return DuckDBSource(spec, path, workbench)
    raise SourceError(
        f"{spec.shown}: this kind of file is not known",
        hint="a folder of CSV or Parquet files, .duckdb, .sqlite, or an URL",
    )


def _open_server(spec: SourceSpec, scheme: str) -> Source:
    if scheme in ("postgres", "postgresql"):
        from relance.engine.postgres import PostgresSource

        return PostgresSource(spec)
    from relance.engine.elsewhere import IbisSource

    return IbisSource(spec)


def no_such_table(shown: str, name: str, known: Iterable[str]) -> SourceError:
    """The error for a table that is not there, with the nearest name that is."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return SourceError(
        f"{shown}: there is no table {name!r}", hint=f"did you mean {near[0]}?" if near else None
    )


def identifying_columns(workspace: Workspace) -> frozenset[str]:
    """Columns that are text even where all their values are digits: keys, phone numbers."""
    found: set[str | None] = {workspace.accounts.key if workspace.accounts else None}
    for table in tables_of(workspace.customers):
        found |= {table.key, table.email, table.phone, table.locale, table.timezone,
                  table.country, table.household, table.account, table.role}  # fmt: skip
    for event in workspace.events.values():
        found |= {event.customer, event.account}
    for link in workspace.identities:
        found |= {link.id, link.customer}
    return frozenset(name for name in found if name)


def tables_of(customers: CustomersSpec) -> tuple[CustomersSpec, ...]:
    """The customers' tables, each as the YAML describes it."""
    return customers.tables or (customers,)


def mapped_columns(workspace: Workspace) -> Mapping[str, tuple[str, ...]]:
    """The columns of each table that the YAML mentions, in a fixed order."""
    found: dict[str, dict[str, None]] = {}
    for table, columns in _mentioned(workspace):
        known = dict.fromkeys(c for c in columns if c and isinstance(c, str))
        found.setdefault(table, {}).update(known)
    return {table: tuple(columns) for table, columns in found.items()}


def _mentioned(workspace: Workspace) -> Iterator[tuple[str, tuple[object, ...]]]:
    for own in tables_of(workspace.customers):
        yield own.table, (own.key, own.email, own.phone, own.locale, own.timezone, own.country,
                          own.household, own.account, own.role, *own.consent.values(),
                          *own.attributes.values())  # fmt: skip
    if (accounts := workspace.accounts) is not None:
        yield accounts.table, (accounts.key, *accounts.attributes.values())
    for event in workspace.events.values():
        rows = event.rows
        if rows is not None:
            own_id = event.live.table_id if event.live is not None else None
            yield rows.table, (rows.customer, rows.account, rows.at, rows.amount,
                               *rows.fields.values(), own_id)  # fmt: skip
    for link in workspace.identities:
        yield link.table, (link.id, link.customer, link.at)
