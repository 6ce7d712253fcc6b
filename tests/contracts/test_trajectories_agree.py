"""Trajectories against the same counted in plain Python, on SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.state_words import baseline, change, entry, message, run, tick
from relance.domain.arm import Arm
from relance.domain.fits import LIFECYCLE, Fits, Rhythm
from relance.domain.happening import Happening
from relance.domain.lifecycle import LifecycleSpec, Stage
from relance.domain.trajectory import GONE, NONE, NOT_YET, Caution, Trajectory
from relance.errors import UsageError
from relance.store import State
from relance.uplift.moves import compare
from relance.uplift.stays import half_left
from trajectory_oracle import Story, Told, day, place, stays, tell
from trajectory_states import PARIS, follow, remember, workspace

SEGMENTS = ("new", "active", "risk", "vip")
CUSTOMERS = [f"C{number}" for number in range(12)]
numbers = itertools.count()


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Up to 20 days; some segments overlap, some customers are in none, come late or go."""
    places = st.sampled_from([
        frozenset(), frozenset({"new"}), frozenset({"active"}), frozenset({"risk"}),
        frozenset({"risk", "vip"}), frozenset({"active", "vip"}), frozenset({"vip"}),
        frozenset({"new", "active"}),
    ])  # fmt: skip
    length = draw(st.integers(3, 20))
    today = {name: draw(places) for name in CUSTOMERS[: draw(st.integers(1, len(CUSTOMERS)))]}
    story = [today]
    for _ in range(length - 1):
        moving = draw(st.lists(st.sampled_from(CUSTOMERS), max_size=5))
        today = {**today, **{name: draw(places) for name in moving}}
        story.append(today)
    return story


ways = st.sampled_from([
    ("new", "active", "risk"), ("vip", "active"), ("risk",), SEGMENTS, ("active", "new"),
])  # fmt: skip


def by_week(told: Mapping[tuple[int, str], int], found: Trajectory) -> dict[tuple[int, str], int]:
    counts: Counter[tuple[int, str]] = Counter()
    for (number, where), moves in told.items():
        (week,) = [
            n for n, week in enumerate(found.weeks) if week.begin < day(number) <= week.until
        ]
        counts[week, where] += moves
    return dict(counts)


def agree(found: Trajectory, told: Told) -> None:
    assert dict(found.counted.matrix) == dict(told.matrix)
    assert dict(found.counted.steps) == dict(told.steps)
    assert dict(found.counted.entries) == by_week(told.entries, found)
    assert dict(found.counted.exits) == by_week(told.exits, found)
    assert found.counted.overlapping == told.overlapping


@given(story=stories(), asked=ways, data=st.data())
@often(8)
def test_every_number_is_the_one_that_a_person_would_count(
    state: State, story: Story, asked: tuple[str, ...], data: st.DataObject
):
    number = next(numbers)
    renamed = {name: f"{name}_{number}" for name in SEGMENTS}
    # instants of one state go forward, and so do the stories that it holds: each has its own names
    remember(state, story, SEGMENTS, renamed)
    begin = data.draw(st.integers(0, len(story) - 2))
    until = data.draw(st.integers(begin + 1, len(story) - 1))
    told = tell(story, asked, begin, until)
    shop = workspace(list(renamed.values()))
    found = follow(state, shop, begin, until, [renamed[name] for name in asked])
    plain = plainly(found, number)
    agree(plain, told)
    sums_hold(plain, story, asked, begin, until)
    lengths_hold(plain, story, begin, until)
    assert not any(each.clear for each in compare(found, found).changes)
    assert all(each.difference == 0 for each in compare(found, found).changes)


def plainly(found: Trajectory, number: int) -> Trajectory:
    """With the names of the story."""
    from dataclasses import replace

    def name(text: str) -> str:
        return text.removesuffix(f"_{number}")

    counted = found.counted
    return replace(
        found,
        segments=[name(each) for each in found.segments],
        counted=replace(
            counted,
            matrix={(name(a), name(b)): n for (a, b), n in counted.matrix.items()},
            steps={(name(a), name(b)): n for (a, b), n in counted.steps.items()},
            entries={(week, name(a)): n for (week, a), n in counted.entries.items()},
            exits={(week, name(a)): n for (week, a), n in counted.exits.items()},
            stays=[replace(each, segment=name(each.segment)) for each in counted.stays],
        ),
    )


def sums_hold(
    found: Trajectory, story: Story, asked: tuple[str, ...], begin: int, until: int
) -> None:
    """Rows are the members at the start, columns those at the end, and what flows in between
    makes the difference."""
    for name in asked:
        at_start = sum(place(story[begin], each, asked) == name for each in story[begin])
        at_end = sum(place(story[until], each, asked) == name for each in story[until])
        assert (found.at_start(name), found.at_end(name)) == (at_start, at_end)
        entries = sum(n for (_, where), n in found.counted.entries.items() if where == name)
        exits = sum(n for (_, where), n in found.counted.exits.items() if where == name)
        assert entries - exits == at_end - at_start


