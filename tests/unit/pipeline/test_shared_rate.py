"""A rate that all workers share: places reserved in the state, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from delivery_fakes import AT, message
from delivery_queue import FakeQueue
from delivery_room import Room
from relance.domain.message import Accepted, Outgoing
from relance.errors import NotSent, StateError
from relance.pipeline.shared_rate import SharedRate


class Clock:
    """Time that passes only by sleeping; each sleeper notes when it went on."""

    def __init__(self) -> None:
        self.now = AT
        self.left: list[datetime] = []

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def leave(self, rate: SharedRate, messages: int = 1) -> None:
        await rate.take(messages)
        self.left.append(self.now)


def rate(queue: FakeQueue, per_second: float, clock: Clock) -> SharedRate:
    return SharedRate(
        queue, "provider/email/fake", per_second, clock=lambda: clock.now, sleep=clock.sleep
    )


async def test_messages_leave_evenly_spaced_and_places_are_reserved_a_few_at_a_time():
    queue, clock = FakeQueue(), Clock()
    slow = rate(queue, 40, clock)
    for _ in range(40):
        await clock.leave(slow)
    gaps = {b - a for a, b in zip(clock.left, clock.left[1:], strict=False)}
    assert gaps == {timedelta(seconds=0.025)}
    assert queue.reserved == [10] * 4


async def test_two_workers_together_are_no_faster_than_one():
    queue, clock = FakeQueue(), Clock()
    one, other = rate(queue, 2, clock), rate(queue, 2, clock)
    for _ in range(5):
        await clock.leave(one)
        await clock.leave(other)
    assert clock.left[-1] - clock.left[0] == timedelta(seconds=4.5)


async def test_a_batch_takes_as_many_places_as_it_has_messages():
    queue, clock = FakeQueue(), Clock()
    slow = rate(queue, 10, clock)
    for _ in range(3):
        await clock.leave(slow, 50)
    assert [(at - AT).total_seconds() for at in clock.left] == [0, 5, 10]


async def test_there_is_no_burst_after_a_silence():
    queue, clock = FakeQueue(), Clock()
    slow = rate(queue, 8, clock)
    await clock.leave(slow)
    clock.now += timedelta(minutes=5)
    for _ in range(8):
        await clock.leave(slow)
    assert clock.left[-1] - clock.left[1] == timedelta(seconds=7 / 8)


async def test_places_from_before_a_clock_was_set_back_are_given_up():
    queue, clock = FakeQueue(), Clock()
    quick = rate(queue, 8, clock)  # two places at once
    await clock.leave(quick)
    clock.now -= timedelta(hours=1)
    queue.free.clear()  # the state does not believe the old hour either
    before = clock.now
    for _ in range(3):
        await clock.leave(quick)
    assert clock.left[-1] - before == timedelta(seconds=2 / 8)


async def test_a_clock_set_back_while_a_place_is_reserved_lets_nobody_wait_for_the_old_hour():
    queue, clock = FakeQueue(), Clock()
    queue.free["provider/email/fake"] = AT + timedelta(seconds=2)
    reserve = queue.reserve

    def set_back(*arguments: object) -> datetime:
        place = reserve(*arguments)  # type: ignore[arg-type]
        clock.now -= timedelta(hours=1)
        return place

    queue.reserve = set_back  # type: ignore[method-assign,assignment]
    await clock.leave(rate(queue, 1, clock))
    assert clock.left == [AT - timedelta(hours=1) + timedelta(seconds=2)]


async def test_those_who_wait_together_leave_one_after_the_other():
    queue, clock = FakeQueue(), Clock()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    slow = SharedRate(queue, "p", 1, clock=lambda: clock.now, sleep=sleep)
    await asyncio.gather(*(slow.take() for _ in range(4)))
    assert waits == [1, 2, 3]


async def test_where_the_state_fails_nothing_leaves_and_the_next_try_reserves_anew():
    queue, clock = FakeQueue(), Clock()
    queue.errors["reserve"] = [StateError("locked")]
    slow = rate(queue, 8, clock)
    with pytest.raises(NotSent, match="rate_unknown"):
        await slow.take()
    await slow.take()
    assert queue.reserved == [2]


async def test_what_a_stop_cuts_off_while_it_waits_for_its_turn_was_never_sent():
    room = Room(*(message(n) for n in range(3)))
    never = asyncio.Event()

    async def wait(seconds: float) -> None:
        await never.wait()

    limit = SharedRate(room.queue, "p", 1, clock=lambda: AT, sleep=wait)
    send, waiting = room.email.send, 0

    async def take_and_send(messages: Sequence[Outgoing]) -> Sequence[Accepted | Exception]:
        nonlocal waiting
        waiting += 1
        await limit.take(len(messages))
        return await send(messages)

    room.email.send = take_and_send  # type: ignore[method-assign]
    stop = asyncio.Event()
    running = asyncio.create_task(room.delivery().run(AT, stop=stop))
    while waiting < 3 or not room.email.sent:
        await asyncio.sleep(0)
    stop.set()
    report = await running
    assert (report.accepted, report.unknown) == (1, 0)
    assert sorted(room.queue.states().values()) == ["accepted", "queued", "queued"]
