"""The second look: who must not be written to any more, in a fixed order of reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta

import pytest

from delivery_fakes import (
    AT,
    FakeEngine,
    FakeRenderer,
    is_attribute,
    make_trigger,
    make_workspace,
    message,
)
from delivery_queue import FakeQueue
from relance.domain.condition import (
    Aggregate,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    Measure,
    NoneOf,
    Op,
    SegmentIs,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.ledger import Claimed, Skip
from relance.domain.receipt import recipient_digest
from relance.domain.trigger import Goal, On, OnEnter, OnExit, OnStay, Step
from relance.domain.workspace import Limits, QuietHours
from relance.pipeline.recheck import Checked, Recheck

VIP = CustomerIs("vip", (Comparison(Op.IS, value=True),))
BUSY = CustomerIs("busy", (Comparison(Op.IS, value=True),))
GOAL = Goal(event="order", within=Duration.parse("30 days"))


class Look:
    """The second look with everything faked."""

    def __init__(self, **trigger: object) -> None:
        step = Step(index=0, channel="email", template="winback")
        trigger.setdefault("steps", (step,))
        self.workspace = make_workspace(make_trigger(**trigger))  # type: ignore[arg-type]
        self.queue = FakeQueue()
        self.engine = FakeEngine()

    def check(self, *messages: Claimed, channel: str = "email", at=AT) -> Checked:
        recheck = Recheck(self.workspace, self.queue, self.engine, FakeRenderer())
        return recheck.check(channel, messages, at)

    def reasons(self, *messages: Claimed, channel: str = "email", at=AT) -> Mapping[str, str]:
        return {o.message: o.reason for o in self.check(*messages, channel=channel, at=at).outcomes}


def goal_reached(condition: Condition, customer: str) -> bool:
    return isinstance(condition, EventIs)


def test_of_several_reasons_the_first_in_the_fixed_order_is_given():
    look = Look(goal=GOAL, steps=(Step(index=0, channel="email", template="winback", unless=VIP),))
    everything = {"email": "broken", "consent_email": False}
    look.engine.people = {"c1": everything}
    look.engine.holds = lambda condition, customer: True
    look.queue.blocked_customers = {"c1"}
    look.engine.gone = {"c1"}
    given = []
    removals = (
        lambda: look.engine.gone.clear(),
        lambda: look.queue.blocked_customers.clear(),
        lambda: everything.update(consent_email=True),
        lambda: everything.update(email="c1@shop.example"),
        lambda: setattr(look.engine, "holds", lambda condition, customer: condition == VIP),
        lambda: setattr(look.engine, "holds", lambda condition, customer: False),
    )
    for remove in removals:
        given.append(look.reasons(message(1))["m00001"])
        remove()
    assert given == [
        Skip.GONE,
        Skip.SUPPRESSED,
        Skip.NO_CONSENT,
        Skip.UNREACHABLE,
        Skip.GOAL_REACHED,
        Skip.CONDITION,
    ]
    assert [ready.message.id for ready in look.check(message(1)).ready] == ["m00001"]


@pytest.mark.parametrize(
    ("source", "recorded", "skipped"),
    [(True, None, False), (True, True, False), (True, False, True), (False, True, True)],
)
def test_consent_is_asked_again_and_neither_the_source_nor_the_record_may_say_no(
    source: bool, recorded: bool | None, skipped: bool
):
    look = Look()
    look.engine.people = {"c1": {"consent_email": source}}
    look.queue.recorded_consents = {} if recorded is None else {"c1": recorded}
    assert look.reasons(message(1)) == ({"m00001": "no_consent"} if skipped else {})


def test_a_wave_is_one_question_whatever_its_size():
    look = Look(goal=GOAL)
    look.check(*(message(n) for n in range(2_000)))
    assert [len(asked) for asked in look.engine.asked] == [1]


def test_a_trigger_that_left_the_yaml_writes_to_nobody():
    look = Look()
    assert look.reasons(message(1, trigger="gone")) == {"m00001": "trigger_removed"}
    assert look.engine.asked == []


def test_a_step_that_changed_its_template_is_no_longer_the_step_of_older_messages():
    look = Look()
    assert look.reasons(message(1, template="old")) == {"m00001": "trigger_removed"}


def test_a_step_moved_down_by_a_new_one_before_it_is_still_found():
    first = Step(index=0, channel="email", template="new")
    moved = Step(index=1, channel="email", template="winback", only_if=VIP)
    look = Look(steps=(first, moved))
    assert look.reasons(message(1)) == {"m00001": "condition"}


def test_a_channel_that_left_the_yaml_skips_its_messages():
    look = Look(steps=(Step(index=0, channel="sms", template="winback"),))
    look.workspace = replace(look.workspace, channels={"email": look.workspace.channels["email"]})
    one = message(1, channel="sms")
    assert look.reasons(one, channel="sms") == {"m00001": "trigger_removed"}


@pytest.mark.parametrize(
    ("vip", "busy", "skipped"),
    [(True, False, False), (False, False, True), (True, True, True)],
)
def test_a_step_goes_out_when_its_if_holds_and_its_unless_does_not(
    vip: bool, busy: bool, skipped: bool
):
    step = Step(index=0, channel="email", template="winback", only_if=VIP, unless=BUSY)
    look = Look(steps=(step,))
    look.engine.holds = lambda condition, customer: vip if is_attribute(condition, "vip") else busy
    assert bool(look.reasons(message(1))) is skipped


def test_equal_looking_conditions_of_different_types_are_asked_apart():
    one = CustomerIs("size", (Comparison(Op.IS, 1),))
    true = CustomerIs("size", (Comparison(Op.IS, value=True),))
    look = Look(
        steps=(Step(index=0, channel="email", template="winback", only_if=one, unless=true),)
    )
    look.check(message(1))
    assert len(look.engine.asked[0]) == 2


def test_a_goal_within_its_window_is_any_such_event_since_the_entry():
    look = Look(goal=GOAL)
    look.engine.holds = goal_reached
    assert look.reasons(message(1)) == {"m00001": "goal_reached"}
    counted = Aggregate("order", Measure.COUNT, window=Window(since_entry=True))
    assert list(look.engine.asked[0].values()) == [EventIs(counted, (Comparison(Op.AT_LEAST, 1),))]


def test_a_goal_whose_window_has_closed_counts_only_events_inside_it():
    look = Look(goal=GOAL)
    entered = AT - timedelta(days=40)
    look.check(message(1, entry_at=entered), message(2, entry_at=AT - timedelta(days=2)))
    first = Aggregate("order", Measure.FIRST, window=Window(since_entry=True))
    deadline = GOAL.within.after(entered, look.workspace.zone)
    assert EventIs(first, (Comparison(Op.BEFORE, deadline),)) in look.engine.asked[0].values()
    assert len(look.engine.asked[0]) == 2


def test_a_text_message_needs_a_number_that_can_be_called():
    look = Look(steps=(Step(index=0, channel="sms", template="winback"),))
    look.engine.people = {
        "c1": {"phone": "06 12"},
        "c2": {"phone": None},
        "c3": {"phone": "07400 123456", "region": "GB"},
    }
    wave = [message(n, channel="sms") for n in (1, 2, 3)]
    checked = look.check(*wave, channel="sms")
    assert [o.reason for o in checked.outcomes] == ["unreachable", "unreachable"]
    assert [ready.address.text for ready in checked.ready] == ["+447400123456"]


def test_only_names_that_the_message_does_not_hold_are_fetched():
    look = Look()
    look.check(message(1), message(2, context="{}", ghost=True))
    assert look.engine.names == [[]]
    look.check(message(1), message(2, context="{}"))
    assert look.engine.names[1] == ["customer.first_name"]


def test_texts_are_told_what_the_message_holds():
    assert Look().check(message(1)).ready[0].values == {"customer.first_name": "Camille"}


def test_texts_are_told_the_customers_own_time_zone():
    look = Look()
    look.engine.people = {"c1": {"timezone": "Asia/Tokyo"}}
    values = look.check(message(1)).ready[0].values
    assert values == {"customer.first_name": "Camille", "customer.timezone": "Asia/Tokyo"}


def test_an_address_is_not_shown_by_accident():
    ready = Look().check(message(1)).ready[0]
    assert "c1@shop.example" not in repr(ready)
    assert "Camille" not in repr(ready)


WORN = {"expires_at": AT - timedelta(seconds=1)}


def test_the_reasons_of_people_come_before_those_of_the_moment():
    step = Step(index=0, channel="email", template="winback", unless=VIP, while_member=True)
    look = Look(goal=GOAL, steps=(step,), topic="news")
    everything = {"email": "broken"}
    look.engine.people = {"c1": everything}
    look.engine.holds = lambda condition, customer: not isinstance(condition, SegmentIs)
    look.queue.refused_topics = {("c1", "news")}
    look.queue.pauses = {"c1": AT + timedelta(days=1)}
    one = message(1, **WORN)
    given = []
    removals = (
        lambda: None,
        lambda: look.queue.refused_topics.clear(),
        lambda: look.queue.pauses.clear(),
        lambda: everything.update(email="c1@shop.example"),
        lambda: setattr(look.engine, "holds", lambda condition, customer: condition == VIP),
        lambda: setattr(look.engine, "holds", lambda c, _: c == VIP or isinstance(c, SegmentIs)),
    )
    for remove in removals:
        given.append(look.reasons(one)["m00001"])
        one = message(1)
        remove()
    assert given == [
        Skip.EXPIRED,
        Skip.TOPIC,
        Skip.PAUSED,
        Skip.UNREACHABLE,
        Skip.GOAL_REACHED,
        Skip.LEFT_SEGMENT,
    ]
    assert look.reasons(one) == {"m00001": Skip.CONDITION}


def test_a_suppressed_address_is_not_written_to_whoever_has_it_now():
    look = Look()
    look.engine.people = {"c1": {"email": "Shared@shop.example"}, "c2": {}}
    look.queue.blocked_recipients = {recipient_digest("shared@shop.example")}
    assert look.reasons(message(1), message(2)) == {"m00001": "suppressed"}


def test_a_topic_is_refused_for_its_triggers_only_and_not_asked_for_without_one():
    look = Look(topic="news")
    look.queue.refused_topics = {("c1", "offers"), ("c2", "news")}
    assert look.reasons(message(1), message(2)) == {"m00002": "topic"}
    plain = Look()
    plain.check(message(1))
    assert "topics_refused" not in plain.queue.trace


def test_a_pause_ends_at_its_instant():
    look = Look()
    look.queue.pauses = {"c1": AT + timedelta(seconds=1), "c2": AT}
    assert look.reasons(message(1), message(2)) == {"m00001": "paused"}


def test_a_message_is_of_use_up_to_and_including_its_expiry():
    assert Look().reasons(message(1, expires_at=AT), message(2, **WORN)) == {"m00002": "expired"}


@pytest.mark.parametrize(
    ("on", "asked"),
    [
        (OnEnter(), SegmentIs("trigger/winback")),
        (OnStay(Duration.parse("30 days")), SegmentIs("trigger/winback")),
        (OnExit(), NoneOf((SegmentIs("trigger/winback"),))),
    ],
)
def test_while_member_asks_whether_the_transition_still_stands(on: On, asked: Condition):
    step = Step(index=0, channel="email", template="winback", while_member=True)
    look = Look(steps=(step,), on=on)
    assert look.reasons(message(1)) == {"m00001": "left_segment"}
    assert list(look.engine.asked[0].values()) == [asked]


def test_a_step_for_everybody_does_not_ask_for_membership():
    look = Look()
    look.check(message(1))
    assert look.engine.asked == [{}]


def test_quiet_hours_that_end_too_late_for_a_message_skip_it_at_once():
    hours = QuietHours(start=time(0), end=time(18))
    look = Look()
    look.workspace = replace(look.workspace, limits=Limits(quiet_hours=(hours,)))
    soon, late = AT + timedelta(hours=2), AT + timedelta(hours=20)
    checked = look.check(message(1, expires_at=soon), message(2, expires_at=late))
    assert [(o.state, o.reason) for o in checked.outcomes] == [
        ("skipped", "expired"),
        ("queued", "quiet_hours"),
    ]


def slack(**trigger: object) -> Look:
    look = Look(steps=(Step(index=0, channel="slack", template="winback", **trigger),))
    look.workspace = make_workspace(*look.workspace.triggers.values(), channels=("slack",))
    return look


def test_the_companys_own_people_are_told_whatever_the_customer_wants():
    look = slack()
    hours = QuietHours(start=time(0), end=time(0))
    look.workspace = replace(look.workspace, limits=Limits(quiet_hours=(hours,)))
    look.engine.people = {"c1": {"email": None, "phone": None, "consent_email": False}}
    look.queue.blocked_customers = {"c1"}
    look.queue.pauses = {"c1": AT + timedelta(days=1)}
    checked = look.check(message(1, channel="slack"), channel="slack")
    assert checked.outcomes == []
    assert [ready.address.text for ready in checked.ready] == [""]


def test_but_not_of_one_who_is_gone_or_of_what_is_no_longer_so():
    look = slack(unless=VIP)
    look.engine.gone = {"c1"}
    look.engine.holds = lambda condition, customer: customer == "c2"
    wave = [message(1, channel="slack"), message(2, channel="slack")]
    wave += [message(3, channel="slack", **WORN), message(4, channel="slack", ghost=True)]
    checked = look.check(*wave, channel="slack")
    assert {outcome.message: outcome.reason for outcome in checked.outcomes} == {
        "m00001": "gone",
        "m00002": "condition",
        "m00003": "expired",
    }
    assert [ready.message.id for ready in checked.ready] == ["m00004"]
