"""What a value may look like. One description gives the reading, the JSON Schema and the docs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from relance.spec.nodes import Fields, Items, Scalar, kind
from relance.spec.spot import Broken, Spot, close

JsonSchema = dict[str, object]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Shape(ABC, Generic[T_co]):
    """A kind of value: how it is read, and how it is described."""

    @abstractmethod
    def read(self, spot: Spot) -> T_co:
        """The value at a spot. Notes a problem and raises Broken where it does not fit."""

    @abstractmethod
    def schema(self) -> JsonSchema:
        """The JSON Schema (draft 7) of what `read` takes."""

    @property
    @abstractmethod
    def says(self) -> str:
        """What it is, in words that follow "must be"."""


class Text(Shape[str]):
    """Text. A number is taken as it is written; true, false and nothing are not text."""

    def __init__(
        self, says: str = "text", pattern: str | None = None, hint: str | None = None
    ) -> None:
        self._says = says
        self._pattern = pattern
        self._hint = hint

    def read(self, spot: Spot) -> str:
        scalar = spot.scalar(self._says)
        if isinstance(scalar.value, bool) and not scalar.filled:
            raise spot.broken(f"must be {self._says}, not true or false", "put it in quotes")
        if not scalar.text.strip():
            raise spot.broken("is empty", "give it a value or delete the key")
        if self._pattern and not re.fullmatch(self._pattern, scalar.text):
            raise spot.broken(f"{scalar} is not {self._says}", self._hint)
        return scalar.text

    def schema(self) -> JsonSchema:
        if self._pattern:
            return {"type": "string", "pattern": f"^({self._pattern})$"}
        return {"type": ["string", "number"]}

    @property
    def says(self) -> str:
        return self._says


NAME_PATTERN = "[a-z][a-z0-9_]{0,62}"
IDENTIFIER_PATTERN = "[A-Za-z_][A-Za-z0-9_]{0,62}"
_NAMES = {
    NAME_PATTERN: "lowercase letters, digits and underscores, beginning with a letter",
    IDENTIFIER_PATTERN: "letters, digits and underscores, beginning with a letter",
}
NAME = Text("a name", NAME_PATTERN, _NAMES[NAME_PATTERN])


class Choice(Shape[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def read(self, spot: Spot) -> str:
        scalar = spot.scalar(self.says)
        if scalar.text not in self._words:
            raise spot.broken(f"{scalar} is not {self.says}", close(scalar.shown, self._words))
        return scalar.text

    def schema(self) -> JsonSchema:
        return {"enum": list(self._words)}

    @property
    def says(self) -> str:
        return listed([f"`{word}`" for word in self._words], "or")


class FormatVersion(Shape[int]):
    """`version: 1`, so that a later format can be told from this one."""

    says = "`1`"

    def read(self, spot: Spot) -> int:
        scalar = spot.scalar("1")
        if isinstance(scalar.value, bool) or scalar.value != 1:
            raise spot.broken(
                f"{scalar} is not a version that this relance knows", "write version: 1"
            )
        return 1

    def schema(self) -> JsonSchema:
        return {"const": 1}


VERSION = FormatVersion()


class Whole(Shape[int]):
    """A whole number between two bounds."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def read(self, spot: Spot) -> int:
        scalar = spot.scalar(self.says)
        value = scalar.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise spot.broken(f"must be {self.says}, not {scalar}")
        if not self._least <= value <= self._most:
            raise spot.broken(f"{scalar} is not {self.says}")
        return value

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self._least, "maximum": self._most}

    @property
    def says(self) -> str:
        return f"a whole number from {self._least} to {self._most}"


class Number(Shape[int | float]):
    """Any number."""

    says = "a number"

    def read(self, spot: Spot) -> int | float:
        scalar = spot.scalar(self.says)
        value = scalar.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise spot.broken(f"must be a number, not {scalar}")
        return value

    def schema(self) -> JsonSchema:
        return {"type": "number"}


class Flag(Shape[bool]):
    """true or false, as YAML 1.2 has them."""

    says = "`true` or `false`"

    def read(self, spot: Spot) -> bool:
        scalar = spot.scalar(self.says)
        if not isinstance(scalar.value, bool):
            yes = {"yes": "true", "on": "true", "no": "false", "off": "false"}
            meant = yes.get(scalar.shown.lower())
            raise spot.broken(
                f"must be true or false, not {scalar}", f"write {meant}" if meant else None
            )
        return scalar.value

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


class Parsed(Shape[T]):
    """Text in a small notation of its own.

    `parse` raises ValueError; its sentence (which must not hold the value) becomes the hint.
    """

    def __init__(self, says: str, parse: Callable[[str], T], pattern: str | None = None) -> None:
        self._says = says
        self._parse = parse
        self._pattern = pattern

    def read(self, spot: Spot) -> T:
        scalar = spot.scalar(self._says)
        try:
            return self._parse(scalar.text.strip())
        except ValueError as error:
            raise spot.broken(f"{scalar} is not {self._says}", str(error) or None) from None

    def schema(self) -> JsonSchema:
        if self._pattern:
            return {"type": ["string", "number"], "pattern": f"^({self._pattern})$"}
        return {"type": ["string", "number"]}

    @property
    def says(self) -> str:
        return self._says


