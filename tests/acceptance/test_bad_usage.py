"""Instants, names and folders that are none: 2, one sentence, and nothing happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk import Desk, at_desk

desk = pytest.fixture(at_desk)

STATE = "state/relance.db"


@pytest.mark.parametrize(
    "at",
    [
        "yesterday", "2026-02-30", "2026-13-01", "2026-03-01T25:00", "", "9999-12-31",
        "0001-01-01", "2026-03-01T09:00+99:00", "1e9", "-1",
    ],
)  # fmt: skip
def test_an_instant_that_is_none_is_refused_before_anything_happens(desk: Desk, at: str) -> None:
    for command in ("tick", "deliver", "report", "members trigger/hello", "backfill hello"):
        answer = desk.call(*command.split(), "--at", at)
        assert answer.code == 2
        assert answer.errors().startswith(f"error: --at {at!r} is ")
        assert "(write 2026-03-01 or 2026-03-01T09:00)" in answer.errors() or "years" in answer.err
    assert not (desk.root / STATE).exists()


def test_time_does_not_go_backwards(desk: Desk) -> None:
    desk.opened()
    before = desk.state()
    answer = desk.call("tick", "--at", "2026-02-01")
    assert answer.code == 2
    assert "is before the last tick (2026-03-01 08:00 UTC); time goes forward" in answer.errors()
    assert desk.state() == before
    desk.catches_up()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("tick --trigger helo", "there is no trigger 'helo' (there are: hello)"),
        ("backfill helo", "there is no trigger 'helo' (there are: hello)"),
        ("members active", "there is no segment 'active' (there are: trigger/hello)"),
        ("preview helo", "there is no template 'helo' (there are: hello)"),
        ("preview hello --customer eve", "there is no customer 'eve' (take a key of the customers"),
    ],
)
def test_an_unknown_name_is_wrong_usage_and_the_known_ones_are_told(
    desk: Desk, words: str, sentence: str
) -> None:
    desk.opened()
    before = desk.state()
    answer = desk.call(*words.split())
    assert answer.code == 2
    assert sentence in answer.errors()
    assert desk.state() == before


@pytest.mark.parametrize("command", ["check", "tick", "deliver", "report", "run"])
def test_a_workspace_that_is_not_there_is_wrong_usage(desk: Desk, command: str) -> None:
    (desk.root / "file").touch()
    for name, what in (("nowhere", "does not exist"), ("file", "is a file")):
        desk.root, before = desk.root / name, desk.root
        answer = desk.call(command)
        desk.root = before
        assert answer.code == 2
        assert f"{name}' {what}" in answer.errors()
        assert answer.out == ""
    assert not (desk.root / "nowhere").exists()


def test_a_folder_that_is_no_workspace_says_how_to_make_one(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    desk.root = tmp_path / "empty"
    for command in ("check", "tick"):
        answer = desk.call(command)
        assert answer.code == 1
        text = answer.out + answer.err
        assert "config/relance.yaml: is missing (relance init DIR writes a workspace" in text
    assert list(desk.root.iterdir()) == []


def test_an_unforeseen_failure_is_one_sentence_and_no_traceback(desk: Desk) -> None:
    prelude = "import relance.wiring as w; w.load_relance = lambda *a, **k: {}['ann@example.com']"
    process = desk.start("tick", prelude=prelude)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert out == ""
    assert err.startswith("error: relance failed where it should not (KeyError)")
    assert len(err.splitlines()) == 1
    assert "ann@example.com" not in err
