"""Files damaged at random: `check --json` always answers with a list, and never stumbles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk import BOUGHT, Desk, at_desk
from stage import TEMPLATE

desk = pytest.fixture(at_desk)

YAML = ("config/relance.yaml", "config/segments.yaml", "triggers/hello.yaml")
LETTER = "templates/hello/email.html"
YAML_CRUMBS = st.one_of(
    st.sampled_from([
        "\t", "\0", "[", "]", "{", "}", "&a ", "*a", "<<: ", "!!x ", "- ", ": ", "\n", "#", "'",
        '"', "|", "---\n", "? ", "${X}", "null", "1e999", "é", "\u202e", "\ufeff", "0 days",
        "all:", "event: ", "at_least: ", "-1", "9" * 30, ".nan", "outbox", "source: /", "sqlite://",
    ]),
    st.text(max_size=8),
)  # fmt: skip
LETTER_CRUMBS = st.one_of(
    st.sampled_from([
        "{{", "}}", "{%", "%}", "{#", "{{ x }}", "{{ customer }}", "{{ customer.__class__ }}",
        "{{ order.sum | money }}", "{% if customer.first_name %}", "{% endif %}", "{% else %}",
        "{% for n in range(3) %}", "{% endfor %}", "{% set a = 1 %}", "{% block b %}",
        "{% extends 'x' %}", "{{ 1 / 0 }}", "{{ [1][9] }}", "{{ 'a' + 1 }}", "{{ 9 ** 9 }}", "|",
        "---\n", "subject:", "preheader: {{ a }}", "layout: x", "<div", ">", "</p>", "<!--", "-->",
        "<style>", "@media x {", "&amp;", "\0", "\u202e", "<a href='javascript:x'>", "zqe0zq",
    ]),
    st.text(max_size=8),
)  # fmt: skip


def cuts(crumbs: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[float, int, str]]]:
    """Places in a text, how much goes there, and what comes instead."""
    return st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), crumbs), min_size=1, max_size=4)


def damaged(text: str, wounds: list[tuple[float, int, str]]) -> bytes:
    for place, length, crumb in wounds:
        start = int(place * len(text))
        text = text[:start] + crumb + text[start + length :]
    return text.encode("utf-8", "replace")


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    good = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(good)


def fuzz(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def answers(desk: Desk) -> None:
    """It is a list of problems, and the exit code says whether one of them is a mistake."""
    answer = desk.call("check", "--offline", "--json", env={"X": "value"}, says=True)
    assert answer.err == ""
    found = answer.json()
    assert answer.code == int(any(not problem["warning"] for problem in found))
    for problem in found:
        assert problem["path"]
        assert problem["message"]
        assert all(str(value).isprintable() for value in problem.values())


@fuzz(100)
@given(path=st.sampled_from(YAML), wounds=cuts(YAML_CRUMBS))
def test_damaged_yaml_is_answered(
    desk: Desk, path: str, wounds: list[tuple[float, int, str]]
) -> None:
    desk.segments(regular=BOUGHT, lost="{event: order, last: {before: 90 days}}")
    desk.trigger(segment=BOUGHT, goal="{event: order, within: 30 days}", holdout="10%")
    with replaced(desk.root / path, damaged((desk.root / path).read_text(), wounds)):
        answers(desk)


@fuzz(100)
@given(wounds=cuts(LETTER_CRUMBS))
def test_a_damaged_template_is_answered(desk: Desk, wounds: list[tuple[float, int, str]]) -> None:
    with replaced(desk.root / LETTER, damaged(TEMPLATE, wounds)):
        answers(desk)


@fuzz(60)
@given(path=st.sampled_from((*YAML, LETTER)), content=st.binary(max_size=300))
def test_any_bytes_are_answered(desk: Desk, path: str, content: bytes) -> None:
    with replaced(desk.root / path, content):
        answers(desk)
