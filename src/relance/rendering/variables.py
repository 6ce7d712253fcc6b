"""The values of an approved text's variables: lines of `name: value`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from relance.errors import Problem
from relance.rendering.pieces import Flat, Kind

_VALUE = "\0"  # stands for what an expression will print
_LINE = re.compile(r"\s*\w+[ \t]*:[ \t]*\S")


def not_variables(flat: Flat) -> Iterator[Problem]:
    """The lines of a template that can never become `name: value`."""
    start = 0
    for line in _printed(flat).split("\n"):
        if line.strip() and not _LINE.match(line):
            indent = len(line) - len(line.lstrip())
            yield flat.place(start + indent).problem(
                "this line is not `name: value`",
                hint="with content_sid a file gives values to the approved text's variables",
            )
        start += len(line) + 1


def _printed(flat: Flat) -> str:
    """The text as long as it was: a mark for each value, spaces for what prints nothing."""
    marks = {Kind.EXPRESSION: _VALUE, Kind.STATEMENT: " ", Kind.COMMENT: " "}
    return "".join(
        piece.text if piece.kind is Kind.TEXT else marks[piece.kind] * len(piece.text)
        for piece in flat.pieces
    )


def given_twice(text: str) -> str | None:
    """The first variable that a rendered text gives twice."""
    seen: set[str] = set()
    for line in text.splitlines():
        name = line.partition(":")[0].strip()
        if name in seen:
            return name
        seen.add(name)
    return None
