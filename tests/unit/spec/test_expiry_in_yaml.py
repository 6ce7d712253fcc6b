"""while_member and expires: which messages are still of use when they fall due."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Step

PATH = "triggers/thanks.yaml"
ONE_SEND = "  - send: {channel: email, template: thanks}\n"
SMS_LATER = "  - wait: 5 days\n  - send: {channel: sms, template: thanks}\n"
THREE_DAYS = Duration(3, Unit.DAY)


def steps(shop, text: str) -> tuple[Step, ...]:
    shop.add(PATH, text)
    return shop.workspace().triggers["thanks"].steps


def test_a_message_is_of_use_for_ever_and_to_everybody_unless_it_says_otherwise(shop) -> None:
    (step,) = steps(shop, "")
    assert (step.while_member, step.expires) == (False, None)


def test_what_the_trigger_says_holds_for_every_step(shop) -> None:
    found = steps(shop, SMS_LATER + "while_member: true\nexpires: 3 days\n")
    assert [(each.while_member, each.expires) for each in found] == [(True, THREE_DAYS)] * 2


def test_a_send_may_say_otherwise(shop) -> None:
    shop.edit(PATH, "template: thanks}", "template: thanks, while_member: false, expires: never}")
    found = steps(shop, SMS_LATER + "while_member: true\nexpires: 3 days\n")
    assert [(each.while_member, each.expires) for each in found] == [
        (False, None),
        (True, THREE_DAYS),
    ]


def test_a_send_alone_may_expire(shop) -> None:
    shop.edit(PATH, "template: thanks}", "template: thanks, while_member: true, expires: 36 hours}")
    (step,) = steps(shop, "")
    assert (step.while_member, step.expires) == (True, Duration(36, Unit.HOUR))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (ONE_SEND, ONE_SEND + "expires: 0 days\n",
         f"{PATH}:7:10: expires: '0 days' is not a length of time such as `3 days`, or `never` (it must be longer than nothing)"),
        (ONE_SEND, ONE_SEND + "expires: -3 days\n", "(it must be longer than nothing)"),
        (ONE_SEND, ONE_SEND + "expires: 3 dais\n", "expires: '3 dais' is not a length of time such as `3 days`, or `never` (did you mean days?)"),
        (ONE_SEND, ONE_SEND + "expires: nevr\n", "expires: 'nevr' is not a length"),
        (ONE_SEND, ONE_SEND + "expires: true\n", "expires: true is not a length"),
        (ONE_SEND, ONE_SEND + "expires: [3 days]\n", "expires: must be a length of time such as `3 days`, or `never`, not a list"),
        (ONE_SEND, ONE_SEND + "while_member: yes\n", f"{PATH}:7:15: while_member: must be true or false, not 'yes' (write true)"),
        (ONE_SEND, ONE_SEND + "whilemember: true\n", "whilemember: unknown key (did you mean while_member?)"),
        ("template: thanks}", "template: thanks, expires: 0 hours}", f"{PATH}:6:55: steps.0.send.expires: '0 hours' is not a length"),
        ("template: thanks}", "template: thanks, while_member: 1}", "steps.0.send.while_member: must be true or false"),
        ("template: thanks}", "template: thanks, expire: 1 day}", "steps.0.send.expire: unknown key (did you mean expires?)"),
        (ONE_SEND, "  - {wait: 1 day, expires: 1 day}\n" + ONE_SEND, "steps.0.expires: unknown key"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_is_wrong(shop, old: str, new: str, said: str) -> None:
    shop.edit(PATH, old, new)
    problem = shop.problem()
    assert said in str(problem)
    assert not problem.warning


def test_a_message_that_may_arrive_after_the_next_one_is_warned_of(shop) -> None:
    shop.add(PATH, SMS_LATER + "expires: 6 days\n")
    problem = shop.problem()
    assert problem.warning
    assert str(problem) == (
        f"{PATH}:6:11: steps.0.send: warning: lives for 6 days, longer than the wait before the next"
        " message: it may arrive after that one (let it expire sooner, or wait longer)"
    )
    shop.edit(PATH, "template: thanks}\n  - wait", "template: thanks, expires: 7 days}\n  - wait")
    assert str(shop.problem()).startswith(
        f"{PATH}:6:55: steps.0.send.expires: warning: lives for 7"
    )
    shop.edit(PATH, "expires: 7 days", "expires: 5 days")
    assert shop.problems() == []


def test_two_messages_at_once_have_no_order(shop) -> None:
    steps(shop, "  - send: {channel: sms, template: thanks}\nexpires: 6 days\n")
    assert shop.problems() == []


def test_where_everybody_is_a_member_it_is_no_use_to_ask(shop) -> None:
    shop.edit(PATH, "segment: loyal\non: enter", "on: {date: birth_date}\nwhile_member: true")
    problem = shop.problem()
    assert problem.warning
    assert (
        str(problem)
        == f"{PATH}:4:15: while_member: warning: everybody is a member (name a segment:)"
    )


# -- versions: whoever uses none of this keeps the experiment that runs


def test_a_trigger_that_says_nothing_of_it_has_the_version_it_always_had(shop) -> None:
    shop.add(PATH, (
        "  - wait: 5 days\n"
        "  - unless: {event: visit, since: entry}\n"
        "    send: {channel: sms, template: thanks}\n"
        "holdout: 10%\n"
        "goal: {event: order, within: 30 days, where: {category: shoes}}\n"
        "reentry: {after: 180 days}\n"
    ))  # fmt: skip
    trigger = shop.workspace().triggers["thanks"]
    # pinned: as the first release computed them
    assert (trigger.version, trigger.segment_version) == ("7868354b5b39", "231fa04d60b3")
    shop.add(PATH, "while_member: false\nexpires: never\n")
    assert shop.workspace().triggers["thanks"].version == "7868354b5b39"


@pytest.mark.parametrize("said", ["while_member: true", "expires: 3 days", "topic: news"])
def test_each_of_them_is_part_of_the_version_and_not_of_the_baseline(shop, said: str) -> None:
    shop.add("config/relance.yaml", "topics: {news: News}\n")
    before = shop.workspace().triggers["thanks"]
    shop.add(PATH, f"{said}\n")
    after = shop.workspace().triggers["thanks"]
    assert after.version != before.version
    assert after.segment_version == before.segment_version


def test_it_is_the_same_version_wherever_it_is_said(shop) -> None:
    shop.add(PATH, "expires: 3 days\nwhile_member: true\n")
    above = shop.workspace().triggers["thanks"].version
    shop.edit(PATH, "expires: 3 days\nwhile_member: true\n", "")
    shop.edit(PATH, "template: thanks}", "template: thanks, expires: 3 days, while_member: true}")
    assert shop.workspace().triggers["thanks"].version == above
