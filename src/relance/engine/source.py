"""Where customer data lives, read-only, whatever it is: tables as Ibis expressions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.workspace import SourceSpec, Workspace
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
    customers = workspace.customers
    mapped = (customers.key, customers.email, customers.phone, customers.locale,
              customers.timezone, customers.country, customers.household,
              customers.account, customers.role)  # fmt: skip
    accounts = (workspace.accounts.key,) if workspace.accounts else ()
    events = (
        name for event in workspace.events.values() for name in (event.customer, event.account)
    )
    return frozenset(name for name in (*mapped, *accounts, *events) if name)


def mapped_columns(workspace: Workspace) -> Mapping[str, tuple[str, ...]]:
    """The columns of each table that the YAML mentions, in a fixed order."""
    customers = workspace.customers
    found: dict[str, dict[str, None]] = {}
    consents = (column for column in customers.consent.values() if isinstance(column, str))
    own = (customers.key, customers.email, customers.phone, customers.locale, customers.timezone,
           customers.country, customers.household, customers.account, customers.role, *consents,
           *customers.attributes.values())  # fmt: skip
    found.setdefault(customers.table, {}).update(dict.fromkeys(c for c in own if c is not None))
    if (accounts := workspace.accounts) is not None:
        held = (accounts.key, *accounts.attributes.values())
        found.setdefault(accounts.table, {}).update(dict.fromkeys(held))
    for event in workspace.events.values():
        rows = event.rows
        if rows is None:
            continue
        own_id = event.live.table_id if event.live is not None else None
        columns = (rows.customer, rows.account, rows.at, rows.amount, *rows.fields.values(), own_id)
        found.setdefault(rows.table, {}).update(dict.fromkeys(c for c in columns if c))
    return {table: tuple(columns) for table, columns in found.items()}
