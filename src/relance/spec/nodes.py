"""YAML as a tree of nodes that know their line and column.

Plain scalars are read by YAML 1.2's rules: `no`, `on` and `NO` are text, `12:30` is text. Beyond
them, numbers with leading zeros or more than 18 digits stay text: they are codes, not amounts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]{0,17})(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][-+]?[0-9]{1,3})?"
)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_QUOTED_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` has environment names filled in; `shown` is what the file says.

    Only `shown` may be printed: `text` can hold a secret.
    """

    line: int
    column: int
    text: str = field(repr=False)
    plain: bool  # written without quotes
    shown: str
    filled: bool = False  # some of it came from the environment
    unset: bool = False  # and some of that was not there, which is noted

    @property
    def value(self) -> str | int | float | bool | None:
        """The value by YAML 1.2's rules. What comes from the environment may be a number too."""
        return _resolve(self.text) if self.plain or self.filled else self.text

    def __str__(self) -> str:
        """The value as the file has it, for messages; text is quoted and cut."""
        text = self.shown
        if not self.filled and not isinstance(self.value, str):
            return text
        cut = text if len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}…"
        return repr(cut)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping, with every key that the file has, duplicates included."""

    line: int
    column: int
    pairs: tuple[tuple[Scalar, Node], ...]

    def get(self, name: str) -> Node | None:
        """The first value under a key."""
        return next((value for key, value in self.pairs if key.text == name), None)


Node = Scalar | Items | Fields


def kind(node: Node) -> str:
    """What a node is, in words, to follow "is" or "not"."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Fields):
        return "a mapping"
    value = node.value
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number"


def child(node: Node | None, *names: str) -> Node | None:
    """The node under a chain of keys, whatever else is wrong with the tree."""
    for name in names:
        node = node.get(name) if isinstance(node, Fields) else None
    return node


def names_in(node: Node | None) -> list[str]:
    """The names that a mapping (its keys) or a list (its texts) introduces."""
    if isinstance(node, Fields):
        return [key.text for key, _ in node.pairs]
    if isinstance(node, Items):
        return [item.text for item in node.items if isinstance(item, Scalar)]
    return []


def walk(node: Node, where: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its dotted path, parents first."""
    yield where, node
    inner: list[tuple[str, Node]] = []
    if isinstance(node, Fields):
        inner = [(key.text, value) for key, value in node.pairs]
    elif isinstance(node, Items):
        inner = [(str(index), item) for index, item in enumerate(node.items)]
    for name, value in inner:
        yield from walk(value, dotted(where, name))


def dotted(where: str, name: str) -> str:
    """One step further down a dotted path."""
    return f"{where}.{name}" if where else name


def _resolve(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
