"""A workspace whose jobs are faked, and the worker that runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from delivery_fakes import make_trigger, make_workspace
from relance.domain.trigger import Schedule
from relance.domain.workspace import ReportSpec, Workspace
from relance.errors import Problem, WorkspaceError
from relance.pipeline.deliver import DeliveryReport
from relance.scheduler import ALL_ROLES, Jobs, Loaded, Role, Worker
from report_desk import Desk

NINE = datetime(2026, 3, 2, 8, tzinfo=UTC)  # 09:00 in Paris


class House:
    """A workspace whose jobs are faked, and the worker that runs it."""

    def __init__(self, **schedules: str) -> None:
        self.schedules = schedules or {"winback": "0 9 * * *"}
        self.now = NINE - timedelta(hours=1)
        self.last_runs: dict[str, datetime] = dict.fromkeys(
            self.schedules, NINE - timedelta(days=1)
        )
        self.ticks: list[tuple[datetime, list[str]]] = []
        self.tick_errors: list[Exception] = []
        self.delivery_errors: list[Exception] = []
        self.deliveries = 0
        self.report = DeliveryReport()
        self.problems: list[Problem] = []
        self.load_errors: list[Exception] = []
        self.open_errors: list[Exception] = []
        self.state_errors: list[Exception] = []
        self.files = "1"
        self.opened = 0
        self.closed = 0
        self.left: list[int] = []
        self.tick_hook: Callable[[], None] = lambda: None
        self.delivery_hook: Callable[[asyncio.Event], object] | None = None
        self.desk = Desk()
        self.report_spec = ReportSpec()

    def worker(self, roles: frozenset[Role] = ALL_ROLES, **changes: float) -> Worker:
        settings = {
            "deliver_every": 0.01, "reload_every": 0.01, "report_every": 0.01, **changes,
        }  # fmt: skip
        return Worker(
            self._load,
            lambda: self.files,
            clock=lambda: self.now,
            leave=self.left.append,
            roles=roles,
            **settings,  # type: ignore[arg-type]
        )

    def _load(self) -> Loaded:
        if self.load_errors:
            raise self.load_errors.pop(0)
        if self.problems:
            raise WorkspaceError(self.problems)
        return Loaded(workspace=self._workspace(), open=self._open)

    def _open(self) -> Jobs:
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.opened += 1
        return Jobs(
            workspace=self._workspace(),
            tick=self._tick,
            deliver=self._deliver,
            last_runs=self._last_runs,
            pending=lambda: 7,
            office=self.desk.office,
            close=self._close,
        )

    def _workspace(self) -> Workspace:
        triggers = [
            make_trigger(name, schedule=Schedule(cron=cron))
            for name, cron in self.schedules.items()
        ]
        return make_workspace(*triggers, report=self.report_spec)

    def _last_runs(self) -> dict[str, datetime]:
        if self.state_errors:
            raise self.state_errors.pop(0)
        return dict(self.last_runs)

    def _tick(self, triggers, at: datetime) -> None:
        self.tick_hook()
        if self.tick_errors:
            raise self.tick_errors.pop(0)
        self.ticks.append((at, sorted(triggers)))

    async def _deliver(self, stop: asyncio.Event) -> DeliveryReport:
        self.deliveries += 1
        if self.delivery_errors:
            raise self.delivery_errors.pop(0)
        if self.delivery_hook is not None:
            await self.delivery_hook(stop)  # type: ignore[misc]
        return self.report

    async def _close(self) -> None:
        self.closed += 1


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something has happened."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def stopped(worker: Worker, running: asyncio.Task[None]) -> None:
    worker.stop()
    async with asyncio.timeout(10):
        await running


def actions(logs: list[dict[str, object]]) -> list[object]:
    return [line.get("action") for line in logs]


async def started(house: House, **changes: float) -> tuple[Worker, asyncio.Task[None]]:
    worker = house.worker(**changes)
    running = asyncio.create_task(worker.run())
    await until(lambda: house.deliveries > 0)
    return worker, running