def lengths_hold(found: Trajectory, story: Story, begin: int, until: int) -> None:
    for each in found.counted.stays:
        ended, ended_unknown, going, going_unknown = stays(story, each.segment, begin, until)
        assert (each.ended, each.ended_unknown) == (len(ended), ended_unknown)
        assert (each.open, each.open_unknown) == (len(going), going_unknown)
        if ended:
            assert each.median == pytest.approx(statistics.median(ended))
            assert each.mean == pytest.approx(statistics.fmean(ended))
        if going:
            assert each.open_median == pytest.approx(statistics.median(going))
        for at_risk, events in each.days:
            assert 0 <= events <= at_risk


# -- told by example

STORY: Story = [
    {"ann": frozenset({"new"}), "bob": frozenset({"active"}), "cat": frozenset({"active"})},
    {"ann": frozenset({"active"}), "bob": frozenset({"active"}), "cat": frozenset({"risk"})},
    {"ann": frozenset({"active"}), "bob": frozenset(), "cat": frozenset({"risk"}),
     "dan": frozenset({"new"})},
    {"ann": frozenset({"risk"}), "cat": frozenset({"active"}), "dan": frozenset({"new"})},
]  # fmt: skip
STAGES = ("new", "active", "risk")


def test_nobody_is_lost_who_comes_or_goes(state: State):
    remember(state, STORY, STAGES)
    found = follow(state, workspace(STAGES), 0, 3)
    assert found.segments == list(STAGES)
    assert found.counted.matrix == {
        ("new", "risk"): 1, ("active", GONE): 1, ("active", "active"): 1, (NOT_YET, "new"): 1,
    }  # fmt: skip
    assert found.starts == [*STAGES, NOT_YET]
    assert found.ends == [*STAGES, GONE]


def test_who_is_in_another_segment_is_in_none_of_those_asked_for_and_not_gone(state: State):
    remember(state, STORY, STAGES)
    found = follow(state, workspace(STAGES), 0, 3, ["active"])
    assert found.counted.matrix == {
        (NONE, NONE): 1, ("active", GONE): 1, ("active", "active"): 1, (NOT_YET, NONE): 1,
    }  # fmt: skip


def test_segments_that_share_somebody_are_left_out_by_default(state: State):
    story = [{"ann": frozenset({"new", "vip"}), "bob": frozenset({"vip"})}, {}, {}]
    story[1] = story[2] = {"ann": frozenset({"active", "vip"}), "bob": frozenset({"active"})}
    remember(state, story, SEGMENTS)
    assert follow(state, workspace(SEGMENTS), 0, 2).segments == ["new", "active", "risk"]
    both = follow(state, workspace(SEGMENTS), 0, 2, ["vip", "active"])
    assert both.counted.matrix[("vip", "active")] == 1
    assert [(note.caution, note.number) for note in both.notes] == [(Caution.OVERLAP, 1)]


def test_a_changed_definition_begins_the_period_anew_and_says_so(state: State):
    remember(state, STORY[:2], STAGES)
    fresh = [
        baseline("new", version="2"), change("active"), change("risk", opened=["ann"]),
    ]  # fmt: skip
    state.ledger.commit(tick(day(2), runs=[], spells=fresh))
    state.ledger.commit(
        tick(day(4), runs=[], spells=[
            change("new", opened=["ann"], version="2"), change("active"),
            change("risk", closed=["ann"]),
        ])
    )  # fmt: skip
    found = follow(state, workspace(STAGES), 0, 4)
    assert found.span.begin == day(2)
    (note,) = found.notes
    assert (note.caution, note.segments, note.at) == (Caution.CHANGED, ["new"], day(2))
    earlier = follow(state, workspace(STAGES), 0, 1)
    assert earlier.notes == []
    held = compare(found, earlier)
    assert held.changes == ()
    assert [note.caution for note in held.notes] == [
        Caution.DEFINED_OTHERWISE, Caution.LENGTHS,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("begin", "until", "asked", "says"),
    [
        (2, 1, None, "not before its end"),
        (5, 9, None, "nothing was evaluated later than"),
        (-9, -1, None, "evaluated for the first time"),
        (-9, 0, None, "evaluated only once"),
        (0, 3, ["actve"], "no segment 'actve'"),
        (0, 3, ["new", "new"], "named twice"),
        (0, 3, ["vip"], "has not been evaluated yet"),
    ],
)
def test_a_period_that_nobody_can_tell_is_refused_with_the_reason(
    state: State, begin: int, until: int, asked: list[str] | None, says: str
):
    remember(state, STORY, STAGES)
    with pytest.raises(UsageError, match=says):
        follow(state, workspace(SEGMENTS), begin, until, asked)


def test_without_a_tick_there_is_nothing_to_tell(state: State):
    with pytest.raises(UsageError, match="have not been evaluated yet"):
        follow(state, workspace(STAGES), None, 3)


