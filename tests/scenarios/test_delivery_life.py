"""What becomes of messages while vendors fail, clocks jump and people change their minds.

Everything is real but the vendors, who are the test's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from delivery_fakes import FakeProvider
from relance.domain.receipt import Receipt, ReceiptKind, recipient_digest
from relance.errors import NotSent, Paused, Unsure
from relance.pipeline.deliver import Delivery, DeliveryReport
from relance.store import Suppressed
from relance.wiring import Relance
from stage import RELANCE, Stage

BUYERS = "{event: order, count: {at_least: 1}}"
OUTBOX = 'email: {provider: outbox, from: "Stage <stage@example.com>"}'
FIRST = 'provider: smtp, host: localhost, security: none, from: "Stage <stage@example.com>"'
SECOND = 'provider: outbox, from: "Other <other@example.com>"'


class Post:
    """A stage whose e-mail leaves by vendors that the test plays."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.first = FakeProvider("smtp")
        self.second = FakeProvider("outbox")
        self._open = ExitStack()
        self._relance: Relance | None = None
        self._delivery: Delivery | None = None

    def channel(self, keys: str = "", *, fallback: bool = False) -> None:
        other = f", fallback: {{{SECOND}}}" if fallback else ""
        more = f", {keys}" if keys else ""
        text = RELANCE.replace(OUTBOX, f"email: {{{FIRST}{more}{other}}}")
        self.stage.write("config/relance.yaml", text)

    def relance(self) -> Relance:
        if self._relance is None:
            self._relance = self._open.enter_context(self.stage.open())
        return self._relance

    def deliver(self) -> DeliveryReport:
        """One run of a worker that stays the same, as it stays over days."""
        if self._delivery is None:
            relance = self.relance()
            email = (self.first, self.second)
            spec = relance.workspace.channels["email"]
            providers = {
                "email": email if spec.fallback else email[:1],
                "sms": (FakeProvider("outbox"),),
            }
            self._delivery = relance.delivery(providers)  # type: ignore[arg-type]
        return asyncio.run(self._delivery.run(self.stage.now))

    def close(self) -> None:
        self._open.close()

    def states(self) -> Counter[str]:
        with self.stage.open() as relance:
            tallies = relance.state.reader.tallies()
        states: Counter[str] = Counter()
        for tally in tallies:
            states.update(tally.messages)
        return states


@pytest.fixture
def post(stage: Stage) -> Iterator[Post]:
    post = Post(stage)
    post.channel()
    yield post
    post.close()


def entered(post: Post, *names: str) -> None:
    """A baseline, then these customers order and enter every trigger."""
    post.stage.arrive(*names)
    post.stage.tick()
    post.stage.wait(days=1)
    post.stage.order(*names)
    post.stage.tick()


def barred(address: str, at: datetime) -> Suppressed:
    """An address that bounced, whoever has it."""
    digest = recipient_digest(address)
    return Suppressed(channel="email", customer=None, recipient=digest, reason="bounced", at=at)


def addressed(provider: FakeProvider) -> list[str]:
    """Who was written to, in order."""
    return [outgoing.to.partition("@")[0] for outgoing in provider.got]


def test_a_vendor_down_for_a_day_loses_nobody_and_the_most_urgent_go_first(post: Post) -> None:
    stage = post.stage
    stage.trigger("low", segment=BUYERS, priority="10")
    stage.trigger("high", segment=BUYERS, priority="90")
    stage.trigger("soon", segment=BUYERS, priority="10", expires="3 days")
    stage.trigger("flash", segment=BUYERS, priority="90", expires="6 hours")
    people = [f"p{n}" for n in range(30)]
    entered(post, *people)
    post.first.outage = NotSent("connect")
    for _ in range(24):
        post.deliver()
        stage.wait(hours=1)
    assert 24 <= len(post.first.got) < 150
    post.first.outage, post.first.got = None, []
    reports = [post.deliver()]
    order = [outgoing.trigger for outgoing in post.first.got]
    assert order == sorted(order, key=["high", "soon", "low"].index)
    for _ in range(10):
        stage.wait(hours=4)
        reports.append(post.deliver())
    assert Counter(outgoing.trigger for outgoing in post.first.got) == {
        "high": 30,
        "soon": 30,
        "low": 30,
    }
    assert len({outgoing.message_id for outgoing in post.first.got}) == 90
    assert post.states() == {"accepted": 90, "skipped": 30}


