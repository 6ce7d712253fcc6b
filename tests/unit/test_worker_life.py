"""A worker takes over clean changes, does what its roles say, and stops when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from relance.domain.workspace import ReportSpec
from relance.errors import Problem, SourceError, StateError, WorkspaceError
from relance.logs import Action
from relance.scheduler import Role, fingerprint
from report_desk import MONDAY, MONDAYS, WEEK
from worker_house import NINE, House, actions, started, stopped, until


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


async def test_a_worker_that_evaluates_makes_the_report_and_names_what_is_wrong_with_it():
    house = House()
    house.report_spec = ReportSpec(schedule=MONDAYS)
    worker, running = await started(house)
    await until(lambda: house.desk.note is not None)
    house.desk.letter = None
    house.desk.make_errors = [SourceError("the table orders is gone")]
    house.now = MONDAY + WEEK
    await until(lambda: "report" in worker._troubles)
    health = await worker.health()
    assert health["status"] == "degraded"
    assert "the table orders is gone" in str(health["troubles"])
    house.now += timedelta(minutes=1)
    await until(lambda: bool(house.desk.made))
    await until(lambda: "report" not in worker._troubles)
    await stopped(worker, running)
    assert house.closed == 1


async def test_a_long_report_holds_up_neither_ticks_nor_delivery_nor_a_reload():
    house = House()
    house.report_spec = ReportSpec(schedule=MONDAYS)
    worker, running = await started(house)
    await until(lambda: house.desk.note is not None)
    go_on = threading.Event()
    house.desk.while_making = go_on.wait
    house.now = MONDAY + WEEK
    await until(lambda: house.desk.opened > house.desk.closed)
    with structlog.testing.capture_logs() as lines:
        await worker.catch_up()
        deliveries = house.deliveries
        await until(lambda: house.deliveries > deliveries + 1)
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
    assert house.ticks
    assert house.desk.made == []
    go_on.set()
    await until(lambda: bool(house.desk.made))
    await stopped(worker, running)
    assert house.left == []


@pytest.mark.parametrize("role", [Role.DELIVER, Role.WEB])
async def test_a_worker_that_does_not_evaluate_makes_no_report(role: Role):
    house = House()
    worker = house.worker(frozenset({role}))
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(worker.run())
        await until(lambda: Action.WORKER_STARTED in actions(lines))
        house.files = "2"
        await until(lambda: Action.WORKSPACE_RELOADED in actions(lines))
        await stopped(worker, running)
    assert house.desk.opened == 0


def test_a_fingerprint_changes_with_any_watched_file(tmp_path: Path):
    for folder in ("config", "triggers", "templates/winback", "scores", "state"):
        (tmp_path / folder).mkdir(parents=True)
    seen = {fingerprint(tmp_path)}
    for change in (
        lambda: (tmp_path / "config/relance.yaml").write_text("version: 1"),
        lambda: (tmp_path / "triggers/winback.yaml").write_text("version: 1"),
        lambda: (tmp_path / "templates/winback/email.html").write_text("hello"),
        lambda: (tmp_path / "templates/winback/email.html").write_text("hello you"),
        lambda: (tmp_path / "scores/potential.json").write_text("{}"),
        lambda: (tmp_path / "triggers/winback.yaml").unlink(),
    ):
        change()
        assert fingerprint(tmp_path) not in seen
        seen.add(fingerprint(tmp_path))
    (tmp_path / "state/relance.db").write_text("changes all the time")
    assert fingerprint(tmp_path) in seen
