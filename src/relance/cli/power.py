"""`relance power`: before launch, when which uplift of a trigger becomes readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.forecast import about, advice, cell, in_percent, rise, sentence
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, read_instant
from relance.errors import UsageError

if TYPE_CHECKING:
    from relance.pipeline.power import Forecast
    from relance.uplift.power import PowerRow


@app.command()
def power(
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="The trigger's name.")],
    workspace: WorkspaceOption = Path(),
    weeks: Annotated[
        int,
        typer.Option(
            min=1, max=520, help="How many weeks with a closed goal window are looked at."
        ),
    ] = 13,
    holdout: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="The holdout to plan with.", show_default="the trigger's own"
        ),
    ] = None,
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a trigger: when which uplift can be read. From the customer history."""
    from relance.pipeline.power import weeks_looked_at
    from relance.wiring import open_relance

    share = None if holdout is None else _share(holdout)
    with open_relance(workspace) as relance:
        instant = read_instant(at, relance.workspace.zone)
        known = relance.workspace.triggers.get(trigger)
        total = weeks_looked_at(known, weeks) if known else 1
        with show.phases(total, "power") as progress:
            found = relance.forecast(trigger, instant, weeks=weeks, share=share, progress=progress)
    if as_json:
        show.print_json(document(found))
    else:
        _print(found)


def _share(text: str) -> float:
    """`10%` as a share. Raises UsageError for what leaves an arm empty."""
    from relance.spec.notations import read_share

    try:
        found = read_share(text.strip(), "99")
    except ValueError as error:
        raise UsageError(f"--holdout {text!r} is not a share", hint=str(error)) from None
    if not found:
        raise UsageError("--holdout 0% holds nobody out", hint="then there is nothing to compare")
    return found


def document(found: Forecast) -> dict[str, object]:
    """A forecast as plain data; null where there is no number."""
    base, flow, goal = found.base, found.flow, found.goal
    rate_ci = base.counts.rate_ci if base else None
    return {
        "trigger": found.trigger,
        "version": found.version,
        "at": found.at.isoformat(),
        "goal": None if goal is None else {"event": goal.event, "within": str(goal.within)},
        "holdout_share": found.share,
        "weeks": found.weeks,
        "entered_by_week": list(flow.weeks) if flow else [],
        "at_once": flow.at_once if flow else None,
        "per_week": flow.per_week if flow else None,
        "refused": dict(flow.refused) if flow else {},
        "written_to": flow.written_to if flow else None,
        "base": None
        if base is None
        else {
            "origin": base.origin.value,
            "mature": base.counts.mature,
            "retained": base.counts.retained,
            "rate": base.counts.rate,
            "rate_ci": None if rate_ci is None else list(rate_ci),
        },
        "holdouts": [
            {"share": one.share, "uplifts": [_row(row) for row in one.rows]}
            for one in found.readable
        ],
        "read_out": None
        if found.read_out is None
        else {"entrants": found.read_out.entrants, "uplift": found.read_out.uplift},
        "gap": None if found.gap is None else found.gap.value,
        "sentence": sentence(found),
    }


def _row(row: PowerRow) -> dict[str, object]:
    return {
        "uplift": row.uplift,
        "rate": row.rate,
        "entrants": row.entrants,
        "readable_on": None if row.readable_on is None else row.readable_on.isoformat(),
    }


def _print(found: Forecast) -> None:
    typer.echo(f"{found.trigger}: {sentence(found)}")
    for line in about(found):
        typer.echo(f"  {line}")
    if not found.readable:
        return
    typer.echo()
    columns = ["uplift", "it becomes", *(_column(found, one.share) for one in found.readable)]
    rows = [_table_row(found, index) for index in range(len(found.rows(found.share)))]
    show.print_table("Entrants needed, and the week in which that is readable", columns, rows)
    typer.echo(advice(found))


def _column(found: Forecast, share: float) -> str:
    return f"{in_percent(share)} held out" + (" *" if share == found.share else "")


def _table_row(found: Forecast, index: int) -> list[str]:
    from relance.uplift.wording import percent

    own = found.rows(found.share)[index]
    cells = [
        cell(found, one.rows[index]) if index < len(one.rows) else "–" for one in found.readable
    ]
    return [rise(own.uplift), percent(own.rate) if own.rate < 1 else "–", *cells]
