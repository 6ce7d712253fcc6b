"""`relance stages`, `relance rfm`: how many customers stand where, and by which numbers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AsOfOption, JsonOption, WorkspaceOption, local, read_as_of

if TYPE_CHECKING:
    from relance.domain.fits import Rhythm
    from relance.pipeline.standings import RfmReport, StageReport


@app.command()
def stages(
    workspace: WorkspaceOption = Path(), at: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Count the customers in each lifecycle stage."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone, (instant, note) = relance.workspace.zone, read_as_of(at, relance)
        report = relance.stages(instant)
    if as_json:
        show.print_json(stages_document(report))
    else:
        show.print_note(note)
        _print_stages(report, zone)


@app.command()
def rfm(
    workspace: WorkspaceOption = Path(), at: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Show the RFM grid: how many customers are in each cell."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone, (instant, note) = relance.workspace.zone, read_as_of(at, relance)
        report = relance.rfm(instant)
    if as_json:
        show.print_json(rfm_document(report))
    else:
        show.print_note(note)
        _print_grid(report, zone)


def stages_document(report: StageReport) -> dict[str, object]:
    """What `stages --json` prints; docs/json.md documents it."""
    lengths, fitted = report.lengths, report.fitted
    return {
        "at": report.at.isoformat(),
        "thresholds": {
            "recent": str(lengths.recent),
            "active": str(lengths.active),
            "at_risk": str(lengths.at_risk),
            "lapsed": str(lengths.lapsed),
            "from": _origin(fitted),
            "fitted_at": fitted.fitted_at.isoformat() if fitted else None,
            "customers": fitted.customers if fitted else None,
            "gaps": list(fitted.gaps) if fitted else [],
        },
        "stages": [
            {
                "stage": each.stage.value,
                "name": each.name,
                "title": each.title,
                "customers": each.customers,
            }
            for each in report.stages
        ],
    }


def _origin(fitted: Rhythm | None) -> str:
    """Where the lengths come from: the file, the customers, or nowhere yet."""
    if fitted is None:
        return "fixed"
    return "fitted" if fitted.customers else "fallback"


def _print_stages(report: StageReport, zone: ZoneInfo) -> None:
    total = sum(each.customers for each in report.stages)
    rows = [
        [each.name, each.title, each.customers, _share(each.customers, total)]
        for each in report.stages
    ]
    show.print_table(
        f"Stages at {local(report.at, zone)}", ["stage", "title", "customers", "share"], rows
    )
    lengths, fitted = report.lengths, report.fitted
    typer.echo(
        f"new or reactivated for {lengths.recent}, active up to {lengths.active} of silence,"
        f" at risk up to {lengths.at_risk}, lapsed up to {lengths.lapsed}, then lost"
    )
    typer.echo(_why(fitted, zone))


def _why(fitted: Rhythm | None, zone: ZoneInfo) -> str:
    if fitted is None:
        return "as config/segments.yaml says"
    if not fitted.customers:
        return f"the fallback of {local(fitted.fitted_at, zone)}: nobody had bought twice"
    gaps = ", ".join(
        f"{share} % up to {gap:,.1f} days"
        for share, gap in zip((50, 80, 95), fitted.gaps, strict=False)
    )
    return (
        f"fitted at {local(fitted.fitted_at, zone)} to {fitted.customers:,} customers who bought"
        f" twice or more: of their usual gaps {gaps}"
    )


def rfm_document(report: RfmReport) -> dict[str, object]:
    """What `rfm --json` prints; docs/json.md documents it."""
    cutoffs = report.cutoffs
    fitted_at = getattr(cutoffs, "fitted_at", None)
    return {
        "at": report.at.isoformat(),
        "cutoffs": {
            "recency": list(cutoffs.recency) if cutoffs else [],
            "frequency": list(cutoffs.frequency) if cutoffs else [],
            "monetary": list(cutoffs.monetary) if cutoffs else [],
            "fitted_at": fitted_at.isoformat() if fitted_at else None,
        },
        "grid": [
            {"recency": recency, "frequency": frequency, "customers": customers}
            for (recency, frequency), customers in report.places.items()
        ],
        "cells": [
            {"cell": each.cell.name, "title": each.cell.title, "customers": each.customers}
            for each in report.cells
        ],
        "unscored": report.unscored,
    }


def _print_grid(report: RfmReport, zone: ZoneInfo) -> None:
    columns = ["recency", *(f"frequency {score}" for score in range(1, 6))]
    rows = [
        [f"{recency}", *(_block(report, recency, frequency) for frequency in range(1, 6))]
        for recency in range(5, 0, -1)
    ]
    show.print_table(f"RFM grid at {local(report.at, zone)}", columns, rows)
    total = sum(each.customers for each in report.cells)
    cells = [
        [each.cell.name, each.cell.title, each.customers, _share(each.customers, total)]
        for each in report.cells
    ]
    show.print_table("Cells", ["cell", "title", "customers", "share"], cells)
    typer.echo(f"{report.unscored:,} customers without the event have no scores")
    typer.echo(_cut(report, zone))


def _block(report: RfmReport, recency: int, frequency: int) -> str:
    """What stands in one of the 25 places: the cells that reach there, and the customers."""
    names = [
        each.cell.title
        for each in report.cells
        if any(recency in area.recency and frequency in area.frequency for area in each.cell.areas)
    ]
    return f"{' / '.join(names)}\n{report.places[recency, frequency]:,}"


def _cut(report: RfmReport, zone: ZoneInfo) -> str:
    cutoffs = report.cutoffs
    if cutoffs is None:
        return "nobody has the event, so that there are no cut-offs"
    named = {"days": cutoffs.recency, "events": cutoffs.frequency, "money": cutoffs.monetary}
    told = "; ".join(
        f"{', '.join(f'{cut:,.4g}' for cut in cuts)} {unit}" for unit, cuts in named.items() if cuts
    )
    fitted_at: datetime | None = getattr(cutoffs, "fitted_at", None)
    when = f"fitted at {local(fitted_at, zone)}" if fitted_at else "as config/segments.yaml says"
    return f"cut-offs {told}; {when}"


def _share(customers: int, total: int) -> str:
    return f"{customers / total:.1%}" if total else ""
