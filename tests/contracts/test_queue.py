"""Messages on their way: claims, leases, outcomes, and what a crash leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from contracts.state_words import MINUTE, MessageRecord, day, entry, message, outcome, tick
from relance.domain.arm import Arm
from relance.domain.ledger import Claimed, Mark
from relance.domain.message import MessageState
from relance.pipeline.ports import Queue
from relance.store import MessageNote, State, open_state

NOW = day(0)
LEASE = NOW + 5 * MINUTE
LATER = LEASE + MINUTE


@pytest.fixture
def queue(state: State) -> Queue:
    return state.queue


def put(state: State, messages: Sequence[MessageRecord]) -> None:
    state.ledger.commit(tick(NOW, messages=messages))


def put_one(state: State, customer: str = "ann") -> str:
    one = message(entry(customer, NOW))
    put(state, [one])
    return one.id


def claim(queue: Queue, limit: int = 100, worker: str = "w1") -> list[Claimed]:
    return queue.claim(NOW, limit, LEASE, worker)


def send(queue: Queue, messages: Sequence[str], at: datetime, worker: str) -> Sequence[str]:
    """Mark messages for the outbox; those that are ours."""
    return queue.sending([Mark(message=m, provider="outbox") for m in messages], at, worker).ours


def note(state: State, customer: str = "ann") -> MessageNote:
    [found] = state.reader.history(customer).messages
    return found


def stored_context(state: State) -> str:
    """The template values that a claim would hand out, read past the queue."""
    from sqlalchemy import text

    with state.queue._database.read() as connection:
        return str(connection.scalar(text("SELECT context FROM message")))


def test_a_claim_carries_all_that_sending_needs(state: State, queue: Queue) -> None:
    held_out = entry("ann", NOW, arm=Arm.HOLDOUT)
    stored = message(held_out, step=2, channel="sms", due_at=NOW - MINUTE, priority=80)
    put(state, [stored])
    assert claim(queue) == [
        Claimed(
            id=stored.id,
            entry=held_out.id,
            trigger="winback",
            version="v1",
            customer="ann",
            step=2,
            channel="sms",
            template="winback",
            entry_at=NOW,
            due_at=NOW - MINUTE,
            priority=80,
            ghost=True,
            attempts=0,
            context='{"customer.first_name":"Zoé"}',
        )
    ]


def test_the_most_urgent_is_claimed_first_whatever_its_channel(state: State, queue: Queue) -> None:
    put(
        state,
        [
            message(entry("late", NOW), priority=50, due_at=NOW - MINUTE),
            message(entry("early", NOW), priority=50, due_at=NOW - 9 * MINUTE, channel="sms"),
            message(entry("vip", NOW), priority=80),
            message(entry("vip_next_week", NOW), priority=80, due_at=day(7)),
            message(entry("low", NOW), priority=-5, due_at=NOW - 99 * MINUTE),
        ],
    )
    assert [m.customer for m in claim(queue)] == ["vip", "early", "late", "low"]


def test_a_claim_takes_no_more_than_its_limit_and_no_message_twice(
    state: State, queue: Queue
) -> None:
    put(state, [message(entry(f"c{n}", NOW), priority=n % 3) for n in range(10)])
    first, second, third = claim(queue, 4), claim(queue, 4), claim(queue, 4)
    assert [len(some) for some in (first, second, third)] == [4, 4, 2]
    assert len({m.id for some in (first, second, third) for m in some}) == 10
    assert claim(queue) == []


def test_a_message_is_due_at_its_instant_and_not_before(state: State, queue: Queue) -> None:
    put(state, [message(entry("ann", NOW), due_at=day(1))])
    assert queue.claim(day(1) - timedelta(microseconds=1), 9, day(2), "w") == []
    assert len(queue.claim(day(1), 9, day(2), "w")) == 1


def test_a_channel_can_be_claimed_on_its_own(state: State, queue: Queue) -> None:
    emails = [message(entry(f"e{n}", NOW), priority=90) for n in range(5)]
    put(state, [*emails, message(entry("ann", NOW), channel="sms")])
    assert [m.customer for m in queue.claim(NOW, 9, LEASE, "w", "sms")] == ["ann"]
    assert queue.claim(NOW, 9, LEASE, "w", "sms") == []
    assert len(queue.claim(NOW, 9, LEASE, "w", "email")) == 5


def test_workers_that_claim_at_the_same_time_never_get_the_same_message(
    state: State, state_url: str
) -> None:
    put(state, [message(entry(f"c{n}", NOW), priority=n % 3) for n in range(300)])
    workers = [open_state(state_url, workspace="shop", lock_wait=30) for _ in range(3)]
    start = threading.Barrier(len(workers))
    taken: list[str] = []

    def work(number: int) -> None:
        start.wait()
        while found := claim(workers[number].queue, 7, f"w{number}"):
            taken.extend(m.id for m in found)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    # a worker that finds everything locked may stop early: the rest stays queued, not lost
    taken.extend(m.id for m in claim(state.queue, 300))
    assert len(taken) == 300
    assert len(set(taken)) == 300


def test_only_its_holder_may_put_a_message_on_the_wire(state: State, queue: Queue) -> None:
    one = put_one(state)
    assert send(queue, [one], NOW, "w1") == []  # not claimed at all
    claim(queue, worker="w1")
    assert send(queue, [one, "unheard-of"], NOW, "w2") == []
    assert send(queue, [one, "unheard-of"], NOW, "w1") == [one]


def test_a_lease_that_ran_out_no_longer_allows_sending(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    assert send(queue, [one], LATER, "w1") == []


def test_only_a_state_in_a_file_works_in_this_process(queue: Queue, state_url: str) -> None:
    assert queue.in_process == state_url.startswith("sqlite")


def test_of_a_group_only_what_is_still_held_goes_on_the_wire(state: State, queue: Queue) -> None:
    put(state, [message(entry(f"c{n}", NOW)) for n in range(4)])
    mine = [m.id for m in claim(queue, 2, "w1")]
    others = [m.id for m in claim(queue, 2, "w2")]
    assert send(queue, [others[0], mine[0], others[1], mine[1]], NOW, "w1") == mine
    assert send(queue, others, NOW, "w2") == others  # nobody else touched them


def test_sending_keeps_the_order_it_was_asked_in(state: State, queue: Queue) -> None:
    put(state, [message(entry(f"c{n}", NOW)) for n in range(5)])
    asked = sorted((m.id for m in claim(queue)), reverse=True)
    assert send(queue, asked, NOW, "w1") == asked


@pytest.mark.parametrize(
    "final",
    [MessageState.ACCEPTED, MessageState.FAILED, MessageState.SKIPPED, MessageState.GHOST],
)
def test_a_final_outcome_clears_the_template_values(
    state: State, queue: Queue, final: MessageState
) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.record([outcome(one, final, NOW, reason="why")])
    assert (note(state).state, note(state).reason) == (final, "why")
    assert stored_context(state) == ""
    assert queue.pending() == 0
    assert claim(queue) == []


def test_an_unknown_message_keeps_its_values_and_is_listed(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.record([outcome(one, MessageState.UNKNOWN, LATER, reason="timeout")])
    [loose] = state.reader.unknown()
    assert (loose.id, loose.since, loose.reason) == (one, LATER, "timeout")
    assert stored_context(state) != ""
    assert claim(queue) == []


def test_a_message_put_back_is_tried_again_when_it_is_due(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.record([outcome(one, MessageState.QUEUED, NOW, reason="busy", due_at=day(1))])
    assert claim(queue) == []
    [again] = queue.claim(day(1), 9, day(2), "w2")
    assert (again.id, again.attempts, again.due_at) == (one, 1, day(1))
    assert again.context == '{"customer.first_name":"Zoé"}'


def test_waiting_out_quiet_hours_is_no_attempt(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    back = outcome(one, MessageState.QUEUED, NOW, due_at=day(1), attempted=False)
    queue.record([back])
    [again] = queue.claim(day(1), 9, day(2), "w2")
    assert again.attempts == 0
    assert note(state).attempts == ()


def test_every_attempt_is_kept(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.record([outcome(one, MessageState.QUEUED, NOW, reason="busy", due_at=NOW)])
    claim(queue, worker="w2")
    send(queue, [one], NOW, "w2")
    queue.record([outcome(one, MessageState.ACCEPTED, LATER)])
    tried = note(state).attempts
    assert [(a.state, a.reason, a.provider, a.provider_id, a.at) for a in tried] == [
        (MessageState.QUEUED, "busy", "outbox", None, NOW),
        (MessageState.ACCEPTED, "", "outbox", "p-1", LATER),
    ]


def test_an_outcome_may_suppress_the_customer_on_that_channel(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    refused = outcome(one, MessageState.FAILED, NOW, reason="inactive_recipient", suppress=True)
    queue.record([refused])
    assert queue.blocked("email", ["ann", "bob"]) == {"ann"}
    assert queue.blocked("sms", ["ann", "bob"]) == set()
    assert state.ledger.suppressed("email").to_pylist() == ["ann"]


def test_what_was_only_claimed_goes_back_and_what_was_on_the_wire_is_unknown(
    state: State, queue: Queue
) -> None:
    put(state, [message(entry(c, NOW)) for c in ("ann", "bob", "cid")])
    by_customer = {m.customer: m.id for m in claim(queue)}
    send(queue, [by_customer["ann"]], NOW, "w1")
    assert queue.release_expired(LEASE, {}) == (0, 0)  # the lease holds up to its last instant
    assert queue.release_expired(LATER, {}) == (2, 1)
    assert queue.release_expired(LATER, {}) == (0, 0)
    assert [m.id for m in state.reader.unknown()] == [by_customer["ann"]]
    assert [a.state for a in note(state).attempts] == [MessageState.UNKNOWN]
    again = queue.claim(LATER, 9, LATER + MINUTE, "w2")
    assert {m.id for m in again} == {by_customer["bob"], by_customer["cid"]}


def test_a_message_released_is_as_if_never_claimed(state: State, queue: Queue) -> None:
    put_one(state)
    [before] = claim(queue)
    queue.release_expired(LATER, {})
    [after] = queue.claim(LATER, 9, LATER + MINUTE, "w2")
    assert after == before


def test_a_late_confirmation_settles_what_was_unknown(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.release_expired(LATER, {})
    queue.record([outcome(one, MessageState.ACCEPTED, LATER)])
    assert note(state).state is MessageState.ACCEPTED
    assert state.reader.unknown() == []


def test_a_late_worker_never_puts_back_what_may_have_been_sent(state: State, queue: Queue) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.release_expired(LATER, {})
    queue.record([outcome(one, MessageState.QUEUED, LATER, reason="busy", due_at=LATER)])
    assert note(state).state is MessageState.UNKNOWN
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w2")])
    assert note(state).state is MessageState.UNKNOWN


def test_the_worker_that_had_it_on_the_wire_may_say_that_it_never_left(
    state: State, queue: Queue
) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.release_expired(LATER, {})
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w1")])
    assert note(state).state is MessageState.QUEUED


def test_a_worker_whose_lease_was_taken_over_cannot_move_the_message(
    state: State, queue: Queue
) -> None:
    one = put_one(state)
    claim(queue, worker="slow")
    queue.release_expired(LATER, {})
    queue.claim(LATER, 9, LATER + 9 * MINUTE, "quick")
    send(queue, [one], LATER, "quick")
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="slow")])
    assert note(state).state is MessageState.SENDING
    assert [a.state for a in note(state).attempts] == [MessageState.QUEUED]
    queue.record([outcome(one, MessageState.ACCEPTED, LATER, worker="quick")])
    assert note(state).state is MessageState.ACCEPTED


@pytest.mark.parametrize(
    "late", [MessageState.QUEUED, MessageState.FAILED, MessageState.UNKNOWN, MessageState.SKIPPED]
)
def test_what_was_accepted_stays_accepted(state: State, queue: Queue, late: MessageState) -> None:
    one = put_one(state)
    claim(queue)
    send(queue, [one], NOW, "w1")
    queue.record([outcome(one, MessageState.ACCEPTED, NOW)])
    queue.record([outcome(one, late, LATER, due_at=LATER)])
    assert note(state).state is MessageState.ACCEPTED
    assert [a.state for a in note(state).attempts] == [MessageState.ACCEPTED, late]
    assert queue.claim(LATER, 9, LATER + MINUTE, "w2") == []


def test_of_a_group_one_that_was_settled_already_does_not_hold_up_the_others(
    state: State, queue: Queue
) -> None:
    put(state, [message(entry(c, NOW)) for c in ("ann", "bob", "cid")])
    ids = {m.customer: m.id for m in claim(queue)}
    send(queue, list(ids.values()), NOW, "w1")
    queue.record([outcome(ids["bob"], MessageState.ACCEPTED, NOW)])
    queue.record([outcome(ids[c], MessageState.ACCEPTED, LATER) for c in ("ann", "bob", "cid")])
    for customer, left in (("ann", LATER), ("bob", NOW), ("cid", LATER)):
        found = note(state, customer)
        assert (found.state, found.changed_at) == (MessageState.ACCEPTED, left)
        assert found.attempts[0].at == left


def test_outcomes_of_a_group_are_recorded_together(state: State, queue: Queue) -> None:
    put(state, [message(entry(f"c{n}", NOW)) for n in range(1200)])
    ids = [m.id for m in claim(queue, 1200)]
    assert queue.pending() == 1200
    assert set(send(queue, ids, NOW, "w1")) == set(ids)
    queue.record([outcome(one, MessageState.ACCEPTED, NOW) for one in ids])
    assert queue.pending() == 0
    assert state.reader.tallies()[0].messages == {"accepted": 1200}
    queue.record([])


def test_reports_count_skipped_and_failed_by_reason_and_leave_ghosts_out(
    state: State, queue: Queue
) -> None:
    records = [message(entry(c, NOW)) for c in ("ann", "bob", "cid")]
    records.append(message(entry("dan", NOW, arm=Arm.HOLDOUT)))
    put(state, records)
    ids = {m.customer: m.id for m in claim(queue)}
    queue.record(
        [
            outcome(ids["ann"], MessageState.SKIPPED, NOW, reason="no_consent"),
            outcome(ids["bob"], MessageState.FAILED, NOW, reason="bad_address"),
            outcome(ids["cid"], MessageState.SKIPPED, NOW, reason="goal_reached"),
            outcome(ids["dan"], MessageState.SKIPPED, NOW, reason="goal_reached"),
        ]
    )
    [tally] = state.reader.tallies()
    assert tally.messages == {"skipped": 2, "failed": 1}
    assert tally.skipped == {"goal_reached": 1, "no_consent": 1}
    assert tally.failed == {"bad_address": 1}


def test_consents_and_blocks_are_answered_for_many_customers_at_once(
    state: State, queue: Queue
) -> None:
    many = [f"c{n}" for n in range(2500)]
    state.suppress("email", "c7", "unsubscribed", NOW)
    state.suppress("email", "c2400", "unsubscribed", NOW)
    state.record_consent("email", "c1", NOW, "page", granted=True)
    state.record_consent("email", "c2000", NOW, "page", granted=True)
    state.record_consent("email", "c2000", LATER, "page", granted=False)
    assert queue.blocked("email", many) == {"c7", "c2400"}
    assert queue.consents("email", many) == {"c1": True, "c2000": False}
    assert queue.consents("email", []) == {}
