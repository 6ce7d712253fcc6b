"""A workspace as values: what the YAML says, checked and without its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from relance.domain.condition import Condition, Measure
from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Trigger


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
    """The customers table: which column is what. `attributes` maps logical name to column."""

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

    def column(self, attribute: str) -> str | None:
        """The column behind a logical attribute name, if it is mapped."""
        own = {"email": self.email, "phone": self.phone, "locale": self.locale,
               "timezone": self.timezone}  # fmt: skip
        return self.attributes.get(attribute) or own.get(attribute)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSpec:
    """An event table: `fields` maps logical field names to columns, `amount` among them."""

    name: str
    table: str
    customer: str
    at: str
    amount: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def column(self, logical: str) -> str | None:
        """The column behind a logical field name, if it is mapped."""
        return self.amount if logical == "amount" else self.fields.get(logical)


@dataclass(frozen=True, kw_only=True, slots=True)
class RfmSpec:
    """How RFM is scored: quintiles of the customers who have the event, kept and re-fitted."""

    event: str = "order"
    within: Duration | None = None
    monetary: Measure = Measure.SUM  # or AVERAGE
    refit: Duration = field(default_factory=lambda: Duration(30, Unit.DAY))


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A named condition. `version` changes with anything that changes its meaning."""

    name: str
    condition: Condition
    version: str
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """A daily stretch in the customer's own time zone in which nothing is sent."""

    start: time
    end: time


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
    quiet_hours: QuietHours | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelSpec:
    """One channel and its provider. `options` are the provider's own, secrets as `Secret`."""

    name: str  # email | sms
    provider: str
    sender: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rate: float | None = None  # messages per second, None for no limit
    path: str = ""  # where it stands, for messages: file:line:column


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
    brand: Mapping[str, Any] = field(default_factory=dict)  # free values for templates

    @property
    def named_segments(self) -> list[str]:
        """The segments of config/segments.yaml (not the triggers' own), in file order."""
        return [name for name in self.segments if not name.startswith("trigger/")]


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Midnight at the start of a day in a zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
