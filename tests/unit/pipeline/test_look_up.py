"""Messages that may have been sent: their provider is asked, and its silence proves nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import structlog

from delivery_fakes import AT, FakeProvider, message
from delivery_room import Room
from relance.domain.ledger import Claimed
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.errors import NotSent, Refused, StateError

MINUTE = timedelta(minutes=1)


def found(number: int, kind: ReceiptKind = ReceiptKind.DELIVERED, **changes: object) -> Receipt:
    values = {
        "provider": "fake",
        "event_id": f"look-up-{number}",
        "kind": kind,
        "provider_id": f"p{number}",
        **changes,
    }
    return Receipt(**values)  # type: ignore[arg-type]


def room_with(*messages: Claimed, look_up: bool = True) -> Room:
    """Unknown messages that may have left at AT, and are to be looked up now."""
    room = Room(*messages)
    room.email = FakeProvider(look_up=look_up)
    for key, row in room.queue.rows.items():
        row.state = MessageState.UNKNOWN
        room.queue.look_ups[key] = AT + MINUTE
    return room


def doubtful(number: int = 1, **changes: object) -> Claimed:
    return message(number, **{"provider": "fake", "doubtful_at": AT, **changes})


async def test_what_the_provider_knows_settles_the_message_and_nothing_is_sent():
    room = room_with(doubtful())
    room.email.known["m00001"] = found(1)
    await room.run(AT + MINUTE)
    assert room.queue.states() == {"m00001": "delivered"}
    assert room.email.sent == []
    assert [r.message_id for r in room.receipts.got] == ["m00001"]


async def test_the_provider_is_told_who_when_and_which():
    room = room_with(doubtful())
    await room.run(AT + MINUTE)
    [asked] = room.email.asked
    assert (asked.message_id, asked.to, asked.sent_at) == ("m00001", "c1@shop.example", AT)
    assert "shop.example" not in repr(asked)


async def test_absence_proves_nothing_and_is_asked_for_again_within_a_day_and_then_never():
    room = room_with(doubtful())
    asked: list[datetime] = []
    while (due := room.queue.look_ups["m00001"]) is not None:
        asked.append(due)
        await room.run(due)
    assert [(at - AT) / MINUTE for at in asked] == [1, 10, 60, 360, 1440]
    assert room.queue.states() == {"m00001": "unknown"}
    assert len(room.email.asked) == 5


async def test_a_provider_that_cannot_be_asked_is_not():
    room = room_with(doubtful(), doubtful(2, provider="former"), look_up=False)
    await room.run(AT + MINUTE)
    assert room.email.asked == []
    assert room.queue.look_ups == {"m00001": None, "m00002": None}


async def test_a_vendor_that_is_away_is_asked_again_later_and_the_message_stays_unknown():
    room = room_with(doubtful())
    room.email.known["m00001"] = NotSent("connect")
    with structlog.testing.capture_logs() as lines:
        await room.run(AT + MINUTE)
    assert room.queue.look_ups["m00001"] == AT + 10 * MINUTE
    assert [line["reason"] for line in lines if line["action"] == "looked_up"] == ["connect"]
    await room.run(AT + timedelta(days=2))
    assert room.queue.look_ups["m00001"] == AT + timedelta(days=2, hours=6)


async def test_a_vendor_that_refuses_the_question_has_answered():
    room = room_with(doubtful())
    room.email.known["m00001"] = Refused("no_look_up")
    await room.run(AT + timedelta(days=2))
    assert room.queue.look_ups["m00001"] is None


async def test_a_bug_in_a_look_up_stops_neither_the_others_nor_the_sending():
    room = room_with(doubtful(1), doubtful(2))
    room.queue.rows["m00009"] = type(room.queue.rows["m00001"])(message(9))
    room.email.known = {"m00001": ZeroDivisionError("c1@shop.example"), "m00002": found(2)}
    with structlog.testing.capture_logs() as lines:
        await room.run(AT + MINUTE)
    assert room.queue.states() == {
        "m00001": "unknown",
        "m00002": "delivered",
        "m00009": "accepted",
    }
    assert "shop.example" not in str(lines)


async def test_a_message_of_ours_that_is_known_already_is_not_taken_for_this_one():
    room = room_with(doubtful())
    room.queue.known_ids = {"p7"}
    room.email.known["m00001"] = found(7)
    await room.run(AT + MINUTE)
    assert room.queue.states() == {"m00001": "unknown"}
    assert [asked.taken for asked in room.email.asked] == [frozenset(), frozenset({"p7"})]


async def test_a_customer_without_an_address_now_is_not_asked_about():
    room = room_with(doubtful(1), doubtful(2))
    room.engine.gone = {"c1"}
    room.engine.people = {"c2": {"email": "broken"}}
    await room.run(AT + MINUTE)
    assert room.email.asked == []
    assert set(room.queue.look_ups.values()) == {AT + 10 * MINUTE}


async def test_an_event_that_says_nothing_of_its_fate_leaves_it_unknown():
    room = room_with(doubtful())
    room.email.known["m00001"] = found(1, ReceiptKind.UNKNOWN)
    await room.run(AT + MINUTE)
    assert room.receipts.got == []
    assert room.queue.states() == {"m00001": "unknown"}


async def test_a_vendor_that_is_left_alone_is_not_asked_either():
    room = room_with(doubtful())
    room.queue.rows["m00009"] = type(room.queue.rows["m00001"])(message(9))
    room.queue.look_ups["m00001"] = None
    room.email.outage = NotSent("rate_limited", retry_after=600)
    for second in range(6):
        room.queue.rows["m00009"].message = message(9, due_at=AT)
        await room.run(AT + timedelta(seconds=second))
    room.queue.look_ups["m00001"] = AT + MINUTE
    await room.run(AT + MINUTE)
    assert room.email.asked == []
    assert room.queue.look_ups["m00001"] == AT + MINUTE


async def test_few_questions_are_in_flight_and_a_stop_cuts_them_off():
    room = room_with(*(doubtful(n) for n in range(50)))
    hanging = asyncio.Event()
    asked = 0

    async def hang(question: object) -> None:
        nonlocal asked
        asked += 1
        await hanging.wait()

    room.email.look_up = hang  # type: ignore[method-assign,assignment]
    stop = asyncio.Event()
    running = asyncio.create_task(room.delivery().run(AT + MINUTE, stop=stop))
    while asked < 8:
        await asyncio.sleep(0)
    stop.set()
    assert (await running).empty
    assert asked == 8


async def test_a_state_that_fails_ends_the_delivery_with_its_own_error():
    room = room_with(doubtful())
    room.email.known["m00001"] = found(1)

    def fall(*args: object) -> int:
        raise StateError("the disk is full")

    room.receipts.record = fall  # type: ignore[method-assign]
    with pytest.raises(StateError):
        await room.run(AT + MINUTE)
