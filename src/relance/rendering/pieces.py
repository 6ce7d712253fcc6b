"""A template's text cut into Jinja tags and what lies between, each knowing where it stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate

from relance.errors import Problem, RenderError

_OPENING = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*-?%\}(.*?)\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
# what can hold a closing delimiter that does not close: text in quotes; and brackets
_INSIDE = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<end>-?\+?[%}]\})|(?P<bracket>[(\[{)\]}])""",
    re.DOTALL,
)
_KEYWORD = re.compile(r"\{%\s*(\w+)")


class Kind(Enum):
    """What a piece is to Jinja."""

    TEXT = "text"
    EXPRESSION = "expression"  # {{ … }}
    STATEMENT = "statement"  # {% … %}
    COMMENT = "comment"  # {# … #}


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file of the workspace; line and column count from 1."""

    path: str
    line: int
    column: int

    def problem(self, message: str, *, hint: str | None = None, warning: bool = False) -> Problem:
        return Problem(
            path=self.path,
            line=self.line,
            column=self.column,
            message=message,
            hint=hint,
            warning=warning,
        )

    def error(self, message: str, *, hint: str | None = None) -> RenderError:
        return RenderError(self.problem(message, hint=hint))

    def after(self, text: str) -> Place:
        """The place at the end of a text that begins here."""
        lines = text.count("\n")
        if not lines:
            return replace(self, column=self.column + len(text))
        return Place(self.path, self.line + lines, len(text) - text.rfind("\n"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A tag or the text between two tags."""

    kind: Kind
    text: str
    place: Place

    @property
    def keyword(self) -> str:
        """The statement's first word (`if`, `endfor`); empty for other pieces."""
        if self.kind is not Kind.STATEMENT:
            return ""
        match = _KEYWORD.match(self.text)
        return match[1] if match else ""


class Flat:
    """Pieces put together again into one text, every character of which knows its file."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(pieces)
        self.text = "".join(piece.text for piece in self.pieces)
        self._starts = [0, *accumulate(len(piece.text) for piece in self.pieces)][:-1]

    def place(self, offset: int) -> Place:
        """Where the character at an offset of `text` stands."""
        if not self.pieces:
            return Place("", 0, 0)
        index = max(0, bisect_right(self._starts, offset) - 1)
        piece = self.pieces[index]
        return piece.place.after(piece.text[: offset - self._starts[index]])

    def find(self, line: int, pattern: str | None = None) -> Place:
        """The first match of a pattern on or after a line of `text`; else its first tag."""
        start = self._line_start(line)
        if pattern and (match := re.compile(pattern).search(self.text, start)):
            return self.place(match.start())
        tag = _OPENING.search(self.text, start)
        end = self.text.find("\n", start)
        if tag and (end < 0 or tag.start() < end):
            return self.place(tag.start())
        return self.place(start)

    def _line_start(self, line: int) -> int:
        start = 0
        for _ in range(line - 1):
            start = self.text.find("\n", start) + 1
        return start

    @property
    def said(self) -> str:
        """The text without its comments."""
        return "".join(piece.text for piece in self.pieces if piece.kind is not Kind.COMMENT)

    @property
    def blank(self) -> str:
        """The text with every tag replaced by spaces, so that offsets stay true."""
        return "".join(
            piece.text if piece.kind is Kind.TEXT else re.sub(r"[^\n]", " ", piece.text)
            for piece in self.pieces
        )


def scan(text: str, place: Place) -> list[Piece]:
    """Cut a text into pieces. Whitespace control (`{%-`) is applied here and then gone.

    A statement alone on its line takes the line with it. Raises RenderError for a tag that
    is never closed.
    """
    pieces: list[Piece] = []
    position = 0
    while match := _OPENING.search(text, position):
        _add(pieces, Kind.TEXT, text[position : match.start()], place.after(text[:position]))
        position = _take_tag(pieces, text, match.start(), place)
    _add(pieces, Kind.TEXT, text[position:], place.after(text[:position]))
    return pieces


def _add(pieces: list[Piece], kind: Kind, text: str, place: Place) -> None:
    if text:
        pieces.append(Piece(kind, text, place))


def _take_tag(pieces: list[Piece], text: str, start: int, origin: Place) -> int:
    """Add the tag that begins at `start`; returns where the text goes on."""
    here = origin.after(text[:start])
    if raw := _RAW.match(text, start):
        _add_raw(pieces, raw[1], origin.after(text[: raw.start(1)]))
        return raw.end()
    end = _tag_end(text, start, here)
    tag = text[start:end]
    kind = {"{": Kind.EXPRESSION, "%": Kind.STATEMENT, "#": Kind.COMMENT}[tag[1]]
    if tag[2:3] == "-":
        _strip_before(pieces)
    if tag[-3:-2] == "-":
        end += len(text[end:]) - len(text[end:].lstrip())
    elif kind is not Kind.EXPRESSION:
        end = _take_line(pieces, text, start, end)
    _add(pieces, kind, _without_marks(tag), here)
    return end


def _add_raw(pieces: list[Piece], content: str, place: Place) -> None:
    """`{% raw %}` text: its brace pairs become expressions that print them."""
    position = 0
    for match in re.finditer(r"\{(?=[{%#])", content):
        _add(pieces, Kind.TEXT, content[position : match.start()], place.after(content[:position]))
        _add(pieces, Kind.EXPRESSION, '{{ "{" }}', place.after(content[: match.start()]))
        position = match.end()
    _add(pieces, Kind.TEXT, content[position:], place.after(content[:position]))


def _tag_end(text: str, start: int, here: Place) -> int:
    if text[start + 1] == "#":
        end = text.find("#}", start)
        if end >= 0:
            return end + 2
    else:
        wanted = "}}" if text[start + 1] == "{" else "%}"
        depth = 0
        position = start + 2
        while match := _INSIDE.search(text, position):
            if match["end"] and match[0].endswith(wanted) and depth == 0:
                return match.end()
            # an end that does not close is one closing bracket; look again after it
            inner = match.start() + 1 if match["end"] else match.end()
            character = text[match.start()]
            if not match["quoted"]:
                depth += (character in "([{") - (character in ")]}" and depth > 0)
            position = inner
    raise here.error(f"the {text[start : start + 2]!r} that opens here is never closed")


def _strip_before(pieces: list[Piece]) -> None:
    if pieces and pieces[-1].kind is Kind.TEXT:
        last = pieces.pop()
        _add(pieces, Kind.TEXT, last.text.rstrip(), last.place)


def _take_line(pieces: list[Piece], text: str, start: int, end: int) -> int:
    """Drop the line around a statement or comment that stands alone on it."""
    line = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop + 1
    if text[line:start].strip(" \t") or text[end:stop].strip():
        return end
    if start > line and pieces and pieces[-1].kind is Kind.TEXT:
        last = pieces.pop()
        _add(pieces, Kind.TEXT, last.text[: len(last.text) - (start - line)], last.place)
    return stop


def _without_marks(tag: str) -> str:
    """The tag without whitespace control, at its old length so that columns stay true."""
    head = " " if tag[2:3] in "-+" and len(tag) > 4 else tag[2:3]
    tag = tag[:2] + head + tag[3:]
    if tag[-3:-2] in "-+" and len(tag) > 4:
        tag = tag[:-3] + " " + tag[-2:]
    return tag
