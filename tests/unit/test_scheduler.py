"""The worker evaluates on time or late and once, delivers, reloads clean changes, and stops."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from delivery_fakes import make_trigger, make_workspace
from relance.domain.trigger import Schedule
from relance.domain.workspace import Workspace
from relance.errors import AlreadyEvaluated, Problem, SourceError, StateError, WorkspaceError
from relance.logs import Action
from relance.pipeline.deliver import DeliveryReport
from relance.scheduler import ALL_ROLES, Jobs, Loaded, Role, Worker, fingerprint

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

    def worker(self, roles: frozenset[Role] = ALL_ROLES, **changes: float) -> Worker:
        settings = {"deliver_every": 0.01, "reload_every": 0.01, **changes}
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
            close=self._close,
        )

    def _workspace(self) -> Workspace:
        triggers = [
            make_trigger(name, schedule=Schedule(cron=cron))
            for name, cron in self.schedules.items()
        ]
        return make_workspace(*triggers)

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


async def test_triggers_that_fall_due_together_are_one_tick_at_the_scheduled_instant():
    house = House(a="0 9 * * *", b="*/30 * * * *", c="0 10 * * *")
    house.last_runs = {"a": NINE - timedelta(days=1), "b": NINE - timedelta(minutes=30), "c": NINE}
    house.now = NINE + timedelta(seconds=3)
    worker, running = await started(house)
    await until(lambda: bool(house.ticks))
    await stopped(worker, running)
    assert house.ticks == [(NINE, ["a", "b"])]


async def test_a_missed_tick_runs_once_and_late_and_says_by_how_much():
    house = House()
    house.last_runs = {"winback": NINE - timedelta(days=9)}
    house.now = NINE + timedelta(hours=2)
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: bool(house.ticks))
        await stopped(worker, running)
    assert house.ticks == [(NINE, ["winback"])]
    late = [line for line in lines if line.get("action") == Action.TICK_LATE]
    assert [line["delay_seconds"] for line in late] == [7200]


async def test_nothing_is_evaluated_before_its_instant():
    house = House()
    worker, running = await started(house)
    await stopped(worker, running)
    assert house.ticks == []


async def test_an_instant_is_evaluated_once_even_if_the_ledger_is_slow_to_say_so():
    house = House()
    house.now = NINE
    worker, running = await started(house)
    await until(lambda: bool(house.ticks))
    await worker.catch_up()
    await stopped(worker, running)
    assert len(house.ticks) == 1


async def test_an_instant_that_another_worker_evaluated_first_is_left_alone():
    house = House()
    house.now = NINE
    house.tick_errors = [AlreadyEvaluated("evaluated already")]
    house.tick_hook = lambda: house.last_runs.update(winback=NINE)
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: Action.TICK_SKIPPED in actions(lines))
        await worker.catch_up()
        await stopped(worker, running)
    assert house.ticks == []
    assert Action.TICK_FAILED not in actions(lines)


async def test_an_instant_after_the_one_that_another_worker_stored_is_still_evaluated():
    house = House()
    house.now = NINE + timedelta(days=1)

    def the_other_was_late_and_stored_yesterday() -> None:
        house.tick_errors = [AlreadyEvaluated("the state has moved on")]
        house.last_runs = {"winback": NINE}
        house.tick_hook = lambda: None

    house.last_runs = {"winback": NINE - timedelta(days=1)}
    house.tick_hook = the_other_was_late_and_stored_yesterday
    worker, running = await started(house)
    await until(lambda: bool(house.ticks))
    await stopped(worker, running)
    assert [at for at, _ in house.ticks] == [NINE + timedelta(days=1)]


async def test_a_worker_that_is_always_told_that_it_came_late_does_not_ask_for_ever():
    house = House()
    house.now = NINE
    house.tick_errors = [AlreadyEvaluated("evaluated already") for _ in range(50)]
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: len(house.tick_errors) < 50)
        await worker.catch_up()
        await stopped(worker, running)
    assert actions(lines).count(Action.TICK_SKIPPED) == 2


async def test_a_state_that_comes_back_is_no_trouble_any_more():
    house = House()
    house.state_errors = [StateError("the server is restarting")]
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: Action.TICK_FAILED in actions(lines))
        assert "tick" in str((await worker.health())["troubles"])
        await worker.catch_up()
        assert (await worker.health())["status"] == "ok"
        await stopped(worker, running)


@pytest.mark.parametrize(
    ("roles", "ticks", "delivers"),
    [({Role.EVALUATE}, True, False), ({Role.DELIVER}, False, True), ({Role.WEB}, False, False)],
)
async def test_a_worker_does_what_its_roles_say_and_nothing_else(
    roles: set[Role], ticks: bool, delivers: bool
):
    house = House()
    house.now = NINE
    worker = house.worker(frozenset(roles))
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(worker.run())
        await until(lambda: Action.WORKER_STARTED in actions(lines))
        await until(lambda: bool(house.ticks) >= ticks and bool(house.deliveries) >= delivers)
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        health = await worker.health()
        await stopped(worker, running)
    assert (bool(house.ticks), bool(house.deliveries)) == (ticks, delivers)
    assert health["roles"] == sorted(roles)


async def test_a_state_that_cannot_be_opened_again_is_asked_less_and_less_often():
    house = House()
    pauses: list[float] = []
    worker = house.worker()
    rest = worker._rest

    async def counted(seconds: float) -> None:
        if seconds > 0.01:
            pauses.append(seconds)
        await rest(0.0)

    worker._rest = counted  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(worker.run())
        await until(lambda: house.deliveries > 0)
        house.open_errors = [StateError("the server is away") for _ in range(16)]
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        assert (await worker.health())["status"] == "ok"
        await stopped(worker, running)
    assert pauses[:5] == [0.02, 0.04, 0.08, 0.16, 0.32]
    assert max(pauses) == 60


@pytest.mark.parametrize("error", [SourceError("the table orders is gone"), ZeroDivisionError()])
async def test_a_tick_that_fails_is_made_up_for_and_the_worker_lives(error: Exception):
    house = House()
    house.now = NINE
    house.tick_errors = [error]
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: Action.TICK_FAILED in actions(lines))
        assert (await worker.health())["status"] == "degraded"
        house.now = NINE + timedelta(minutes=1)
        await worker.catch_up()
        assert (await worker.health())["status"] == "ok"
        await stopped(worker, running)
    assert house.ticks == [(NINE, ["winback"])]


async def test_an_unforeseen_error_is_logged_by_its_place_and_not_by_its_text():
    house = House()
    house.now = NINE
    house.tick_errors = [KeyError("camille@shop.example")]
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: Action.TICK_FAILED in actions(lines))
        await stopped(worker, running)
    assert "camille" not in str(lines)
    assert "KeyError at" in str(lines)


async def test_ticks_never_overlap():
    house = House()
    house.now = NINE
    running_now, most = 0, 0

    def count() -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        for _ in range(10_000):
            pass
        running_now -= 1

    house.tick_hook = count
    worker, running = await started(house)
    await until(lambda: bool(house.ticks))
    house.now = NINE + timedelta(days=1)
    await asyncio.gather(*(worker.catch_up() for _ in range(20)))
    await stopped(worker, running)
    assert most == 1
    assert [at for at, _ in house.ticks] == [NINE, NINE + timedelta(days=1)]


async def test_the_queue_is_looked_at_again_and_again():
    house = House()
    worker, running = await started(house)
    await until(lambda: house.deliveries >= 3)
    await stopped(worker, running)


@pytest.mark.parametrize("error", [StateError("the disk is full"), ZeroDivisionError()])
async def test_a_delivery_that_fails_is_tried_again(error: Exception):
    house = House()
    house.delivery_errors = [error]
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        await until(lambda: house.deliveries >= 2)
        await stopped(worker, running)
    assert Action.DELIVERY_FAILED in actions(lines)


async def test_changed_files_are_taken_over_when_they_are_clean():
    house = House()
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        house.schedules = {"winback": "0 7 * * *"}
        house.last_runs = {"winback": NINE - timedelta(days=1)}
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        await worker.catch_up()
        await stopped(worker, running)
    assert (house.opened, house.closed) == (2, 2)
    assert house.ticks == [(NINE - timedelta(hours=2), ["winback"])]


async def test_changed_files_with_mistakes_are_refused_and_the_old_workspace_goes_on():
    house = House()
    mistake = Problem(path="triggers/winback.yaml", line=6, column=5, message="unknown key")
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        house.problems, house.files = [mistake], "2"
        await until(lambda: Action.WORKSPACE_REJECTED in actions(lines))
        assert (await worker.health())["status"] == "degraded"
        house.now = NINE
        await worker.catch_up()
        assert house.ticks == [(NINE, ["winback"])]
        house.problems, house.files = [], "3"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        assert (await worker.health())["status"] == "ok"
        await stopped(worker, running)
    rejected = next(line for line in lines if line.get("action") == Action.WORKSPACE_REJECTED)
    assert rejected["problems"] == ["triggers/winback.yaml:6:5: unknown key"]


async def test_an_unforeseen_error_of_a_reload_is_told_and_the_next_change_is_taken_over():
    house = House()
    worker, running = await started(house)
    house.load_errors = [RuntimeError("ann@example.com")]
    house.files = "2"
    await until(lambda: not house.load_errors)
    await until(lambda: bool(worker._troubles))
    health = await worker.health()
    house.files = "3"
    await until(lambda: house.opened == 2)
    await stopped(worker, running)
    assert health["status"] == "degraded"
    assert "RuntimeError" in str(health["troubles"])
    assert "ann@example.com" not in str(health["troubles"])


async def test_a_long_delivery_steps_aside_for_a_reload():
    house = House()

    async def long(stop: asyncio.Event) -> None:
        await stop.wait()

    house.delivery_hook = long
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        await until(lambda: house.deliveries >= 2)
        await stopped(worker, running)
    assert house.left == []


async def test_mistakes_at_the_start_end_the_worker_before_anything_is_opened():
    house = House()
    house.problems = [Problem(path="config/relance.yaml", message="no such file")]
    with pytest.raises(WorkspaceError):
        await house.worker().run()
    assert house.opened == 0


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_delivery_finish_and_closes_everything(name: signal.Signals):
    house = House()
    finished = []

    async def wire(stop: asyncio.Event) -> None:
        await stop.wait()
        finished.append(True)

    house.delivery_hook = wire
    with structlog.testing.capture_logs() as lines:
        worker, running = await started(house)
        os.kill(os.getpid(), name)
        async with asyncio.timeout(10):
            await running
    assert finished == [True]
    assert house.closed == 1
    assert house.left == []
    assert (await worker.health())["status"] == "stopping"
    assert actions(lines)[-2:] == [Action.WORKER_STOPPING, Action.WORKER_STOPPED]


async def test_a_tick_that_outlasts_a_stop_is_abandoned_and_the_process_leaves():
    house = House()
    house.now = NINE
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    def long() -> None:
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    house.tick_hook = long
    worker, running = await started(house, patience=0.05)
    await stopped(worker, running)
    assert house.left == [0]
    assert house.closed == 0  # the tick still uses it
    go_on.set()
    await until(lambda: bool(house.ticks))


async def test_health_says_what_a_watcher_asks():
    house = House()
    house.now = NINE
    house.report = DeliveryReport(paused={"email": "unauthorized"})
    worker, running = await started(house)
    await until(lambda: bool(house.ticks))
    await until(lambda: house.deliveries >= 2)
    health = await worker.health()
    await stopped(worker, running)
    assert health == {
        "status": "degraded",
        "version": health["version"],
        "roles": ["deliver", "evaluate", "web"],
        "last_tick": NINE.isoformat(),
        "pending": 7,
        "paused": {"email": "unauthorized"},
        "troubles": {},
    }


def test_a_fingerprint_changes_with_any_watched_file(tmp_path: Path):
    for folder in ("config", "triggers", "templates/winback", "state"):
        (tmp_path / folder).mkdir(parents=True)
    seen = {fingerprint(tmp_path)}
    for change in (
        lambda: (tmp_path / "config/relance.yaml").write_text("version: 1"),
        lambda: (tmp_path / "triggers/winback.yaml").write_text("version: 1"),
        lambda: (tmp_path / "templates/winback/email.html").write_text("hello"),
        lambda: (tmp_path / "templates/winback/email.html").write_text("hello you"),
        lambda: (tmp_path / "triggers/winback.yaml").unlink(),
    ):
        change()
        assert fingerprint(tmp_path) not in seen
        seen.add(fingerprint(tmp_path))
    (tmp_path / "state/relance.db").write_text("changes all the time")
    assert fingerprint(tmp_path) in seen
