"""What certainly did not leave by a channel's provider goes by its fallback, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog

from delivery_fakes import AT, message
from delivery_room import Room
from relance.domain.message import Email
from relance.errors import NotSent, Paused, Refused, StateError, Unsure


def crowd(count: int = 300, **fallback: object) -> Room:
    room = Room(*(message(n) for n in range(count)))
    room.fall_back(**fallback)
    return room


@pytest.mark.parametrize("outage", [NotSent("connect"), Paused("unauthorised")])
async def test_what_did_not_leave_goes_by_the_fallback_and_everybody_is_written_to_once(
    outage: Exception,
):
    room = crowd()
    room.email.outage = outage
    report = await room.run()
    assert room.second is not None
    assert (report.accepted, report.retried, report.paused) == (300, 0, {})
    assert sorted(room.second.sent) == sorted(room.queue.rows)
    assert len(room.email.sent) <= 5 + 32
    assert {row.outcome.provider for row in room.queue.rows.values() if row.outcome} == {"second"}


@pytest.mark.parametrize(
    ("answer", "state"), [(Refused("invalid"), "failed"), (Unsure("read_timeout"), "unknown")]
)
async def test_what_was_refused_or_may_have_left_never_goes_by_the_fallback(
    answer: Exception, state: str
):
    room = crowd(3)
    room.email.script = lambda outgoing: answer
    await room.run()
    assert room.second is not None
    assert room.second.sent == []
    assert set(room.queue.states().values()) == {state}


async def test_one_message_of_a_batch_that_did_not_leave_takes_the_fallback_alone():
    room = crowd(100)
    room.email.batch_size = 50
    room.email.script = lambda m: NotSent("later") if m.message_id == "m00007" else None
    report = await room.run()
    assert room.second is not None
    assert report.accepted == 100
    assert room.second.sent == ["m00007"]


async def test_the_fallback_writes_in_its_own_name_and_the_mark_names_it():
    room = crowd(1)
    room.email.outage = NotSent("connect")
    await room.run()
    assert room.second is not None
    sent = room.second.got[0]
    assert isinstance(sent, Email)
    assert sent.sender == "Second <2@boutique.example>"
    assert [mark.provider for mark in room.queue.marks] == ["fake", "second"]


async def test_the_try_before_the_fallbacks_is_kept_with_its_reason():
    room = crowd(1)
    room.email.outage = NotSent("connect", detail="ClientConnectorError")
    await room.run()
    [row] = room.queue.rows.values()
    assert row.outcome is not None
    [tried] = row.outcome.tried
    assert (tried.provider, tried.reason) == ("fake", "connect")
    assert row.outcome.provider == "second"


async def test_where_the_fallback_fails_too_the_message_waits_as_usual():
    room = crowd(1)
    room.email.outage = NotSent("connect")
    assert room.second is not None
    room.second.outage = NotSent("dns")
    report = await room.run()
    assert report.retried == 1
    waiting = room.queue.rows["m00000"]
    assert waiting.outcome is not None
    assert (waiting.outcome.reason, waiting.message.attempts) == ("dns", 1)
    assert len(room.second.sent) == 1


async def test_where_both_are_left_alone_everything_stays_queued():
    room = crowd()
    assert room.second is not None
    room.email.outage, room.second.outage = Paused("unauthorised"), Paused("forbidden")
    report = await room.run()
    assert report.paused == {"email": "provider_paused: unauthorised"}
    rows = room.queue.rows.values()
    assert {(r.state.value, r.message.attempts, r.message.due_at) for r in rows} == {
        ("queued", 0, AT)
    }


async def test_when_the_provider_is_back_it_is_used_again():
    room = crowd(10)
    room.email.outage = NotSent("connect")
    for n in range(10):
        room.queue.rows[f"m{n:05}"].message = message(n, due_at=AT + timedelta(hours=n // 5))
    await room.run()
    room.email.outage, room.email.got = None, []
    await room.run(AT + timedelta(hours=1))
    assert len(room.email.sent) == 5


async def test_what_may_have_left_waits_for_its_own_provider_though_the_fallback_works():
    room = crowd(8, idempotent=True)
    room.email.idempotent = True
    room.email.can = room.second.can if room.second else room.email.can
    room.queue.rows["m00003"].message = message(
        3, provider="fake", doubtful_at=AT - timedelta(hours=1), attempts=1
    )
    room.email.outage = Paused("unauthorised")
    report = await room.run()
    assert room.second is not None
    assert report.accepted == 7
    await room.run(AT + timedelta(seconds=5))
    assert "m00003" not in room.second.sent
    waiting = room.queue.rows["m00003"].message
    assert waiting.due_at == AT + timedelta(minutes=1)
    assert waiting.attempts == 1
    room.email.outage = None
    assert (await room.run(AT + timedelta(minutes=1))).accepted == 1
    assert room.email.sent[-1] == "m00003"


async def test_what_may_have_left_by_the_fallback_is_repeated_by_the_fallback():
    room = crowd(1, idempotent=True)
    assert room.second is not None
    room.email.outage, room.second.outage = NotSent("connect"), Unsure("read_timeout")
    await room.run()
    kept = room.queue.rows["m00000"].message
    assert (kept.provider, kept.doubtful_at) == ("second", AT)
    room.email.outage = room.second.outage = None
    assert (await room.run(kept.due_at)).accepted == 1
    assert len(room.email.sent) == 1
    assert room.second.sent == ["m00000", "m00000"]


async def test_two_accounts_with_one_vendor_never_repeat_what_may_have_left():
    room = Room(message(1))
    room.email.idempotent = True
    second = room.fall_back("fake", idempotent=True)
    room.email.can = second.can
    room.email.outage = Unsure("read_timeout")
    assert (await room.run()).unknown == 1
    assert second.sent == []


async def test_a_state_that_fails_while_the_provider_is_changed_loses_nobody():
    room = crowd(1)

    def fall(outgoing: object) -> Exception:
        room.queue.errors["sending"] = [StateError("the disk is full")]
        return NotSent("connect")

    room.email.script = fall
    with pytest.raises(StateError):
        await room.run()
    assert room.queue.states() == {"m00000": "queued"}


async def test_a_stop_puts_back_what_was_about_to_take_the_fallback():
    room = crowd(200)
    assert room.second is not None
    room.second.hold = asyncio.Event()  # never set
    room.email.outage = NotSent("connect")
    stop = asyncio.Event()
    running = asyncio.create_task(room.delivery().run(AT, stop=stop))
    while room.second.in_flight < 32:
        await asyncio.sleep(0)
    stop.set()
    report = await running
    assert report.unknown == 32
    states = list(room.queue.states().values())
    assert (states.count("unknown"), states.count("queued")) == (32, 168)


async def test_a_fail_over_is_told():
    room = crowd(1)
    room.email.outage = NotSent("connect")
    with structlog.testing.capture_logs() as lines:
        await room.run()
    [line] = [line for line in lines if line["action"] == "failed_over"]
    assert (line["provider"], line["fallback"], line["reason"]) == ("fake", "second", "connect")
