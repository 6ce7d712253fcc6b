"""From bytes to nodes: everything that can be wrong with a file before its content is read.

Limits: 1 MB, 20,000 values (aliases counted as often as they are used), 50 levels, 20,000
characters per value. Anchors and aliases work; merge keys (`<<`), tags and several documents
in one file are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from relance.spec.nodes import Fields, Items, Node, Scalar

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
MAX_DEPTH = 50
MAX_SCALAR = 20_000

# what YAML 1.2 does not allow as a character, NUL first of all
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
# ruamel.yaml lets these through on odd input (`"\UFFFFFFFF"` is an OverflowError)
_PARSER_SLIPS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
_PLAIN_WORDS = {
    "mapping values are not allowed here": (
        "a second ': ' on one line, or a line that is indented too far",
        "put a value that holds ': ' in quotes",
    ),
    "found unexpected end of stream": ("a quote is never closed", None),
    "could not find expected ':'": ("a line without ': ' among keys", None),
}


class Unreadable(Exception):
    """The file cannot be read at all; nothing else in it can be checked."""

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


def read_text(path: Path) -> str:
    """The text of a YAML file. Raises Unreadable."""
    try:
        if not path.exists():
            raise Unreadable("is missing")
        if not path.is_file():
            raise Unreadable("is not a file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or 'unknown reason'}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(
            "is larger than 1 MB", hint="a workspace is written by people; is this data?"
        )
    return _decode(raw)


def _decode(raw: bytes) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise Unreadable("is UTF-16 text", hint="save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(raw[: error.start].decode("utf-8", "replace"))
        raise Unreadable(
            "is not UTF-8 text", line=line, column=column, hint="save it as UTF-8"
        ) from None
    found = _UNPRINTABLE.search(text)
    if found:
        line, column = _position(text[: found.start()])
        raise Unreadable(_control_character(found), line=line, column=column)
    return text


def _control_character(found: re.Match[str]) -> str:
    return f"a control character (U+{ord(found[0]):04X}) has no place in YAML"


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


@lru_cache(maxsize=128)  # the worker looks at the same files again and again
def parse(text: str) -> Node:
    """The one document of a file. Raises Unreadable at the first thing that is not YAML."""
    try:
        return _Composer(text).document()
    except MarkedYAMLError as error:
        raise _translated(error, text) from None
    except YAMLError:
        raise Unreadable("is not YAML") from None
    except _PARSER_SLIPS:
        raise Unreadable("is not YAML: a value is written in a way that cannot be read") from None


def _translated(error: MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    lines = text.splitlines()
    if "\\t" in str(error.problem) or (
        "\t" in lines[line - 1][:column] if line <= len(lines) else False
    ):
        return Unreadable(
            "a tab, where YAML wants spaces", line=line, column=column, hint="indent with spaces"
        )
    message, hint = _PLAIN_WORDS.get(str(error.problem), (str(error.problem), None))
    return Unreadable(f"is not YAML: {message}", line=line, column=column, hint=hint)


@dataclass(frozen=True, slots=True)
class _Built:
    """A node with what it weighs: how many values it holds and how deep they go."""

    node: Node
    size: int
    height: int


class _Composer:
    """Builds nodes from ruamel.yaml's events, counting as it goes so that nothing explodes."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(text))
        self._anchors: dict[str, _Built] = {}
        self._count = 0

    def document(self) -> Node:
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                break
            if isinstance(event, StreamEndEvent):
                raise Unreadable("is empty", hint="write version: 1 and what the file is about")
        built = self._node(next(self._events), 1)
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                raise _at(event, "a second document begins here", "one file holds one document")
        return built.node

    def _node(self, event: Event, depth: int) -> _Built:
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        if depth > MAX_DEPTH:
            raise _at(event, f"nested more than {MAX_DEPTH} levels deep")
        if getattr(event, "tag", None) is not None:
            raise _at(
                event, "a tag (`!…`) has no place here", "put the value in quotes if it is text"
            )
        self._counted(event, 1)
        built = self._built(event, depth)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = built
        return built

    def _built(self, event: Event, depth: int) -> _Built:
        if isinstance(event, SequenceStartEvent):
            return self._items(event, depth)
        if isinstance(event, MappingStartEvent):
            return self._fields(event, depth)
        if isinstance(event, ScalarEvent):
            return _Built(_scalar(event), 1, 1)
        raise _at(event, "is not YAML")

    def _alias(self, event: AliasEvent, depth: int) -> _Built:
        built = self._anchors.get(event.anchor)
        if built is None:
            raise _at(event, "an alias to an anchor that is not complete before this line")
        if depth + built.height - 1 > MAX_DEPTH:
            raise _at(event, f"nested more than {MAX_DEPTH} levels deep")
        self._counted(event, built.size)
        return built

    def _counted(self, event: Event, more: int) -> None:
        self._count += more
        if self._count > MAX_NODES:
            raise _at(event, f"more than {MAX_NODES:,} values, aliases counted at every use")

    def _items(self, event: Event, depth: int) -> _Built:
        inner: list[_Built] = []
        while not isinstance(following := next(self._events), SequenceEndEvent):
            inner.append(self._node(following, depth + 1))
        line, column = _mark(event)
        return _weighed(Items(line, column, tuple(built.node for built in inner)), inner)

    def _fields(self, event: Event, depth: int) -> _Built:
        inner: list[_Built] = []
        pairs: list[tuple[Scalar, Node]] = []
        while not isinstance(following := next(self._events), MappingEndEvent):
            key = self._node(following, depth + 1)
            value = self._node(next(self._events), depth + 1)
            inner += [key, value]
            name = _key(key.node, following)
            pairs.append((name, _beside(name, value.node)))
        line, column = _mark(event)
        return _weighed(Fields(line, column, tuple(pairs)), inner)


def _key(node: Node, event: Event) -> Scalar:
    if not isinstance(node, Scalar):
        raise _at(event, "a key must be text", "put text that begins with { or [ in quotes")
    if node.plain and node.text == "<<":
        raise _at(event, "merge keys (`<<`) are not part of YAML 1.2", "repeat the keys")
    return node


def _beside(key: Scalar, value: Node) -> Node:
    """A value that is not there is marked where the next token stands: put it at its key."""
    if isinstance(value, Scalar) and value.plain and not value.text:
        return replace(value, line=key.line, column=key.column)
    return value


def _weighed(node: Node, inner: list[_Built]) -> _Built:
    height = max((built.height for built in inner), default=0) + 1
    return _Built(node, sum(built.size for built in inner) + 1, height)


def _scalar(event: ScalarEvent) -> Scalar:
    if len(event.value) > MAX_SCALAR:
        raise _at(event, f"a value of more than {MAX_SCALAR:,} characters")
    if found := _UNPRINTABLE.search(event.value):  # written as an escape, such as "\\0"
        raise _at(event, _control_character(found))
    line, column = _mark(event)
    return Scalar(line, column, event.value, plain=event.style is None, shown=event.value)


def _mark(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _at(event: Event, message: str, hint: str | None = None) -> Unreadable:
    line, column = _mark(event)
    return Unreadable(message, line=line, column=column, hint=hint)
