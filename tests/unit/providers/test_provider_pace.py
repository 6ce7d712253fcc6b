"""How fast and how often: the rate limit and the retries, on clocks that only move when told."""

from __future__ import annotations

import asyncio

import pytest

from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers.rate import Rate
from relance.providers.retry import ATTEMPTS, PATIENCE, Retry


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


async def test_messages_leave_evenly_spaced() -> None:
    clock = Clock()
    rate = Rate(4.0, clock=clock, sleep=clock.sleep)
    left = []
    for _ in range(5):
        await rate.take()
        left.append(clock.now)
    assert left == [100.0, 100.25, 100.5, 100.75, 101.0]


async def test_a_batch_counts_as_its_messages() -> None:
    clock = Clock()
    rate = Rate(100.0, clock=clock, sleep=clock.sleep)
    await rate.take(500)
    await rate.take(1)
    assert clock.now == pytest.approx(105.0)


async def test_a_silence_is_not_saved_up_for_a_burst() -> None:
    clock = Clock()
    rate = Rate(1.0, clock=clock, sleep=clock.sleep)
    await rate.take()
    clock.now += 60
    await rate.take()
    await rate.take()
    assert clock.naps == [1.0]


async def test_many_tasks_share_one_limit() -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    rate = Rate(10.0, clock=lambda: 0.0, sleep=sleep)
    await asyncio.gather(*(rate.take() for _ in range(4)))
    assert sorted(naps) == pytest.approx([0.1, 0.2, 0.3])


async def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    rate = Rate(None, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        await rate.take()
    assert clock.naps == []


class Attempts:
    """Fails as told, then succeeds."""

    def __init__(self, *errors: SendError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "accepted"


async def test_what_did_not_leave_is_tried_again() -> None:
    clock, attempts = Clock(), Attempts(NotSent("connect"), NotSent("connect"))
    assert await Retry(clock.sleep)(attempts) == "accepted"
    assert attempts.calls == 3
    assert len(clock.naps) == 2
    assert all(0 <= nap <= PATIENCE for nap in clock.naps)


async def test_after_the_last_attempt_the_vendors_error_comes_through() -> None:
    clock, last = Clock(), NotSent("unavailable")
    attempts = Attempts(NotSent("connect"), NotSent("connect"), last)
    with pytest.raises(NotSent) as raised:
        await Retry(clock.sleep)(attempts)
    assert raised.value is last
    assert attempts.calls == ATTEMPTS


async def test_the_wait_a_vendor_asks_for_is_kept_exactly() -> None:
    clock, attempts = Clock(), Attempts(NotSent("rate_limited", retry_after=3.0))
    await Retry(clock.sleep)(attempts)
    assert clock.naps == [3.0]


async def test_a_long_wait_is_left_to_the_queue() -> None:
    clock, attempts = Clock(), Attempts(NotSent("rate_limited", retry_after=PATIENCE + 1))
    with pytest.raises(NotSent):
        await Retry(clock.sleep)(attempts)
    assert attempts.calls == 1
    assert clock.naps == []


@pytest.mark.parametrize("error", [Unsure("x"), Refused("x"), Paused("x")])
async def test_nothing_else_is_ever_repeated(error: SendError) -> None:
    clock, attempts = Clock(), Attempts(error)
    with pytest.raises(type(error)):
        await Retry(clock.sleep)(attempts)
    assert attempts.calls == 1


async def test_an_unsure_second_attempt_ends_the_retries() -> None:
    clock, attempts = Clock(), Attempts(NotSent("connect"), Unsure("read_timeout"))
    with pytest.raises(Unsure):
        await Retry(clock.sleep)(attempts)
    assert attempts.calls == 2


async def test_concurrent_sends_do_not_share_their_counts() -> None:
    clock = Clock()
    retry = Retry(clock.sleep)
    all_attempts = [Attempts(NotSent("connect"), NotSent("connect")) for _ in range(20)]
    answers = await asyncio.gather(*(retry(attempts) for attempts in all_attempts))
    assert answers == ["accepted"] * 20
    assert {attempts.calls for attempts in all_attempts} == {3}
