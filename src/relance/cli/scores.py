"""`relance scores`: fit, show and explain how likely customers are to come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import group
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, local, read_instant
from relance.cli.score_words import (
    explanation_document,
    explanation_lines,
    file_lines,
    fit_document,
    fit_lines,
)
from relance.errors import UsageError

if TYPE_CHECKING:
    from relance.domain.score import ScoreSpec
    from relance.wiring import Relance

app = group("scores", "Fit, show and explain the chances of customers to come back.")

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="A score.", show_default="every one with a model"),
]
_REFUSED = 1


@app.command()
def fit(
    name: NameArgument = None,
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Keep the new model although it is refused.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit scores to what customers did. Refused where the standing model is better."""
    from relance.wiring import open_relance

    with open_relance(workspace, with_models=False) as relance:
        instant = read_instant(at, relance.workspace.zone)
        specs = _chosen(relance, name)
        total = sum(spec.snapshots + 1 for spec in specs)
        with show.phases(total, "scores") as progress:
            found = [
                relance.fit_score(spec, instant, force=force, progress=progress) for spec in specs
            ]
    if as_json:
        show.print_json([fit_document(one) for one in found])
    else:
        for one in found:
            typer.echo("\n".join(fit_lines(one)))
    if not all(one.accepted for one in found):
        raise typer.Exit(_REFUSED)


@app.command("show")
def show_scores(
    name: NameArgument = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show the models in scores/: how good they are, and from which score on it pays to write."""
    from relance.spec import score_document
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone = relance.workspace.zone
        files = [(spec, relance.fitted_score(spec)) for spec in _chosen(relance, name)]
        workspace_ = relance.workspace
    if as_json:
        show.print_json([score_document(file) for _, file in files])
        return
    for spec, file in files:
        for line in file_lines(workspace_, spec, file, local(file.model.trained_at, zone)):
            typer.echo(line)
        bins = [
            (number, each.customers, f"{each.mean:.1%}", f"{each.observed:.1%}")
            for number, each in enumerate(file.quality.bins, 1)
        ]
        title = "Tenths of the customers by score"
        show.print_table(title, ("tenth", "customers", "expected", "came back"), bins)


@app.command("of")
def of_customer(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's key.")],
    workspace: WorkspaceOption = Path(),
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one customer's scores, and what makes them."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone = relance.workspace.zone
        instant = read_instant(at, zone)
        specs = list(relance.workspace.scores.values())
        if not specs:
            raise _none()
        found = [relance.explain_score(spec, customer, instant) for spec in specs]
        currency = relance.workspace.currency
    if as_json:
        show.print_json([explanation_document(one) for one in found])
        return
    for one in found:
        typer.echo("\n".join(explanation_lines(one, currency)))


def _chosen(relance: Relance, name: str | None) -> list[ScoreSpec]:
    """The score of a name, or all that have a model of their own."""
    if name is not None:
        return [relance.score(name)]
    found = [spec for spec in relance.workspace.scores.values() if spec.complement_of is None]
    if not found:
        raise _none()
    return found


def _none() -> UsageError:
    return UsageError(
        "no score is declared",
        hint="scores: {potential: {within: 90 days}} in config/segments.yaml",
    )
