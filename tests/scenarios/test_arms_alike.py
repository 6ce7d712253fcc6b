"""The held-out live through the same weeks as the others, but for the messages themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

from relance.domain.arm import Arm
from relance.domain.message import MessageState
from stage import RELANCE, START, Stage

BUYERS = "{event: order, count: {at_least: 1}}"
STEPS = (
    "[{send: {channel: email, template: hello}},"
    " {wait: 1 day}, {send: {channel: sms, template: hello, while_member: true}},"
    " {wait: 1 day}, {unless: {event: order, since: entry, count: {at_least: 1}},"
    " send: {channel: email, template: hello}}]"
)
WAYS = ("nothing", "buys", "refuses", "goes", "moves", "unreachable", "abroad")
DAYS = 3
GOAL = "{event: order, within: 30 days}"
Fate = tuple[int, datetime, datetime, str, str]  # step, due, changed, state, reason


def people_of(way: str, day: int) -> list[str]:
    return [f"{way}{day}{letter}" for letter in "abcdefgh"]


def behave(stage: Stage, way: str, name: str) -> None:
    """What a customer does the day after the entry, whatever the arm."""
    if way == "buys":
        stage.order(name)
    elif way == "refuses":
        stage.change(name, optin="false")
    elif way == "goes":
        stage.delete(name)
    elif way == "moves":
        stage.change(name, country="BE")
    elif way == "unreachable":
        stage.change(name, mobile="", email="")


def week(stage: Stage, ways: tuple[str, ...]) -> None:
    """Every day customers of each way enter, and those of the day before do what they do."""
    segment = f"{{all: [{BUYERS}, {{customer: country, is: FR}}]}}"
    stage.trigger(segment=segment, steps=STEPS, holdout="50%", goal=GOAL)
    for day in range(DAYS):
        for way in ways:
            zone = "America/New_York" if way == "abroad" else "Europe/Paris"
            stage.arrive(*people_of(way, day), tz=zone)
    stage.tick()
    for day in range(DAYS + 4):
        stage.now = START + timedelta(days=day + 1)
        for way in ways:
            for name in people_of(way, day) if day < DAYS else ():
                stage.order(name)
            for name in people_of(way, day - 1) if 0 < day <= DAYS else ():
                behave(stage, way, name)
        stage.tick()
        for hours in (0, 6, 13):
            stage.now = START + timedelta(days=day + 1, hours=hours)
            stage.deliver()


def fates(stage: Stage, ways: tuple[str, ...]) -> dict[str, dict[Arm, dict[str, list[Fate]]]]:
    """By way and arm: what became of each customer's messages, in instants since the entry day."""
    found: dict[str, dict[Arm, dict[str, list[Fate]]]] = {
        way: {arm: {} for arm in Arm} for way in ways
    }
    with stage.open() as relance:
        for way in ways:
            for name in (name for day in range(DAYS) for name in people_of(way, day)):
                told = relance.state.reader.history(name)
                [entry] = told.entries
                found[way][entry.arm][name] = [
                    (m.step, m.due_at, m.changed_at, "" if _went(m.state) else m.state, m.reason)
                    for m in told.messages
                ]
    return found


def _went(state: MessageState) -> bool:
    return state in {MessageState.GHOST, MessageState.ACCEPTED}


def test_customers_who_behave_alike_have_the_same_messages_in_both_arms(stage: Stage) -> None:
    stage.settings('limits: {quiet_hours: "20:00-10:00"}\n')
    week(stage, WAYS)
    reasons = {}
    for way, arms in fates(stage, WAYS).items():
        assert min(len(people) for people in arms.values()) > 4
        for day in range(DAYS):
            both = {
                tuple(people[name])
                for people in arms.values()
                for name in people_of(way, day)
                if name in people
            }
            assert len(both) == 1, (way, day, both)  # due, looked at and ended alike
            reasons[way] = [fate[4] for fate in both.pop()]
    assert reasons == {
        "nothing": ["", "", ""],
        "buys": ["", "goal_reached", "goal_reached"],
        "refuses": ["", "no_consent", "no_consent"],
        "goes": ["", "gone", "gone"],
        "moves": ["", "left_segment", ""],
        "unreachable": ["", "unreachable", "unreachable"],
        "abroad": ["", "", ""],
    }


def test_under_a_small_daily_budget_messages_and_ghosts_are_late_alike(stage: Stage) -> None:
    outbox = 'email: {provider: outbox, from: "Stage <stage@example.com>"'
    stage.write("config/relance.yaml", RELANCE.replace(outbox, f"{outbox}, daily_budget: 10"))
    week(stage, ("nothing", "buys", "goes"))
    with stage.open() as relance:
        late = {one.arm: one for one in relance.state.reader.lateness()}
    treated, holdout = late[Arm.TREATED], late[Arm.HOLDOUT]
    assert treated.mean > 6 * 3600  # hours behind: the budget bites
    spread = (treated.m2 / treated.messages) ** 0.5
    error = spread * (1 / treated.messages + 1 / holdout.messages) ** 0.5
    assert abs(treated.mean - holdout.mean) < 3 * error
