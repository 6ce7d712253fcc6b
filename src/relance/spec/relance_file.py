"""config/relance.yaml: where the data is, what its columns mean, the channels and the limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.workspace import (
    ChannelSpec,
    CustomersSpec,
    EventSpec,
    FrequencyCap,
    Limits,
    QuietHours,
    SourceSpec,
)
from relance.spec.channels import CHANNELS, Channel
from relance.spec.nodes import Fields, Items, Scalar, kind
from relance.spec.notations import (
    CAP,
    CURRENCY,
    GLOBAL_HOLDOUT,
    LOCALE,
    QUIET_HOURS,
    ZONE,
)
from relance.spec.operators import AnyValue
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    VERSION,
    Either,
    JsonSchema,
    ListOf,
    MapOf,
    Shape,
    Text,
)
from relance.spec.spot import Spot

PATH = "config/relance.yaml"
OWN_ATTRIBUTES = ("email", "phone", "locale", "timezone")
_RESERVED_EVENTS = ("customer", "brand", "message")
_COLUMN = Text("a column's name")
_TABLE = Text("a table's name")


class State(Shape[str]):
    """The state database: a URL; a relative SQLite file is below the workspace."""

    says = "`sqlite:///FILE` or `postgresql://…`"

    def read(self, spot: Spot) -> str:
        url = Text(self.says).read(spot)
        scheme, found, rest = url.partition("://")
        if not found:
            raise spot.broken(f"must be {self.says}", "such as sqlite:///state/relance.db")
        if scheme == "sqlite":
            return self._sqlite(spot, rest)
        if re.fullmatch(r"postgresql(\+psycopg)?", scheme):
            return url
        meant = "write postgresql://" if scheme == "postgres" else None
        raise spot.broken(f"must be {self.says}", meant)

    def _sqlite(self, spot: Spot, rest: str) -> str:
        path = rest.removeprefix("/")
        if path == rest or path in {"", ":memory:"}:
            raise spot.broken("names no file", "the state must outlive the process: sqlite:///FILE")
        return f"sqlite:///{spot.scope.root / path}"

    def schema(self) -> JsonSchema:
        return {"type": "string"}


def location(root: Path, text: str) -> str:
    """A URL as it is, a path made absolute."""
    return text if "://" in text else str(root / Path(text).expanduser())


_PASSWORD = re.compile(r"(://[^/@:]*):[^@/]*@")


@dataclass(frozen=True, slots=True)
class Place:
    """The source as written. `location` may hold a password, `shown` never does."""

    location: str = field(repr=False)
    shown: str
    zone: ZoneInfo | None


class PlaceText(Shape[Place]):
    """A folder, a file or a URL."""

    says = "a folder, a file or a URL"

    def read(self, spot: Spot) -> Place:
        text = Text(self.says).read(spot)
        shown = spot.node.shown if isinstance(spot.node, Scalar) else ""
        return Place(location(spot.scope.root, text), _PASSWORD.sub(r"\1:***@", shown), None)

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class SourceYaml(Record[Place]):
    """The source with its time zone."""

    what = "a mapping such as {location: data/}"
    location = required(
        PlaceText(), "A folder of CSV and Parquet files, a DuckDB or SQLite file, or a URL."
    )
    timezone = optional(
        ZONE, "The time zone of timestamps that carry none.", shown="the workspace's"
    )

    def build(self) -> Place:
        return Place(self.location.location, self.location.shown, self.timezone)


class SqlYaml(Record[str]):
    """A named query."""

    what = "a query, or a mapping such as {sql: SELECT …}"
    sql = required(Text("a query"), "The query, in the source's dialect.")

    def build(self) -> str:
        return self.sql


_QUERY = Either(Text("a query"), Of(SqlYaml))


class Columns(Shape[dict[str, str]]):
    """Columns that conditions and templates may use: a list, or name to column."""

    says = "a list of columns, or a mapping of names to columns"
    _listed = ListOf(_COLUMN, "columns")
    _named = MapOf(_COLUMN, "names to columns", pattern=IDENTIFIER_PATTERN)

    def read(self, spot: Spot) -> dict[str, str]:
        if isinstance(spot.node, Fields):
            return self._named.read(spot)
        if not isinstance(spot.node, Items):
            raise spot.broken(f"must be {self.says}, not {kind(spot.node)}", "write [a, b]")
        names = self._listed.read(spot)
        seen: set[str] = set()
        for name, node in zip(names, spot.node.items, strict=True):
            here = spot.at(str(len(seen)), node)
            if name in seen:
                here.note(f"the column {name!r} is listed twice")
            if not re.fullmatch(IDENTIFIER_PATTERN, name):
                here.note(
                    f"the column {name!r} cannot be a name", "write a mapping: {name: the column}"
                )
            seen.add(name)
        return {name: name for name in names}

    def schema(self) -> JsonSchema:
        return {"anyOf": [self._listed.schema(), self._named.schema()]}


class Consent(Shape[str | bool]):
    """The column that says who consented, or true for everybody."""

    says = "a column's name, or `true`"

    def read(self, spot: Spot) -> str | bool:
        value = spot.scalar(self.says).value
        if value is False:
            raise spot.broken("nobody could ever be written to", "leave the channel out instead")
        return True if value is True else _COLUMN.read(spot)

    def schema(self) -> JsonSchema:
        return {"anyOf": [_COLUMN.schema(), {"const": True}]}


_CONSENT_VALUE = Consent()


class ConsentYaml(Record[Mapping[str, str | bool]]):
    """Who may be written to, by channel."""

    what = "a mapping such as {email: email_optin}"
    email = optional(_CONSENT_VALUE, "The column that says so for e-mail, or `true`: everybody.")
    sms = optional(_CONSENT_VALUE, "The column that says so for SMS, or `true`: everybody.")

    def build(self) -> Mapping[str, str | bool]:
        given = {"email": self.email, "sms": self.sms}
        return {channel: value for channel, value in given.items() if value is not None}


class CustomersYaml(Record[CustomersSpec]):
    """The customers' table and what its columns are."""

    what = "a mapping with table and key"
    table = required(_TABLE, "The table, or a query from `tables`.")
    key = required(_COLUMN, "The column that tells customers apart.")
    email = optional(_COLUMN, "The column with the e-mail address.")
    phone = optional(_COLUMN, "The column with the phone number.")
    locale = optional(_COLUMN, "The column with the language or locale, such as `fr` or `fr-CH`.")
    timezone = optional(
        _COLUMN, "The column with the IANA time zone, for quiet hours and birthdays."
    )
    country = optional(_COLUMN, "The column with the ISO country, to read national phone numbers.")
    region = optional(
        Text("a country such as `FR`", "[A-Z]{2}", "two capital letters"),
        "The country of national phone numbers where no column tells it.",
    )
    consent: Key[Mapping[str, str | bool]] = optional(
        Of(ConsentYaml), "Who may be written to; needed for every channel in use.",
        default={}, shown="nobody may",
    )  # fmt: skip
    attributes: Key[dict[str, str]] = optional(
        Columns(), "Columns that conditions and templates may use: a list, or `name: column`.",
        default={}, shown="none",
    )  # fmt: skip

    def build(self) -> CustomersSpec:
        own = {name: self.value(name) for name in OWN_ATTRIBUTES}
        for name, column in self.attributes.items():
            if own.get(name) not in {None, column}:
                self.below("attributes").note(
                    f"{name} is already the column {own[name]}", "call the attribute something else"
                )
        return CustomersSpec(
            table=self.table, key=self.key, email=self.email, phone=self.phone,
            locale=self.locale, timezone=self.timezone, country=self.country, region=self.region,
            consent=self.consent, attributes=self.attributes,
        )  # fmt: skip


