"""Which changes begin a new experiment, and for whom arms are drawn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest

from relance.cli.history import history_document, print_history
from relance.domain.arm import Arm, bucket, in_global_holdout
from relance.domain.study import Draw
from relance.errors import SourceError
from stage import RELANCE, TEMPLATE, Stage

BUYERS = "{event: order, count: {at_least: 1}}"
FRENCH_BUYERS = "{all: [{event: order, count: {at_least: 1}}, {customer: country, is: FR}]}"


def enter(stage: Stage, prefix: str, count: int = 30) -> None:
    """New customers order and enter; a changed segment makes its baseline first."""
    names = [f"{prefix}{number}" for number in range(count)]
    stage.arrive(*names)
    stage.tick()
    stage.wait(days=1)
    stage.order(*names)
    stage.tick()
    stage.wait(days=1)


def draws(stage: Stage) -> list[Draw]:
    with stage.open() as relance:
        return relance.state.reader.draws()


def entries(stage: Stage) -> list[dict[str, object]]:
    with stage.open() as relance:
        return [row for batch in relance.state.reader.entries() for row in batch.to_pylist()]


def test_changing_the_share_the_message_or_the_segment_is_a_new_version(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, holdout="50%")
    enter(stage, "first")
    stage.trigger(segment=BUYERS, holdout="20%")
    enter(stage, "share")
    stage.write("templates/hello/email.html", TEMPLATE.replace("Bonjour", "Bonsoir"))
    enter(stage, "message")
    stage.trigger(segment=FRENCH_BUYERS, holdout="20%")
    enter(stage, "segment")
    found = draws(stage)
    assert [draw.share for draw in found] == [0.5, 0.2, 0.2, 0.2]
    assert len({draw.version for draw in found}) == len({draw.salt for draw in found}) == 4
    order = [draw.version for draw in found]
    assert Counter(row["version"] for row in entries(stage)) == dict.fromkeys(order, 30)
    with stage.open() as relance:
        assert [tally.version for tally in relance.state.reader.tallies() if tally.treated] == order


def test_every_arm_can_be_drawn_again_from_what_was_written_down(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, holdout="30%")
    enter(stage, "c", 60)
    [draw] = draws(stage)
    assert draw.salt == f"hello:{draw.version}"
    again = {
        row["customer"]: bucket(draw.salt, str(row["customer"])) < draw.share * 10_000
        for row in entries(stage)
    }
    drawn = {row["customer"]: row["arm"] == Arm.HOLDOUT for row in entries(stage)}
    assert again == drawn
    assert 5 < sum(drawn.values()) < 35


def test_a_reworded_comment_is_no_new_experiment(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, holdout="50%")
    enter(stage, "a")
    stage.trigger(segment=BUYERS, holdout="50%", description="Now with a description")
    enter(stage, "b")
    assert len(draws(stage)) == 1


# -- households


def with_households(stage: Stage, more: str = "") -> None:
    home = RELANCE.replace("  region: FR\n", "  region: FR\n  household: first_name\n")
    stage.write("config/relance.yaml", home + more)


def families(stage: Stage, count: int) -> list[str]:
    """Two customers in each household, and as many who have none."""
    for number in range(count):
        stage.arrive(f"a{number}", f"b{number}", first_name=f"home{number}")
        stage.arrive(f"c{number}", first_name="")
    return [f"{letter}{number}" for letter in "abc" for number in range(count)]


def test_a_household_is_held_out_together_and_why_says_so(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with_households(stage)
    stage.trigger(segment=BUYERS, holdout="50%")
    names = families(stage, 30)
    stage.tick()
    stage.wait(days=1)
    stage.order(*names)
    stage.tick()
    rows: Mapping[object, dict[str, object]] = {row["customer"]: row for row in entries(stage)}
    assert len(rows) == 90
    assert all(rows[f"a{n}"]["arm"] == rows[f"b{n}"]["arm"] for n in range(30))
    assert {rows[f"a{n}"]["unit"] for n in range(30)} == {f"household:home{n}" for n in range(30)}
    assert {rows[f"c{n}"]["unit"] for n in range(30)} == {None}
    assert len({rows[f"a{n}"]["arm"] for n in range(30)}) == 2
    [draw] = draws(stage)
    assert draw.household
    with stage.open() as relance:
        told, alone = (relance.state.reader.history(name) for name in ("a7", "c7"))
        zone = relance.workspace.zone
    [entry] = json.loads(json.dumps(history_document(told)))["entries"]
    assert (entry["unit"], entry["salt"], entry["hash_version"]) == (
        "household:home7", draw.salt, 1,
    )  # fmt: skip
    assert history_document(alone)["entries"][0]["unit"] is None  # type: ignore[index]
    print_history(told, zone)
    shown = capsys.readouterr().out
    drawn = f"(drawn for household:home7 with {draw.salt}, hash 1)"
    assert f"entered hello, {rows['a7']['arm']} {drawn}" in shown


def test_the_global_holdout_takes_households_and_is_drawn_anew_as_the_yaml_says(
    stage: Stage,
) -> None:
    with_households(stage, "global_holdout: {share: 20%, rotate: month}\n")
    stage.trigger(segment=BUYERS)
    names = families(stage, 30)
    stage.tick()
    stage.wait(days=1)
    stage.order(*names)
    stage.tick()
    with stage.open() as relance:
        found = relance.state.reader.reached_global(stage.now, stage.now + timedelta(days=1))
    held = {row["customer"]: row["held_out"] for row in found.to_pylist()}
    assert held.keys() == set(names)
    assert 5 < sum(held.values()) < 40
    units = {**{f"a{n}": f"household:home{n}" for n in range(30)}, "c3": "c3"}
    units |= {f"b{n}": f"household:home{n}" for n in range(30)}
    assert all(
        held[name] is in_global_holdout("2026-03", unit, 0.2) for name, unit in units.items()
    )


# -- the event tables


def test_a_tick_remembers_how_many_orders_there_were(stage: Stage) -> None:
    stage.trigger(segment=BUYERS, goal="{event: order, within: 30 days}")
    stage.arrive("ann")
    stage.order("ann", "ann")
    stage.order("ann", at=stage.now + timedelta(hours=1))
    stage.tick()
    with stage.open() as relance:
        assert relance.state.reader.events_seen() == {"order": (stage.now, 2)}


def test_a_table_that_has_lost_rows_is_remembered_as_it_was_for_a_week(stage: Stage) -> None:
    stage.trigger(segment=BUYERS)
    stage.arrive("ann")
    stage.order(*["ann"] * 200)
    stage.tick()
    remembered = [(stage.now, 200)]
    for days, left in ((1, 199), (2, 150), (6, 150)):
        del stage.orders[left:]
        stage.wait(days=days)
        stage.tick()
        with stage.open() as relance:
            remembered.append(relance.state.reader.events_seen()["order"])
    first = remembered[0][0]
    assert remembered == [
        (first, 200),
        (first + timedelta(days=1), 199),  # somebody's right to be forgotten
        (first + timedelta(days=1), 199),  # a quarter of them is missing
        (first + timedelta(days=9), 150),
    ]


def test_a_table_of_a_goal_alone_that_is_empty_all_at_once_stops_the_tick(stage: Stage) -> None:
    stage.trigger(segment="{customer: country, is: FR}", goal="{event: order, within: 30 days}")
    stage.arrive("ann")
    stage.order("ann")
    stage.tick()
    stage.orders.clear()
    stage.wait(days=1)
    with pytest.raises(SourceError, match="orders has no rows, and had some before"):
        stage.tick()
