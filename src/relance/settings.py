"""Secrets and the few settings that come from the environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must never be printed: `str`, `repr` and f-strings show stars only.

    The value comes out through `reveal()`, called where it goes on the wire and nowhere else.
    """

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)
