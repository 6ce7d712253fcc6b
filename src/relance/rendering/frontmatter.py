"""Front matter: the few `key: value` lines between two `---` at the top of a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from relance.errors import Problem
from relance.rendering.hints import did_you_mean
from relance.rendering.pieces import Place

_LINE = re.compile(r"(?P<key>[^:\s#][^:]*?)\s*:(?P<gap>[ \t]*)(?P<value>.*?)[ \t]*$")
_QUOTED = re.compile(r"""(["'])(.*)\1$""")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value and where it begins."""

    text: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A template file: its front matter and its body, placed."""

    entries: Mapping[str, Entry]
    body: str
    place: Place
    problems: tuple[Problem, ...] = ()


def read(path: str, text: str, allowed: frozenset[str]) -> Document:
    """Split a file into front matter and body; a file need not have any front matter."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return Document(entries={}, body=text, place=Place(path, 1, 1))
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        opening = Place(path, 1, 1)
        missing = opening.problem("the front matter that opens here is never closed with '---'")
        return Document(entries={}, body="", place=opening, problems=(missing,))
    reader = _Reader(path, allowed)
    for number, line in enumerate(lines[1:end], 2):
        reader.take(line, number)
    return Document(
        entries=reader.entries,
        body="\n".join(lines[end + 1 :]),
        place=Place(path, end + 2, 1),
        problems=tuple(reader.problems),
    )


class _Reader:
    def __init__(self, path: str, allowed: frozenset[str]) -> None:
        self.path = path
        self.allowed = allowed
        self.entries: dict[str, Entry] = {}
        self.problems: list[Problem] = []

    def take(self, line: str, number: int) -> None:
        if not line.strip() or line.startswith("#"):
            return
        here = Place(self.path, number, 1)
        match = _LINE.match(line)
        if match is None:
            self.problems.append(here.problem("this line is not `key: value`"))
        elif match["key"] not in self.allowed:
            hint = did_you_mean(match["key"], self.allowed)
            self.problems.append(here.problem(f"{match['key']}: unknown key", hint=hint))
        elif match["key"] in self.entries:
            self.problems.append(here.problem(f"{match['key']}: given twice"))
        else:
            self._keep(match, number)

    def _keep(self, match: re.Match[str], number: int) -> None:
        column = match.start("value") + 1
        value = match["value"]
        if quoted := _QUOTED.match(value):
            value, column = quoted[2], column + 1
        self.entries[match["key"]] = Entry(value, Place(self.path, number, column))
