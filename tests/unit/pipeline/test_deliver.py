"""A due message leaves once, or stays where it is and says why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import time, timedelta

import pytest

from delivery_fakes import AT, FakeProvider, make_trigger, message
from delivery_queue import FakeReceipts
from delivery_room import Room
from relance.domain.message import Email, MessageState, Outgoing, Sms
from relance.domain.trigger import Step
from relance.domain.workspace import ChannelSpec, Limits, QuietHours
from relance.errors import NotSent, Paused, Refused, SourceError, StateError, Unsure
from relance.pipeline.deliver import Delivery


async def test_every_due_message_is_sent_once_and_recorded_as_accepted():
    room = Room(*(message(n) for n in range(5_000)))
    report = await room.run()
    assert report.accepted == 5_000
    assert sorted(room.email.sent) == sorted(room.queue.rows)
    assert set(room.queue.states().values()) == {"accepted"}
    outcome = room.queue.rows["m00007"].outcome
    assert outcome is not None
    assert (outcome.provider, outcome.provider_id, outcome.at) == ("fake", "p-m00007", AT)


async def test_an_empty_queue_reports_nothing():
    assert (await Room().run()).empty


async def test_what_is_not_due_stays_queued():
    room = Room(message(1, due_at=AT + timedelta(seconds=1)))
    assert (await room.run()).empty
    assert room.queue.states() == {"m00001": "queued"}


async def test_an_email_is_addressed_rendered_and_carries_its_instant():
    room = Room(message(1))
    await room.run()
    assert room.email.got == [
        Email(
            message_id="m00001",
            trigger="winback",
            to="c1@shop.example",
            sender="La Boutique <bonjour@boutique.example>",
            subject="Bonjour",
            html_parts=("<p>Camille</p>",),
            text="Bonjour Camille (fr)",
            at=AT,
        )
    ]


async def test_a_text_message_goes_to_the_number_in_e164():
    trigger = make_trigger(steps=(Step(index=0, channel="sms", template="winback"),))
    room = Room(message(1, channel="sms"), triggers={"winback": trigger})
    await room.run()
    assert isinstance(room.sms.got[0], Sms)
    assert room.sms.got[0].to == "+33612345678"
    assert room.email.got == []


async def test_the_most_urgent_goes_first():
    room = Room(message(1, priority=10), message(2, priority=90), message(3, priority=50))
    await room.run()
    assert room.email.sent == ["m00002", "m00003", "m00001"]


async def test_a_name_that_the_text_uses_since_the_entry_is_fetched_now():
    room = Room(message(1, context="{}"))
    await room.run()
    assert room.email.got[0].text == "Bonjour customer.first_name now (fr)"


async def test_a_text_that_cannot_be_made_is_never_sent_and_says_where():
    room = Room(message(1, context='{"customer.first_name": "Broken"}'), message(2))
    report = await room.run()
    assert report.skipped == {"template": 1}
    assert room.email.sent == ["m00002"]
    outcome = room.queue.rows["m00001"].outcome
    assert outcome is not None
    assert outcome.detail == "templates/winback/email.html:3:7: no name"


async def test_a_held_out_customer_passes_the_same_way_and_nothing_is_sent():
    room = Room(message(1, ghost=True), message(2, ghost=True), message(3))
    room.queue.blocked_customers = {"c2"}
    report = await room.run()
    assert (report.ghosts, report.skipped, report.accepted) == (1, {"suppressed": 1}, 1)
    assert room.queue.states()["m00001"] == "ghost"
    assert room.email.sent == ["m00003"]


async def test_in_quiet_hours_a_message_waits_for_the_customers_own_morning():
    hours = QuietHours(start=time(20), end=time(11))  # 09:00 UTC is 10:00 in Paris
    room = Room(message(1), message(2), message(3), limits=Limits(quiet_hours=(hours,)))
    room.engine.people = {"c2": {"timezone": "Asia/Tokyo"}, "c3": {"timezone": "no/where"}}
    report = await room.run()
    assert (report.postponed, report.accepted, report.retried) == (2, 1, 0)
    assert room.email.sent == ["m00002"]
    waiting = room.queue.rows["m00001"].message
    assert (waiting.due_at, waiting.attempts) == (AT + timedelta(hours=1), 0)
    assert (await room.run(AT + timedelta(hours=1))).accepted == 2


async def test_what_certainly_did_not_leave_is_tried_again_later():
    room = Room(message(1))
    room.email.script = lambda outgoing: NotSent("connect_refused")
    report = await room.run()
    assert (report.retried, report.failed) == (1, 0)
    waiting = room.queue.rows["m00001"].message
    assert waiting.attempts == 1
    assert AT + timedelta(seconds=50) < waiting.due_at < AT + timedelta(seconds=70)


async def test_after_three_days_of_trying_a_message_is_given_up_and_says_why():
    room = Room(message(1))
    room.email.script = lambda outgoing: NotSent("connect_refused")
    at, runs = AT, 0
    while room.queue.pending():
        at = max(at, room.queue.rows["m00001"].message.due_at)
        await room.run(at)
        runs += 1
    outcome = room.queue.rows["m00001"].outcome
    assert outcome is not None
    assert (runs, outcome.state, outcome.reason) == (8, MessageState.FAILED, "gave_up")
    assert "connect_refused" in outcome.detail
    assert timedelta(days=2) < at - AT < timedelta(days=4)


async def test_the_vendors_wish_to_wait_is_kept():
    room = Room(message(1))
    room.email.script = lambda outgoing: NotSent("too_many", retry_after=3600)
    await room.run()
    assert room.queue.rows["m00001"].message.due_at >= AT + timedelta(hours=1)


async def test_a_refused_message_fails_and_an_unsubscription_is_asked_for():
    room = Room(message(1), message(2))
    room.email.script = lambda outgoing: Refused(
        "inactive", unsubscribe=outgoing.message_id == "m00002"
    )
    report = await room.run()
    assert report.failed == 2
    outcomes = [room.queue.rows[key].outcome for key in ("m00001", "m00002")]
    assert [o and (o.reason, o.suppress) for o in outcomes] == [
        ("inactive", False),
        ("inactive", True),
    ]


@pytest.mark.parametrize(("idempotent", "state"), [(False, "unknown"), (True, "queued")])
async def test_what_may_have_left_is_repeated_only_with_an_idempotency_key(
    idempotent: bool, state: str
):
    room = Room(message(1))
    room.email = FakeProvider(idempotent=idempotent)
    room.email.script = lambda outgoing: Unsure("read_timeout")
    report = await room.run()
    assert room.queue.states() == {"m00001": state}
    assert (report.unknown, report.retried) == ((0, 1) if idempotent else (1, 0))


async def test_a_provider_that_refuses_us_is_paused_and_everything_stays_queued():
    trigger = make_trigger(
        steps=(
            Step(index=0, channel="email", template="winback"),
            Step(index=1, channel="sms", template="winback"),
        )
    )
    texts = [message(9_000 + n, channel="sms", step=1) for n in range(10)]
    room = Room(*(message(n) for n in range(3_000)), *texts, triggers={"winback": trigger})
    room.email.script = lambda outgoing: Paused("unauthorized")
    report = await room.run()
    assert (report.accepted, report.paused) == (10, {"email": "provider_paused: unauthorized"})
    assert (report.failed, report.unknown, report.retried) == (0, 0, 0)
    assert len(room.email.sent) <= 32
    left = [row.message for row in room.queue.rows.values() if row.state is MessageState.QUEUED]
    assert len(left) == 3_000
    assert {(m.due_at, m.attempts) for m in left} == {(AT, 0)}


async def test_a_bug_in_a_provider_makes_the_message_unknown_and_the_others_still_leave():
    room = Room(*(message(n) for n in range(50)))

    def fall(outgoing: Outgoing) -> None:
        if outgoing.message_id == "m00007":
            raise ZeroDivisionError("c7@shop.example")

    room.email.script = fall
    report = await room.run()
    assert (report.unknown, report.accepted) == (1, 49)
    outcome = room.queue.rows["m00007"].outcome
    assert outcome is not None
    assert (outcome.reason, outcome.detail) == ("provider_bug", "ZeroDivisionError")


async def test_an_answer_for_another_number_of_messages_is_believed_for_none():
    room = Room(*(message(n) for n in range(3)))
    room.email = FakeProvider(batch_size=10)

    async def two(messages: object) -> list[Exception]:
        return []

    room.email.send = two  # type: ignore[method-assign,assignment]
    assert (await room.run()).unknown == 3


async def test_one_bad_address_of_a_batch_does_not_fail_its_neighbours():
    room = Room(*(message(n) for n in range(1_200)))
    room.email = FakeProvider(batch_size=500)
    room.email.script = lambda m: Refused("invalid") if m.message_id == "m00600" else None
    report = await room.run()
    assert (report.accepted, report.failed) == (1_199, 1)
    assert sorted(room.email.calls) == [200, 500, 500]


async def test_a_whole_batch_that_did_not_leave_goes_back_whole():
    room = Room(*(message(n) for n in range(20)))
    room.email = FakeProvider(batch_size=10)

    async def down(messages: object) -> list[Exception]:
        raise NotSent("connect_refused")

    room.email.send = down  # type: ignore[method-assign,assignment]
    assert (await room.run()).retried == 20


async def test_many_single_messages_are_on_the_wire_at_once():
    room = Room(*(message(n) for n in range(500)))
    await room.run()
    assert room.email.most_in_flight == 32


async def test_a_crash_would_leave_few_messages_unknown():
    room = Room(*(message(n) for n in range(5_000)))
    await room.run()
    assert room.queue.most_sending <= 400
    assert len(room.queue.groups) < 200


async def test_a_slow_provider_has_few_calls_in_flight_so_that_a_stop_is_quick():
    spec = ChannelSpec(name="email", provider="fake", sender="a@b.example", rate=2.0)
    room = Room(*(message(n) for n in range(100)))
    room.workspace = replace(room.workspace, channels={"email": spec})
    report = await room.run()
    assert report.accepted == 100
    assert room.email.most_in_flight <= 8


async def test_a_message_taken_over_by_another_worker_is_not_sent_twice():
    room = Room(*(message(n) for n in range(10)))
    look = room.engine.ask

    def overtaken(*args: object):
        room.queue.rows["m00003"].worker = "w2"  # its lease ended while we looked again
        return look(*args)  # type: ignore[arg-type]

    room.engine.ask = overtaken  # type: ignore[method-assign]
    report = await room.run()
    assert report.accepted == 9
    assert "m00003" not in room.email.sent


async def test_what_a_dead_worker_left_goes_back_or_becomes_unknown():
    room = Room(message(1), message(2))
    for key, state in (("m00001", MessageState.CLAIMED), ("m00002", MessageState.SENDING)):
        row = room.queue.rows[key]
        row.state, row.worker, row.lease_until = state, "dead", AT - timedelta(minutes=1)
    report = await room.run()
    assert (report.accepted, report.unknown) == (1, 1)
    assert room.email.sent == ["m00001"]


async def test_one_wave_only_is_taken_when_asked_for():
    room = Room(*(message(n) for n in range(6_000)))
    report = await room.delivery().run(AT, until_empty=False)
    assert 0 < report.accepted < 6_000
    assert room.queue.pending() == 6_000 - report.accepted


async def test_with_a_clock_each_outcome_carries_its_own_instant():
    room = Room(*(message(n) for n in range(3)))
    ticks = iter(range(10_000))
    await room.delivery().run(lambda: AT + timedelta(seconds=next(ticks)))
    assert len({row.outcome.at for row in room.queue.rows.values() if row.outcome}) == 3


async def test_when_the_customer_data_fails_the_claimed_messages_go_back_at_once():
    room = Room(*(message(n) for n in range(10)))
    room.engine.error = SourceError("the table customers is gone")
    with pytest.raises(SourceError, match="customers is gone"):
        await room.run()
    assert set(room.queue.states().values()) == {"queued"}
    assert room.email.sent == []


async def test_when_the_state_cannot_be_marked_nothing_is_sent():
    room = Room(*(message(n) for n in range(10)))
    room.queue.errors["sending"] = [StateError("the disk is full")]
    with pytest.raises(StateError, match="disk is full"):
        await room.run()
    assert room.email.sent == []
    assert set(room.queue.states().values()) == {"queued"}


async def test_a_state_that_fails_for_a_moment_loses_no_outcome():
    room = Room(*(message(n) for n in range(10)))
    room.queue.errors["record"] = [StateError("locked")] * 2
    report = await room.run()
    assert report.accepted == 10
    assert room.pauses == [0.2, 1.0]


async def test_a_state_that_fails_for_good_stops_the_sending_and_what_was_sent_is_not_repeated():
    room = Room(*(message(n) for n in range(3_000)))
    room.queue.errors["record"] = [StateError("the disk is full")] * 100
    with pytest.raises(StateError, match="disk is full"):
        await room.run()
    sent = set(room.email.sent)
    assert sent
    assert {room.queue.rows[key].state for key in sent} == {MessageState.SENDING}
    room.queue.errors.clear()
    second = await room.run(AT + timedelta(hours=1))
    assert second.unknown >= len(sent)
    assert len(room.email.sent) == len(set(room.email.sent))


async def test_after_a_stop_the_wire_finishes_and_the_rest_goes_back():
    room = Room(*(message(n) for n in range(5_000)))
    stop = asyncio.Event()

    def one_hundred(outgoing: object) -> None:
        if len(room.email.sent) >= 100:
            stop.set()

    room.email.script = one_hundred
    report = await room.delivery().run(AT, stop=stop)
    assert 100 <= report.accepted == len(room.email.sent) <= 300
    assert set(room.queue.states().values()) == {"accepted", "queued"}
    left = [r.message for r in room.queue.rows.values() if r.state is MessageState.QUEUED]
    assert {(m.due_at, m.attempts) for m in left} == {(AT, 0)}


async def test_a_call_that_hangs_after_a_stop_is_cut_off_and_its_message_is_unknown():
    room = Room(*(message(n) for n in range(5_000)))
    room.email.hold = asyncio.Event()  # never set
    stop = asyncio.Event()
    running = asyncio.create_task(room.delivery(grace=5.0).run(AT, stop=stop))
    while room.email.in_flight < 32:
        await asyncio.sleep(0)
    stop.set()
    report = await running
    assert report.unknown == len(room.email.sent) == 32
    assert 5.0 in room.pauses
    assert set(room.queue.states().values()) == {"unknown", "queued"}


async def test_cancelling_a_delivery_is_a_stop():
    room = Room(*(message(n) for n in range(5_000)))
    room.email.hold = asyncio.Event()
    running = asyncio.create_task(room.delivery().run(AT))
    while room.email.in_flight < 32:
        await asyncio.sleep(0)
    running.cancel()
    room.email.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(room.queue.states().values()) <= {"accepted", "queued", "unknown"}
    assert room.queue.states()["m04999"] == "queued"


def test_a_channel_without_its_provider_is_noticed_before_anything_is_claimed():
    room = Room()
    with pytest.raises(KeyError, match="sms"):
        Delivery(
            room.workspace,
            room.queue,
            room.engine,
            room.renderer,
            {"email": [room.email]},
            "w",
            receipts=FakeReceipts(room.queue),
        )
