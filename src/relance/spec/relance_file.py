"""config/relance.yaml: where the data is, what its columns mean, the channels and the limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.live import LiveSpec
from relance.domain.workspace import (
    AccountsSpec,
    BouncePolicy,
    ChannelSpec,
    CustomersSpec,
    EventSpec,
    IdentitySpec,
    Limits,
    ReportSpec,
    Rotation,
    SourceSpec,
    Topic,
    WebSpec,
)
from relance.spec.accounts import AccountsYaml
from relance.spec.channels import ChannelsYaml
from relance.spec.data import EVENT, QUERY, CustomersYaml, PlaceText, SourceYaml
from relance.spec.identities import IDENTITIES
from relance.spec.limits import BouncesYaml, LimitsYaml
from relance.spec.live import LiveYaml
from relance.spec.notations import CURRENCY, LOCALE, ZONE
from relance.spec.operators import AnyValue
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.report import HELD_OUT_OF_ALL, GlobalHoldout, ReportYaml
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    VERSION,
    Either,
    JsonSchema,
    MapOf,
    Shape,
    Text,
)
from relance.spec.spot import Spot
from relance.spec.web import TOPICS, WebYaml

PATH = "config/relance.yaml"
_NOBODY_WRITTEN_TO = "outbox"  # the provider that writes files
_RESERVED_EVENTS = ("customer", "account", "brand", "message")


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
    accounts: AccountsSpec | None
    events: Mapping[str, EventSpec]
    channels: Mapping[str, ChannelSpec]
    limits: Limits
    global_holdout: float
    rotation: Rotation
    brand: Mapping[str, object]
    web: WebSpec
    topics: Mapping[str, Topic]
    bounces: BouncePolicy
    report: ReportSpec
    live: LiveSpec | None = None
    identities: tuple[IdentitySpec, ...] = ()


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
        MapOf(QUERY, "queries", pattern=IDENTIFIER_PATTERN),
        "Named queries over the source, usable as tables.", default={}, shown="none",
    )  # fmt: skip
    customers = required(Of(CustomersYaml), "The customers' table.")
    accounts = optional(
        Of(AccountsYaml), "The accounts' table, where customers are the contacts of companies.",
        shown="none",
    )  # fmt: skip
    identities: Key[tuple[IdentitySpec, ...]] = optional(
        IDENTITIES, "Tables that say which ids are whose: visitors before their first login, "
        "customers merged into others.", default=(), shown="none",
    )  # fmt: skip
    events: Key[Mapping[str, EventSpec]] = optional(
        MapOf(EVENT, "events", reserved=_RESERVED_EVENTS),
        "What customers do: orders, visits, …", default={}, shown="none",
    )  # fmt: skip
    channels: Key[Mapping[str, ChannelSpec]] = optional(
        Of(ChannelsYaml), "How messages leave.", default={}, shown="none"
    )
    limits = optional(
        Of(LimitsYaml), "What protects a customer from too much.", default=Limits(), shown="none"
    )
    global_holdout = optional(
        HELD_OUT_OF_ALL,
        "The share of customers who get no message of any trigger, drawn anew each quarter, or as "
        "`{share: 2%, rotate: half-year}` says.",
        default=GlobalHoldout(), shown="0%",
    )  # fmt: skip
    brand: Key[Mapping[str, object]] = optional(
        Brand(), "Values for templates (`{{ brand.name }}`).", default={}, shown="none"
    )

    web = optional(
        Of(WebYaml), "How customers and vendors reach this workspace.", default=WebSpec(),
        shown="not at all",
    )  # fmt: skip
    topics: Key[Mapping[str, Mapping[str, str]]] = optional(
        TOPICS,
        "What customers may choose to hear of, by name: a title, or titles by locale. A trigger "
        "names its `topic`.",
        default={}, shown="none",
    )  # fmt: skip
    bounces = optional(
        Of(BouncesYaml), "When bounces suppress an address.", default=BouncePolicy(),
        shown="as below",
    )  # fmt: skip
    report = optional(
        Of(ReportYaml), "When the report is made by itself, and to whom it is sent.",
        default=ReportSpec(), shown="as below",
    )  # fmt: skip

    live = optional(
        Of(LiveYaml),
        "Live events by the Segment protocol, and how they are read as tables.",
        shown="none are taken",
    )

    def build(self) -> RelanceFile:
        if self.sound("events") and not self.has("live"):
            self._check_live()
        if self.sound("channels") and self.sound("web"):
            self._check_way_back()
        if self.sound("channels") and self.sound("report"):
            self._check_report_leaves()
        if self.sound("customers") and self.sound("accounts") and self.sound("events"):
            self._check_accounts()
        root = self.spot.scope.root
        return RelanceFile(
            name=self.name or root.name, zone=self.timezone, locale=self.locale,
            currency=self.currency, state=self.state or f"sqlite:///{root / 'state/relance.db'}",
            source=self._source(), customers=self.customers, accounts=self.accounts,
            events=self.events,
            channels=self.channels, limits=self.limits,
            global_holdout=self.global_holdout.share, rotation=self.global_holdout.rotation,
            brand=self.brand, web=self.web, topics=self._topics(), bounces=self.bounces,
            report=self.report, live=self.live, identities=self.identities,
        )  # fmt: skip

    def _check_accounts(self) -> None:
        """Accounts, and who belongs to which, go together."""
        hint = "add accounts: {table: …, key: …}"
        if self.accounts is not None:
            if self.customers.account is None:
                self.below("accounts").note(
                    "nobody says who belongs to which account", "add customers.account, a column"
                )
            return
        if self.customers.account is not None:
            self.below("customers", "account").note("there are no accounts", hint)
        if self.customers.role is not None:
            self.below("customers", "role").note("there are no accounts", hint)
        if self.sound("limits") and self.limits.per_account:
            self.below("limits", "per_account").note("there are no accounts", hint)
        for name, event in self.events.items():
            if event.account is not None:
                self.below("events", name, "account").note("there are no accounts", hint)

    def _topics(self) -> Mapping[str, Topic]:
        """A title without a locale is in the workspace's."""
        return {
            name: Topic(name=name, titles={at or self.locale: text for at, text in titles.items()})
            for name, titles in self.topics.items()
        }

    def _check_live(self) -> None:
        for name, event in self.events.items():
            if event.live is not None:
                self.below("events", name, "live").note(
                    "no live events are taken in", "add live: {write_keys: …}"
                )

    def _check_way_back(self) -> None:
        email = self.channels.get("email")
        if email is None or self.web.public_url or email.provider == _NOBODY_WRITTEN_TO:
            return
        self.below("channels", "email").warn(
            "no e-mail can offer a link that unsubscribes, and mailbox providers demand one-click "
            "unsubscribe (RFC 8058) of marketing mail",
            "set web.public_url and web.secret",
        )

    def _check_report_leaves(self) -> None:
        if self.report.email_to and "email" not in self.channels:
            self.below("report", "email_to").note(
                "there is no channel by which an e-mail leaves", "add channels: {email: …}"
            )

    def _source(self) -> SourceSpec:
        place, at_source = self.source, self.workbench == "source"
        workbench = self.spot.scope.root / Path(self.workbench).expanduser()
        return SourceSpec(
            location=place.location, shown=place.shown, zone=place.zone or self.timezone,
            tables=self.tables, at_source=at_source, workbench=None if at_source else workbench,
        )  # fmt: skip