class EventYaml(Record[EventSpec]):
    """Something that customers do, one row each time."""

    what = "a mapping with table, customer and at"
    table = required(_TABLE, "The table, or a query from `tables`.")
    customer = required(_COLUMN, "The column with the customer's key.")
    at = required(_COLUMN, "The column with the instant (or the day) it happened.")
    amount = optional(_COLUMN, "The column that sums and averages take.")
    fields: Key[dict[str, str]] = optional(
        Columns(), "Columns that `where` may use: a list, or `name: column`.",
        default={}, shown="none",
    )  # fmt: skip

    def build(self) -> EventSpec:
        return EventSpec(
            name=self.spot.where.rpartition(".")[2], table=self.table, customer=self.customer,
            at=self.at, amount=self.amount, fields=self.fields,
        )  # fmt: skip


class ChannelsYaml(Record[Mapping[str, ChannelSpec]]):
    """The ways to write to customers."""

    what = "a mapping of channels"
    email = optional(Channel("email"), "How e-mail is sent.")
    sms = optional(Channel("sms"), "How text messages are sent.")

    def build(self) -> Mapping[str, ChannelSpec]:
        given = {name: getattr(self, name) for name in CHANNELS}
        return {name: spec for name, spec in given.items() if spec is not None}


class LimitsYaml(Record[Limits]):
    """What protects a customer from too much."""

    what = "a mapping such as {per_customer: [3 per 7 days]}"
    per_customer: Key[tuple[FrequencyCap, ...]] = optional(
        ListOf(CAP, "limits", single=True),
        "At most so many messages to one customer in any such stretch of time.",
        default=(), shown="no limit",
    )  # fmt: skip
    quiet_hours: Key[QuietHours | None] = optional(
        QUIET_HOURS,
        "In these hours, in the customer's own time zone, nothing is sent.",
        shown="none",
    )

    def build(self) -> Limits:
        hours = (self.quiet_hours,) if self.quiet_hours else ()
        return Limits(per_customer=self.per_customer, quiet_hours=hours)


