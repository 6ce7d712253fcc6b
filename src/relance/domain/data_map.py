"""Where personal data is read, what for, how long it is kept, and to whom it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class UseKind(StrEnum):
    """What a column is read for."""

    KEY = "key"  # tells customers apart
    IDENTITY = "identity"  # says who is who
    ACCOUNT = "account"  # says who belongs to which account
    SEGMENT = "segment"
    TRIGGER = "trigger"  # its segment, a step's condition, its goal or its date
    SCORE = "score"  # what it is fitted from, computed from and explained by
    TABLE = "table"  # a query of `tables:`
    TEMPLATE = "template"
    CHANNEL = "channel"  # an address, and whether and how it may be written to
    QUIET_HOURS = "quiet_hours"
    HOUSEHOLD = "household"  # who is drawn into the same arm
    REPORT = "report"


@dataclass(frozen=True, order=True, slots=True)
class Use:
    """One use of a column; `name` says which segment, trigger, template or channel."""

    kind: UseKind
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MappedColumn:
    """A column that the YAML maps. `meaning` is what it is called there.

    `fetched` is true of what is read of everybody whom a trigger considers, used or not.
    """

    table: str
    column: str
    meanings: tuple[str, ...]
    uses: tuple[Use, ...]
    fetched: bool = False

    @property
    def unused(self) -> bool:
        return not self.uses


class Kept(StrEnum):
    """What stays in relance's own state, each for its own time."""

    VALUES = "values"  # of templates, with a message that waits
    DIGESTS = "digests"  # of addresses that were written to
    ENTRIES = "entries"  # entries, messages, refusals: by the customer's key
    MEMBERSHIPS = "memberships"
    CHOICES = "choices"  # consents, topics, pauses, suppressions
    REPORTS = "reports"  # what providers told of messages
    WORKBENCH = "workbench"
    LIVE = "live"
    OUTBOX = "outbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """One thing that is kept; `detail` is a length of time or a folder, where it has one."""

    what: Kept
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A provider, and what it is given: the address's kind, and the names of values in texts."""

    channel: str
    provider: str
    address: str  # email, phone, or empty for the company's own people
    values: tuple[str, ...]
    triggers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataMap:
    """The whole page. `queries` are the uses that read with SQL of their own."""

    workspace: str
    source: str
    columns: Sequence[MappedColumn]
    queries: Sequence[Use]
    kept: Sequence[Storage]
    destinations: Sequence[Destination]

    @property
    def unused(self) -> list[MappedColumn]:
        """The columns that are mapped and that nothing uses."""
        return [each for each in self.columns if each.unused]