class ListOf(Shape[tuple[T, ...]]):
    """A list that is not empty. With `single`, one value alone stands for a list of one."""

    def __init__(self, item: Shape[T], what: str, *, single: bool = False) -> None:
        self._item = item
        self._what = what
        self._single = single

    def read(self, spot: Spot) -> tuple[T, ...]:
        if self._single and not isinstance(spot.node, Items):
            return (self._item.read(spot),)
        nodes = spot.items(self.says).items
        if not nodes:
            raise spot.broken("is an empty list", f"list at least one of {self._what}")
        spots = [spot.at(str(index), node) for index, node in enumerate(nodes)]
        return tuple(read_all(self._item, spots))

    def schema(self) -> JsonSchema:
        many: JsonSchema = {"type": "array", "items": self._item.schema(), "minItems": 1}
        return {"anyOf": [self._item.schema(), many]} if self._single else many

    @property
    def says(self) -> str:
        return (
            f"{self._item.says}, or a list of {self._what}"
            if self._single
            else f"a list of {self._what}"
        )


class MapOf(Shape[dict[str, T]]):
    """A mapping whose keys are free names. Every mistake of every value is noted."""

    def __init__(
        self,
        item: Shape[T],
        what: str,
        *,
        pattern: str = NAME_PATTERN,
        hint: str | None = None,
        reserved: Sequence[str] = (),
    ) -> None:
        self._item = item
        self._what = what
        self._pattern = pattern
        self._hint = hint or _NAMES.get(pattern)
        self._reserved = reserved

    def read(self, spot: Spot) -> dict[str, T]:
        values: dict[str, T] = {}
        broken = False
        for name, inner in self._named(spot, spot.fields(self.says)):
            try:
                values[name] = self._item.read(inner)
            except Broken:
                broken = True
        if broken:
            raise Broken
        return values

    def _named(self, spot: Spot, fields: Fields) -> list[tuple[str, Spot]]:
        found: dict[str, Spot] = {}
        lines: dict[str, int] = {}
        for key, value in fields.pairs:
            here = spot.at(key.text, key)
            if key.text in lines:
                here.note("duplicate key", f"first on line {lines[key.text]}")
                continue
            lines[key.text] = key.line
            self._check(here)
            found[key.text] = spot.at(key.text, value)
        return list(found.items())

    def _check(self, key: Spot) -> None:
        name = key.node.text if isinstance(key.node, Scalar) else ""
        if not re.fullmatch(self._pattern, name):
            key.note("is not a name", self._hint)
        elif name in self._reserved:
            key.note(f"`{name}` is a name of relance's own", "choose another one")

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{self._pattern}$"},
            "additionalProperties": self._item.schema(),
        }

    @property
    def says(self) -> str:
        return f"a mapping of {self._what}"


class Either(Shape[T]):
    """One shape for a single value, another one for a mapping or a list."""

    def __init__(
        self, single: Shape[T], nested: Shape[T], nesting: type[Fields | Items] = Fields
    ) -> None:
        self._single = single
        self._nested = nested
        self._nesting = nesting

    def read(self, spot: Spot) -> T:
        if isinstance(spot.node, self._nesting):
            return self._nested.read(spot)
        if isinstance(spot.node, Scalar):
            return self._single.read(spot)
        raise spot.broken(f"must be {self.says}, not {kind(spot.node)}")

    def schema(self) -> JsonSchema:
        return {"anyOf": [self._single.schema(), self._nested.schema()]}

    @property
    def says(self) -> str:
        return f"{self._single.says}, or {self._nested.says}"


class Made(Shape[T]):
    """What another shape reads, turned into something else (which may refuse it)."""

    def __init__(self, inner: Shape[object], make: Callable[[Spot, object], T]) -> None:
        self._inner = inner
        self._make = make

    def read(self, spot: Spot) -> T:
        return self._make(spot, self._inner.read(spot))

    def schema(self) -> JsonSchema:
        return self._inner.schema()

    @property
    def says(self) -> str:
        return self._inner.says


def made(inner: Shape[T_co], make: Callable[[Spot, T_co], T]) -> Shape[T]:
    """A shape that reads like `inner` and then makes something of it."""
    return Made(inner, make)  # type: ignore[arg-type]  # make takes what inner reads


def read_all(shape: Shape[T], spots: Sequence[Spot]) -> list[T]:
    """Read every spot; Broken only after all of them have been looked at."""
    values: list[T] = []
    for spot in spots:
        try:
            values.append(shape.read(spot))
        except Broken:
            continue
    if len(values) < len(spots):
        raise Broken
    return values


def listed(words: Sequence[str] | Mapping[str, object], last: str) -> str:
    """`a, b or c`."""
    names = list(words)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
