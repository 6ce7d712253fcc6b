"""`relance run` and `relance web`: the worker, and the server beside it."""

from __future__ import annotations

import asyncio
import difflib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance import memory
from relance.cli.app import app
from relance.cli.options import WorkspaceOption
from relance.errors import UsageError

if TYPE_CHECKING:
    from relance.domain.workspace import WebSpec
    from relance.scheduler import Jobs, Loaded, Role
    from relance.web import Front, Inbox, InboxFigures, Measures
    from relance.wiring import Providers, Relance

_LOOPBACK = "127.0.0.1"

HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="HOST",
        help="The address to listen on.",
        show_default="`web.host` of the YAML; 127.0.0.1 where there is no `web.public_url`",
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65_535,
        help="The port to listen on; 0 takes a free one.",
        show_default="`web.port` of the YAML, 8377 where it says none",
    ),
]


@app.command()
def run(
    workspace: WorkspaceOption = Path(),
    roles: Annotated[
        str,
        typer.Option(
            metavar="ROLES",
            help="What this worker does, of several over one state: evaluate, deliver, web.",
        ),
    ] = "evaluate,deliver,web",
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Run as a service until SIGTERM. Ticks on schedule, delivers, answers webhooks and
    customers, reloads clean changes."""
    memory.be_thrifty()  # reading the roles loads Arrow
    _run(workspace, read_roles(roles), host, port)


@app.command()
def web(
    workspace: WorkspaceOption = Path(), host: HostOption = None, port: PortOption = None
) -> None:
    """Run as a service that only answers webhooks and customers. As `run --roles web`."""
    memory.be_thrifty()
    _run(workspace, read_roles("web"), host, port)


def read_roles(text: str) -> frozenset[Role]:
    """Roles with commas between them. Raises UsageError."""
    from relance.scheduler import Role

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(Role):
            near = difflib.get_close_matches(name, list(Role), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(Role)}"
            raise UsageError(f"--roles: there is no role {name!r}", hint=hint)
    if not names:
        raise UsageError("--roles names no role", hint=f"there are: {', '.join(Role)}")
    return frozenset(Role(name) for name in names)


def _run(root: Path, roles: frozenset[Role], host: str | None, port: int | None) -> None:
    from relance import logs

    logs.configure(json=not sys.stderr.isatty(), level="info")
    asyncio.run(_Service(root.absolute(), roles, host, port).serve())


class _Service:
    """A worker, and one server over whatever workspace it has open."""

    def __init__(
        self, root: Path, roles: frozenset[Role], host: str | None, port: int | None
    ) -> None:
        from relance.scheduler import Worker, fingerprint

        self._root = root
        self._roles = roles
        self._takes_live = False
        self._given = (host, port)
        self._worker = Worker(self._load, lambda: fingerprint(root), roles=roles)
        self._front: Front | None = None
        self._began: WebSpec | None = None  # how the server was set up
        self._now: WebSpec | None = None
        self._relance: Relance | None = None  # while it is open
        self._inbox: Inbox | None = None  # of live events
        self._figures: InboxFigures | None = None  # of all its inboxes

    async def serve(self) -> None:
        """Work until a signal. Raises WorkspaceError, SourceError, StateError or OutsideError."""
        from relance.scheduler import utc_now
        from relance.web import serving, web_app

        workspace = await self._worker.load()
        self._began, self._takes_live = workspace.web, workspace.live is not None
        host, port = self._address(self._began)
        server = web_app(self._health, self._measure, self._open_front, utc_now)
        async with serving(server, host, port) as taken:
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"relance works on {self._root}; http://{shown}:{taken}/healthz", err=True)
            await self._worker.run()

    def _address(self, web: WebSpec) -> tuple[str, int]:
        host, port = self._given
        default = web.host if self._is_public(web) else _LOOPBACK
        return host or default, web.port if port is None else port

    def _is_public(self, web: WebSpec) -> bool:
        from relance.scheduler import Role

        return (web.public_url is not None or self._takes_live) and Role.WEB in self._roles

    def _open_front(self) -> Front | None:
        return self._front

    async def _health(self) -> Mapping[str, object]:
        found = dict(await self._worker.health())
        if self._figures is not None:
            found["live"] = self._figures.shown()
        if self._began and self._now and self._address(self._now) != self._address(self._began):
            moved = "web.host, web.port or web.public_url has changed: restart to listen there"
            troubles = {**_mapping(found["troubles"]), "web": moved}
            status = "degraded" if found["status"] == "ok" else found["status"]
            return {**found, "status": status, "troubles": troubles}
        return found

    async def _measure(self) -> Measures:
        """What `/metrics` tells; of a state that is away, that something is wrong."""
        from relance import __version__
        from relance.errors import StateError
        from relance.web import Measures

        health = await self._health()
        live = self._figures.shown() if self._figures else None
        known = Measures(version=__version__, status=str(health["status"]), live=live)
        relance = self._relance
        if relance is None:
            return known
        try:
            return await asyncio.to_thread(_measured, relance, known)
        except StateError:
            return replace(known, status="degraded") if known.status == "ok" else known

    def _load(self) -> Loaded:
        """Check the workspace now; open it when the worker says so."""
        from relance.scheduler import Loaded
        from relance.wiring import load_relance

        relance = load_relance(self._root)
        return Loaded(workspace=relance.workspace, open=lambda: self._open(relance))

    def _open(self, relance: Relance) -> Jobs:
        from relance.scheduler import Jobs, utc_now
        from relance.scheduler.office import RelanceOffice

        ledger, queue = relance.state.ledger, relance.state.queue
        providers = relance.open_providers()
        delivery = relance.delivery(providers)
        memory.leave_in_peace()
        self._now = relance.workspace.web
        self._inbox = self._inbox_of(relance)
        self._front = self._front_of(relance, providers)
        self._relance = relance

        async def close() -> None:
            self._front = self._relance = None
            if self._inbox is not None:
                await self._inbox.close()
            await relance.close_providers(providers)
            await asyncio.to_thread(relance.close)

        return Jobs(
            workspace=relance.workspace,
            tick=lambda triggers, at: relance.tick(at, triggers),
            deliver=lambda stop: delivery.run(utc_now, stop=stop),
            last_runs=lambda: {name: last.at for name, last in ledger.standing().runs.items()},
            pending=queue.pending,
            office=lambda: RelanceOffice(relance),
            close=close,
            tidy=relance.expire_live,
        )

    def _inbox_of(self, relance: Relance) -> Inbox | None:
        """Where live events wait to be stored; none where this worker does not take them."""
        from relance.scheduler import Role, utc_now
        from relance.web import Inbox, InboxFigures

        if Role.WEB not in self._roles or relance.workspace.live is None:
            return None
        self._figures = self._figures or InboxFigures()
        return Inbox(relance.state.live, utc_now, figures=self._figures)

    def _front_of(self, relance: Relance, providers: Providers) -> Front | None:
        """What the outside meets; nothing where this worker does not answer it."""
        from relance.scheduler import Role
        from relance.web import Desk, Front

        if Role.WEB not in self._roles:
            return None
        live = relance.workspace.live
        return Front(
            workspace=relance.workspace,
            providers=providers,
            receipts=relance.state.receipts,
            people=relance.state.desk,
            links=relance.links,
            live=Desk(live.write_keys, self._inbox, origins=live.origins)
            if live and self._inbox
            else None,
        )


def _measured(relance: Relance, known: Measures) -> Measures:
    """What the state tells, so that every worker says the same."""
    from relance.uplift.gauges import kept

    state = relance.state
    evaluated = [last.at for last in state.ledger.standing().runs.values()]
    return replace(
        known,
        pending=state.queue.pending(),
        last_tick=max(evaluated, default=None),
        figures=kept(state.notes),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
