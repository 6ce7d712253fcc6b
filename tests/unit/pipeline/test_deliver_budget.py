"""Daily budgets: what is over waits for the start of the workspace's next day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from delivery_fakes import AT, make_trigger, message
from delivery_room import Room
from relance.domain.trigger import Step
from relance.errors import NotSent, Paused, Refused, Unsure

TOMORROW = datetime(2026, 3, 2, 23, tzinfo=UTC)  # midnight in Paris


async def test_what_is_over_the_providers_limit_waits_for_tomorrow_without_an_attempt():
    room = Room(*(message(n) for n in range(500)))
    room.channel(daily=120)
    report = await room.run()
    assert (report.accepted, report.postponed, report.retried) == (120, 380, 0)
    assert report.paused == {"email": "daily_budget"}
    left = [row.message for row in room.queue.rows.values() if row.state == "queued"]
    assert {(m.due_at, m.attempts) for m in left} == {(TOMORROW, 0)}
    assert (await room.run(TOMORROW - timedelta(seconds=1))).empty
    assert (await room.run(TOMORROW)).accepted == 120


async def test_the_most_urgent_have_the_budget():
    room = Room(*(message(n, priority=n) for n in range(50)))
    room.channel(budget=10)
    await room.run()
    assert sorted(room.email.sent) == [f"m{n:05}" for n in range(40, 50)]


async def test_once_the_budget_is_known_to_be_spent_no_more_texts_are_rendered():
    room = Room(*(message(n) for n in range(3_000)))
    room.channel(daily=10)
    await room.run()
    assert room.queue.trace.count("sending") == 1


async def test_a_days_trouble_is_told_until_the_day_is_over():
    room = Room(*(message(n) for n in range(3)))
    room.channel(budget=1)
    await room.run()
    assert (await room.run(AT + timedelta(hours=5))).paused == {"email": "daily_budget"}
    room.queue.rows.clear()
    assert (await room.run(TOMORROW)).paused == {}


async def test_what_would_be_too_late_tomorrow_is_skipped_today():
    room = Room(
        message(1, expires_at=AT + timedelta(hours=30)), message(2, expires_at=AT), message(3)
    )
    room.channel(budget=0)
    report = await room.run()
    assert (report.skipped, report.postponed) == ({"expired": 1}, 2)


async def test_the_providers_limit_is_its_own_and_the_channels_counts_a_message_once():
    room = Room(*(message(n) for n in range(20)))
    second = room.fall_back()
    room.channel(daily=100, budget=15)
    room.email.script = lambda outgoing: NotSent("busy")
    report = await room.run()
    day = AT.date()
    assert report.accepted == len(second.sent) == 15
    assert room.queue.spent == {("provider/email/fake", day): 0, ("channel/email", day): 15}


async def test_an_outage_leaves_the_days_budget_as_it_was():
    room = Room(*(message(n) for n in range(100)))
    room.channel(daily=100, budget=100)
    for outage in (NotSent("connect"), Paused("unauthorised")):
        room.email.outage = outage
        await room.run(AT)
        assert set(room.queue.spent.values()) == {0}
    room.email.outage = None
    assert (await room.run(AT + timedelta(hours=1))).accepted == 100


async def test_what_may_have_left_was_refused_or_is_taken_stays_counted():
    answers = {"m00001": Unsure("read_timeout"), "m00002": Refused("bad_address")}
    room = Room(*(message(n) for n in range(1, 4)))
    room.channel(budget=9)
    room.email.script = lambda outgoing: answers.get(outgoing.message_id)
    await room.run()
    assert set(room.queue.spent.values()) == {3}


async def test_what_a_stop_puts_back_is_given_back():
    room = Room(*(message(n) for n in range(50)))
    room.channel(budget=100)
    room.email.hold, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(room.delivery(grace=0.0).run(AT, stop=stop))
    while room.email.in_flight < 32:
        await asyncio.sleep(0)
    stop.set()
    report = await running
    assert (report.unknown, set(room.queue.spent.values())) == (32, {32})


async def test_a_budget_that_is_whole_again_is_used_the_same_day():
    room = Room(*(message(n) for n in range(30)))
    room.channel(budget=20)
    room.email.script = lambda outgoing: NotSent("busy")
    report = await room.run()
    assert (report.retried, report.postponed) == (20, 10)
    room.email.script = lambda outgoing: None
    assert (await room.run(AT + timedelta(minutes=2))).accepted == 20
    assert (await room.run(TOMORROW)).accepted == 10


async def test_a_budget_used_up_just_before_midnight_is_whole_just_after():
    room = Room(*(message(n) for n in range(10)))
    room.channel(budget=5)
    await room.run(TOMORROW - timedelta(seconds=1))
    assert (await room.run(TOMORROW)).accepted == 5


async def test_a_used_up_budget_is_told_though_there_is_a_fallback():
    room = Room(message(1), message(2))
    room.fall_back()
    room.channel(budget=1)
    assert (await room.run()).paused == {"email": "daily_budget"}


async def test_a_fallback_over_its_own_limit_leaves_the_message_to_its_provider():
    room = Room(message(1), message(2))
    room.fall_back()
    spec = room.workspace.channels["email"].fallback
    assert spec is not None
    room.channel(
        fallback=type(spec)(name="email", provider="second", sender="2@b.example", daily=1)
    )
    room.email.script = lambda outgoing: NotSent("busy")
    report = await room.run()
    assert (report.accepted, report.retried, report.postponed) == (1, 1, 0)


async def test_a_channel_over_its_budget_does_not_hold_up_another():
    trigger = make_trigger(
        steps=(
            Step(index=0, channel="email", template="winback"),
            Step(index=1, channel="sms", template="winback"),
        )
    )
    texts = [message(100 + n, channel="sms", step=1) for n in range(5)]
    room = Room(message(1), message(2), *texts, triggers={"winback": trigger})
    room.channel(budget=1)
    assert (await room.run()).accepted == 6
