"""Messages that may have been sent: repeated, looked up, or settled by a person; never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.state_words import DAY, MINUTE, day, entry, message, outcome, tick
from relance.domain.ledger import Claimed, Mark
from relance.domain.message import MessageState
from relance.errors import UsageError
from relance.pipeline.ports import Queue
from relance.store import MessageNote, State

NOW = day(0)
LEASE = NOW + 15 * MINUTE
LATER = LEASE + MINUTE
HOUR = timedelta(hours=1)


@pytest.fixture
def queue(state: State) -> Queue:
    return state.queue


def sending(state: State, customer: str = "ann", provider: str = "resend") -> str:
    """A message on the wire, marked at NOW."""
    one = message(entry(customer, NOW))
    state.ledger.commit(tick(NOW + len(customer) * MINUTE, messages=[one]))
    state.queue.claim(NOW, 9, LEASE, "w1")
    state.queue.sending([Mark(message=one.id, provider=provider)], NOW, "w1")
    return one.id


def claim(queue: Queue, at: object = LATER) -> list[Claimed]:
    return queue.claim(at, 9, at + 15 * MINUTE, "w2")  # type: ignore[arg-type,operator]


def note(state: State, customer: str = "ann") -> MessageNote:
    [found] = state.reader.history(customer).messages
    return found


def test_a_lost_message_is_repeated_while_its_providers_key_holds(
    state: State, queue: Queue
) -> None:
    one = sending(state)
    assert queue.release_expired(LATER, {"resend": HOUR}) == (1, 0)
    [again] = claim(queue)
    assert (again.id, again.provider, again.doubtful_at, again.attempts) == (one, "resend", NOW, 1)
    assert [a.state for a in note(state).attempts] == [MessageState.QUEUED]


def test_a_key_that_no_longer_holds_makes_it_unknown(state: State, queue: Queue) -> None:
    sending(state)
    window = LATER - NOW
    assert queue.release_expired(LATER, {"resend": window}) == (0, 1)
    [doubt] = queue.doubtful(LATER, 9)
    assert (doubt.provider, doubt.doubtful_at) == ("resend", NOW)


def test_the_key_is_another_providers_business(state: State, queue: Queue) -> None:
    sending(state, provider="postmark")
    assert queue.release_expired(LATER, {"resend": HOUR}) == (0, 1)


def test_the_window_is_counted_from_the_first_doubt_on(state: State, queue: Queue) -> None:
    one = sending(state)
    queue.release_expired(LATER, {"resend": HOUR})
    claim(queue)
    marked = queue.sending([Mark(message=one, provider="resend")], LATER, "w2")
    assert list(marked.ours) == [one]
    assert queue.release_expired(NOW + HOUR, {"resend": HOUR}) == (0, 1)
    [loose] = state.desk.unknown_list()
    assert loose.doubtful_at == NOW


def test_a_doubtful_message_put_back_keeps_its_doubt(state: State, queue: Queue) -> None:
    one = sending(state)
    back = outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w1", doubtful=True)
    queue.record([back])
    [again] = claim(queue)
    assert again.doubtful_at == NOW  # the mark: from then on it may have left
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w2")])
    [again] = claim(queue)
    assert (again.doubtful_at, again.provider) == (NOW, "resend")


def test_what_certainly_did_not_leave_is_not_doubtful(state: State, queue: Queue) -> None:
    one = sending(state)
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w1")])
    [again] = claim(queue)
    assert again.doubtful_at is None


def test_a_message_taken_back_by_the_repeat_is_sent_once(state: State, queue: Queue) -> None:
    one = sending(state)
    queue.release_expired(LATER, {"resend": HOUR})
    claim(queue)
    # the first worker comes back with the answer while the second is about to repeat
    queue.record([outcome(one, MessageState.ACCEPTED, LATER, worker="w1")])
    assert queue.sending([Mark(message=one, provider="resend")], LATER, "w2").ours == []
    assert note(state).state is MessageState.ACCEPTED


def test_of_two_outcomes_in_one_group_the_second_finds_what_the_first_left(
    state: State, queue: Queue
) -> None:
    one = sending(state)
    accepted = outcome(one, MessageState.ACCEPTED, NOW, worker="w1")
    back = outcome(one, MessageState.QUEUED, NOW, due_at=NOW, worker="w1")
    queue.record([accepted, back])
    assert note(state).state is MessageState.ACCEPTED
    assert len(note(state).attempts) == 2


def test_an_unknown_message_is_looked_up_a_minute_later_and_then_when_told(
    state: State, queue: Queue
) -> None:
    one = sending(state)
    queue.record([outcome(one, MessageState.UNKNOWN, NOW, worker="w1")])
    assert queue.doubtful(NOW + MINUTE - timedelta(seconds=1), 9) == []
    assert [m.id for m in queue.doubtful(NOW + MINUTE, 9)] == [one]
    queue.look_again([one], NOW + HOUR)
    assert queue.doubtful(NOW + 59 * MINUTE, 9) == []
    assert [m.id for m in queue.doubtful(NOW + HOUR, 9)] == [one]
    [loose] = state.desk.unknown_list()
    assert (loose.look_ups, loose.look_up_at) == (1, NOW + HOUR)
    queue.look_again([one], None)
    assert queue.doubtful(day(99), 9) == []
    assert len(state.desk.unknown_list()) == 1


def test_look_ups_begin_with_the_longest_due_and_no_more_than_asked(
    state: State, queue: Queue
) -> None:
    ids = [sending(state, customer) for customer in ("a", "bb", "ccc")]
    for number, one in enumerate(ids):
        at = NOW - number * MINUTE
        queue.record([outcome(one, MessageState.UNKNOWN, at, worker="w1")])
    assert [m.id for m in queue.doubtful(LATER, 2)] == [ids[2], ids[1]]


def test_a_person_may_send_an_unknown_message_again(state: State, queue: Queue) -> None:
    one = sending(state)
    queue.record([outcome(one, MessageState.UNKNOWN, NOW, worker="w1")])
    state.desk.unknown_resend([one], LATER)
    assert state.desk.unknown_list() == []
    assert queue.doubtful(day(9), 9) == []
    [again] = claim(queue)
    assert (again.id, again.due_at, again.doubtful_at) == (one, LATER, None)
    assert again.context == '{"customer.first_name":"Zoé"}'


def test_a_late_worker_cannot_undo_what_a_person_decided(state: State, queue: Queue) -> None:
    one = sending(state)
    queue.record([outcome(one, MessageState.UNKNOWN, NOW, worker="w1")])
    state.desk.unknown_drop([one], LATER)
    queue.record([outcome(one, MessageState.QUEUED, LATER, due_at=LATER, worker="w1")])
    assert (note(state).state, note(state).reason) == (MessageState.SKIPPED, "dropped")
    assert claim(queue) == []


def test_only_unknown_messages_can_be_resent_or_dropped_all_or_none(
    state: State, queue: Queue
) -> None:
    one, other = sending(state, "ann"), sending(state, "robert")
    queue.record([outcome(one, MessageState.UNKNOWN, NOW, worker="w1")])
    for decide in (state.desk.unknown_resend, state.desk.unknown_drop):
        with pytest.raises(UsageError, match=f"no message at all: {other}, nonsense"):
            decide([one, other, "nonsense"], LATER)
    assert [loose.id for loose in state.desk.unknown_list()] == [one]


def test_the_list_of_unknown_messages_can_be_narrowed(state: State, queue: Queue) -> None:
    one, other = sending(state, "ann", "resend"), sending(state, "robert", "postmark")
    queue.record([outcome(one, MessageState.UNKNOWN, NOW, reason="timeout", worker="w1")])
    queue.record([outcome(other, MessageState.UNKNOWN, NOW + DAY, worker="w1")])
    listed = state.desk.unknown_list
    [found] = listed(provider="resend")
    assert (found.id, found.customer, found.trigger, found.channel, found.since, found.reason) == (
        one, "ann", "winback", "email", NOW, "timeout",
    )  # fmt: skip
    assert [m.id for m in listed(before=NOW + DAY)] == [one]
    assert [m.id for m in listed(trigger="winback", channel="email")] == [one, other]
    assert listed(trigger="birthday") == []
    assert listed(channel="sms") == []


def test_the_backlog_drains_by_priority_then_expiry_then_due(state: State, queue: Queue) -> None:
    def put(customer: str, priority: int, due: int, expires: int | None) -> None:
        record = message(
            entry(customer, NOW),
            priority=priority,
            due_at=NOW - due * MINUTE,
            expires_at=None if expires is None else NOW + expires * MINUTE,
        )
        state.ledger.commit(tick(NOW + len(seen) * MINUTE, messages=[record]))
        seen.append(customer)

    seen: list[str] = []
    put("never expires", 50, 90, None)
    put("expires late", 50, 80, 60)
    put("expires soon", 50, 10, 30)
    put("expires soon, due first", 50, 20, 30)
    put("expires soon, not due", 50, -10, 30)
    put("urgent", 80, 0, None)
    first, rest = queue.claim(NOW, 2, LEASE, "w"), queue.claim(NOW, 9, LEASE, "w")
    assert [m.customer for m in [*first, *rest]] == [
        "urgent", "expires soon, due first", "expires soon", "expires late", "never expires",
    ]  # fmt: skip
    assert rest[0].expires_at == NOW + 30 * MINUTE
    assert rest[-1].expires_at is None
