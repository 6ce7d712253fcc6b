"""A question to whoever sits at the terminal."""

from __future__ import annotations

import sys

import typer

from relance.errors import UsageError


def ask(question: str, *, otherwise: str, err: bool) -> None:
    """Go on after a yes; end with nothing done after a no. Raises UsageError without an answer.

    `otherwise` says what did not happen then.
    """
    # typer.confirm would put a space on stdout even with `err`, where a document may follow
    typer.echo(f"{question} [y/N] ", nl=False, err=err)
    answer = sys.stdin.readline()
    if not answer:
        typer.echo(err=err)
        raise UsageError(f"nobody answered, and {otherwise}", hint="--yes does not ask")
    if answer.strip().lower() not in {"y", "yes"}:
        typer.echo(otherwise, err=True)
        raise typer.Exit
