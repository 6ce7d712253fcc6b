"""`relance data-map`: which personal data is read, what for, how long it is kept, where it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from relance.domain.data_map import DataMap


@app.command("data-map")
def data_map(
    workspace: WorkspaceOption = Path(),
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
    """Say which personal data is read and kept, and where it goes."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        found = relance.data_map()
        if html is not None:
            show.write_file(html, relance.data_map_html(found, language))
    if as_json:
        show.print_json(document(found))
    else:
        _print(found)
        if html is not None:
            typer.echo(f"wrote {html}")


def _print(found: DataMap) -> None:
    from relance.rendering.data_map import column_rows, data_map_lines

    show.print_table("Data map", ("table", "column", "is", "used by"), column_rows(found))
    for line in data_map_lines(found):
        typer.echo(line)


def document(found: DataMap) -> dict[str, object]:
    """What `data-map --json` prints; docs/json.md documents it."""
    from relance.rendering.data_map.words import kept_words

    return {
        "workspace": found.workspace,
        "source": found.source,
        "columns": [
            {
                "table": each.table,
                "column": each.column,
                "meanings": list(each.meanings),
                "used_by": [{"kind": use.kind, "name": use.name} for use in each.uses],
                "unused": each.unused,
                "fetched": each.fetched,
            }
            for each in found.columns
        ],
        "queries": [{"kind": use.kind, "name": use.name} for use in found.queries],
        "kept": [
            {
                "what": each.what,
                "holds": kept_words(each, "en")[0],
                "until": kept_words(each, "en")[1],
            }
            for each in found.kept
        ],
        "goes_to": [
            {
                "channel": each.channel,
                "provider": each.provider,
                "address": each.address or None,
                "values": list(each.values),
                "triggers": list(each.triggers),
            }
            for each in found.destinations
        ],
    }
