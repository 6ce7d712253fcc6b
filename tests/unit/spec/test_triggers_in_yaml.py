"""Trigger files: what each key means, and what goes wrong."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.condition import AllOf, EventIs
from relance.domain.duration import Duration, Unit
from relance.domain.trigger import (
    OnDate,
    OnEnter,
    OnExit,
    OnMove,
    OnSchedule,
    OnStay,
    Reentry,
    Schedule,
)

PATH = "triggers/thanks.yaml"


def days(count: int) -> Duration:
    return Duration(count, Unit.DAY)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("enter", OnEnter()),
        ("exit", OnExit()),
        ("schedule", OnSchedule()),
        ("{stay: 30 days}", OnStay(days(30))),
        ("{date: birth_date}", OnDate("birth_date", days(0), yearly=True)),
        (
            "{date: birth_date, offset: -7 days, repeat: once}",
            OnDate("birth_date", days(-7), yearly=False),
        ),
    ],
)
def test_each_transition_is_written_in_its_own_way(shop, text: str, meant: object) -> None:
    shop.edit(PATH, "on: enter", f"on: {text}")
    trigger = shop.workspace().triggers["thanks"]
    assert trigger.on == meant
    assert trigger.segment == "loyal"


def test_a_move_belongs_to_the_segment_it_leads_to(shop) -> None:
    shop.edit(PATH, "segment: loyal\non: enter", "on: {from: active, to: loyal}")
    workspace = shop.workspace()
    assert workspace.triggers["thanks"].on == OnMove("active", "loyal")
    assert workspace.triggers["thanks"].segment == "loyal"
    assert list(workspace.segments) == ["active", "loyal"]


def test_a_condition_of_the_trigger_s_own_becomes_a_segment(shop) -> None:
    shop.edit(PATH, "segment: loyal", "segment: {event: order, within: 14 days}")
    workspace = shop.workspace()
    assert workspace.triggers["thanks"].segment == "trigger/thanks"
    assert isinstance(workspace.segments["trigger/thanks"].condition, EventIs)
    assert workspace.named_segments == ["active", "loyal"]


def test_a_date_without_a_segment_is_for_everybody(shop) -> None:
    shop.edit(PATH, "segment: loyal\non: enter", "on: {date: birth_date}")
    assert shop.workspace().segments["trigger/thanks"].condition == AllOf(())


def test_defaults_are_those_of_the_documentation(shop) -> None:
    trigger = shop.workspace().triggers["thanks"]
    assert trigger.schedule == Schedule(cron="0 9 * * *")
    assert trigger.reentry == Reentry()
    assert (trigger.priority, trigger.holdout, trigger.goal) == (50, 0.0, None)
    assert trigger.path == PATH


def test_waits_add_up_in_front_of_the_sends_that_follow(shop) -> None:
    shop.add(PATH, (
        "  - wait: 5 days\n"
        "  - unless: {event: order, since: entry}\n"
        "    send: {channel: sms, template: thanks}\n"
        "  - wait: 2 weeks\n"
        "  - if: {segment: active}\n"
        "    send: {channel: email, template: thanks}\n"
    ))  # fmt: skip
    first, second, third = shop.workspace().triggers["thanks"].steps
    assert [step.index for step in (first, second, third)] == [0, 1, 2]
    assert first.waits == ()
    assert (second.channel, second.waits) == ("sms", (days(5),))
    assert second.unless.aggregate.window.since_entry
    assert third.waits == (days(5), Duration(2, Unit.WEEK))
    assert third.only_if is not None


def test_reentry_and_holdout_and_goal_are_read(shop) -> None:
    shop.add(PATH, (
        "reentry: {after: 180 days}\npriority: 80\nholdout: 12.5 %\n"
        "goal: {event: order, within: 30 days, where: {category: shoes}}\n"
    ))  # fmt: skip
    trigger = shop.workspace().triggers["thanks"]
    assert trigger.reentry == Reentry(allowed=True, after=days(180))
    assert (trigger.priority, trigger.holdout) == (80, 0.125)
    assert trigger.goal.within == days(30)
    assert trigger.goal.where[0].field == "category"


def test_a_holdout_without_a_goal_is_warned_of(shop) -> None:
    shop.add(PATH, "holdout: 10%\n")
    loaded = shop.load()
    assert loaded.workspace
    assert [str(problem) for problem in loaded.problems] == [
        f"{PATH}:7:10: holdout: warning: people are held out, but nothing is measured (add a goal:)"
    ]


def test_a_trigger_that_is_not_enabled_is_checked_but_left_out(shop) -> None:
    shop.add(PATH, "enabled: false\n")
    assert shop.workspace().triggers == {}
    shop.edit(PATH, "segment: loyal", "segment: loyl")
    assert shop.problem().message == "there is no segment 'loyl'"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0 9 * * *", "0 9 * * *"),
        ("*/15 9-17/2 1,15 jan-mar *", "*/15 9-17/2 1,15 jan-mar *"),
        ("0 9 * * 1", "0 9 * * mon"),
        ("0 9 * * 0", "0 9 * * sun"),
        ("0 9 * * 7", "0 9 * * sun"),
        ("0 9 * * mon-fri", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * FRI-SUN", "0 9 * * sun,fri,sat"),
        ("0 9 * * 0-6", "0 9 * * *"),
        ("0 9 29 2 *", "0 9 29 2 *"),
    ],
)
def test_a_cron_line_means_the_same_weekdays_to_every_scheduler(
    shop, text: str, meant: str
) -> None:
    shop.add(PATH, f'schedule: "{text}"\n')
    assert shop.workspace().triggers["thanks"].schedule == Schedule(cron=meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("every 15 minutes", Duration(15, Unit.MINUTE)), ("every hour", Duration(1, Unit.HOUR)),
     ("every 2 days", days(2))],
)  # fmt: skip
def test_an_interval_is_written_in_words(shop, text: str, meant: Duration) -> None:
    shop.add(PATH, f"schedule: {text}\n")
    assert shop.workspace().triggers["thanks"].schedule == Schedule(every=meant)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 9 * *", "write five fields"),
        ("@daily", "write five fields"),
        ("60 9 * * *", "the minutes go from 0 to 59"),
        ("0 9 0 * *", "the days of the month go from 1 to 31"),
        ("0 9 * 13 *", "the months go from 1 to 12"),
        ("0 9 * * 8", "the weekdays go from 0 to 7"),
        ("0 9 * * someday", "the weekdays cannot be read"),
        ("0 9 * foo *", "the months cannot be read"),
        ("17-9 9 * * *", "ranges upwards"),
        ("*/0 * * * *", "a step of 0 in the minutes"),
        ("5/15 * * * *", "a step in the minutes needs a range"),
        ("0 9 31 2 *", "it never happens"),
        ("0 9 1 * mon", "not both"),
        ("every 0 minutes", "longer than nothing"),
        ("every month", "months and years differ in length"),
        ("every now and then", "write it like every 15 minutes"),
    ],
)
def test_a_schedule_that_cannot_be_kept_says_why(shop, text: str, said: str) -> None:
    shop.add(PATH, f'schedule: "{text}"\n')
    assert said in str(shop.problem())
    assert shop.problem().where == "schedule"


ONE_SEND = "  - send: {channel: email, template: thanks}\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: thanks\n", "name: merci\n", "name: must be the file's name, thanks"),
        ("segment: loyal\n", "", "segment: is missing (who: a name from"),
        ("segment: loyal\n", "segment: [loyal]\n", "segment: must be the name of a segment, or a"),
        ("on: enter", "on: {from: active, to: loyal}", "segment: does not go with on: {from, to}"),
        ("on: enter", "on: {stay: 3}", "on.stay: 3 is not a length of time"),
        ("on: enter", "on: {stayed: 3 days}", "on.stayed: unknown key (did you mean stay?)"),
        ("on: enter", "on: {}", "on: is empty"),
        ("on: enter", "on: [enter]", "on: must be `enter`, `exit` or `schedule`, or"),
        ("on: enter", "on: {date: birth_date, offset: 3 hours}", "(count it in days, weeks, months"),
        ("on: enter", "on: {date: birth_date, offset: 2 years}", "on.offset: is more than a year"),
        ("on: enter", "on: {date: birthdate}", "there is no attribute 'birthdate' (did you mean"),
        ("on: enter", "on: {date: birth_date, repeat: daily}", "'daily' is not `yearly` or `once`"),
        (ONE_SEND, "  []\n", "steps: is an empty list"),
        (ONE_SEND, "  - wait: 1 day\n", "steps.0: waits for nothing"),
        (ONE_SEND, ONE_SEND + "  - wait: 1 day\n", "steps.1: waits for nothing"),
        (ONE_SEND, ONE_SEND + "  - {}\n", "steps.1: neither waits nor sends"),
        ("  - send", "  - wait: 1 day\n    send", "steps.0: waits and sends at once"),
        ("template: thanks", "template: thank", "there is no template 'thank' (did you mean thanks?)"),
        ("template: thanks", "template: other", "(write templates/other/email.html or email.mjml)"),
        ("channel: email", "channel: fax", "steps.0.send.channel: 'fax' is not `email`, `sms`, `whatsapp`"),
        (ONE_SEND, ONE_SEND + "priority: 200\n", "priority: 200 is not a whole number from 0 to 100"),
        (ONE_SEND, ONE_SEND + "priority: high\n", "must be a whole number from 0 to 100, not 'high'"),
        (ONE_SEND, ONE_SEND + "holdout: 95%\n", "(at most 90%)"),
        (ONE_SEND, ONE_SEND + "holdout: 0.001%\n", "(the finest step is 0.01%)"),
        (ONE_SEND, ONE_SEND + "reentry: {after: 0 days}\n", "(it must be longer than nothing)"),
        (ONE_SEND, ONE_SEND + "reentry: allways\n", "(did you mean always?)"),
        (ONE_SEND, ONE_SEND + "goal: {event: order}\n", "is missing (write within: 30 days)"),
        (ONE_SEND, ONE_SEND + "enabled: nope\n", "enabled: must be true or false, not 'nope'"),
        (ONE_SEND, ONE_SEND + "description: true\n", "must be text, not true or false (put it in"),
        (ONE_SEND, ONE_SEND + "titel: x\n", "titel: unknown key"),
    ],
)  # fmt: skip
def test_a_mistaken_trigger_says_what_is_wrong(shop, old: str, new: str, said: str) -> None:
    shop.edit(PATH, old, new)
    (problem,) = shop.problems()
    assert said in problem
    assert shop.load().workspace is None


def test_a_step_s_channel_must_be_set_up(shop) -> None:
    shop.edit("config/relance.yaml", "  sms: {provider: outbox, from: Shop}\n", "")
    shop.edit(PATH, "channel: email", "channel: sms")
    assert str(shop.problem()) == (
        f"{PATH}:6:21: steps.0.send.channel: the channel sms is not set up "
        "(add channels.sms to config/relance.yaml)"
    )


def test_a_channel_in_use_needs_an_address_and_a_word_on_consent(shop) -> None:
    shop.edit("config/relance.yaml", "  email: mail\n", "")
    shop.edit("config/relance.yaml", "{email: optin, sms: true}", "{sms: true}")
    assert shop.problems() == [
        (
            "config/relance.yaml:7:3: customers.email: is missing, but triggers/thanks.yaml sends "
            "email (say which column it is)"
        ),
        (
            "config/relance.yaml:10:12: customers.consent.email: is missing, but "
            "triggers/thanks.yaml sends email (say consent: {email: column}, or {email: true} if "
            "everybody consented)"
        ),
    ]
