"""What may have left: repeated only by its own provider and while the key holds, never skipped."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from delivery_fakes import AT, FakeProvider, message
from delivery_room import Room
from relance.domain.ledger import Claimed
from relance.domain.message import MessageState
from relance.errors import NotSent, Refused, Unsure

HOUR = timedelta(hours=1)


def doubtful(number: int = 1, *, since: datetime = AT - HOUR, **changes: object) -> Claimed:
    """A message that may have left by `fake`, whose keys hold for 24 hours."""
    return message(number, **{"provider": "fake", "doubtful_at": since, "attempts": 1, **changes})


def idempotent(*messages: Claimed) -> Room:
    room = Room(*messages)
    room.email = FakeProvider(idempotent=True)
    return room


async def test_it_is_repeated_by_its_own_provider_while_the_key_holds():
    room = idempotent(doubtful())
    assert (await room.run()).accepted == 1


@pytest.mark.parametrize("hours", [23.8, 24, 48])
async def test_once_the_key_may_have_expired_it_is_unknown_and_never_sent_again(hours: float):
    room = idempotent(doubtful(since=AT - hours * HOUR))
    report = await room.run()
    assert (report.unknown, room.email.sent) == (1, [])
    assert room.outcome("m00001").reason == "key_expired"
    assert (await room.run(AT + HOUR)).empty


async def test_of_a_provider_that_left_the_yaml_it_is_unknown():
    room = idempotent(doubtful(provider="former"))
    assert (await room.run()).unknown == 1
    assert room.outcome("m00001").reason == "provider_gone"


async def test_whatever_would_skip_it_makes_it_unknown_with_the_same_reason():
    room = idempotent(
        doubtful(1),
        doubtful(2, trigger="gone"),
        doubtful(3, expires_at=AT - HOUR),
        doubtful(4, context='{"customer.first_name": "Broken"}'),
    )
    room.queue.blocked_customers = {"c1"}
    report = await room.run()
    assert (report.unknown, report.skipped, room.email.sent) == (4, {}, [])
    reasons = [room.outcome(f"m{n:05}").reason for n in (1, 2, 3, 4)]
    assert reasons == ["suppressed", "trigger_removed", "expired", "template"]


@pytest.mark.parametrize("answer", [Refused("invalid"), Unsure("read_timeout")])
async def test_no_later_answer_but_taken_says_that_it_never_left(answer: Exception):
    room = idempotent(doubtful(since=AT - 23.7 * HOUR))
    room.email.script = lambda outgoing: answer
    assert (await room.run()).unknown == 1


async def test_a_repeat_that_does_not_leave_is_tried_again_only_while_the_key_holds():
    room = idempotent(doubtful(), doubtful(2, since=AT - 23.7 * HOUR))
    room.email.script = lambda outgoing: NotSent("busy")
    report = await room.run()
    assert (report.retried, report.unknown) == (1, 1)
    assert room.queue.rows["m00001"].message.doubtful_at == AT - HOUR


async def test_after_eight_attempts_it_is_unknown_and_not_failed():
    room = idempotent(doubtful(attempts=7))
    room.email.script = lambda outgoing: NotSent("busy")
    assert ((await room.run()).unknown, room.outcome("m00001").reason) == (1, "gave_up")


async def test_the_first_doubt_counts_from_the_mark_and_is_kept_over_repeats():
    room = idempotent(message(1))
    room.email.outage = Unsure("read_timeout")
    await room.run()
    first = room.queue.rows["m00001"].message
    assert first.doubtful_at == AT
    await room.run(first.due_at)
    assert room.queue.rows["m00001"].message.doubtful_at == AT
    assert room.queue.rows["m00001"].message.attempts == 2


async def test_a_retry_beyond_the_key_is_not_waited_for():
    room = idempotent(message(1, attempts=5))  # the next wait is 24 hours
    room.email.script = lambda outgoing: Unsure("read_timeout")
    assert (await room.run()).unknown == 1


async def test_what_a_dead_worker_left_on_the_wire_is_repeated_where_that_is_safe():
    room = idempotent(message(1))
    row = room.queue.rows["m00001"]
    row.message = message(1, provider="fake")
    row.state, row.worker, row.sent_at = MessageState.SENDING, "dead", AT - HOUR
    row.lease_until = AT - HOUR / 2
    assert (await room.run()).accepted == 1


async def test_a_retry_that_would_come_too_late_is_skipped_at_once():
    room = Room(message(1, expires_at=AT + timedelta(seconds=30)))
    room.email.script = lambda outgoing: NotSent("connect")
    report = await room.run()
    assert report.skipped == {"expired": 1}
    assert "connect" in room.outcome("m00001").detail
