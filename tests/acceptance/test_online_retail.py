"""Nine months of a real shop, day by day through the command line, against pandas."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from acceptance.expected_online_retail import memberships
from replay import Members, Replay, Watch, check_spells, check_ticks
from trajectory_oracle import Story, tell

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "online_retail.parquet"
DAYS = pd.date_range("2011-03-01 09:00", "2011-12-09 09:00", tz="Europe/London")
APART = {DAYS[0], DAYS[26], DAYS[27], DAYS[-1]}  # the clocks go forward in between
LOOK = DAYS[::40]

WATCHES = (
    Watch(trigger="newcomer_welcome", segment="newcomer", on="enter"),
    Watch(trigger="loyal_thanks", segment="loyal", on="enter"),
    Watch(trigger="loyal_lost", segment="loyal", on="exit"),
    Watch(trigger="silent_good_return", segment="silent_good", on="enter"),
    Watch(trigger="slipping", segment="at_risk", on="active"),
)


@pytest.fixture
def online_retail() -> Path:
    """The invoices; without them the test is skipped, or fails where they are required."""
    if not DATA.exists():
        say = pytest.fail if os.environ.get("RELANCE_REQUIRE_SHARED") == "1" else pytest.skip
        say(f"{DATA} is missing")
    return DATA


def test_every_day_of_a_real_shop_agrees_with_pandas(online_retail: Path, tmp_path: Path) -> None:
    local = memberships(online_retail, [day.tz_localize(None) for day in DAYS])
    expected = {day: local[day.tz_localize(None)] for day in DAYS}
    replay = Replay.of(
        HERE / "online_retail", tmp_path, {"ONLINE_RETAIL": str(online_retail.parent)}
    )

    ticks = {day: replay.run("tick", "--at", day.isoformat(), apart=day in APART) for day in DAYS}

    check_ticks(ticks, expected, WATCHES)
    check_spells(replay.spells(), expected)
    for day in LOOK:
        for segment, wanted in expected[day].items():
            found = replay.run("members", segment, "--at", day.isoformat())
            assert (found["segment"], set(found["customers"])) == (segment, wanted)

    check_trajectories(replay, [expected[day] for day in DAYS])


def check_trajectories(replay: Replay, memberships: Sequence[Members]) -> None:
    """Two stretches of the nine months between all segments, and between some of them."""
    story = as_story(memberships)
    for begin, until, asked in (
        (0, len(DAYS) - 1, list(memberships[0])),
        (60, 151, ["active", "at_risk"]),
        (27, 28, ["loyal", "newcomer"]),
    ):
        words = ["--from", DAYS[begin].isoformat(), "--to", DAYS[until].isoformat()]
        found = replay.run("trajectories", "--segments", ",".join(asked), *words)
        told = tell(story, asked, begin, until)
        assert moves(found["moves"], "customers") == dict(told.matrix)
        assert moves(found["steps"], "moves") == dict(told.steps)
        entered = [one for week in found["weeks"] for one in week["segments"]]
        for name in asked:
            came = sum(one["entries"] for one in entered if one["segment"] == name)
            assert came == sum(n for (_, place), n in told.entries.items() if place == name)


def moves(found: Sequence[Mapping[str, Any]], number: str) -> dict[tuple[str, str], int]:
    return {(one["from"], one["to"]): one[number] for one in found}


def as_story(memberships: Sequence[Members]) -> Story:
    """Of every day, in which segments every member is."""
    story = []
    for members in memberships:
        today: dict[str, set[str]] = defaultdict(set)
        for segment, customers in members.items():
            for customer in customers:
                today[customer].add(segment)
        story.append({customer: frozenset(names) for customer, names in today.items()})
    return story
