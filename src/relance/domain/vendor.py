"""What a provider needs to be told in the YAML and what it can do, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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
class Capabilities:
    """What a vendor can express. What a workspace asks for beyond it, `check` refuses by name.

    `batch`: messages in one call. `idempotent_for`: how long the same message id sent again is
    sent once; None: never. `look_up`: whether it can be asked what became of a message.
    `tags`, `headers`, `reply_to`: whether it takes them. `message_id`: whether our Message-ID
    stays. `events`: whether it reports to a webhook that relance reads; `signed`: how those
    reports are verified, in a few words (empty where there are none).
    """

    batch: int = 1
    idempotent_for: timedelta | None = None
    look_up: bool = False
    tags: bool = False
    headers: bool = False
    reply_to: bool = False
    message_id: bool = False
    events: bool = False
    signed: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorSpec:
    """One provider: which channels it serves, which options it takes, what it can do."""

    name: str
    channels: frozenset[str]
    options: tuple[OptionSpec, ...]
    description: str
    can: Capabilities = Capabilities()
