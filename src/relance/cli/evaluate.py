"""`relance tick`, `relance backfill`, `relance members`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.asking import ask
from relance.cli.options import (
    AheadOption,
    AtOption,
    JsonOption,
    WorkspaceOption,
    local,
    read_acting_instant,
    read_instant,
)

if TYPE_CHECKING:
    from relance.domain.ledger import RunRecord
    from relance.pipeline.tick import TickReport

_PHASES = 4


@app.command()
def tick(
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            "--trigger",
            metavar="NAME",
            help="Only this trigger; may be repeated.",
            show_default="all",
        ),
    ] = None,
    ahead: AheadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Evaluate segments and triggers once. Queues messages, sends nothing."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance, show.phases(_PHASES, "tick") as progress:
        started = time.perf_counter()
        instant = read_acting_instant(at, relance.workspace.zone, ahead=ahead)
        report = relance.tick(instant, trigger or None, progress=progress)
        seconds = round(time.perf_counter() - started, 3)
    if as_json:
        show.print_json(tick_document(report, seconds))
        return
    when = local(report.at, relance.workspace.zone)
    again = ", evaluated before: nothing done" if report.repeated else f", {seconds:.1f} s"
    _print_runs(f"Tick of {when}{again}", list(report.runs))


def tick_document(report: TickReport, seconds: float) -> dict[str, object]:
    """What `tick --json` prints; docs/json.md documents it."""
    return {
        "run_id": report.run_id,
        "at": report.at.isoformat(),
        "seconds": seconds,
        "triggers": [run_document(run) for run in report.runs],
    }


def run_document(run: RunRecord) -> dict[str, object]:
    """One trigger's part of the document."""
    return {
        "name": run.trigger,
        "version": run.version,
        "baseline": run.baseline,
        "members": run.members,
        "entered": run.entered,
        "left": run.left,
        "treated": run.treated,
        "held_out": run.held_out,
        "refused": dict(run.refused),
        "messages": run.messages,
    }


def _print_runs(title: str, runs: list[RunRecord]) -> None:
    columns = [
        "trigger",
        "members",
        "entered",
        "left",
        "treated",
        "held out",
        "messages",
        "refused",
    ]
    rows = [
        [
            run.trigger,
            run.members,
            run.entered,
            run.left,
            run.treated,
            run.held_out,
            run.messages,
            "baseline: writes to nobody" if run.baseline else show.counts(run.refused),
        ]
        for run in runs
    ]
    show.print_table(title, columns, rows)


@app.command()
def backfill(
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="The trigger's name.")],
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ahead: AheadOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let those enter who are in a trigger's segment already. Says how many, and asks."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant = read_acting_instant(at, relance.workspace.zone, ahead=ahead)
        plan = relance.backfill(trigger, instant, commit=False)
        entering = plan.run.treated + plan.run.held_out
        if not yes:
            typer.echo(
                f"{plan.candidates:,} customers are in the segment of {trigger};"
                f" {plan.run.treated:,} would be written to, {plan.run.held_out:,} held out."
                + (f" Refused: {show.counts(plan.run.refused)}." if plan.run.refused else ""),
                err=as_json,
            )
        if entering and not yes:
            ask("Let them enter?", otherwise="nobody entered", err=as_json)
        done = relance.backfill(trigger, instant, commit=True) if entering else plan
    if as_json:
        show.print_json({"candidates": done.candidates, **run_document(done.run)})
    else:
        _print_runs(f"Back-fill of {trigger}", [done.run])


@app.command()
def members(
    segment: Annotated[
        str, typer.Argument(metavar="SEGMENT", help="A segment's name, or trigger/NAME.")
    ],
    workspace: WorkspaceOption = Path(),
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="An instant in the past, such as 2026-03-01 or 2026-03-01T09:00.",
            show_default="the last tick",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List who is in a segment, or was at an instant in the past."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant = None if at is None else read_instant(at, relance.workspace.zone)
        found = relance.members(segment, instant)
    if as_json:
        show.print_json(
            {
                "segment": found.segment,
                "version": found.version,
                "at": found.at.isoformat(),
                "customers": list(found.customers),
            }
        )
    else:
        for customer in found.customers:
            typer.echo(customer)