def test_one_customer_is_enough(state: State):
    story = [{"ann": frozenset({"new"})}, {"ann": frozenset({"active"})}]
    remember(state, story, STAGES)
    found = follow(state, workspace(STAGES), None, 1)
    assert found.counted.matrix == {("new", "active"): 1}
    assert [note.caution for note in found.notes] == [Caution.HISTORY]
    assert half_left(found.counted.stays[0]) is None


def test_the_periods_end_is_the_last_evaluation_and_not_what_was_asked_for(state: State):
    remember(state, STORY, STAGES)
    found = follow(state, workspace(STAGES), 0, 40)
    assert found.span.until == day(3)
    assert [(note.caution, note.at) for note in found.notes] == [(Caution.ENDED, day(3))]


def test_what_happened_outside_stands_in_the_periods_that_it_touches(state: State):
    remember(state, STORY, STAGES)
    days = [date(2026, 3, 15), date(2026, 3, 17), date(2026, 3, 20)]
    happenings = [Happening(name=str(each), first=each, last=each) for each in days]
    long = Happening(name="sales", first=date(2026, 3, 1), last=date(2026, 3, 16))
    found = follow(state, workspace(STAGES, [long, *happenings]), 0, 3)
    assert [each.name for each in found.happenings] == ["sales", "2026-03-17"]


def test_what_triggers_did_is_told_by_week(state: State):
    remember(state, STORY[:1], STAGES)
    entries = [
        entry("ann", day(1)), entry("bob", day(1), arm=Arm.HOLDOUT), entry("cat", day(1)),
    ]  # fmt: skip
    record = tick(
        day(1), runs=[run(day(1), treated=2, held_out=1)], entries=entries,
        messages=[message(each) for each in entries],
        spells=[change(name) for name in STAGES],
    )  # fmt: skip
    state.ledger.commit(record)
    state.ledger.commit(tick(day(9), runs=[], spells=[change(name) for name in STAGES]))
    found = follow(state, workspace(STAGES), 0, 9)
    (winback,) = found.triggers
    assert winback.trigger == "winback"
    assert (winback.treated, winback.held_out, winback.messages) == ([2, 0], [1, 0], [0, 0])
    second = found.weeks[1].begin.astimezone(PARIS)
    assert (second.weekday(), second.hour) == (0, 0)


def test_an_hour_of_a_clock_change_makes_no_day(state: State):
    story = [{}, *([{"ann": frozenset({"new"})}] * 14), {}]
    remember(state, story, ("new",))
    found = follow(state, workspace(["new"]), 0, 15)
    half = half_left(found.counted.stays[0])
    assert half is not None
    assert half.day == 14
    assert day(15) - day(1) == timedelta(days=14)


# -- a lifecycle

LIFE = [stage.value for stage in Stage]
LIVES: Story = [
    {"ann": frozenset({"new", "vip"}), "bob": frozenset({"lapsed"})},
    {"ann": frozenset({"active", "vip"}), "bob": frozenset({"reactivated", "vip"})},
    {"ann": frozenset({"active"}), "bob": frozenset({"active"}), "cat": frozenset({"prospect"})},
]  # fmt: skip


def test_the_stages_of_a_lifecycle_are_what_is_shown_by_default_and_by_their_titles(state: State):
    remember(state, LIVES, ["vip", *LIFE])
    lifecycle = LifecycleSpec(titles={Stage.NEW: "Tout neuf"})
    found = follow(state, workspace(["vip", *LIFE], lifecycle=lifecycle), 0, 2)
    assert found.segments == LIFE
    agree(found, tell(LIVES, LIFE, 0, 2))
    assert found.titles["new"] == "Tout neuf"
    assert found.titles["at_risk"] == "At risk"
    # the stages say who is a customer, and hold everybody: nobody is gone who left another segment
    other = follow(state, workspace(["vip", *LIFE], lifecycle=lifecycle), 0, 2, ["vip"])
    assert other.counted.matrix == {("vip", NONE): 1, (NONE, NONE): 1, (NOT_YET, NONE): 1}


def test_a_re_fit_of_the_lengths_between_stages_is_told_with_its_day(state: State):
    remember(state, LIVES, LIFE)
    for number in (3, 5):
        fit = Rhythm(
            fitted_at=day(number), recent=30, active=60, at_risk=90, lapsed=180, customers=9
        )
        state.ledger.commit(
            tick(day(number), runs=[], fits=Fits({LIFECYCLE: fit}),
                 spells=[change(name) for name in LIFE])
        )  # fmt: skip
    shop = workspace(LIFE, lifecycle=LifecycleSpec())
    assert follow(state, shop, 0, 4).notes == []  # the first fit moved nobody
    (note,) = follow(state, shop, 0, 5).notes
    assert (note.caution, list(note.instants)) == (Caution.REFIT, [day(5)])
    assert note.segments == LIFE
