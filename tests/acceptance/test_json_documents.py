"""The `--json` that other programs rely on is what docs/json.md tells, key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from json_page import PAGE, differences, documented
from newcomer import BACK, NEXT_DAY, REFUSED, SPRING, Answer, Walk, call
from relance.cli.app import ORDER, app

pytestmark = pytest.mark.xdist_group("command_line")  # the walk is walked once


@pytest.mark.parametrize(
    ("document", "step"),
    [
        ("tick", "tick"),
        ("tick", "second baseline"),
        ("deliver", "delivery"),
        ("report", "report"),
        ("backfill TRIGGER", "back-fill"),
    ],
)
def test_what_a_step_says_has_exactly_the_keys_and_kinds_that_the_page_tells(
    walk: Walk, document: str, step: str
):
    check_document(document, walk.said[step])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("members SEGMENT", ["members", "active"]),
        ("rfm", ["rfm", "--at", NEXT_DAY]),
        ("report", ["report", "--at", NEXT_DAY]),
        ("trajectories", ["trajectories", "--at", NEXT_DAY]),
        (
            "trajectories",
            [
                "trajectories",
                "--at",
                SPRING,
                "--from",
                "2026-03-05",
                "--to",
                "2026-04-11",
                "--compare",
                "2026-03-01T09:00:2026-03-05",
            ],
        ),
        ("power TRIGGER", ["power", "welcome", "--weeks", "2", "--at", SPRING]),
        ("why CUSTOMER", ["why", BACK]),
        ("why CUSTOMER", ["why", REFUSED[0]]),
    ],
)
def test_what_a_question_answers_has_exactly_the_keys_and_kinds_that_the_page_tells(
    walk: Walk, document: str, words: list[str]
):
    check_document(document, walk(*words, "--json"))


def test_what_a_person_decides_is_told_as_the_page_says(walk: Walk, tmp_path: Path):
    file = tmp_path / "people.csv"
    file.write_text("email,reason\na@shop.example,asked\nnobody,\n", encoding="utf-8")
    for document, words in (
        ("suppress add", ["suppress", "add", "--customer", "C999"]),
        ("suppress import FILE", ["suppress", "import", str(file), "--skip-bad"]),
        ("suppress list", ["suppress", "list"]),
        ("suppress remove", ["suppress", "remove", "--customer", "C999"]),
        ("unknown list", ["unknown", "list"]),
        ("unknown resend", ["unknown", "resend", "--all"]),
        ("unknown drop", ["unknown", "drop", "--all"]),
    ):
        answer = walk(*words, "--json")
        if "import" not in words:  # which names the bad line for the person, too
            assert answer.err == ""
        example, nullable = documented(document)
        assert list(differences(answer.json(), example, nullable)) == []


def check_document(document: str, answer: Answer) -> None:
    assert answer.err == ""
    example, nullable = documented(document)
    assert list(differences(answer.json(), example, nullable)) == []


def test_check_tells_mistakes_as_the_page_says_and_ends_with_1(tmp_path: Path):
    call("init", str(tmp_path / "shop"))
    trigger = tmp_path / "shop/triggers/welcome.yaml"
    trigger.write_text(trigger.read_text().replace("template: welcome", "templat: welcome"))
    answer = call("check", "--json", "--workspace", str(tmp_path / "shop"))
    assert (answer.code, answer.err) == (1, "")
    found = json.loads(answer.out)
    assert found[0]["path"] == "triggers/welcome.yaml"
    assert found[0]["line"] > 1
    example, nullable = documented("check")
    assert list(differences(found, example, nullable)) == []


def test_the_page_documents_every_command_that_takes_json():
    told = {
        " ".join(word for word in name.split() if word.islower())
        for name in re.findall(r"^## `relance (.+?) --json`$", PAGE, re.M)
    }
    assert told == {name for name in commands() if "--json" in call(*name.split(), "--help").out}


def commands() -> Iterator[str]:
    """Every command, and every command of a group, as one types it."""
    group: Any = typer.main.get_command(app)
    for name in ORDER:
        below = getattr(group.commands[name], "commands", None)
        yield from [name] if below is None else (f"{name} {each}" for each in below)


def test_a_key_that_the_page_does_not_tell_would_be_noticed():
    example, nullable = documented("deliver")
    assert list(differences({**example, "surprise": 1}, example, nullable))
    assert list(differences({**example, "accepted": "120"}, example, nullable))
    assert list(differences({**example, "accepted": None}, example, nullable))
    assert list(differences({**example, "skipped": {"gone": 0.5}}, example, nullable))
