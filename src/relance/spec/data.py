"""What is where in the data: the source, the customers' table, the events, named queries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.channel import CHANNELS
from relance.domain.workspace import CustomersSpec, EventSpec
from relance.spec.identities import PRECEDENCE, PREFER, join_tables
from relance.spec.live import LIVE_PART, LiveEventYaml, joined, only_live
from relance.spec.nodes import Fields, Items, Scalar, kind
from relance.spec.notations import ZONE
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    Choice,
    Either,
    JsonSchema,
    ListOf,
    MapOf,
    Shape,
    Text,
)
from relance.spec.spot import Spot

OWN_ATTRIBUTES = ("email", "phone", "locale", "timezone")
_COLUMN = Text("a column's name")
_TABLE = Text("a table's name")


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


QUERY = Either(Text("a query"), Of(SqlYaml))


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

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """The channels that write to customers."""
        meaning = "The column that says who may be written to by {}, or `true`: everybody."
        return {
            name: Key(_CONSENT_VALUE, meaning.format(name), name=name)
            for name, channel in CHANNELS.items()
            if channel.personal
        }

    def build(self) -> Mapping[str, str | bool]:
        given = {name: self.value(name) for name in self.keys()}
        return {name: value for name, value in given.items() if isinstance(value, str | bool)}


class TableYaml(Record[CustomersSpec]):
    """A table of customers and what its columns are."""

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
    household = optional(
        _COLUMN, "The column that the people of one household or one mailbox share: they are held "
        "out, or written to, together. Naming another column is a new version of every trigger.",
    )  # fmt: skip
    account = optional(
        _COLUMN, "The column with the key of the account that the customer is a contact of."
    )
    role = optional(_COLUMN, "The column with what the customer does there, for `write_to`.")
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
            locale=self.locale, timezone=self.timezone, country=self.country,
            household=self.household, account=self.account, role=self.role,
            consent=self.consent, attributes=self.attributes,
        )  # fmt: skip


class CustomersYaml(TableYaml):
    """The customers' table, or tables, and what the columns are."""

    region = optional(
        Text("a country such as `FR`", "[A-Z]{2}", "two capital letters"),
        "The country of national phone numbers where no column tells it.",
    )
    more_tables: Key[tuple[CustomersSpec, ...]] = optional(
        ListOf(Of(TableYaml), "tables"), "More tables of the same customers, each with its own "
        "columns. Who has the same key in two, or is the same by `identities`, is one customer.",
        default=(), shown="none",
    )  # fmt: skip
    precedence: Key[tuple[str, ...]] = optional(
        PRECEDENCE, "Which table is believed where several have a value, the first first.",
        default=(), shown="as they are written",
    )  # fmt: skip
    prefer: Key[Mapping[str, tuple[str, ...]]] = optional(
        PREFER, "The tables that are believed first for one attribute, by its name.",
        default={}, shown="none",
    )  # fmt: skip
    consent_conflict = optional(
        Choice("no_wins", "precedence"), "What counts where tables disagree on a consent: a no in "
        "any of them, or what the first table says that says something.",
        default="no_wins", shown="no_wins",
    )  # fmt: skip

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """Those of every table before those about all of them."""
        return {**TableYaml.keys(), **super().keys()}

    def build(self) -> CustomersSpec:
        main = replace(super().build(), region=self.region)
        if not self.more_tables:
            for key in ("precedence", "prefer", "consent_conflict"):
                if self.has(key):
                    self.below(key).note("there is one table only", "delete it or add more_tables")
            return main
        return join_tables(
            self.spot, [main, *self.more_tables], self.precedence, self.prefer,
            no_wins=self.consent_conflict == "no_wins",
        )  # fmt: skip


class EventYaml(Record[EventSpec]):
    """Something that customers do, one row each time."""

    what = "a mapping with table, customer and at"
    table = required(_TABLE, "The table, or a query from `tables`.")
    customer = optional(
        _COLUMN, "The column with the customer's key; it may be left out where `account` is given.",
        default="", shown="none",
    )  # fmt: skip
    account = optional(
        _COLUMN, "The column with the account's key.", shown="the account of its customer"
    )
    at = required(_COLUMN, "The column with the instant (or the day) it happened.")
    amount = optional(_COLUMN, "The column that sums and averages take.")
    fields: Key[dict[str, str]] = optional(
        Columns(), "Columns that `where` may use: a list, or `name: column`.",
        default={}, shown="none",
    )  # fmt: skip

    live = optional(
        LIVE_PART,
        "The name of a track call that counts beside the table's rows, or a mapping with its "
        "amount and fields. Without a table the calls alone are the event.",
        shown="none",
    )
    id_ = optional(
        _COLUMN,
        "The column that tells an event apart: a live call with the id of a row is not counted.",
        shown="none, both are counted",
    )

    def build(self) -> EventSpec:
        if not self.has("customer") and not self.has("account"):
            self.spot.at("customer", self.spot.node).note(
                "is missing", "the column with the customer's key"
            )
        if self.has("live") and self.has("account"):
            self.below("account").note(
                "does not go with live", "a live call is of the account of its customer"
            )
        table = EventSpec(
            name=self.spot.where.rpartition(".")[2], table=self.table, customer=self.customer,
            account=self.account, at=self.at, amount=self.amount, fields=self.fields,
        )  # fmt: skip
        return joined(self.below("live"), table, self.live, self.id_)


class EventShape(Shape[EventSpec]):
    """Rows of a table, live calls, or both together."""

    says = EventYaml.what

    def read(self, spot: Spot) -> EventSpec:
        form = LiveEventYaml if only_live(spot.node) else EventYaml
        return Of[EventSpec](form).read(spot)

    def schema(self) -> JsonSchema:
        return {"anyOf": [Of(EventYaml).schema(), Of(LiveEventYaml).schema()]}


EVENT = EventShape()
