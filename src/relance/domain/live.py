"""Live events: what a client sends by the Segment protocol, and how it is read as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from relance.domain.duration import Duration, Unit
from relance.settings import Secret

LIVE_EVENTS = "live_events"
LIVE_IDENTITIES = "live_identities"
LIVE_CUSTOMERS = "live_customers"
LIVE_TABLES: Mapping[str, tuple[str, ...]] = {
    LIVE_EVENTS: ("message_id", "event", "customer", "anonymous_id", "at", "received_at"),
    LIVE_IDENTITIES: ("anonymous_id", "customer", "at"),
    LIVE_CUSTOMERS: ("customer", "at"),
}
"""The tables by their names, each with the columns that it always has."""


class LiveKind(StrEnum):
    """The calls of the protocol."""

    TRACK = "track"
    IDENTIFY = "identify"
    ALIAS = "alias"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"


class LiveMessage(NamedTuple):
    """One call as it is stored: a tuple, for thousands come each second.

    `event` is a track's name; `$page`, `$screen` and `$group` for these; else empty. `at` is when
    it happened by our clock; `told` is the client's own word for that where it was not believed.
    `body` is JSON: the properties, or the traits.
    """

    message_id: str
    kind: str
    event: str
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None
    at: datetime
    told: str | None
    body: str


class ColumnKind(StrEnum):
    """What a property or a trait is read as; what cannot be is missing."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """Where a value stands in the properties or the traits, and what it is read as."""

    path: tuple[str, ...]
    kind: ColumnKind = ColumnKind.TEXT

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveEventSpec:
    """The calls of one name as an event, or as a part of it beside the rows of `table`.

    `fields` are by their logical names, the `amount` among them. Where both sides tell an `id`,
    a call whose id stands in the table already is not counted again.
    """

    name: str
    fields: Mapping[str, LiveColumn] = field(default_factory=dict)
    table: str | None = None
    id: LiveColumn | None = None
    table_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveSpec:
    """Which live events are taken in, for how long they are kept, and the columns read of them.

    `write_keys` are what clients show, any of them; scripts of pages at `origins` may be clients.
    `fields` are columns of live_events, read of the properties, and `traits` of live_customers.
    """

    write_keys: tuple[Secret, ...]
    origins: tuple[str, ...] = ()
    keep: Duration = field(default_factory=lambda: Duration(400, Unit.DAY))
    fields: Mapping[str, LiveColumn] = field(default_factory=dict)
    traits: Mapping[str, LiveColumn] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveCounts:
    """What is stored of live events. `disbelieved` had an instant that could not be.

    `not_taken` are requests by the reason they were told, and under `rejected` messages of batches
    whose others were taken; the last of them came at `not_taken_at`.
    """

    messages: int
    by_kind: Mapping[str, int]
    by_event: Mapping[str, int]  # tracks by name
    first_at: datetime | None  # of arrival
    last_at: datetime | None
    disbelieved: int
    not_taken: Mapping[str, int] = field(default_factory=dict)
    not_taken_at: datetime | None = None
