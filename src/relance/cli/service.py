"""`relance run`: the worker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from relance.cli.app import app
from relance.cli.options import WorkspaceOption


@app.command()
def run(
    workspace: WorkspaceOption = Path(),
    port: Annotated[
        int, typer.Option(help="The loopback port of /healthz; 0 takes a free one.")
    ] = 8377,
) -> None:
    """Run as a service: tick on schedule, deliver, reload clean changes, stop on SIGTERM."""
    from relance import logs

    logs.configure(json=not sys.stderr.isatty(), level="info")
    from relance.service import serve

    serve(workspace, port)
