"""What a provider needs to be told in the YAML, as data: for checks, the schema and the docs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OptionKind(StrEnum):
    """The type of an option's value; `secret` is text that is only ever held as a Secret."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105  the name of a kind, not a secret
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    FOLDER = "folder"  # a path; relative ones are below the workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionSpec:
    """One option of a provider under `channels.<channel>`. `choices` closes the list of values."""

    name: str
    kind: OptionKind
    description: str
    required: bool = False
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorSpec:
    """One provider: which channels it serves and which options it takes."""

    name: str
    channels: frozenset[str]
    options: tuple[OptionSpec, ...]
    description: str
