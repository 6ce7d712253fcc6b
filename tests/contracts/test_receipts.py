"""What providers report: each event counts once, in whatever order, and people are left alone."""

from __future__ import annotations

import itertools

import pytest

from contracts.reported import LATER, LEASE, NOW, accept, mark, note, put, receipt, report, sent
from contracts.state_words import DAY, MINUTE, day, entry, message, outcome, tick
from relance.domain.arm import Arm
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.store import State, Suppressed


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        (ReceiptKind.DELIVERED, MessageState.DELIVERED),
        (ReceiptKind.OPENED, MessageState.DELIVERED),
        (ReceiptKind.DROPPED, MessageState.BOUNCED),
        (ReceiptKind.HARD_BOUNCED, MessageState.BOUNCED),
        (ReceiptKind.COMPLAINED, MessageState.COMPLAINED),
        (ReceiptKind.DEFERRED, MessageState.ACCEPTED),
    ],
)
@pytest.mark.parametrize("by", ["our id", "the provider's id"])
def test_a_report_moves_the_message_that_it_is_about(
    state: State, kind: ReceiptKind, then: MessageState, by: str
) -> None:
    one = sent(state)
    names = {"message_id": one} if by == "our id" else {"provider_id": f"p-{one}"}
    assert report(state, receipt(kind, **names)) == 1
    assert note(state).state is then
    assert [found.kind for found in note(state).receipts] == [kind]


def test_an_event_counts_once_however_often_it_comes(state: State) -> None:
    one = sent(state)
    event = receipt(ReceiptKind.DELIVERED, one, event="same")
    assert report(state, event, event) == 1
    assert report(state, event) == 0
    assert len(note(state).receipts) == 1
    assert report(state) == 0


def test_events_in_any_order_end_in_the_same_state(state: State) -> None:
    kinds = [ReceiptKind.DELIVERED, ReceiptKind.OPENED, ReceiptKind.COMPLAINED]
    for number, order in enumerate(itertools.permutations(kinds)):
        customer = f"c{number}"
        one = sent(state, customer)
        for kind in order:
            report(state, receipt(kind, one))
        assert note(state, customer).state is MessageState.COMPLAINED


def test_of_a_message_not_known_to_be_sent_a_report_says_that_it_was(state: State) -> None:
    queued, claimed, sending, unknown = (
        put(state, customer, NOW + number * MINUTE)
        for number, customer in enumerate(["queued", "claimed", "sending", "unknown"])
    )
    state.queue.claim(NOW, 99, LEASE, "w1")
    state.queue.sending([Mark(message=m, provider="x") for m in (sending, unknown)], NOW, "w1")
    back = outcome(queued, MessageState.QUEUED, NOW, due_at=NOW)
    state.queue.record([back, outcome(unknown, MessageState.UNKNOWN, NOW)])
    report(state, *(receipt(ReceiptKind.DELIVERED, m) for m in (queued, claimed, sending, unknown)))
    for customer in ("queued", "claimed", "sending", "unknown"):
        assert note(state, customer).state is MessageState.DELIVERED
    assert state.queue.claim(LATER, 9, LATER + DAY, "w2") == []
    assert state.queue.release_expired(LATER, {}) == (0, 0)
    assert state.queue.doubtful(LATER, 9) == []
    assert contexts(state) == {""}


def contexts(state: State) -> set[str]:
    from sqlalchemy import text

    with state._database.read() as connection:
        return set(connection.scalars(text("SELECT context FROM message")))


def test_nothing_that_a_worker_says_later_takes_a_report_back(state: State) -> None:
    one = put(state, "ann")
    mark(state, one)
    report(state, receipt(ReceiptKind.HARD_BOUNCED, one))
    for late in (MessageState.ACCEPTED, MessageState.QUEUED, MessageState.UNKNOWN):
        state.queue.record([outcome(one, late, LATER, due_at=LATER, worker="w1")])
        assert note(state).state is MessageState.BOUNCED


def test_nobody_sent_to_the_held_out_whatever_is_reported(state: State) -> None:
    one = message(entry("ann", NOW, arm=Arm.HOLDOUT))
    state.ledger.commit(tick(NOW, messages=[one]))
    state.queue.claim(NOW, 9, LEASE, "w1")
    state.queue.record([outcome(one.id, MessageState.GHOST, NOW)])
    report(state, receipt(ReceiptKind.DELIVERED, one.id))
    assert note(state).state is MessageState.GHOST


def test_a_report_that_is_faster_than_our_own_record_waits_for_it(state: State) -> None:
    one = put(state, "ann")
    mark(state, one)
    early = [receipt(ReceiptKind.DELIVERED, provider_id="p-1"),
             receipt(ReceiptKind.COMPLAINED, provider_id="p-1")]  # fmt: skip
    assert report(state, *early) == 2
    assert note(state).state is MessageState.SENDING
    accept(state, one)
    assert note(state).state is MessageState.COMPLAINED
    assert state.queue.blocked("email", ["ann"]) == {"ann"}
    assert state.queue.blocked_addresses("email", ["r-ann"]) == {"r-ann"}
    assert report(state, *early) == 0


