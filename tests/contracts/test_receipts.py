"""What providers report: each event counts once, in whatever order, and people are left alone."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from contracts.state_words import DAY, MINUTE, day, entry, message, outcome, tick
from relance.domain.arm import Arm
from relance.domain.duration import Duration
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.pipeline.ports import Receipts
from relance.store import MessageNote, State, Suppressed

NOW = day(0)
LEASE = NOW + 15 * MINUTE
LATER = LEASE + MINUTE
POLICY = BouncePolicy()
numbers = itertools.count()


def receipt(
    kind: ReceiptKind,
    message_id: str | None = None,
    *,
    event: str | None = None,
    at: datetime | None = LATER,
    provider_id: str | None = None,
    recipient: str | None = None,
    raw: str = "",
) -> Receipt:
    return Receipt(
        provider="postmark",
        event_id=event or f"event-{next(numbers)}",
        kind=kind,
        at=at,
        message_id=message_id,
        provider_id=provider_id,
        recipient=recipient,
        raw=raw,
    )


def report(state: State, *receipts: Receipt, channel: str = "email", at: datetime = LATER) -> int:
    receiver: Receipts = state.receipts
    return receiver.record(channel, receipts, at, POLICY)


def put(state: State, customer: str, at: datetime = NOW, channel: str = "email") -> str:
    one = message(entry(customer, at), channel=channel, due_at=NOW)
    state.ledger.commit(tick(at, messages=[one]))
    return one.id


def mark(state: State, *ids: str, recipient: str = "r-ann", provider: str = "postmark") -> None:
    state.queue.claim(NOW, 99, LEASE, "w1")
    marks = [Mark(message=one, provider=provider, recipient=recipient) for one in ids]
    assert list(state.queue.sending(marks, NOW, "w1").ours) == list(ids)


def accept(state: State, one: str, provider_id: str | None = "p-1", at: datetime = NOW) -> None:
    taken = outcome(one, MessageState.ACCEPTED, at, provider_id=provider_id, provider="postmark")
    state.queue.record([taken])


def sent(state: State, customer: str = "ann", recipient: str = "r-ann") -> str:
    """A message that the provider has taken."""
    one = put(state, customer, NOW + next(numbers) * MINUTE)
    mark(state, one, recipient=recipient)
    accept(state, one, f"p-{one}")
    return one


def note(state: State, customer: str = "ann") -> MessageNote:
    [found] = state.reader.history(customer).messages
    return found


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


def test_a_hard_bounce_suppresses_the_address_and_not_its_owner(state: State) -> None:
    one = sent(state)
    report(state, receipt(ReceiptKind.HARD_BOUNCED, one, recipient="r-as-the-vendor-writes-it"))
    assert state.queue.blocked("email", ["ann"]) == set()
    both = ["r-ann", "r-as-the-vendor-writes-it", "r-other"]
    assert state.queue.blocked_addresses("email", both) == set(both[:2])
    assert state.queue.blocked_addresses("sms", both) == set()
    assert sorted(state.ledger.suppressed_addresses("email").to_pylist()) == both[:2]


def test_a_hard_bounce_without_an_address_suppresses_the_customer(state: State) -> None:
    one = sent(state, recipient="")
    report(state, receipt(ReceiptKind.HARD_BOUNCED, one))
    assert state.queue.blocked("email", ["ann", "bob"]) == {"ann"}


def test_a_complaint_suppresses_the_customer_and_the_address(state: State) -> None:
    one = sent(state)
    report(state, receipt(ReceiptKind.COMPLAINED, one))
    assert state.queue.blocked("email", ["ann"]) == {"ann"}
    assert state.queue.blocked_addresses("email", ["r-ann"]) == {"r-ann"}


def test_opens_and_clicks_suppress_nobody(state: State) -> None:
    one = sent(state)
    kinds = (ReceiptKind.OPENED, ReceiptKind.CLICKED, ReceiptKind.UNKNOWN, ReceiptKind.DROPPED)
    report(state, *(receipt(kind, one, recipient="r-ann") for kind in kinds))
    assert list(state.desk.suppressions()) == []
    assert state.queue.consents("email", ["ann"]) == {}


@pytest.mark.parametrize("order", list(itertools.permutations([0, 10, 29])))
def test_soft_bounces_suppress_after_the_policy_in_whatever_order(
    state: State, order: tuple[int, ...]
) -> None:
    for number in order[:2]:
        one = sent(state)
        bounce = receipt(ReceiptKind.SOFT_BOUNCED, one, at=day(number))
        report(state, bounce, at=day(40))
        again = receipt(ReceiptKind.SOFT_BOUNCED, one, at=day(number))  # of the same message
        report(state, again, at=day(40))
    assert state.queue.blocked_addresses("email", ["r-ann"]) == set()
    report(state, receipt(ReceiptKind.SOFT_BOUNCED, sent(state), at=day(order[2])), at=day(40))
    [blocked] = state.desk.suppressions()
    assert (blocked.recipient, blocked.reason) == ("r-ann", "soft_bounces")


def test_soft_bounces_far_apart_suppress_nobody(state: State) -> None:
    for number in (0, 10, 31, 45):
        bounce = receipt(ReceiptKind.SOFT_BOUNCED, sent(state), at=day(number))
        report(state, bounce, at=day(number))
    assert state.queue.blocked_addresses("email", ["r-ann"]) == set()


def test_the_policy_is_the_workspaces(state: State) -> None:
    once = BouncePolicy(count=1, per=Duration.parse("1 day"))
    bounce = receipt(ReceiptKind.SOFT_BOUNCED, recipient="r-ann")
    state.receipts.record("sms", [bounce], LATER, once)
    assert state.queue.blocked_addresses("sms", ["r-ann"]) == {"r-ann"}


def test_an_unsubscription_is_the_messages_customers(state: State) -> None:
    one = sent(state)
    sent(state, "bob", recipient="r-ann")
    report(state, receipt(ReceiptKind.UNSUBSCRIBED, one))
    assert state.queue.consents("email", ["ann", "bob"]) == {"ann": False}
    [consent] = state.reader.history("ann").consents
    assert (consent.source, consent.at) == ("postmark", LATER)


def test_a_stop_without_a_message_is_of_everybody_written_to_at_that_number(state: State) -> None:
    for number, customer in enumerate(["ann", "bob", "cid"]):
        one = put(state, customer, NOW + number * MINUTE, channel="sms")
        mark(state, one, recipient="r-cid" if customer == "cid" else "r-ann")
        accept(state, one, None)
    report(state, receipt(ReceiptKind.UNSUBSCRIBED, recipient="r-ann"), channel="sms")
    asked = state.queue.consents("sms", ["ann", "bob", "cid"])
    assert asked == {"ann": False, "bob": False}
    assert state.queue.consents("email", ["ann"]) == {}
    assert list(state.desk.suppressions()) == []


def test_a_stop_from_a_number_that_nobody_has_suppresses_the_number(state: State) -> None:
    report(state, receipt(ReceiptKind.UNSUBSCRIBED, recipient="r-new"), channel="sms")
    assert state.queue.blocked_addresses("sms", ["r-new"]) == {"r-new"}
    start = receipt(ReceiptKind.RESUBSCRIBED, recipient="r-new", at=LATER + MINUTE)
    report(state, start, channel="sms", at=LATER + MINUTE)
    assert state.queue.blocked_addresses("sms", ["r-new"]) == set()


def test_of_stop_and_start_the_later_said_counts_not_the_later_heard(state: State) -> None:
    one = put(state, "ann", channel="sms")
    mark(state, one, recipient="r-ann")
    for recipient in ("r-ann", "r-new"):
        stop = receipt(ReceiptKind.UNSUBSCRIBED, recipient=recipient, at=NOW)
        start = receipt(ReceiptKind.RESUBSCRIBED, recipient=recipient, at=NOW + MINUTE)
        report(state, start, channel="sms")
        report(state, stop, channel="sms")
    assert state.queue.consents("sms", ["ann"]) == {"ann": True}
    assert state.queue.blocked_addresses("sms", ["r-new"]) == set()


def test_a_start_lifts_no_bounce_and_no_complaint(state: State) -> None:
    one, other = sent(state), sent(state, recipient="r-other")
    report(state, receipt(ReceiptKind.COMPLAINED, one))
    report(state, receipt(ReceiptKind.HARD_BOUNCED, other))
    report(state, receipt(ReceiptKind.RESUBSCRIBED, one, recipient="r-ann"))
    report(state, receipt(ReceiptKind.RESUBSCRIBED, other, recipient="r-other"))
    assert state.queue.blocked("email", ["ann"]) == {"ann"}
    both = ["r-ann", "r-other"]
    assert state.queue.blocked_addresses("email", both) == set(both)


def test_a_start_lifts_what_the_vendor_told_us_of_an_earlier_stop(state: State) -> None:
    one = put(state, "ann", channel="sms")
    mark(state, one, recipient="r-ann")
    refused = outcome(one, MessageState.FAILED, NOW, reason="unsubscribed", suppress=True)
    state.queue.record([refused])
    assert state.queue.blocked("sms", ["ann"]) == {"ann"}
    assert state.queue.blocked_addresses("sms", ["r-ann"]) == {"r-ann"}
    report(state, receipt(ReceiptKind.RESUBSCRIBED, recipient="r-ann"), channel="sms")
    assert list(state.desk.suppressions()) == []


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
