"""A provider that fails, or refuses us, is left alone; everything stays queued as it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from delivery_fakes import AT, message
from delivery_room import Room
from relance.domain.message import MessageState
from relance.errors import NotSent, Paused, Refused, Unsure

MINUTE = timedelta(minutes=1)


def crowd(count: int = 300) -> Room:
    return Room(*(message(n) for n in range(count)))


def untouched(room: Room) -> int:
    """How many messages wait as if nothing had been tried."""
    rows = room.queue.rows.values()
    return sum(
        row.state is MessageState.QUEUED and (row.message.due_at, row.message.attempts) == (AT, 0)
        for row in rows
    )


async def test_a_vendor_that_is_down_costs_a_few_attempts_and_nobody_is_lost():
    room = crowd()
    room.email.outage = NotSent("connect")
    report = await room.run()
    assert report.paused == {"email": "circuit_open: connect"}
    assert len(room.email.sent) <= 5 + 32
    assert report.retried == len(room.email.sent)
    assert untouched(room) == 300 - report.retried


async def test_while_it_is_left_alone_nothing_is_claimed_and_the_reason_is_told_in_every_run():
    room = crowd()
    room.email.outage = NotSent("connect")
    await room.run()
    sent, claims = len(room.email.sent), room.queue.trace.count("claim")
    report = await room.run(AT + timedelta(seconds=20))
    assert len(room.email.sent) == sent
    assert room.queue.trace.count("claim") == claims + 4  # the other channels
    assert report.paused == {"email": "circuit_open: connect"}
    assert report.empty


async def test_after_the_wait_one_request_tries_it_and_its_failure_keeps_the_rest_back():
    room = crowd()
    room.email.outage = NotSent("connect")
    await room.run()
    sent = len(room.email.sent)
    report = await room.run(AT + MINUTE / 2)
    assert len(room.email.sent) == sent + 1
    assert (report.retried, report.paused) == (1, {"email": "circuit_open: connect"})
    assert (await room.run(AT + MINUTE)).empty  # now for a whole minute


async def test_once_the_vendor_is_back_one_request_opens_the_way_for_all():
    room = crowd()
    room.email.outage = NotSent("connect")
    await room.run()
    room.email.outage = None
    report = await room.run(AT + timedelta(hours=3))
    assert report.accepted == 300
    assert report.paused == {}
    assert set(room.queue.states().values()) == {"accepted"}


async def test_a_vendor_that_answers_500_leaves_few_messages_unknown():
    room = crowd()
    room.email.outage = Unsure("server_error")
    report = await room.run()
    assert report.unknown <= 5 + 32
    assert report.paused == {"email": "circuit_open: server_error"}
    assert untouched(room) == 300 - report.unknown


async def test_refusals_of_messages_say_nothing_against_the_vendor():
    room = crowd(100)
    room.email.outage = Refused("invalid_message")
    assert (await room.run()).failed == 100


async def test_a_bug_that_befalls_every_message_does_not_make_all_of_them_unknown():
    room = crowd()
    room.email.outage = ZeroDivisionError()
    report = await room.run()
    assert report.unknown <= 5 + 32
    assert report.paused == {"email": "circuit_open: provider_bug"}


async def test_the_vendors_longer_wish_is_kept():
    room = crowd()
    room.email.outage = NotSent("rate_limited", retry_after=1800)
    await room.run()
    room.email.outage = None
    assert (await room.run(AT + 29 * MINUTE)).empty
    assert (await room.run(AT + 60 * MINUTE)).accepted == 300


async def test_a_batch_is_what_tries_a_provider_of_batches():
    room = crowd(1_000)
    room.email.batch_size = 500
    room.email.outage = Paused("unauthorised")
    await room.run()
    room.email.outage, room.email.calls = None, []
    assert (await room.run(AT + MINUTE)).accepted == 1_000
    assert room.email.calls == [500] * 2


async def test_a_refusal_of_us_is_told_once_per_opening_and_so_is_its_end():
    room = crowd()
    room.email.outage = Paused("unauthorised")
    with structlog.testing.capture_logs() as lines:
        for seconds in range(0, 60, 5):
            report = await room.run(AT + timedelta(seconds=seconds))
            assert report.paused == {"email": "provider_paused: unauthorised"}
        room.email.outage = None
        await room.run(AT + MINUTE)
    told = [line["action"] for line in lines if line["action"].startswith("provider_")]
    assert told == ["provider_paused", "provider_resumed"]
    assert lines[0]["log_level"] == "error"
    assert lines[0]["retry_seconds"] == 60


async def test_a_clock_set_back_an_hour_keeps_nothing_back():
    room = crowd(10)
    room.email.outage = Paused("unauthorised")
    await room.run()
    room.email.outage = None
    for row in room.queue.rows.values():
        row.message = message(int(row.message.id[1:]), due_at=AT - timedelta(hours=2))
    assert (await room.run(AT - timedelta(hours=1))).accepted == 10


@pytest.mark.parametrize("failing", [NotSent("connect"), Paused("forbidden")])
async def test_a_stop_while_a_provider_is_tried_puts_the_rest_back(failing: Exception):
    room = crowd(500)
    room.email.outage = failing
    await room.run()
    room.email.hold = asyncio.Event()  # the trial hangs
    delivery, stop = room.delivery(), asyncio.Event()
    running = asyncio.create_task(delivery.run(AT + timedelta(hours=1), stop=stop))
    while not room.email.in_flight:
        await asyncio.sleep(0)
    stop.set()
    report = await running
    assert report.unknown == room.email.most_in_flight
    assert set(room.queue.states().values()) == {"queued", "unknown"}


async def test_a_channel_without_trouble_goes_on_beside_one_that_is_left_alone():
    texts = [message(9_000 + n, channel="sms", template="winback") for n in range(5)]
    room = Room(*(message(n) for n in range(100)), *texts)
    room.email.outage = Paused("unauthorised")
    report = await room.run()
    assert report.paused == {"email": "provider_paused: unauthorised"}
    assert report.skipped == {"trigger_removed": 5}
