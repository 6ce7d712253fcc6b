"""Printing: one JSON document, or tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from relance.errors import OutsideError

if TYPE_CHECKING:
    from rich.console import Console


def print_json(document: object) -> None:
    """The one JSON document of a `--json` command."""
    typer.echo(to_json(document))


def to_json(document: object) -> str:
    """Indented JSON, not escaped beyond need."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)


def print_note(note: str | None) -> None:
    """A line above what is told, where there is something to say of it."""
    if note:
        typer.echo(note)


def write_file(path: Path, text: str) -> None:
    """Write a file that was asked for, its folder too. Raises OutsideError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutsideError(
            f"{path} cannot be written: {error.strerror or type(error).__name__}",
            hint="check the path and its permissions",
        ) from error


def console() -> Console:
    from rich.console import Console

    # piped output is for programs and logs: wide enough never to wrap
    return Console() if sys.stdout.isatty() else Console(width=200)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table whose first column is text and whose others are right-aligned where numeric."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", title_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console().print(table)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def counts(tallies: Mapping[str, int]) -> str:
    """`no_consent 12, reentry 3`, the largest first."""
    items = sorted(tallies.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in items if count)


@contextmanager
def phases(total: int, title: str) -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal, stepped by naming the phase that begins; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _phase: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(), TextColumn(title), BarColumn(), TextColumn("{task.description}"),
        TimeElapsedColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=total)
        yield lambda phase: bar.update(task, advance=1, description=phase)
