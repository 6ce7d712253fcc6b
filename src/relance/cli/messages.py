"""`relance deliver` and `relance preview`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import (
    AheadOption,
    AtOption,
    JsonOption,
    WorkspaceOption,
    read_acting_instant,
    read_instant,
)

if TYPE_CHECKING:
    from relance.pipeline.deliver import DeliveryReport


@app.command()
def deliver(
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    ahead: AheadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send every message that is due, once, until none is left."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant = read_acting_instant(at, relance.workspace.zone, ahead=ahead)
        report = relance.deliver(instant)
    if as_json:
        show.print_json(delivery_document(report))
        return
    typer.echo(
        f"accepted {report.accepted:,}, failed {report.failed:,}, unknown {report.unknown:,},"
        f" to be retried {report.retried:,}, postponed {report.postponed:,}"
    )
    if report.skipped:
        typer.echo(f"skipped: {show.counts(report.skipped)}")
    if report.unknown:
        typer.echo("unknown means: may have been sent, and is never sent again by itself")
    for channel, reason in report.paused.items():
        typer.echo(f"nothing leaves by {channel} now ({reason}): its messages stay queued")


def delivery_document(report: DeliveryReport) -> dict[str, object]:
    """What `deliver --json` prints; docs/json.md documents it."""
    return {
        "accepted": report.accepted,
        "failed": report.failed,
        "unknown": report.unknown,
        "skipped": dict(report.skipped),
        "retried": report.retried,
        "postponed": report.postponed,
        "ghosts": report.ghosts,
        "paused": [{"channel": name, "reason": why} for name, why in report.paused.items()],
    }


@app.command()
def preview(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="A folder under templates/.")],
    workspace: WorkspaceOption = Path(),
    customer: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Render it for this customer.", show_default="made-up values"
        ),
    ] = None,
    locale: Annotated[
        str | None,
        typer.Option(
            metavar="LOCALE", help="The language to render.", show_default="the customer's"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")] = Path("preview"),
    at: AtOption = None,
) -> None:
    """Write a template's texts as a customer would get them. Opens and sends nothing."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant = read_instant(at, relance.workspace.zone)
        rendered = relance.preview(template, customer, locale, instant)
    for channel, text in rendered.items():
        for suffix, content in ((".html", text.html), (".txt", text.text)):
            if content:
                path = out / f"{template}.{channel}{suffix}"
                show.write_file(path, content)
                typer.echo(f"wrote {path}")
        if text.subject:
            typer.echo(f"subject: {text.subject}")
        if text.content:
            typer.echo(f"values for the approved text {text.content}")
