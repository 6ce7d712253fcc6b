"""`relance run`: the worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli.app import app
from relance.cli.options import WorkspaceOption

if TYPE_CHECKING:
    from relance.scheduler import Jobs
    from relance.wiring import Relance


@app.command()
def run(
    workspace: WorkspaceOption = Path(),
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65_535,
            help="The loopback port of /healthz; 0 takes a free one.",
        ),
    ] = 8377,
) -> None:
    """Run as a service until SIGTERM. Ticks on schedule, delivers, reloads clean changes."""
    from relance import logs

    logs.configure(json=not sys.stderr.isatty(), level="info")
    asyncio.run(_serve(workspace.absolute(), port))


async def _serve(root: Path, port: int) -> None:
    from relance.scheduler import Worker, fingerprint
    from relance.web import health_app, serving

    worker = Worker(lambda: _load(root), lambda: fingerprint(root))
    async with serving(health_app(worker.health), port) as taken:
        typer.echo(f"relance works on {root}; http://127.0.0.1:{taken}/healthz", err=True)
        await worker.run()


def _load(root: Path) -> Callable[[], Jobs]:
    """Check the workspace now; open it when the worker says so."""
    from relance.wiring import load_relance

    relance = load_relance(root)
    return lambda: _open(relance)


def _open(relance: Relance) -> Jobs:
    from relance.scheduler import Jobs, utc_now

    ledger, queue = relance.state.ledger, relance.state.queue
    providers = relance.open_providers()
    delivery = relance.delivery(providers)

    async def close() -> None:
        await asyncio.gather(*(provider.close() for provider in providers.values()))
        await asyncio.to_thread(relance.close)

    return Jobs(
        workspace=relance.workspace,
        tick=lambda triggers, at: relance.tick(at, triggers),
        deliver=lambda stop: delivery.run(utc_now, stop=stop),
        last_runs=lambda: {name: last.at for name, last in ledger.standing().runs.items()},
        pending=queue.pending,
        close=close,
    )
