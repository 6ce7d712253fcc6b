"""The worker evaluates on time or late and once, and delivers again and again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from relance.errors import AlreadyEvaluated, SourceError, StateError
from relance.logs import Action
from relance.pipeline.deliver import DeliveryReport
from worker_house import NINE, House, actions, started, stopped, until


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
