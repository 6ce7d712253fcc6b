"""What the report is told: schedule and readers, prices, households, rotation, read-out."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Schedule
from relance.domain.workspace import ReportSpec, Rotation

RELANCE, TRIGGER = "config/relance.yaml", "triggers/thanks.yaml"
# what the trigger with MEASURED was before any of this could be said
PINNED = "ab2e9b92f665"
MEASURED = "holdout: 10%\ngoal: {event: order, within: 30 days}\n"


def test_the_report_has_a_schedule_and_readers(shop) -> None:
    shop.add(RELANCE, (
        'report: {schedule: "0 8 * * 1", email_to: [ann@shop.example, bob@shop.example],'
        " language: en, lapsed_after: 1 year}\n"
    ))  # fmt: skip
    assert shop.workspace().report == ReportSpec(
        schedule=Schedule(cron="0 8 * * mon"),
        email_to=("ann@shop.example", "bob@shop.example"),
        language="en",
        lapsed_after=Duration(1, Unit.YEAR),
    )


def test_segments_are_told_where_that_is_asked_for(shop) -> None:
    shop.add(RELANCE, "report: {segments: true}\n")
    assert shop.workspace().report.segments is True


def test_one_reader_needs_no_list(shop) -> None:
    shop.add(RELANCE, "report: {schedule: every day, email_to: ann@shop.example}\n")
    assert shop.workspace().report.email_to == ("ann@shop.example",)


def test_without_it_nobody_is_sent_a_report(shop) -> None:
    assert shop.workspace().report == ReportSpec()
    assert shop.workspace().rotation is Rotation.QUARTER


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{email_to: ann@shop.example}", '19:20: report.email_to: nothing is sent without a schedule (write schedule: "0 8 * * 1" beside it)'),
        ("{schedule: soon}", "19:20: report.schedule: 'soon' is not a schedule"),
        ("{schedule: every day, email_to: []}", "report.email_to: is an empty list"),
        ("{schedule: every day, email_to: Ann <ann@shop.example>}", "report.email_to: is not one e-mail address (write name@domain, without a name)"),
        ("{schedule: every day, email_to: [ann]}", "19:42: report.email_to.0: is not one e-mail address"),
        ("{schedule: every day, email_to: [ann@shop.example, Ann@shop.example]}", "report.email_to.1: is named twice"),
        ("{schedule: every day, language: de}", "report.language: 'de' is not `fr` or `en`"),
        ("{schedule: every day, lapsed_after: 0 days}", "report.lapsed_after: '0 days' is not a length of time"),
        ("{shedule: every day}", "report.shedule: unknown key (did you mean schedule?)"),
        ("every day", "report: must be a mapping such as {schedule: "),
    ],
)  # fmt: skip
def test_a_mistaken_report_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(RELANCE, f"report: {text}\n")
    problem = shop.problem()
    assert said in str(problem)
    assert "ann@" not in str(problem).casefold()
    assert not problem.warning


def test_readers_need_a_channel_by_which_an_email_leaves(shop) -> None:
    shop.edit(TRIGGER, "channel: email", "channel: sms")
    shop.edit(RELANCE, "  email: {provider: outbox, from: Shop <hello@shop.example>}\n", "")
    shop.add(RELANCE, "report: {schedule: every day, email_to: ann@shop.example}\n")
    assert shop.problems() == [
        f"{RELANCE}:18:41: report.email_to: there is no channel by which an e-mail leaves (add channels: {{email: …}})"
    ]


def test_a_broken_channel_is_not_told_twice(shop) -> None:
    shop.edit(RELANCE, "email: {provider: outbox,", "email: {provider: outbax,")
    shop.add(RELANCE, "report: {schedule: every day, email_to: ann@shop.example}\n")
    assert len(shop.problems()) == 1


# -- prices


@pytest.mark.parametrize(("text", "cost"), [("0.002", 0.002), ("0", 0.0), ("7", 7.0), ("1e-3", 0.001)])  # fmt: skip
def test_a_message_has_a_price(shop, text: str, cost: float) -> None:
    shop.edit(RELANCE, "email: {provider: outbox,", f"email: {{provider: outbox, cost: {text},")
    channels = shop.workspace().channels
    assert (channels["email"].cost, channels["sms"].cost) == (cost, 0.0)


def test_a_fallback_has_a_price_of_its_own(shop) -> None:
    shop.env["TOKEN"] = "a secret of some length"
    shop.edit(RELANCE, "email: {provider: outbox,", (
        'email: {provider: post, token: "${TOKEN}", cost: 0.001,'
        " fallback: {provider: outbox, from: Shop <hello@shop.example>, cost: 0.004},"
    ))  # fmt: skip
    channel = shop.workspace().channels["email"]
    assert channel.fallback is not None
    assert (channel.cost, channel.fallback.cost) == (0.001, 0.004)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-0.01", "17:35: channels.email.cost: must be from 0 to 1,000,000, in the workspace's currency"),
        ("1000001", "must be from 0 to 1,000,000"),
        ("1e999", "channels.email.cost: must be a number, not '1e999'"),
        (".inf", "channels.email.cost: must be a number, not '.inf'"),
        (".nan", "channels.email.cost: must be a number, not '.nan'"),
        ("0.002 EUR", "channels.email.cost: must be a number, not '0.002 EUR'"),
        ("true", "channels.email.cost: must be a number, not true"),
    ],
)  # fmt: skip
def test_a_mistaken_price_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.edit(RELANCE, "email: {provider: outbox,", f"email: {{provider: outbox, cost: {text},")
    assert said in str(shop.problem())


# -- households and the global holdout


def test_a_household_is_a_column(shop) -> None:
    shop.edit(RELANCE, "  key: id\n", "  key: id\n  household: home\n")
    assert shop.workspace().customers.household == "home"


def test_a_household_is_no_list(shop) -> None:
    shop.edit(RELANCE, "  key: id\n", "  key: id\n  household: [home]\n")
    assert "customers.household: must be a column's name, not a list" in str(shop.problem())


@pytest.mark.parametrize(
    ("text", "share", "rotation"),
    [
        ("2%", 0.02, Rotation.QUARTER),
        ("{share: 2%}", 0.02, Rotation.QUARTER),
        ("{share: 5%, rotate: month}", 0.05, Rotation.MONTH),
        ("{share: 0.05, rotate: half-year}", 0.05, Rotation.HALF_YEAR),
        ("{share: 1%, rotate: year}", 0.01, Rotation.YEAR),
    ],
)  # fmt: skip
def test_the_global_holdout_is_drawn_anew_as_often_as_asked(
    shop, text: str, share: float, rotation: Rotation
) -> None:
    shop.add(RELANCE, f"global_holdout: {text}\n")
    workspace = shop.workspace()
    assert (workspace.global_holdout, workspace.rotation) == (share, rotation)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{rotate: month}", "global_holdout.share: is missing (write share: 2%)"),
        ("{share: 25%}", "global_holdout.share: '25%' is not a share from 0% to 20% (at most 20%)"),
        ("{share: 2%, rotate: monthly}", "19:37: global_holdout.rotate: 'monthly' is not `month`, `quarter`, `half-year` or `year` (did you mean month?)"),
        ("[2%]", "global_holdout: must be a share from 0% to 20%, or a mapping such as {share: 2%, rotate: quarter}, not a list"),
    ],
)  # fmt: skip
def test_a_mistaken_global_holdout_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(RELANCE, f"global_holdout: {text}\n")
    assert said in str(shop.problem())


# -- the planned read-out


def test_a_read_out_is_a_number_of_entrants(shop) -> None:
    assert shop.workspace().triggers["thanks"].read_out is None
    shop.add(TRIGGER, MEASURED + "read_out: 4000\n")
    assert shop.workspace().triggers["thanks"].read_out == 4000
    assert shop.problems() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("goal: {event: order, within: 30 days}\nread_out: 4000", "8:11: read_out: there is nobody to compare with (add a holdout:)"),
        (MEASURED + "read_out: 0", "9:11: read_out: 0 is not a whole number from 1 to"),
        (MEASURED + "read_out: 4,000", "read_out: must be a whole number from 1 to 1000000000, not '4,000'"),
        (MEASURED + "read_out: 4000.5", "read_out: must be a whole number from 1 to 1000000000, not 4000.5"),
    ],
)  # fmt: skip
def test_a_mistaken_read_out_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(TRIGGER, text + "\n")
    problem = shop.problem()
    assert said in str(problem)
    assert not problem.warning


def test_a_read_out_needs_a_goal(shop) -> None:
    shop.add(TRIGGER, "holdout: 10%\nread_out: 4000\n")
    assert f"{TRIGGER}:8:11: read_out: there is nothing to read without a goal (add a goal:)" in (
        shop.problems()
    )


@pytest.mark.parametrize(
    ("holdout", "read_out", "smaller"), [("10%", 990, 99), ("10%", 400, 40), ("90%", 900, 90)]
)
def test_a_read_out_before_any_verdict_could_be_is_warned_of(
    shop, holdout: str, read_out: int, smaller: int
) -> None:
    shop.add(TRIGGER, MEASURED.replace("10%", holdout) + f"read_out: {read_out}\n")
    problem = shop.problem()
    assert problem.warning
    assert f"about {smaller} of them will be in the smaller arm" in str(problem)
    shop.edit(TRIGGER, f"read_out: {read_out}", "read_out: 1000")
    assert shop.problems() == []


# -- versions


def versions(shop) -> tuple[str, str, str]:
    workspace = shop.workspace()
    trigger = workspace.triggers["thanks"]
    return trigger.version, trigger.segment_version, workspace.segments["loyal"].version


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (TRIGGER, "holdout: 10%", "holdout: 10%\nread_out: 4000"),
        (RELANCE, "  key: id\n", "  key: id\n  household: home\n"),
    ],
)
def test_who_is_drawn_and_when_it_is_read_are_part_of_the_experiment_and_of_nothing_else(
    shop, path: str, old: str, new: str
) -> None:
    shop.add(TRIGGER, MEASURED)
    before = versions(shop)
    shop.edit(path, old, new)
    after = versions(shop)
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_another_read_out_or_household_is_another_experiment(shop) -> None:
    shop.add(TRIGGER, MEASURED + "read_out: 4000\n")
    shop.edit(RELANCE, "  key: id\n", "  key: id\n  household: home\n")
    seen = {versions(shop)}
    shop.edit(TRIGGER, "read_out: 4000", "read_out: 5000")
    seen.add(versions(shop))
    shop.edit(RELANCE, "household: home", "household: door")
    seen.add(versions(shop))
    assert len(seen) == 3


@pytest.mark.parametrize(
    "text",
    [
        "global_holdout: {share: 2%, rotate: year}",
        'report: {schedule: "0 8 * * 1", email_to: ann@shop.example, lapsed_after: 90 days}',
    ],
)
def test_what_only_the_report_reads_begins_no_experiment_anew(shop, text: str) -> None:
    shop.add(TRIGGER, MEASURED)
    # pinned: another number would begin every experiment of every workspace anew after an update
    assert versions(shop)[0] == PINNED
    shop.add(RELANCE, text + "\n")
    assert versions(shop)[0] == PINNED
    shop.edit(RELANCE, "email: {provider: outbox,", "email: {provider: outbox, cost: 0.01,")
    assert versions(shop)[0] == PINNED
