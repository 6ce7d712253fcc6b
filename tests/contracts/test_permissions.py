"""Who must not be written to, and who does not want to be: what people and pages write down."""

from __future__ import annotations

import pytest

from contracts.state_words import DAY, MINUTE, day, entry, message, outcome, tick
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.errors import UsageError
from relance.pipeline.ports import Ledger, Queue
from relance.store import Preferences, State, Suppressed

NOW = day(0)


@pytest.fixture
def queue(state: State) -> Queue:
    return state.queue


@pytest.fixture
def ledger(state: State) -> Ledger:
    return state.ledger


def customer(name: str, channel: str = "email", reason: str = "asked") -> Suppressed:
    return Suppressed(channel=channel, customer=name, reason=reason, at=NOW)


def address(digest: str, channel: str = "email", reason: str = "asked") -> Suppressed:
    return Suppressed(channel=channel, recipient=digest, reason=reason, at=NOW)


def test_customers_and_addresses_are_suppressed_once_and_the_first_reason_stays(
    state: State, queue: Queue
) -> None:
    assert state.desk.suppress([customer("ann"), address("r1"), customer("ann", "sms")]) == 3
    again = [customer("ann", reason="other"), address("r1", reason="other"), address("r2")]
    assert state.desk.suppress(again) == 1
    assert queue.blocked("email", ["ann", "bob"]) == {"ann"}
    assert queue.blocked_addresses("email", ["r1", "r2", "r3"]) == {"r1", "r2"}
    assert queue.blocked_addresses("sms", ["r1"]) == set()
    assert {found.reason for found in state.desk.suppressions()} == {"asked"}
    assert [f.customer for f in state.desk.suppressions("sms")] == ["ann"]


def test_what_is_exported_can_be_imported_elsewhere(state: State) -> None:
    state.desk.suppress([customer("bob"), customer("ann"), address("r1", "sms")])
    exported = list(state.desk.suppressions())
    assert exported == [customer("ann"), customer("bob"), address("r1", "sms")]
    assert state.desk.unsuppress(exported) == 3
    assert state.desk.unsuppress(exported) == 0
    assert list(state.desk.suppressions()) == []
    assert state.desk.suppress(exported) == 3
    assert list(state.desk.suppressions()) == exported


@pytest.mark.parametrize("row", [Suppressed(channel="email", reason="", at=NOW),
                                 Suppressed(channel="email", reason="", at=NOW, customer="ann",
                                            recipient="r1")])  # fmt: skip
def test_a_suppression_is_of_a_customer_or_of_an_address(state: State, row: Suppressed) -> None:
    with pytest.raises(UsageError, match="either a customer or an address"):
        state.desk.suppress([customer("bob"), row])
    assert list(state.desk.suppressions()) == []


def test_a_large_list_is_imported_and_given_back_whole(state: State) -> None:
    rows = [customer(f"c{n:06}") for n in range(15_000)]
    rows += [address(f"{n:032x}") for n in range(15_000)]
    assert state.desk.suppress(rows) == 30_000
    assert state.desk.suppress(rows) == 0
    assert list(state.desk.suppressions("email")) == rows


def test_a_refused_topic_is_refused_on_every_channel_until_it_is_wanted_again(
    state: State, queue: Queue, ledger: Ledger
) -> None:
    for name, topic, at, granted in [
        ("ann", "sales", NOW, False),
        ("ann", "news", NOW, False),
        ("ann", "news", NOW + MINUTE, True),
        ("bob", "sales", NOW, True),
    ]:
        state.record_consent("email", name, at, "page", granted=granted, topic=topic)
    assert queue.topics_refused(["ann", "bob", "cid"]) == {("ann", "sales")}
    assert queue.topics_refused([]) == set()
    assert ledger.topic_refusals("sales").to_pylist() == ["ann"]
    assert ledger.topic_refusals("news").to_pylist() == []
    assert ledger.topic_refusals("unheard-of").to_pylist() == []


def test_a_topic_says_nothing_about_a_channel(state: State, queue: Queue, ledger: Ledger) -> None:
    state.record_consent("email", "ann", NOW, "page", granted=False, topic="sales")
    state.record_consent("email", "bob", NOW, "page", granted=False)
    assert queue.consents("email", ["ann", "bob"]) == {"bob": False}
    assert ledger.consent_changes("email")["customer"].to_pylist() == ["bob"]
    assert queue.topics_refused(["bob"]) == set()


def test_a_pause_lasts_until_its_end_and_the_last_one_counts(
    state: State, queue: Queue, ledger: Ledger
) -> None:
    state.desk.pause("ann", day(9), NOW)
    state.desk.pause("bob", day(9), NOW)
    state.desk.pause("ann", day(5), NOW + MINUTE, "page")
    assert queue.paused(["ann", "bob", "cid"], day(4)) == {"ann": day(5), "bob": day(9)}
    assert queue.paused(["ann", "bob"], day(5)) == {"bob": day(9)}
    assert sorted(ledger.paused(day(4)).to_pylist()) == ["ann", "bob"]
    assert ledger.paused(day(9)).to_pylist() == []
    state.desk.pause("bob", None, day(1))
    assert ledger.paused(day(1)).to_pylist() == ["ann"]


def test_the_preferences_of_a_customer_are_what_they_said_last(state: State) -> None:
    assert state.desk.preferences("ann", NOW) == Preferences(
        channels={}, topics_refused=frozenset(), paused_until=None
    )
    state.record_consent("email", "ann", NOW, "page", granted=False)
    state.record_consent("email", "ann", NOW + MINUTE, "page", granted=True)
    state.record_consent("sms", "ann", NOW, "twilio", granted=False)
    state.record_consent("email", "ann", NOW, "page", granted=False, topic="sales")
    state.desk.pause("ann", NOW + DAY, NOW)
    found = state.desk.preferences("ann", NOW)
    assert found.channels == {"email": True, "sms": False}
    assert (found.topics_refused, found.paused_until) == (frozenset({"sales"}), NOW + DAY)
    assert state.desk.preferences("ann", NOW + DAY).paused_until is None


def test_why_tells_of_topics_and_pauses(state: State) -> None:
    state.record_consent("email", "ann", NOW, "page", granted=False, topic="sales")
    state.desk.pause("ann", day(3), NOW, "page")
    told = state.reader.history("ann")
    assert [(c.channel, c.topic, c.granted) for c in told.consents] == [("", "sales", False)]
    assert told.pause is not None
    assert (told.pause.until, told.pause.source) == (day(3), "page")


def test_a_vendor_that_wants_no_more_for_an_address_suppresses_it_for_all_its_owners(
    state: State, queue: Queue
) -> None:
    one = message(entry("ann", NOW))
    state.ledger.commit(tick(NOW, messages=[one]))
    queue.claim(NOW, 9, day(1), "w")
    queue.sending([Mark(message=one.id, provider="postmark", recipient="r-ann")], NOW, "w")
    refused = outcome(one.id, MessageState.FAILED, NOW, reason="inactive_recipient", suppress=True)
    queue.record([refused])
    assert queue.blocked("email", ["ann"]) == {"ann"}
    assert queue.blocked_addresses("email", ["r-ann"]) == {"r-ann"}
