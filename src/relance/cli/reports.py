"""`relance report` and `relance why`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.history import history_document, print_history
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, local, read_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from relance.uplift.report import TriggerReport


@app.command()
def report(
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one self-contained HTML file as well."),
    ] = None,
    language: Annotated[
        Literal["fr", "en"] | None,
        typer.Option(help="The language of --html.", show_default="the workspace's"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what each trigger did, and whether it kept customers."""
    from relance.uplift.document import to_json
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant = read_instant(at, relance.workspace.zone)
        reports = relance.report(instant)
        if html is not None:
            show.write_file(html, relance.report_html(reports, instant, language))
        zone = relance.workspace.zone
    if as_json:
        show.print_json([to_json(one) for one in reports])
    else:
        print_report(reports, instant, zone)
        if html is not None:
            typer.echo(f"wrote {html}")


def print_report(reports: Sequence[TriggerReport], at: datetime, zone: ZoneInfo) -> None:
    """The report as a table, and a sentence per trigger."""
    from relance.uplift.terminal import HEADINGS, terminal_rows
    from relance.uplift.wording import sentence

    show.print_table(f"Report as of {local(at, zone)}", HEADINGS, terminal_rows(reports))
    for one in reports:
        typer.echo(f"{one.trigger}: {sentence(one.reading)}")
        if one.refused:
            typer.echo(f"  refused: {show.counts(one.refused)}")
        if one.skipped:
            typer.echo(f"  skipped: {show.counts(one.skipped)}")


@app.command()
def why(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's key.")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show what relance did with one customer, and why."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        history = relance.history(customer)
        zone = relance.workspace.zone
    if as_json:
        show.print_json(history_document(history))
    else:
        print_history(history, zone)
