"""The worker: ticks on schedule, delivers, reloads changed YAML, and stops cleanly."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from relance import __version__, logs
from relance.domain.workspace import Workspace
from relance.errors import RelanceError, WorkspaceError
from relance.logs import Action
from relance.pipeline.timetable import Timetable
from relance.scheduler.jobs import ALL_ROLES, Jobs, Loaded, Role, utc_now
from relance.scheduler.reporting import Reporter
from relance.scheduler.ticking import Ticker
from relance.scheduler.tidying import Tidy, keep_tidy

_DELIVER_EVERY = 5.0  # seconds between looks at the queue
_DELIVER_RETRY = 300.0  # seconds at most between looks while delivery fails
_RELOAD_EVERY = 2.0  # seconds between looks at the files
_REPORT_EVERY = 30.0  # seconds between looks for a report that is due
_REOPEN_RETRY = 60.0  # seconds at most between tries to open what could not be opened
_PATIENCE = 9.0  # seconds for running work after a stop; the promise is ten in all

log = logs.get("scheduler")


class Worker:
    """Runs a workspace until it is told to stop.

    `load` checks the YAML, raising WorkspaceError, and returns what opens it: on a reload the
    old jobs are closed in between. `fingerprint` says whether files changed. `roles` are what
    this worker does of the work; it keeps the workspace open and fresh whatever they are.
    `leave` ends the process where a tick outlasts a stop (nothing of it is stored).
    """

    def __init__(
        self,
        load: Callable[[], Loaded],
        fingerprint: Callable[[], str],
        *,
        roles: frozenset[Role] = ALL_ROLES,
        clock: Callable[[], datetime] = utc_now,
        deliver_every: float = _DELIVER_EVERY,
        reload_every: float = _RELOAD_EVERY,
        report_every: float = _REPORT_EVERY,
        patience: float = _PATIENCE,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._load = load
        self._fingerprint = fingerprint
        self._roles = roles
        self._clock = clock
        self._deliver_every = deliver_every
        self._reload_every = reload_every
        self._report_every = report_every
        self._patience = patience
        self._leave = leave
        self._stop = asyncio.Event()
        self._bell = asyncio.Event()  # a trigger may be due
        self._halt = asyncio.Event()  # ends the running delivery: a stop, or a reload
        self._ticking = asyncio.Lock()
        self._delivering = asyncio.Lock()
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._loaded: Loaded | None = None
        self._seen = ""  # the fingerprint of what was loaded
        self._jobs: Jobs | None = None
        self._timetable: Timetable | None = None
        self._reporter: Reporter | None = None
        self._troubles: dict[str, str] = {}
        self._ticker = Ticker(clock, self._ring_after, self._troubles)
        self._paused: Mapping[str, str] = {}

    def stop(self) -> None:
        """Finish what is on the wire, put the rest back, and end `run` within ten seconds."""
        if not self._stop.is_set():
            log.info("Worker stopping", action=Action.WORKER_STOPPING)
        for event in (self._stop, self._halt, self._bell):
            event.set()

    async def load(self) -> Workspace:
        """Check the workspace, before `run` opens it. Raises WorkspaceError."""
        self._seen = await asyncio.to_thread(self._fingerprint)
        self._loaded = await asyncio.to_thread(self._load)
        return self._loaded.workspace

    async def run(self) -> None:
        """Work until `stop`, SIGTERM or SIGINT. Raises WorkspaceError where the start has
        mistakes, and SourceError or StateError where it cannot be opened."""
        if self._loaded is None:
            await self.load()
        await self._begin()
        self._listen()
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every long tick
        self._scheduler.start()
        roles = sorted(self._roles)
        log.info("Worker started", action=Action.WORKER_STARTED, version=__version__, roles=roles)
        loops = [asyncio.create_task(loop) for loop in self._loops()]
        await self._stop.wait()
        self._scheduler.shutdown(wait=False)
        await self._finish(loops)

    def _loops(self) -> Iterator[Coroutine[None, None, None]]:
        yield self._keep_reloading(self._seen)
        if Role.EVALUATE in self._roles:
            yield self._keep_ticking()
            yield self._keep_reporting()
            yield keep_tidy(self._tidy, self._clock, self._stop, self._troubles)
        if Role.DELIVER in self._roles:
            yield self._keep_delivering()

    async def health(self) -> dict[str, object]:
        """What /healthz answers: `ok`, `degraded` (with the troubles) or `stopping`."""
        troubles = dict(self._troubles)
        pending = None
        try:
            pending = await asyncio.to_thread(self._jobs.pending) if self._jobs else None
        except RelanceError as error:
            troubles["state"] = str(error)
        degraded = bool(troubles or self._paused)
        last_tick = self._ticker.last
        status = "stopping" if self._stop.is_set() else "degraded" if degraded else "ok"
        return {
            "status": status,
            "version": __version__,
            "roles": sorted(self._roles),
            "last_tick": last_tick.isoformat() if last_tick else None,
            "pending": pending,
            "paused": dict(self._paused),
            "troubles": troubles,
        }

    async def _ring(self) -> None:
        """What APScheduler calls; the tick itself runs in one loop, so that none overlap."""
        self._bell.set()

    async def _keep_ticking(self) -> None:
        while not self._stop.is_set():
            self._bell.clear()
            await self.catch_up()
            await self._bell.wait()

    async def catch_up(self) -> None:
        """Evaluate whatever is due now, until nothing is or a tick failed."""
        async with self._ticking:
            while not self._stop.is_set() and await self._tick_once():
                continue

    async def _tick_once(self) -> bool:
        if self._jobs is None or self._timetable is None:
            return False
        return await self._ticker.once(self._jobs, self._timetable)

    def _ring_after(self, wait: timedelta) -> None:
        self._scheduler.add_job(
            self._ring, "date", run_date=utc_now() + wait, id="retry", replace_existing=True
        )

    async def _keep_reporting(self) -> None:
        """Beside the ticks: a report may take its time, and has connections of its own."""
        while not self._stop.is_set():
            reporter = self._reporter
            if reporter is not None:
                await reporter.look()
                self._troubles.pop("report", None)
                if reporter.trouble:
                    self._troubles["report"] = reporter.trouble
            await self._rest(self._report_every)

    def _tidy(self) -> Tidy | None:
        return self._jobs.tidy if self._jobs else None

    async def _keep_delivering(self) -> None:
        pause = self._deliver_every
        while not self._stop.is_set():
            ok = await self.deliver_once()
            pause = self._deliver_every if ok else min(pause * 2, _DELIVER_RETRY)
            await self._rest(pause)

    async def deliver_once(self) -> bool:
        """Send what is due; false where delivery failed."""
        async with self._delivering:
            if self._jobs is None or self._stop.is_set():
                return True
            try:
                report = await self._jobs.deliver(self._halt)
            except RelanceError as error:
                self._delivery_failed(str(error))
                return False
            except Exception as error:  # noqa: BLE001  a bug must not end the worker
                self._delivery_failed(f"{type(error).__name__} at {logs.where(error)}")
                return False
        self._paused = report.paused
        self._troubles.pop("delivery", None)
        return True

    def _delivery_failed(self, problem: str) -> None:
        self._troubles["delivery"] = problem
        log.error(
            "Delivery failed; it is tried again", action=Action.DELIVERY_FAILED, error=problem
        )

    async def _keep_reloading(self, seen: str) -> None:
        """Reload once the files have changed and then stayed the same for one look."""
        candidate, pause = seen, self._reload_every
        while not self._stop.is_set():
            await self._rest(pause)
            found = await asyncio.to_thread(self._fingerprint)
            if self._jobs is None or (found != seen and found == candidate):
                seen = found
                await self._reload_unhurt()
            candidate = found
            # a state that is away is not asked every two seconds
            pause = self._reload_every if self._jobs else min(pause * 2, _REOPEN_RETRY)

    async def _reload_unhurt(self) -> None:
        try:
            await self.reload()
        except Exception as error:  # noqa: BLE001  a bug must not end the looking for changes
            self._troubles["workspace"] = f"{type(error).__name__} at {logs.where(error)}"
            log.error(
                "The changed workspace cannot be used",
                action=Action.WORKSPACE_REJECTED,
                problems=[self._troubles["workspace"]],
            )

    async def reload(self) -> None:
        """Take over the changed YAML if it is clean; else keep the old and say so."""
        try:
            fresh = await asyncio.to_thread(self._load)
        except WorkspaceError as error:
            self._rejected([str(problem) for problem in error.problems])
            return
        except RelanceError as error:
            self._rejected([str(error)])
            return
        self._loaded = fresh
        self._troubles.pop("workspace", None)
        async with self._ticking:
            self._halt.set()  # a long delivery steps aside: what is on the wire still finishes
            async with self._delivering:
                if self._stop.is_set():
                    return
                self._halt.clear()
                await self._swap()

    def _rejected(self, problems: list[str]) -> None:
        found = f"{len(problems)} mistake{'s' if len(problems) != 1 else ''}"
        self._troubles["workspace"] = f"{found}; the old version is still used"
        log.error(
            "The changed workspace has mistakes; the old one is still used",
            action=Action.WORKSPACE_REJECTED,
            problems=problems,
        )

    async def _swap(self) -> None:
        if self._jobs is not None:
            await self._jobs.close()
            self._jobs = None
        try:
            await self._begin()
        except RelanceError as error:
            self._troubles["open"] = str(error)
            log.error("Cannot be opened", action=Action.WORKSPACE_REJECTED, problems=[str(error)])
            return
        self._troubles.pop("open", None)
        log.info("Workspace reloaded", action=Action.WORKSPACE_RELOADED)

    async def _begin(self) -> None:
        """Open the loaded workspace and put its schedules into the timetable."""
        if self._loaded is None:
            return
        jobs = await asyncio.to_thread(self._loaded.open)
        workspace = jobs.workspace
        self._jobs = jobs
        self._timetable = Timetable(workspace.triggers, workspace.zone, self._clock())
        self._reporter = Reporter(
            workspace.report,
            workspace.zone,
            jobs.office,
            clock=self._clock,
            stopping=self._stop.is_set,
        )
        wake = self._timetable.wake() if Role.EVALUATE in self._roles else None
        if wake is not None:
            self._scheduler.add_job(
                self._ring,
                wake,
                id="schedules",
                replace_existing=True,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        elif self._scheduler.get_job("schedules"):
            self._scheduler.remove_job("schedules")

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            # Such a loop takes no signals: asyncio raises NotImplementedError on Windows, the
            # others in a thread that is not the main one. Who started it there calls `stop`.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(name, self.stop)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _finish(self, loops: list[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(loops, timeout=self._patience)
        if late:
            log.warning(
                "Worker stopped before its work had ended; an unfinished tick is not stored, and"
                " an unfinished report is made again",
                action=Action.WORKER_STOPPED,
            )
            self._leave(0)
            return
        if self._jobs is not None:
            await self._jobs.close()
        log.info("Worker stopped", action=Action.WORKER_STOPPED)
