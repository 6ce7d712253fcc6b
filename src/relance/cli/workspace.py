"""`relance init`, `relance check`, `relance schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import JsonOption, WorkspaceOption


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The workspace's name.", show_default="the folder's name"
        ),
    ] = None,
) -> None:
    """Write a small workspace that checks clean, ready to edit."""
    from relance.wiring import scaffold

    written = scaffold(folder, name or folder.resolve().name)
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"next: put your data where {folder}/config/relance.yaml says, then")
    typer.echo(f"      relance check --workspace {folder}")


@app.command()
def check(
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at the files only, not at the data.")
    ] = False,
) -> None:
    """Find every mistake in the workspace and its data. All at once; writes nothing."""
    from relance.reading import check_workspace

    problems = check_workspace(workspace, with_data=not offline)
    mistakes = sum(not problem.warning for problem in problems)
    if as_json:
        show.print_json(
            [
                {
                    "path": problem.path,
                    "line": problem.line,
                    "column": problem.column,
                    "where": problem.where,
                    "message": problem.message,
                    "hint": problem.hint,
                    "warning": problem.warning,
                }
                for problem in problems
            ]
        )
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(_verdict(mistakes, len(problems) - mistakes))
    if mistakes:
        raise typer.Exit(1)


def _verdict(mistakes: int, warnings: int) -> str:
    if not mistakes and not warnings:
        return "the workspace is clean"
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((mistakes, "mistake"), (warnings, "warning"))
        if count
    ]
    return ", ".join(parts)


@app.command()
def schema(
    write: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the JSON Schemas into this folder."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the YAML reference to this Markdown file."),
    ] = None,
    cli: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the reference of the commands.", hidden=True),
    ] = None,
) -> None:
    """Print the JSON Schemas with which an editor checks the YAML."""
    from relance.cli.reference import command_reference
    from relance.wiring import json_schemas, yaml_reference

    schemas = json_schemas()
    if write is None and reference is None and cli is None:
        show.print_json(schemas)
        return
    if write is not None:
        for name, document in schemas.items():
            _write(write / name, show.to_json(document) + "\n")
    if reference is not None:
        _write(reference, yaml_reference())
    if cli is not None:
        _write(cli, command_reference())


def _write(path: Path, text: str) -> None:
    show.write_file(path, text)
    typer.echo(f"wrote {path}")
