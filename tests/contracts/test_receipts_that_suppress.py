"""Reports that leave people alone from now on: bounces, complaints, unsubscriptions and STOP."""

from __future__ import annotations

import itertools

import pytest

from contracts.reported import LATER, NOW, accept, mark, put, receipt, report, sent
from contracts.state_words import MINUTE, day, outcome
from relance.domain.duration import Duration
from relance.domain.message import MessageState
from relance.domain.receipt import ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.store import State


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
