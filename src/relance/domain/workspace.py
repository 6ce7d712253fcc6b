"""A workspace as values: what the YAML says, checked and without its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from relance.domain.condition import Condition, FieldTest, Measure
from relance.domain.duration import Duration, Unit
from relance.domain.grid import TEN_CELLS, Grid
from relance.domain.happening import Happening
from relance.domain.lifecycle import LifecycleSpec
from relance.domain.live import LiveEventSpec, LiveSpec
from relance.domain.score import ScoreModel, ScoreSpec
from relance.domain.trigger import Schedule, Trigger
from relance.settings import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSpec:
    """Where customer data lives. `location` is a folder, a file or an URL, env names filled in.

    `location` may hold a password: print `shown` instead. `zone` is the time zone of
    timestamps that carry none. `tables` are named queries over the source, in its dialect.
    """

    location: str = field(repr=False)
    shown: str
    zone: ZoneInfo
    tables: Mapping[str, str] = field(default_factory=dict)
    at_source: bool = False  # workbench: source
    workbench: Path | None = None  # the embedded DuckDB file; None keeps it in memory


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomersSpec:
    """The customers table: which column is what. `attributes` maps logical name to column.

    Where `tables` are several (or identities make several rows one customer), this is what they
    are together, see `domain.identity.joined`: `precedence` and `prefer` (by attribute) order
    them, and `no_wins` says that a no to consent in any of them counts.
    """

    table: str
    key: str
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None
    consent: Mapping[str, str | bool] = field(
        default_factory=dict
    )  # channel -> column, or True: all
    attributes: Mapping[str, str] = field(default_factory=dict)
    country: str | None = None  # column of ISO codes: the region of national phone numbers
    region: str | None = None  # the region where there is no such column (ISO 3166, `FR`)
    household: str | None = None  # column: who shares it is drawn into the same arm
    account: str | None = None  # column: the key of the account that the contact belongs to
    role: str | None = None  # column: what the contact does there
    tables: tuple[CustomersSpec, ...] = ()
    precedence: tuple[str, ...] = ()
    prefer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no_wins: bool = True

    def column(self, attribute: str) -> str | None:
        """The column behind a logical attribute name, if it is mapped."""
        own = {"email": self.email, "phone": self.phone, "locale": self.locale,
               "timezone": self.timezone}  # fmt: skip
        return self.attributes.get(attribute) or own.get(attribute)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsSpec:
    """The accounts table: companies that contacts belong to. `attributes` as the customers'."""

    table: str
    key: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSpec:
    """An event table: `fields` maps logical field names to columns, `amount` among them.

    With `live` the rows are those of live calls, or of a table and of live calls together: then
    `table` is a name of the engine's own for them, with the columns that are named here.

    `account` is the column that names the account, None where its contact does. An event that
    names nothing but the account has an empty `customer`.
    """

    name: str
    table: str
    customer: str
    at: str
    amount: str | None = None
    account: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    live: LiveEventSpec | None = None

    @property
    def rows(self) -> EventSpec | None:
        """The event as far as it is rows of a table of the source; None for live calls alone."""
        if self.live is None:
            return self
        return replace(self, table=self.live.table, live=None) if self.live.table else None

    @property
    def of_accounts(self) -> bool:
        """Whether it names accounts and no customer."""
        return not self.customer

    def column(self, logical: str) -> str | None:
        """The column behind a logical field name, if it is mapped."""
        return self.amount if logical == "amount" else self.fields.get(logical)