def test_a_clock_set_back_an_hour_sends_nothing_twice_and_keeps_nothing_for_ever(
    post: Post,
) -> None:
    stage = post.stage
    stage.trigger(segment=BUYERS)
    entered(post, "ann", "bob")
    post.first.script = lambda m: NotSent("busy") if m.to.startswith("ann") else None
    assert post.deliver().accepted == 1
    post.first.outage = Paused("unauthorised")
    stage.wait(minutes=5)
    post.deliver()
    stage.wait(hours=-1)
    post.first.outage, post.first.script = None, lambda outgoing: None
    post.deliver()
    stage.wait(hours=1, minutes=10)
    post.deliver()
    assert Counter(addressed(post.first)) == {"ann": 3, "bob": 1}
    assert post.states() == {"accepted": 2}


def test_what_did_not_leave_by_one_vendor_leaves_by_the_other_once(post: Post) -> None:
    post.channel(fallback=True)
    post.stage.trigger(segment=BUYERS)
    people = [f"p{n}" for n in range(50)]
    entered(post, *people)
    post.first.outage = NotSent("connect")
    assert post.deliver().accepted == 50
    assert sorted(addressed(post.second)) == sorted(people)
    post.stage.wait(days=2)
    assert post.deliver().empty


def test_a_budget_spreads_a_wave_over_days(post: Post) -> None:
    post.channel("daily_budget: 20")
    post.stage.trigger(segment=BUYERS)
    entered(post, *(f"p{n}" for n in range(50)))
    accepted = []
    for _ in range(4):
        report = post.deliver()
        accepted.append(report.accepted)
        assert (report.paused == {"email": "daily_budget"}) is (report.postponed > 0)
        post.stage.wait(days=1)
    assert accepted == [20, 20, 10, 0]


def test_an_outage_burns_no_budget(post: Post) -> None:
    post.channel("daily_budget: 100, rate: 100 per day")
    post.stage.trigger(segment=BUYERS)
    entered(post, *(f"p{n}" for n in range(100)))
    for outage in (NotSent("connect"), Paused("unauthorised"), NotSent("http_503")):
        post.first.outage = outage
        post.deliver()
        post.stage.wait(minutes=20)
    post.first.outage = None
    accepted = 0
    for _ in range(4):
        accepted += post.deliver().accepted
        post.stage.wait(minutes=30)
    assert accepted == 100
    assert post.states() == {"accepted": 100}


def test_what_may_have_left_is_repeated_under_its_key_and_by_its_own_vendor(post: Post) -> None:
    post.channel(fallback=True)
    post.second = FakeProvider("outbox", idempotent=True)
    post.stage.trigger(segment=BUYERS)
    entered(post, "ann")
    post.first.outage, post.second.outage = NotSent("connect"), Unsure("read_timeout")
    assert post.deliver().retried == 1
    post.first.outage = post.second.outage = None
    post.stage.wait(minutes=2)
    assert post.deliver().accepted == 1
    assert len(post.first.got) == 1
    first, again = post.second.got
    assert first.message_id == again.message_id


def test_a_key_that_has_expired_meanwhile_leaves_the_message_unknown(post: Post) -> None:
    post.first = FakeProvider("smtp", idempotent=True)
    post.stage.trigger(segment=BUYERS)
    entered(post, "ann")
    post.first.outage = Unsure("read_timeout")
    post.deliver()
    post.first.outage = None
    post.stage.wait(days=2)
    assert post.deliver().unknown == 1
    assert len(post.first.got) == 1
    assert post.states() == {"unknown": 1}


