"""`relance describe`: who is in a segment, beside all customers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AsOfOption, JsonOption, WorkspaceOption, read_as_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relance.uplift.portrait import Portrait, Shares


@app.command()
def describe(
    segment: Annotated[
        str, typer.Argument(metavar="SEGMENT", help="Its name; a trigger's for its own.")
    ],
    workspace: WorkspaceOption = Path(),
    at: AsOfOption = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page with a picture as well.")
    ] = None,
    language: Annotated[
        Literal["fr", "en"] | None,
        typer.Option(help="The language of --html.", show_default="the workspace's"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say who is in a segment, beside all customers."""
    from relance.uplift.portrait_json import document
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        instant, note = read_as_of(at, relance)
        currency = relance.workspace.currency
        (found,) = relance.describe(instant, [segment])
        if html is not None:
            show.write_file(html, relance.portrait_html(found, language))
    if as_json:
        show.print_json(document(found, currency))
        return
    show.print_note(note)
    _print(found, currency)
    if html is not None:
        typer.echo(f"wrote {html}")


def _print(found: Portrait, currency: str) -> None:
    from relance.uplift.portrait_words import sentences

    about = f": {found.description}" if found.description else ""
    typer.echo(f"{found.segment}{about}")
    for sentence in sentences(found, currency):
        typer.echo(f"  {sentence}")
    if found.spreads:
        columns = ["with a median of", "members", "all", "score", "score of all"]
        show.print_table(f"{found.segment} beside all customers", columns, list(_features(found)))
    for shares in found.shares:
        name = f"{shares.event}: {shares.name}" if shares.event else shares.name
        rows = list(_values(found, shares))
        show.print_table(f"By {name}", [shares.name, "members", "all", "times all"], rows)


def _features(found: Portrait) -> Iterator[list[object]]:
    from relance.uplift.portrait_words import feature_name, number

    for one in found.spreads:
        scores = [one.members.score, one.everybody.score]
        yield [
            feature_name(one.feature, found.event),
            number(one.members.median),
            number(one.everybody.median),
            *("–" if score is None else f"{score:.1f}" for score in scores),
        ]


def _values(found: Portrait, shares: Shares) -> Iterator[list[object]]:
    from relance.uplift.wording import percent

    for value in [*shares.values, *([shares.others] if shares.others else [])]:
        text = "others" if value is shares.others else value.text or "not known"
        mine = value.members / found.members
        whole = value.everybody / found.everybody
        times = f"{mine / whole:.2f}" if whole else "–"
        yield [text, percent(mine), percent(whole), times]