@dataclass(frozen=True, kw_only=True, slots=True)
class RfmCutoffs:
    """Fixed cut-offs between scores, four ascending ones each: days, events, and money.

    `monetary` is empty where no money is scored.
    """

    recency: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentitySpec:
    """A table of links: whoever is known by `id` is the customer of `customer`, from `at` on."""

    table: str
    id: str
    customer: str
    at: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RfmSpec:
    """How RFM is scored: by fixed cut-offs, or by quintiles of the customers who have the event,
    kept and re-fitted. `segments` makes a named segment of every cell of the grid."""

    event: str = "order"
    within: Duration | None = None
    monetary: Measure = Measure.SUM  # or AVERAGE
    refit: Duration = field(default_factory=lambda: Duration(30, Unit.DAY))
    where: tuple[FieldTest, ...] = ()
    thresholds: RfmCutoffs | None = None
    grid: Grid = TEN_CELLS
    segments: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A named condition. `version` changes with anything that changes its meaning."""

    name: str
    condition: Condition
    version: str
    description: str = ""
    of_accounts: bool = False  # its members are accounts


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """A stretch in the customer's own time zone in which nothing is sent.

    It begins on each of `days` (0 is Monday) at `start` and ends at `end`: the next day where
    that is not later. `start` equal to `end` is a whole day.
    """

    start: time
    end: time
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, kw_only=True, slots=True)
class FrequencyCap:
    """At most `count` messages per customer in any `per` (a rolling window)."""

    count: int
    per: Duration

    def __str__(self) -> str:
        return f"{self.count} per {self.per}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What protects a customer from too much."""

    per_customer: tuple[FrequencyCap, ...] = ()
    per_account: tuple[FrequencyCap, ...] = ()  # all contacts of an account together
    quiet_hours: tuple[QuietHours, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelSpec:
    """One channel and its provider. `options` are the provider's own, secrets as `Secret`.

    `rate` and `daily` are the provider's limits, shared by all workers; `budget` is the
    channel's, over all its providers. `fallback` is the same channel by another provider, for
    what certainly did not leave by this one. `cost` is what one message costs, in the
    workspace's currency.
    """

    name: str  # of domain.channel.CHANNELS
    provider: str
    sender: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rate: float | None = None  # messages per second, None for no limit
    daily: int | None = None  # messages per day of the workspace's calendar
    budget: int | None = None  # the same, for the channel
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    fallback: ChannelSpec | None = None
    cost: float = 0.0
    path: str = ""  # where it stands, for messages: file:line:column


@dataclass(frozen=True, kw_only=True, slots=True)
class WebSpec:
    """Where customers and vendors reach this workspace. `secrets` sign links, the newest first;
    the older ones still verify. Without a `public_url` no link leads back."""

    public_url: str | None = None
    secrets: tuple[Secret, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8377


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """What a customer may choose to hear of. `titles` by locale, for the preference page."""

    name: str
    titles: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class BouncePolicy:
    """When soft bounces suppress an address: `count` of them within any `per`."""

    count: int = 3
    per: Duration = field(default_factory=lambda: Duration(30, Unit.DAY))


class Rotation(StrEnum):
    """How long a global holdout lasts before it is drawn anew."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half-year"
    YEAR = "year"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSpec:
    """When the report is made by itself, and to whom it goes.

    `email_to` are the company's own people. A customer without the goal's event for
    `lapsed_after` had lapsed, and is reactivated by the next one.
    """

    schedule: Schedule | None = None
    email_to: tuple[str, ...] = field(default=(), repr=False)
    language: str | None = None
    lapsed_after: Duration = field(default_factory=lambda: Duration(180, Unit.DAY))
    segments: bool = False  # whether the page tells how the segments stand


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Everything the YAML says, in the rooms' own words."""

    root: Path
    name: str
    zone: ZoneInfo
    locale: str
    currency: str
    state: str = field(repr=False)  # URL; may hold a password
    source: SourceSpec
    customers: CustomersSpec
    events: Mapping[str, EventSpec]
    rfm: RfmSpec
    segments: Mapping[str, Segment]  # the named ones and each trigger's own
    triggers: Mapping[str, Trigger]
    channels: Mapping[str, ChannelSpec]
    limits: Limits = Limits()
    global_holdout: float = 0.0
    rotation: Rotation = Rotation.QUARTER  # of the global holdout
    brand: Mapping[str, Any] = field(default_factory=dict)  # free values for templates
    web: WebSpec = WebSpec()
    topics: Mapping[str, Topic] = field(default_factory=dict)
    bounces: BouncePolicy = BouncePolicy()
    report: ReportSpec = ReportSpec()
    happenings: tuple[Happening, ...] = ()  # of config/events.yaml, by date
    live: LiveSpec | None = None
    accounts: AccountsSpec | None = None
    lifecycle: LifecycleSpec | None = None
    identities: tuple[IdentitySpec, ...] = ()
    scores: Mapping[str, ScoreSpec] = field(default_factory=dict)
    models: Mapping[str, ScoreModel] = field(default_factory=dict)  # those of scores/, by score

    @property
    def named_segments(self) -> list[str]:
        """The segments of config/segments.yaml (not the triggers' own), in file order."""
        return [name for name in self.segments if not name.startswith("trigger/")]


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Midnight at the start of a day in a zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