def test_a_look_up_settles_what_may_have_left_and_nobody_is_written_to_again(post: Post) -> None:
    post.first = FakeProvider("smtp", look_up=True)
    post.stage.trigger(segment=BUYERS)
    entered(post, "ann", "bob")
    post.first.outage = Unsure("read_timeout")
    assert post.deliver().unknown == 2
    ann = next(outgoing.message_id for outgoing in post.first.got if outgoing.to.startswith("ann"))
    post.first.known[ann] = Receipt(
        provider="smtp", event_id="1", kind=ReceiptKind.DELIVERED, provider_id="pm-1"
    )
    for minutes in (1, 10, 60):
        post.stage.wait(minutes=minutes)
        post.deliver()
    assert post.states() == {"delivered": 1, "unknown": 1}
    asked = Counter(doubtful.to for doubtful in post.first.asked)
    assert asked == {"ann@example.com": 1, "bob@example.com": 3}
    assert len(post.first.got) == 2


def test_a_message_that_is_no_longer_of_use_is_skipped_with_its_reason(post: Post) -> None:
    post.stage.trigger(segment=BUYERS, expires="3 days")
    entered(post, "ann", "bob")
    post.first.script = lambda m: NotSent("busy") if m.to.startswith("ann") else None
    assert post.deliver().accepted == 1
    post.stage.wait(days=3, minutes=1)
    assert post.deliver().skipped == {"expired": 1}


def test_a_step_for_members_is_not_sent_to_who_has_left(stage: Stage) -> None:
    stage.segments(french="{customer: country, is: FR}")
    steps = "[{wait: 1 day}, {send: {channel: email, template: hello}}]"
    stage.trigger(segment="french", steps=steps, while_member="true")
    stage.arrive("zoe")
    stage.tick()
    stage.arrive("ann", "bob")
    stage.wait(days=1)
    stage.tick()
    stage.change("bob", country="BE")
    stage.wait(days=1)
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {"left_segment": 1})


def test_a_topic_a_pause_and_a_barred_address_stop_at_the_gate(stage: Stage) -> None:
    stage.settings("topics: {news: News}\n")
    stage.trigger(segment=BUYERS, topic="news")
    with stage.open() as relance:
        state, now = relance.state, stage.now
        state.record_consent("", "ann", now, "preferences", granted=False, topic="news")
        state.desk.pause("bob", now + timedelta(days=30), now, "preferences")
        state.desk.suppress([barred("cid@example.com", now)])
    stage.arrive("ann", "bob", "cid", "dan")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "bob", "cid", "dan")
    run = stage.tick()["hello"]
    assert run.refused == {"topic": 1, "paused": 1, "suppressed": 1}
    assert stage.deliver().accepted == 1


def test_who_minds_after_the_entry_is_not_written_to_either(stage: Stage) -> None:
    stage.settings("topics: {news: News}\n")
    steps = "[{wait: 1 day}, {send: {channel: email, template: hello}}]"
    stage.trigger(segment=BUYERS, topic="news", steps=steps)
    stage.arrive("ann", "bob", "cid", "dan")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "bob", "cid", "dan")
    stage.tick()
    with stage.open() as relance:
        state, now = relance.state, stage.now
        state.record_consent("", "ann", now, "preferences", granted=False, topic="news")
        state.desk.pause("bob", now + timedelta(days=2), now, "preferences")
        state.desk.suppress([barred("cid@example.com", now)])
    stage.wait(days=1)
    report = stage.deliver()
    assert report.skipped == {"paused": 1, "suppressed": 1, "topic": 1}
    assert report.accepted == 1


def test_the_sales_team_is_told_of_who_cannot_be_written_to_and_it_takes_no_place(
    stage: Stage,
) -> None:
    told = RELANCE + "  slack: {provider: outbox}\nlimits: {per_customer: [1 per 7 days]}\n"
    stage.write("config/relance.yaml", told)
    stage.write("templates/hello/slack.txt", "{{ customer.first_name }} est de retour.")
    stage.trigger("told", segment=BUYERS, steps="[{send: {channel: slack, template: hello}}]")
    stage.trigger("written", segment=BUYERS, priority="10")
    stage.arrive("ann")
    stage.arrive("bob", optin="false", email="", mobile="")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann", "bob")
    assert {n: r.treated for n, r in stage.tick().items()} == {"told": 2, "written": 1}
    assert stage.deliver().accepted == 3