class Brand(Shape[Mapping[str, object]]):
    """Free values for templates, nested as you like."""

    says = "a mapping of names to values"

    def read(self, spot: Spot) -> Mapping[str, object]:
        return MapOf(_BRAND_VALUE, "names to values", pattern=IDENTIFIER_PATTERN).read(spot)

    def schema(self) -> JsonSchema:
        return {"type": "object"}


_BRAND_VALUE: Shape[object] = Either[object](AnyValue(), Brand())


@dataclass(frozen=True, kw_only=True, slots=True)
class RelanceFile:
    """What config/relance.yaml says, before segments and triggers join it."""

    name: str
    zone: ZoneInfo
    locale: str
    currency: str
    state: str = field(repr=False)
    source: SourceSpec
    customers: CustomersSpec
    events: Mapping[str, EventSpec]
    channels: Mapping[str, ChannelSpec]
    limits: Limits
    global_holdout: float
    brand: Mapping[str, object]


class RelanceYaml(Record[RelanceFile]):
    """The workspace: data, channels, limits."""

    what = "a mapping with version, timezone, locale, source and customers"
    version = required(VERSION, "The version of this format.", example="version: 1")
    name = optional(Text(), "The workspace's name.", shown="the folder's name")
    timezone = required(
        ZONE, "The time zone in which days begin and schedules run.",
        example="timezone: Europe/Paris",
    )  # fmt: skip
    locale = required(
        LOCALE, "The language of customers who have none of their own.", example="locale: fr"
    )
    currency = optional(CURRENCY, "The currency of amounts.", default="EUR", shown="EUR")
    state = optional(
        State(),
        "The database that remembers who was written to.",
        shown="sqlite:///state/relance.db",
    )
    source = required(
        Either(PlaceText(), Of(SourceYaml)),
        "Where customer data is: a folder of CSV and Parquet files, a DuckDB or SQLite file, or "
        "a URL such as `postgresql://…`. Only ever read.",
        example="source: data/",
    )
    workbench = optional(
        Text("`source` or a file"), "Where segments are computed: a DuckDB file, or `source` "
        "(in the source itself, where the data is too big to move).",
        default="state/workbench.duckdb", shown="state/workbench.duckdb",
    )  # fmt: skip
    tables: Key[Mapping[str, str]] = optional(
        MapOf(_QUERY, "queries", pattern=IDENTIFIER_PATTERN),
        "Named queries over the source, usable as tables.", default={}, shown="none",
    )  # fmt: skip
    customers = required(Of(CustomersYaml), "The customers' table.")
    events: Key[Mapping[str, EventSpec]] = optional(
        MapOf(Of(EventYaml), "events", reserved=_RESERVED_EVENTS),
        "What customers do: orders, visits, …", default={}, shown="none",
    )  # fmt: skip
    channels: Key[Mapping[str, ChannelSpec]] = optional(
        Of(ChannelsYaml), "How messages leave.", default={}, shown="none"
    )
    limits = optional(
        Of(LimitsYaml), "What protects a customer from too much.", default=Limits(), shown="none"
    )
    global_holdout = optional(
        GLOBAL_HOLDOUT,
        "The share of customers who get no message of any trigger, drawn anew each quarter.",
        default=0.0, shown="0%",
    )  # fmt: skip
    brand: Key[Mapping[str, object]] = optional(
        Brand(), "Values for templates (`{{ brand.name }}`).", default={}, shown="none"
    )

    def build(self) -> RelanceFile:
        root = self.spot.scope.root
        return RelanceFile(
            name=self.name or root.name, zone=self.timezone, locale=self.locale,
            currency=self.currency, state=self.state or f"sqlite:///{root / 'state/relance.db'}",
            source=self._source(), customers=self.customers, events=self.events,
            channels=self.channels, limits=self.limits, global_holdout=self.global_holdout,
            brand=self.brand,
        )  # fmt: skip

    def _source(self) -> SourceSpec:
        place, at_source = self.source, self.workbench == "source"
        workbench = self.spot.scope.root / Path(self.workbench).expanduser()
        return SourceSpec(
            location=place.location, shown=place.shown, zone=place.zone or self.timezone,
            tables=self.tables, at_source=at_source, workbench=None if at_source else workbench,
        )  # fmt: skip
