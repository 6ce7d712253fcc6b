"""The held-out wait where the messages beside them wait, and end when those leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from delivery_fakes import AT, message
from delivery_room import Room
from relance.errors import NotSent

TOMORROW = datetime(2026, 3, 2, 23, tzinfo=UTC)  # midnight in Paris


def crowd(count: int) -> Room:
    """Every fifth message is a ghost."""
    return Room(*(message(n, ghost=n % 5 == 0) for n in range(count)))


def in_state(room: Room, state: str) -> list[int]:
    return sorted(int(key[1:]) for key, now in room.queue.states().items() if now == state)


async def test_a_ghost_behind_the_days_budget_waits_for_tomorrow_like_the_messages_beside_it():
    room = crowd(500)
    room.channel(daily=120)
    report = await room.run()
    assert (report.accepted, report.ghosts, report.postponed) == (120, 31, 349)
    assert in_state(room, "ghost") == list(range(0, 151, 5))  # 151 is the first that waits
    waiting = [row.message for row in room.queue.rows.values() if row.state == "queued"]
    assert {(m.due_at, m.attempts) for m in waiting} == {(TOMORROW, 0)}
    report = await room.run(TOMORROW)
    assert (report.accepted, report.ghosts) == (120, 30)


async def test_over_days_of_a_small_budget_no_ghost_is_ahead_of_the_messages_beside_it():
    room = crowd(1_000)
    room.channel(daily=170)
    left: dict[int, int] = {}
    for day in range(6):
        await room.run(AT if day == 0 else TOMORROW + timedelta(days=day - 1))
        for n in {*in_state(room, "ghost"), *in_state(room, "accepted")} - left.keys():
            left[n] = day
    assert len(left) == 1_000
    assert all(abs(left[n] - left[n + 1]) <= 1 for n in range(0, 1_000, 5))
    delays = {
        ghost: sum(d for n, d in left.items() if (n % 5 == 0) is ghost) / (200 if ghost else 800)
        for ghost in (True, False)
    }
    assert abs(delays[True] - delays[False]) < 0.05


async def test_while_a_vendor_is_down_ghosts_stay_queued_with_the_others():
    room = crowd(2_000)
    room.email.outage = NotSent("connect")
    report = await room.run()
    assert report.ghosts <= 60  # in the groups that were on the wire when it failed
    assert len(in_state(room, "queued")) == 2_000 - report.ghosts
    room.email.outage = None
    report = await room.run(AT + timedelta(hours=3))
    assert not in_state(room, "queued")
    assert len(in_state(room, "ghost")) == 400


async def test_where_only_ghosts_are_due_no_provider_is_asked_for_anything():
    room = Room(*(message(n, ghost=True) for n in range(7)))
    room.channel(budget=0)
    report = await room.run()
    assert report.ghosts == 7
    assert room.queue.trace.count("sending") == 0
    assert room.email.sent == []


async def test_ghosts_take_no_place_in_the_groups_that_go_on_the_wire():
    room = crowd(1_000)
    await room.run()
    assert room.queue.trace.count("sending") == 8  # of a hundred each