def test_a_look_up_that_finds_the_providers_id_lets_what_waited_for_it_count(state: State) -> None:
    one = put(state, "ann")
    mark(state, one)
    state.queue.record([outcome(one, MessageState.UNKNOWN, NOW)])
    report(state, receipt(ReceiptKind.HARD_BOUNCED, provider_id="p-1"))
    report(state, receipt(ReceiptKind.ACCEPTED, one, provider_id="p-1"))
    assert note(state).state is MessageState.BOUNCED
    assert state.queue.taken("postmark", ["p-1", "p-2"]) == {"p-1"}
    assert state.queue.blocked_addresses("email", ["r-ann"]) == {"r-ann"}


def test_another_systems_events_are_kept_and_change_nothing(state: State) -> None:
    sent(state)
    foreign = receipt(ReceiptKind.DELIVERED, "not-ours", provider_id="not-ours-either")
    assert report(state, foreign) == 1
    assert report(state, foreign) == 0
    assert note(state).state is MessageState.ACCEPTED


def test_the_same_providers_id_at_another_provider_is_another_message(state: State) -> None:
    one = sent(state)
    elsewhere = Receipt(
        provider="mailgun", event_id="x", kind=ReceiptKind.DELIVERED, provider_id=f"p-{one}"
    )
    report(state, elsewhere)
    assert note(state).state is MessageState.ACCEPTED


def test_a_report_does_not_change_when_the_message_left(state: State) -> None:
    one = sent(state)
    report(state, receipt(ReceiptKind.HARD_BOUNCED, one, at=day(9)), at=day(9))
    assert note(state).changed_at == NOW
    assert state.ledger.recent_messages(day(5)).num_rows == 0


def test_the_answer_stays_an_attempt_whatever_is_reported_later(state: State) -> None:
    one = sent(state)
    report(state, receipt(ReceiptKind.DELIVERED, one))
    [tried] = note(state).attempts
    assert (tried.state, tried.at) == (MessageState.ACCEPTED, NOW)
    assert (tried.provider, tried.provider_id) == ("postmark", f"p-{one}")


def test_what_only_a_report_told_was_no_answer(state: State) -> None:
    one = put(state, "ann")
    mark(state, one)
    report(state, receipt(ReceiptKind.DELIVERED, one))
    assert note(state).state is MessageState.DELIVERED
    assert note(state).attempts == ()
    accept(state, one, at=LATER + MINUTE)  # the answer after all
    assert [attempt.state for attempt in note(state).attempts] == [MessageState.ACCEPTED]


def test_the_raw_form_is_kept_of_unknown_events_only_and_never_without_end(state: State) -> None:
    one = sent(state)
    report(
        state,
        receipt(ReceiptKind.UNKNOWN, one, raw="x" * 100_000),
        receipt(ReceiptKind.OPENED, one, raw="secret"),
    )
    from sqlalchemy import text

    with state._database.read() as connection:
        kept = connection.execute(text("SELECT kind, raw FROM receipt ORDER BY kind")).all()
    assert [(kind, len(raw)) for kind, raw in kept] == [("opened", 0), ("unknown", 65_536)]


def test_no_text_of_a_vendors_breaks_the_record(state: State) -> None:
    one = sent(state)
    odd = Receipt(
        provider="postmark",
        event_id="e" * 5000,
        kind=ReceiptKind.UNKNOWN,
        message_id=one,
        provider_id="p\0" * 3000,
        reason="broken \ud800 surrogate",
        recipient="",
        raw="NUL \0 and \udfff",
    )
    assert report(state, odd) == 1
    assert report(state, odd) == 0
    state.queue.record(
        [outcome(one, MessageState.ACCEPTED, NOW, reason="\0", provider_id="\0" * 9000)]
    )


def test_an_event_from_the_future_happened_when_we_heard_of_it(state: State) -> None:
    one = put(state, "ann")
    mark(state, one)
    report(state, receipt(ReceiptKind.DELIVERED, one, at=day(99)))
    assert note(state).changed_at == LATER
    assert note(state).receipts[0].at == LATER


def test_news_for_the_companys_own_people_suppress_nobody(state: State) -> None:
    one = put(state, "ann", channel="slack")
    mark(state, one, recipient="")
    accept(state, one)
    report(state, receipt(ReceiptKind.HARD_BOUNCED, one), channel="slack")
    assert list(state.desk.suppressions()) == []


def test_a_thousand_events_at_once_are_taken(state: State) -> None:
    records = [message(entry(f"c{n}", NOW)) for n in range(1000)]
    state.ledger.commit(tick(NOW, messages=records))
    state.queue.claim(NOW, 1000, LEASE, "w1")
    marks = [Mark(message=m.id, provider="postmark", recipient=f"r-{m.id}") for m in records]
    state.queue.sending(marks, NOW, "w1")
    state.queue.record(
        [
            outcome(m.id, MessageState.ACCEPTED, NOW, provider_id=f"p-{m.id}", provider="postmark")
            for m in records
        ]
    )
    found = [receipt(ReceiptKind.DELIVERED, provider_id=f"p-{m.id}") for m in records]
    assert report(state, *found) == 1000
    assert state.reader.tallies()[0].messages == {"delivered": 1000}


def test_suppressions_of_reports_do_not_replace_those_of_people(state: State) -> None:
    state.desk.suppress([Suppressed(channel="email", recipient="r-ann", reason="asked", at=NOW)])
    report(state, receipt(ReceiptKind.HARD_BOUNCED, sent(state)))
    assert [found.reason for found in state.desk.suppressions()] == ["asked"]
