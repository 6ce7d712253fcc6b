"""Whatever lies in a workspace's folder: one sentence at its place, never a traceback."""

from __future__ import annotations

import os

import pytest

BILLION = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CASES = {
    "nothing in it": ("", "", "is empty"),
    "comments only": ("# nothing\n", "", "is empty"),
    "a key without a value": ("version:\n", "1:1", "is empty"),
    "a second colon": ("version: 1\nname: a: b\n", "2:8", "is not YAML: a second ': '"),
    "an open quote": ('version: 1\nname: "a\n', "3:1", "a quote is never closed"),
    "an open bracket": ("steps: [a,\n", "2:1", "is not YAML"),
    "a tab": ("version: 1\nsteps:\n\t- wait: 1 day\n", "3:1", "a tab, where YAML wants spaces"),
    "a NUL byte": ("version: 1\nname: a\0b\n", "2:8", "a control character (U+0000)"),
    "Latin-1": ("version: 1\nname: é\n".encode("latin-1"), "2:7", "is not UTF-8 text"),
    "UTF-16": ("version: 1\n".encode("utf-16"), "", "is UTF-16 text"),
    "ten megabytes": ("x: " + "y" * 10_000_000, "", "is larger than 1 MB"),
    "a tag": ("version: !!python/object:os.system 1\n", "1:10", "a tag"),
    "two documents": ("version: 1\n---\nversion: 1\n", "2:1", "a second document"),
    "a merge key": ("a: &a {b: 1}\nc:\n  <<: *a\n", "3:3", "merge keys"),
    "a mapping as a key": ("name: {{ name }}\n", "1:8", "a key must be text"),
    "an alias to nothing": ("name: *nobody\n", "1:7", "an alias to an anchor"),
    "an alias to itself": ("steps: &a [*a]\n", "1:12", "an alias to an anchor"),
    "aliases that explode": (BILLION, "5:", "more than 20,000 values"),
    "deep nesting": ("a: " + "[" * 300, "1:", "more than 50 levels deep"),
    "deep nesting by aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 90)),
        "49:", "more than 50 levels deep",
    ),
    "a very long value": ("name: " + "x" * 30_000, "1:7", "more than 20,000 characters"),
    "a NUL by its escape": ('name: "a\\0"\n', "1:7", "a control character (U+0000)"),
    "half a character": ('name: "\\uD800"\n', "1:7", "a control character (U+D800)"),
    "a terminal's command": ('name: "\\e[31m"\n', "1:7", "a control character (U+001B)"),
    "an impossible character": ('name: "\\UFFFFFFFF"\n', "", "is not YAML"),
    "many keys": ("".join(f"k{n}: {n}\n" for n in range(10_500)), "", "more than 20,000 values"),
    "a list": ("- version: 1\n", "1:1", "must be a mapping"),
    "a word": ("hello\n", "1:1", "must be a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_no_yaml_of_ours_is_one_clear_sentence(shop, case: str) -> None:
    content, place, message = CASES[case]
    path = "triggers/thanks.yaml"
    shop.write(path, content)
    loaded = shop.load()
    assert loaded.workspace is None
    assert any(
        str(problem).startswith(f"{path}:{place}" if place else path) and message in problem.message
        for problem in loaded.problems
    ), [str(problem) for problem in loaded.problems]


@pytest.mark.parametrize("case", ["nothing in it", "a tab", "Latin-1", "a list", "an open quote"])
@pytest.mark.parametrize("path", ["config/relance.yaml", "config/segments.yaml"])
def test_the_other_files_are_guarded_in_the_same_way(shop, path: str, case: str) -> None:
    content, _, message = CASES[case]
    shop.write(path, content)
    said = [problem for problem in shop.load().problems if problem.path == path]
    assert any(message in problem.message for problem in said)


def test_missing_files_are_named(shop) -> None:
    (shop.root / "config/relance.yaml").unlink()
    (shop.root / "config/segments.yaml").unlink()
    hint = "(relance init DIR writes a workspace to begin with)"
    assert shop.problems() == [
        f"config/relance.yaml: is missing {hint}",
        f"config/segments.yaml: is missing {hint}",
    ]


def test_a_folder_in_place_of_a_file_is_named(shop) -> None:
    (shop.root / "triggers/odd.yaml").mkdir()
    assert shop.problems() == ["triggers/odd.yaml: is not a file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(shop) -> None:
    os.mkfifo(shop.root / "triggers/pipe.yaml")
    assert shop.problems() == ["triggers/pipe.yaml: is not a file"]


def test_a_trigger_with_the_wrong_ending_is_not_passed_over_in_silence(shop) -> None:
    shop.write("triggers/other.yml", "version: 1\n")
    assert shop.problems() == ["triggers: 'other.yml' is not read (the name must end in .yaml)"]


def test_editors_leave_hidden_files_that_are_no_triggers(shop) -> None:
    shop.write("triggers/.thanks.yaml", "half")
    assert list(shop.workspace().triggers) == ["thanks"]


def test_a_workspace_without_triggers_is_only_warned_of(shop) -> None:
    (shop.root / "triggers/thanks.yaml").unlink()
    loaded = shop.load()
    assert loaded.workspace
    assert [str(each) for each in loaded.problems] == ["triggers: warning: there is no trigger yet"]
    (shop.root / "triggers").rmdir()
    assert "there is no such folder" in shop.problem().message


def test_a_byte_order_mark_is_no_mistake(shop) -> None:
    text = (shop.root / "triggers/thanks.yaml").read_bytes()
    shop.write("triggers/thanks.yaml", b"\xef\xbb\xbf" + text)
    assert shop.workspace()


def test_anchors_and_aliases_work(shop) -> None:
    shop.edit("config/segments.yaml", "{event: order, last: {after: 90 days}}",
              "&recent {event: order, last: {after: 90 days}}")  # fmt: skip
    shop.add("config/segments.yaml", "  same: *recent\n")
    segments = shop.workspace().segments
    assert segments["same"].version == segments["active"].version


def test_one_broken_file_does_not_hide_the_mistakes_of_the_others(shop) -> None:
    shop.write("config/relance.yaml", "a: [")
    shop.edit("config/segments.yaml", "{segment: active}", "{segment: activ}")
    shop.edit("triggers/thanks.yaml", "on: enter", "on: entr")
    paths = [problem.path for problem in shop.load().problems]
    assert paths == ["config/relance.yaml", "config/segments.yaml", "triggers/thanks.yaml"]


def test_every_duplicate_key_is_a_mistake_and_the_rest_is_still_checked(shop) -> None:
    shop.write("triggers/thanks.yaml", (
        "version: 1\nname: thanks\nname: thanks\nsegment: loyal\non: enter\non: exit\n"
        "steps:\n  - send: {channel: email, channel: sms, template: thanksss}\n"
    ))  # fmt: skip
    assert shop.problems() == [
        "triggers/thanks.yaml:3:1: name: duplicate key (first on line 2)",
        "triggers/thanks.yaml:6:1: on: duplicate key (first on line 5)",
        "triggers/thanks.yaml:8:28: steps.0.send.channel: duplicate key (first on line 8)",
        (
            "triggers/thanks.yaml:8:52: steps.0.send.template: there is no template 'thanksss' "
            "(did you mean thanks?)"
        ),
    ]


@pytest.mark.parametrize(
    "path", ["config/relance.yaml", "config/segments.yaml", "triggers/thanks.yaml"]
)
def test_every_file_says_which_format_it_is_in(shop, path: str) -> None:
    shop.edit(path, "version: 1\n", "")
    assert str(shop.problem()) == f"{path}:1:1: version: is missing (write version: 1)"


def test_a_finding_of_another_room_can_be_placed_in_the_yaml(shop) -> None:
    loaded = shop.load()
    assert loaded.locate("triggers/thanks.yaml", "steps.0.send.template") == (6, 38)
    assert loaded.locate("config/relance.yaml", "customers.email") == (9, 10)
    assert loaded.locate("config/relance.yaml", "customers.country.deeper") == (7, 3)
    assert loaded.locate("triggers/nowhere.yaml", "steps") == (0, 0)
