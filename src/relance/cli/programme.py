"""`relance programme`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, local, read_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from relance.pipeline.programme import ProgrammeReport

_NONE = """\
There is no global holdout, so nobody knows what all triggers are worth together. To begin one,
write `global_holdout: 2%` into config/relance.yaml: that share of the customers gets no message of
any trigger for a quarter, and is compared with everybody else. What "retained" means there is the
event of `rfm`, which must be one of `events`."""


@app.command()
def programme(
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what all triggers are worth together. By the global holdout."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone = relance.workspace.zone
        instant = read_instant(at, zone)
        found = relance.programme(instant)
    if as_json:
        show.print_json([document(one) for one in found])
    elif found:
        _print(found, zone)
    else:
        typer.echo(_NONE)


def document(one: ProgrammeReport) -> dict[str, object]:
    """A period as plain data, with its report as `relance report --json` has a trigger's."""
    from relance.uplift.document import to_json

    return {
        "period": one.period,
        "begin": one.begin.isoformat(),
        "until": one.until.isoformat(),
        "running": one.running,
        "report": to_json(one.report),
    }


def _print(found: Sequence[ProgrammeReport], zone: ZoneInfo) -> None:
    from relance.uplift.wording import sentence

    show.print_table(
        "All triggers together, against the global holdout",
        ("period", "until", "reached", "held out", "retained", "without", "difference", "verdict"),
        [_row(one, zone) for one in found],
    )
    for one in found:
        typer.echo(f"{one.period}: {sentence(one.report.reading)}")


def _row(one: ProgrammeReport, zone: ZoneInfo) -> tuple[str, ...]:
    from relance.uplift.terminal import terminal_rows
    from relance.uplift.wording import count

    # the columns that a trigger's row has too, so that what is hidden there is hidden here
    *_, retained, without, difference, interval, verdict = terminal_rows([one.report])[0]
    return (
        one.period,
        local(one.until, zone),
        count(one.report.treated),
        count(one.report.held_out),
        retained,
        without,
        f"{difference} {interval}",
        f"{verdict}, running" if one.running else verdict,
    )
