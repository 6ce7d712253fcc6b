"""`relance report` and `relance why`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.history import history_document, print_history
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, local, read_instant
from relance.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from relance.uplift.report import Report


@app.command()
def report(
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            "--trigger",
            metavar="NAME",
            help="Show only this trigger; may be repeated. All are judged together all the same.",
            show_default="all",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one self-contained HTML file as well."),
    ] = None,
    language: Annotated[
        Literal["fr", "en"] | None,
        typer.Option(help="The language of --html.", show_default="the workspace's"),
    ] = None,
    segments: Annotated[
        bool | None,
        typer.Option(
            "--segments/--no-segments",
            help="Whether --html tells how the segments stand, and who is in them.",
            show_default="`report.segments`",
        ),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="One CSV document on stdout: a row per metric.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what each trigger did, and whether it kept customers."""
    from relance.wiring import open_relance

    if as_csv and as_json:
        raise UsageError("--csv and --json are two documents", hint="ask for one at a time")
    with open_relance(workspace) as relance:
        zone = relance.workspace.zone
        instant = read_instant(at, zone)
        made = relance.report(instant)
        shown = _only(made, trigger)
        if at is None:
            with suppress(StateError):  # one that can only be read still has its report
                relance.keep_figures(made)
        if html is not None:
            wanted = relance.workspace.report.segments if segments is None else segments
            standing = relance.segments_report(instant) if wanted else None
            show.write_file(html, relance.report_html(shown, language, standing))
    if as_json:
        _print_json(shown)
    elif as_csv:
        _print_csv(shown)
    else:
        print_report(shown, zone)
        if html is not None:
            typer.echo(f"wrote {html}")


def _only(report: Report, names: Sequence[str] | None) -> Report:
    """The report without other triggers. Raises UsageError for an unknown one."""
    if not names:
        return report
    known = [one.trigger for one in report.triggers]
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no trigger {name!r}", hint=f"there are: {', '.join(known) or 'none'}"
            )
    return replace(report, triggers=[one for one in report.triggers if one.trigger in names])


def _print_json(report: Report) -> None:
    from relance.uplift.document import to_json

    show.print_json([to_json(one) for one in report.triggers])


def _print_csv(report: Report) -> None:
    from relance.uplift.spreadsheet import to_csv

    typer.echo(to_csv(report), nl=False)


def print_report(report: Report, zone: ZoneInfo) -> None:
    """The report as a table, and what a reader needs of each trigger."""
    from relance.uplift.terminal import HEADINGS, terminal_lines, terminal_rows
    from relance.uplift.wording import sentence

    title = f"Report as of {local(report.at, zone)}"
    show.print_table(title, HEADINGS, terminal_rows(report.triggers))
    for one in report.triggers:
        typer.echo(f"{one.trigger}: {sentence(one.reading)}")
        if one.refused:
            typer.echo(f"  refused: {show.counts(one.refused)}")
        if one.skipped:
            typer.echo(f"  skipped: {show.counts(one.skipped)}")
        for line in terminal_lines(one, report.currency):
            typer.echo(line)


@app.command()
def why(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's key.")],
    workspace: WorkspaceOption = Path(),
    account: Annotated[
        bool, typer.Option("--account", help="The key is that of an account.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what relance did with a customer or account, and why."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        history = relance.history(customer, account=account)
        zone = relance.workspace.zone
    if as_json:
        show.print_json(history_document(history))
    else:
        print_history(history, zone)
