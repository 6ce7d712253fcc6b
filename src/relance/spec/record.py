"""Mappings with fixed keys, declared as classes.

A key's declaration is the only place that knows its name, shape, default and meaning: checking,
JSON Schema and the reference all read it there.

    class GoalYaml(Record[Goal]):
        event = required(EVENT, "The event that counts.")
        within = required(LENGTH, "How long after the entry it may happen.")

        def build(self) -> Goal:
            return Goal(event=self.event, within=self.within)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar, Generic, Self, TypeVar, cast, overload

from relance.spec.nodes import Fields, Scalar, child
from relance.spec.shapes import JsonSchema, Shape
from relance.spec.spot import Broken, Spot, close, near

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")


class Key(Generic[T_co]):
    """One key of a record; on an instance it is the value that was read, or the default.

    The YAML name is the attribute's without its last underscore (`from_`, `if_`); a key that is no
    attribute is given its `name`. `shown` is the default as the docs tell it.
    """

    def __init__(
        self, shape: Shape[object], meaning: str, *, default: object = None, needed: bool = False,
        shown: str | None = None, example: str | None = None, name: str = "",
    ) -> None:  # fmt: skip
        self.shape = shape
        self.meaning = meaning
        self.default = default
        self.needed = needed
        self.shown = shown
        self.example = example
        self.name = name

    def __set_name__(self, owner: type[object], name: str) -> None:
        self.name = name.removesuffix("_")

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...

    @overload
    def __get__(self, instance: Record[object], owner: type[object]) -> T_co: ...

    def __get__(self, instance: Record[object] | None, owner: type[object]) -> Self | T_co:
        if instance is None:
            return self
        return cast(T_co, instance.value(self.name))

    def schema(self) -> JsonSchema:
        """The JSON Schema of the value, with its meaning."""
        schema = self.shape.schema()
        if "$ref" in schema:  # draft 7 ignores what stands beside a $ref
            schema = {"allOf": [schema]}
        schema["description"] = self.meaning
        if self.shown is not None:
            schema["description"] = f"{self.meaning} Default: {self.shown}."
        return schema


def required(shape: Shape[T], meaning: str, *, example: str | None = None) -> Key[T]:
    """A key that must be there; `example` is shown where it is missing."""
    return Key(shape, meaning, needed=True, example=example)


@overload
def optional(shape: Shape[T], meaning: str, *, shown: str | None = None) -> Key[T | None]: ...


@overload
def optional(
    shape: Shape[T], meaning: str, *, default: D, shown: str | None = None
) -> Key[T | D]: ...


def optional(
    shape: Shape[object], meaning: str, *, default: object = None, shown: str | None = None
) -> Key[object]:
    """A key that may be left out."""
    return Key(shape, meaning, default=default, shown=shown)


class Record(Generic[T_co]):
    """A mapping with fixed keys. Subclasses declare keys and say what to build of them."""

    what: ClassVar[str] = "a mapping"

    def __init__(
        self, spot: Spot, extra: Mapping[str, Key[object]] | None = None, *, any_key: bool = False,
        without: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Read every key, noting every mistake; `extra` keys join, `any_key` lets others pass,
        and those of `without` have no place here."""
        self.spot = spot
        self._extra = extra or {}
        self._all = {**self.keys(), **self._extra}
        self._keys = {name: key for name, key in self._all.items() if name not in without}
        self._values: dict[str, object] = {}
        self._broken: set[str] = set()
        fields = spot.fields(self.what)
        self.unknown = self._read(fields, any_key=any_key)
        self._missing()

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """The keys by their YAML names: a class's own before those that it inherits."""
        found: dict[str, Key[object]] = {}
        for owner in cls.__mro__:
            for value in vars(owner).values():
                if isinstance(value, Key):
                    found.setdefault(value.name, value)
        return found

    @abstractmethod
    def build(self) -> T_co:
        """The domain's value. Reading a broken key raises Broken."""

    def value(self, name: str) -> object:
        """What was read under a key, else its default."""
        key = self._all[name]
        if name in self._broken:
            raise Broken
        return self._values.get(name, key.default)

    def extras(self) -> dict[str, object]:
        """The extra keys' values, defaults included."""
        return {name: self.value(name) for name in self._extra}

    def sound(self, name: str) -> bool:
        """Whether a key can be read, be it from the file or by its default."""
        return name not in self._broken

    def has(self, name: str) -> bool:
        """Whether the file has the key, readable or not."""
        return name in self._values or name in self._broken

    def below(self, *names: str) -> Spot:
        """The spot under a chain of keys, as deep as the file goes: for problems that only show
        once all keys are read."""
        spot = self.spot
        for name in names:
            node = child(spot.node, name)
            if node is None:
                break
            spot = spot.at(name, node)
        return spot

    def _read(self, fields: Fields, *, any_key: bool) -> list[str]:
        lines: dict[str, int] = {}
        unknown: list[str] = []
        for key, node in fields.pairs:
            name = key.text
            if name in lines:
                self.spot.at(name, key).note("duplicate key", f"first on line {lines[name]}")
                continue
            lines[name] = key.line
            if name in self._keys:
                self._read_value(name, self.spot.at(name, node))
            elif not any_key or name in self._all:
                unknown.append(name)
                self._unknown(key)
        return unknown

    def _read_value(self, name: str, spot: Spot) -> None:
        try:
            self._values[name] = self._keys[name].shape.read(spot)
        except Broken:
            self._broken.add(name)

    def _unknown(self, key: Scalar) -> None:
        left = [name for name in self._keys if not self.has(name)] or list(self._keys)
        self.spot.at(key.text, key).note("unknown key", near(key.text, left))

    def _missing(self) -> None:
        """A required key that is only misspelt has its problem already."""
        meant = {close(name, self._keys) for name in self.unknown}
        for name, key in self._keys.items():
            if not key.needed or self.has(name):
                continue
            self._broken.add(name)
            if f"did you mean {name}?" not in meant:
                hint = f"write {key.example}" if key.example else _uncapitalised(key.meaning)
                self.spot.at(name, self.spot.node).note("is missing", hint)


def _uncapitalised(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


class Of(Shape[T]):
    """The shape of a record."""

    def __init__(self, record: type[Record[T]]) -> None:
        self.record = record

    def read(self, spot: Spot) -> T:
        return self.record(spot).build()

    def schema(self) -> JsonSchema:
        return record_schema(self.record.keys())

    @property
    def says(self) -> str:
        return self.record.what


def record_schema(keys: Mapping[str, Key[object]]) -> JsonSchema:
    """The JSON Schema of a mapping with exactly these keys."""
    schema: JsonSchema = {
        "type": "object",
        "properties": {name: key.schema() for name, key in keys.items()},
        "additionalProperties": False,
    }
    needed = [name for name, key in keys.items() if key.needed]
    return {**schema, "required": needed} if needed else schema
