"""What looks at segments looks as of the last tick, and says so; before the first, as of now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newcomer import call
from stage import START, Stage

LOOKS = (("describe", "buyers"), ("health",), ("stages",), ("rfm",))
EACH = pytest.mark.parametrize("words", LOOKS, ids=[words[0] for words in LOOKS])


@pytest.fixture
def shop(tmp_path: Path) -> Stage:
    """Forty customers who bought in the weeks before `START`, and nothing since."""
    stage = Stage(tmp_path)
    for number in range(40):
        stage.arrive(f"c{number}")
        stage.order(f"c{number}", at=START - timedelta(days=number))
    stage.write(
        "config/segments.yaml",
        "version: 1\nlifecycle: {}\nsegments:\n"
        "  buyers: {event: order, count: {at_least: 1}, within: 30 days}\n"
        "  nobody: {customer: country, is: XX}\n",
    )
    stage.trigger(segment="buyers", goal="{event: order, within: 30 days}", holdout="20%")
    return stage


@EACH
def test_without_a_tick_it_is_now(shop: Stage, words: tuple[str, ...]) -> None:
    with shop.open():
        answer = call(*words, "--json", "--workspace", str(shop.root))
    at = datetime.fromisoformat(answer.json()["at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


@EACH
def test_after_a_tick_it_is_that_tick_and_is_said(shop: Stage, words: tuple[str, ...]) -> None:
    shop.tick()
    where = ("--workspace", str(shop.root))
    answer = call(*words, *where)
    assert (answer.code, answer.err) == (0, "")
    first = answer.out.splitlines()[0]
    assert first.startswith("As of the last tick, 2026-03-01 09:00 CET")
    assert "days ago; --at now looks at this moment." in first
    assert call(*words, "--json", *where).json()["at"] == START.isoformat()
    now = call(*words, "--at", "now", "--json", *where).json()["at"]
    assert datetime.fromisoformat(now) > START + timedelta(days=30)


def test_who_is_described_is_who_members_lists(shop: Stage) -> None:
    shop.tick()
    found = call("describe", "buyers", "--json", "--workspace", str(shop.root)).json()
    assert found["members"] == len(shop.members("buyers")) == 30
    assert (
        call("stages", "--at", "2026-02-01", "--json", "--workspace", str(shop.root)).json()["at"]
        == "2026-01-31T23:00:00+00:00"
    )


def test_of_an_empty_segment_it_is_said_that_nobody_is_in_it(shop: Stage) -> None:
    shop.tick()
    shown = call("describe", "nobody", "--workspace", str(shop.root)).out
    assert "Nobody is in it." in shown
    assert "persons" not in shown
