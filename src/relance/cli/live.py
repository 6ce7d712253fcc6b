"""`relance live`: what came in by the Segment protocol, and forgetting a customer of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import group
from relance.cli.options import JsonOption, WorkspaceOption, local
from relance.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from relance.domain.live import LiveCounts
    from relance.wiring import Relance

app = group("live", "Look at live events that came in; forget a customer's.")


@app.command()
def status(workspace: WorkspaceOption = Path(), as_json: JsonOption = False) -> None:
    """Count the live events that are stored."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        _need(relance)
        counts, zone = relance.state.live.counts(), relance.workspace.zone
    if as_json:
        show.print_json(_document(counts))
        return
    _print_stored(counts, zone)
    _print_not_taken(counts, zone)


def _print_stored(counts: LiveCounts, zone: ZoneInfo) -> None:
    if counts.first_at is None or counts.last_at is None:
        typer.echo("no live event has come in yet")
        return
    rows = [[kind, count] for kind, count in counts.by_kind.items()]
    show.print_table(f"{counts.messages:,} live events", ["call", "stored"], rows)
    tracks = [[name, count] for name, count in counts.by_event.items()]
    if tracks:
        show.print_table("Tracks", ["event", "stored"], tracks)
    first, last = local(counts.first_at, zone), local(counts.last_at, zone)
    typer.echo(f"arrived from {first} to {last}")
    if counts.disbelieved:
        typer.echo(
            f"{counts.disbelieved:,} told an instant that is none, or later than their arrival:"
            " they count as of that"
        )


_WHY = {
    "rejected": "messages that no batch should hold (the others were taken)",
    "origin": "questions of browsers on sites that are not under live.origins",
    "unauthorized": "requests without a write key, or with another one",
    "json": "requests that are no JSON",
    "gzip": "requests that are no gzip",
    "encoding": "requests in another encoding",
    "invalid": "requests without a message that can be taken",
    "too_large": "requests that are too long",
    "too_many": "requests told to come back, as too much waited",
}


def _print_not_taken(counts: LiveCounts, zone: ZoneInfo) -> None:
    if counts.not_taken_at is None:
        return
    rows = [[_WHY.get(reason, reason), count] for reason, count in counts.not_taken.items()]
    show.print_table("Not taken", ["what", "count"], rows)
    typer.echo(f"the last at {local(counts.not_taken_at, zone)}")


@app.command()
def forget(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="A customer, by their key.")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Delete the live events of a customer, also those before the log-in. The next tick sees none
    of them."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        _need(relance)
        gone = relance.state.live.forget(customer)
    if as_json:
        show.print_json({"deleted": gone})
    else:
        typer.echo(f"{gone:,} deleted" if gone else "there was none")


def _need(relance: Relance) -> None:
    if relance.workspace.live is None:
        raise UsageError(
            "this workspace takes no live events",
            hint="add live: {write_keys: …} to config/relance.yaml",
        )


def _document(counts: LiveCounts) -> dict[str, object]:
    return {
        "messages": counts.messages,
        "by_kind": dict(counts.by_kind),
        "by_event": dict(counts.by_event),
        "first_at": _iso(counts.first_at),
        "last_at": _iso(counts.last_at),
        "disbelieved": counts.disbelieved,
        "not_taken": dict(counts.not_taken),
        "not_taken_at": _iso(counts.not_taken_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
