"""What workers share right before the wire: budgets of a day, and a rate."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from contracts.state_words import MINUTE, day, entry, message, tick
from relance.domain.ledger import Budget, Mark, Marked, Outcome
from relance.domain.message import MessageState
from relance.pipeline.ports import Queue
from relance.store import State, open_state

NOW = day(0)
LEASE = NOW + 15 * MINUTE
TODAY = date(2026, 3, 1)


@pytest.fixture
def queue(state: State) -> Queue:
    return state.queue


def claimed(state: State, number: int) -> list[str]:
    records = [message(entry(f"c{n}", NOW)) for n in range(number)]
    state.ledger.commit(tick(NOW, messages=records))
    return [m.id for m in state.queue.claim(NOW, number, LEASE, "w1")]


def send(queue: Queue, ids: Sequence[str], *budgets: Budget, provider: str = "postmark") -> Marked:
    marks = [Mark(message=one, provider=provider) for one in ids]
    return queue.sending(marks, NOW, "w1", budgets)


def budget(name: str, limit: int, of: date = TODAY) -> Budget:
    return Budget(name=name, day=of, limit=limit)


def test_a_budget_is_spent_in_the_order_of_the_marks(state: State, queue: Queue) -> None:
    ids = claimed(state, 5)
    first = send(queue, ids[:2], budget("channel/email", 3))
    assert (first.ours, first.over) == (ids[:2], [])
    second = send(queue, ids[2:], budget("channel/email", 3))
    assert (second.ours, second.over) == ([ids[2]], ids[3:])


def test_what_is_over_a_budget_stays_claimed(state: State, queue: Queue) -> None:
    ids = claimed(state, 2)
    assert send(queue, ids, budget("channel/email", 0)).over == ids
    assert queue.release_expired(LEASE + MINUTE, {}) == (2, 0)


def test_every_budget_must_have_room_and_one_without_room_spends_no_other(
    state: State, queue: Queue
) -> None:
    ids = claimed(state, 5)
    provider, channel = budget("provider/postmark", 2), budget("channel/email", 9)
    assert send(queue, ids, provider, channel).ours == ids[:2]
    assert send(queue, ids[2:], budget("channel/email", 3)).ours == [ids[2]]


def test_a_day_has_its_own_budget_and_so_has_a_name(state: State, queue: Queue) -> None:
    ids = claimed(state, 4)
    assert send(queue, ids[:1], budget("a", 1)).ours == ids[:1]
    assert send(queue, ids[1:2], budget("a", 1)).ours == []
    assert send(queue, ids[1:2], budget("b", 1)).ours == ids[1:2]
    assert send(queue, ids[2:3], budget("a", 1, TODAY + timedelta(days=1))).ours == ids[2:3]


def test_a_raised_limit_counts_at_once_and_a_lowered_one_too(state: State, queue: Queue) -> None:
    ids = claimed(state, 6)
    assert len(send(queue, ids, budget("a", 2)).ours) == 2
    assert len(send(queue, ids[2:], budget("a", 3)).ours) == 1
    assert len(send(queue, ids[3:], budget("a", 1)).ours) == 0


def test_a_message_that_is_not_ours_spends_nothing(state: State, queue: Queue) -> None:
    ids = claimed(state, 2)
    marks = [Mark(message=one, provider="x") for one in ids]
    assert queue.sending(marks, NOW, "w2", [budget("a", 1)]).ours == []
    assert send(queue, ["unheard-of", ids[0]], budget("a", 1)).ours == [ids[0]]


def test_a_message_that_moves_to_another_provider_spends_that_ones_budget_only(
    state: State, queue: Queue
) -> None:
    ids = claimed(state, 3)
    channel = budget("channel/email", 3)
    assert len(send(queue, ids, budget("provider/postmark", 9), channel).ours) == 3
    other = budget("provider/mailgun", 2)
    moved = send(queue, ids, other, channel, provider="mailgun")
    assert (moved.ours, moved.over) == (ids[:2], ids[2:])
    # the third is still on its way by the first
    assert queue.release_expired(LEASE + MINUTE, {"postmark": timedelta(hours=1)}) == (1, 2)


def back(one: str, *unspent: Budget, worker: str = "w1", doubtful: bool = False) -> Outcome:
    state = MessageState.UNKNOWN if doubtful else MessageState.QUEUED
    return Outcome(message=one, state=state, at=NOW, worker=worker, due_at=NOW, unspent=unspent)


def room_left(state: State, *budgets: Budget) -> int:
    """How many more messages may leave under these budgets."""
    n = sum(budget.limit for budget in budgets) + 1
    records = [message(entry(f"more-{n}-{each}", NOW)) for each in range(n)]
    state.ledger.commit(tick(NOW + timedelta(hours=n), messages=records))
    fresh = [m.id for m in state.queue.claim(NOW, 1_000, LEASE, "other")]
    marks = [Mark(message=one, provider="x") for one in fresh]
    return len(state.queue.sending(marks, NOW, "other", budgets).ours)


def test_what_did_not_leave_gives_back_what_its_mark_has_spent(state: State, queue: Queue) -> None:
    ids = claimed(state, 3)
    both = budget("provider/postmark", 5), budget("channel/email", 3)
    assert len(send(queue, ids, *both).ours) == 3
    queue.record([back(one, *both) for one in ids[:2]])
    assert room_left(state, both[1]) == 2


def test_only_a_mark_that_still_stands_is_given_back(state: State, queue: Queue) -> None:
    ids, one = claimed(state, 4), budget("channel/email", 4)
    assert len(send(queue, ids[:3], one).ours) == 3
    queue.record([back(ids[3], one)])  # never marked
    queue.record([back(ids[0], one, worker="w2")])  # not its holder
    queue.record([back(ids[1])])
    queue.record([back(ids[1], one)])  # back already
    queue.release_expired(LEASE + MINUTE, {})
    queue.record([back(ids[2], one)])  # unknown by now
    assert room_left(state, one) == 1


def test_nothing_is_given_back_beyond_what_was_spent(state: State, queue: Queue) -> None:
    ids, one = claimed(state, 1), budget("channel/email", 2)
    send(queue, ids, one)
    queue.record([back(ids[0], one, one, one, budget("unheard-of", 1))])
    assert room_left(state, one) == 2


def test_a_message_that_moves_to_another_provider_gives_the_firsts_budget_back(
    state: State, queue: Queue
) -> None:
    ids = claimed(state, 3)
    first, channel = budget("provider/postmark", 3), budget("channel/email", 9)
    second = budget("provider/mailgun", 2)
    send(queue, ids, first, channel)
    marks = [Mark(message=one, provider="mailgun") for one in ids]
    moved = queue.sending(marks, NOW, "w1", [second], [first])
    assert (moved.ours, moved.over) == (ids[:2], ids[2:])
    assert room_left(state, first) == 2


def test_workers_together_spend_no_more_than_the_budget(state: State, state_url: str) -> None:
    claimed_by: dict[str, list[str]] = {}
    records = [message(entry(f"c{n}", NOW)) for n in range(120)]
    state.ledger.commit(tick(NOW, messages=records))
    workers = {f"w{n}": open_state(state_url, workspace="shop", lock_wait=30) for n in range(3)}
    for name in workers:
        claimed_by[name] = [m.id for m in state.queue.claim(NOW, 40, LEASE, name)]
    start = threading.Barrier(3)
    sent: list[str] = []

    def work(name: str, own: State) -> None:
        start.wait()
        ids = claimed_by[name]
        for place in range(0, len(ids), 5):
            marks = [Mark(message=one, provider="x") for one in ids[place : place + 5]]
            both = [budget("b", 50), budget("a", 70)]
            sent.extend(own.queue.sending(marks, NOW, name, both).ours)

    threads = [threading.Thread(target=work, args=item) for item in workers.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own in workers.values():
        own.close()
    assert len(sent) == len(set(sent)) == 50


def test_messages_leave_one_gap_after_the_other(queue: Queue) -> None:
    assert queue.reserve("sms", 1, 0.5, NOW) == NOW
    assert queue.reserve("sms", 1, 0.5, NOW) == NOW + timedelta(seconds=0.5)
    assert queue.reserve("sms", 4, 0.5, NOW) == NOW + timedelta(seconds=1)
    assert queue.reserve("sms", 1, 0.5, NOW) == NOW + timedelta(seconds=3)
    assert queue.reserve("email", 1, 0.5, NOW) == NOW


def test_a_rate_that_was_not_used_saves_nothing_up(queue: Queue) -> None:
    queue.reserve("sms", 10, 1, NOW)
    assert queue.reserve("sms", 10, 1, NOW + MINUTE) == NOW + MINUTE
    assert queue.reserve("sms", 1, 1, NOW + MINUTE) == NOW + MINUTE + timedelta(seconds=10)


def test_a_clock_that_was_set_back_stops_no_rate(queue: Queue) -> None:
    queue.reserve("sms", 1, 0.1, NOW + timedelta(hours=1))
    assert queue.reserve("sms", 1, 0.1, NOW) == NOW
    assert queue.reserve("sms", 1, 0.1, NOW) == NOW + timedelta(seconds=0.1)


def test_a_long_line_of_batches_is_believed(queue: Queue) -> None:
    starts = [queue.reserve("email", 500, 0.2, NOW) for _ in range(15)]
    assert starts == [NOW + n * timedelta(seconds=100) for n in range(15)]


def test_workers_together_never_get_the_same_place(state: State, state_url: str) -> None:
    workers = [open_state(state_url, workspace="shop", lock_wait=30) for _ in range(3)]
    start = threading.Barrier(len(workers))
    places: list[datetime] = []

    def work(own: State) -> None:
        start.wait()
        for _ in range(20):
            places.append(own.queue.reserve("sms", 1, 0.001, NOW))

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in workers:
        one.close()
    assert sorted(places) == [NOW + n * timedelta(milliseconds=1) for n in range(60)]
