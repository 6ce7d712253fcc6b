"""`live`: which live events are taken in, and how they are read as tables and as events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from relance.domain.live import (
    LIVE_CUSTOMERS,
    LIVE_EVENTS,
    LIVE_TABLES,
    ColumnKind,
    LiveColumn,
    LiveEventSpec,
    LiveSpec,
)
from relance.domain.workspace import EventSpec
from relance.settings import Secret
from relance.spec.nodes import Fields, Items, Node, Scalar, child
from relance.spec.notations import LENGTH
from relance.spec.options import SecretText
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    Either,
    JsonSchema,
    ListOf,
    MapOf,
    Parsed,
    Shape,
    Text,
    made,
)
from relance.spec.spot import Spot

LEAST_KEY = 16  # characters
_NAME = r'[^\s."\\]([^."\\]*[^\s."\\])?'
_PATH = rf"{_NAME}(\.{_NAME})*"


# As browsers write it: small letters, no path, no port that goes without saying.
_ORIGIN = Text(
    "the origin of a web site such as https://boutique.example",
    r"(?!http://.*:80$|https://.*:443$)"
    r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?",
    "name each site by scheme and host, in small letters, without a path or a slash at the end",
)


def _long_enough(spot: Spot, secret: Secret) -> Secret:
    if len(secret.reveal().strip()) < LEAST_KEY:
        raise spot.broken(
            f"must have at least {LEAST_KEY} characters", "such as: openssl rand -hex 16"
        )
    if ":" in secret.reveal() or not secret.reveal().isascii():
        raise spot.broken("must be plain letters and digits", "such as: openssl rand -hex 16")
    return secret


def column(root: str) -> Parsed[LiveColumn]:
    """The notation of a property or a trait: `plan`, `cart.total as number`. Where it begins with
    the `root` (`properties.`) that is left out."""

    def parse(text: str) -> LiveColumn:
        place, found, kind = text.rpartition(" as ")
        place, kind = (place.strip(), kind.strip()) if found else (text, ColumnKind.TEXT)
        if kind not in set(ColumnKind):
            raise ValueError(f"it can be read as {', '.join(ColumnKind)}")
        if not re.fullmatch(_PATH, place):
            raise ValueError(f"write it like {root}.total, or {root}.total as number")
        return LiveColumn(tuple(place.removeprefix(f"{root}.").split(".")), ColumnKind(kind))

    says = f"where a value stands, such as `{root}.total` or `{root}.total as number`"
    return Parsed(says, parse)


class LiveColumns(Shape[dict[str, LiveColumn]]):
    """Columns read of properties or traits: a list of names, or name to place."""

    says = "a list of names, or a mapping of names to places such as {total: total as number}"

    def __init__(self, root: str, taken: Sequence[str] = ()) -> None:
        """`taken` are columns that stand beside these."""
        self._taken = frozenset(taken)
        self._listed = ListOf(Text("a name", IDENTIFIER_PATTERN), "names")
        self._named = MapOf(column(root), "names to places", pattern=IDENTIFIER_PATTERN)

    def read(self, spot: Spot) -> dict[str, LiveColumn]:
        if isinstance(spot.node, Items):
            names = self._listed.read(spot)
            spots = [spot.at(str(number), node) for number, node in enumerate(spot.node.items)]
            self._tell_apart(zip(names, spots, strict=True), "write a mapping, with another name")
            return {name: LiveColumn((name,)) for name in names}
        if isinstance(spot.node, Fields):
            keys = ((key.text, spot.at(key.text, key)) for key, _ in spot.node.pairs)
            self._tell_apart(keys, "choose another one")
        return self._named.read(spot)

    def _tell_apart(self, names: Iterable[tuple[str, Spot]], hint: str) -> None:
        """Databases do not tell capitals from small letters in the names of columns."""
        seen: dict[str, str] = {}
        for name, spot in names:
            folded = name.lower()
            if folded in self._taken:
                spot.note(f"`{name}` is a name of relance's own", hint)
            elif seen.setdefault(folded, name) != name:
                spot.note(f"`{name}` is `{seen[folded]}` but for its capitals", hint)

    def schema(self) -> JsonSchema:
        return {"anyOf": [self._listed.schema(), self._named.schema()]}


class LiveYaml(Record[LiveSpec]):
    """Live events: what the clients of the Segment protocol send to `relance run` or `relance web`.
    They are readable as the tables live_events, live_identities and live_customers."""

    what = 'a mapping such as {write_keys: ["${SHOP_WRITE_KEY}"]}'
    write_keys: Key[tuple[Secret, ...]] = required(
        ListOf(made(SecretText(), _long_enough), "secrets", single=True),
        f"What clients show as their write key, at least {LEAST_KEY} characters; several, so that "
        "one can take the place of another.",
        example='write_keys: ["${SHOP_WRITE_KEY}"]',
    )
    origins: Key[tuple[str, ...]] = optional(
        ListOf(_ORIGIN, "origins", single=True),
        "The web sites whose pages may send live events, such as https://boutique.example. Each by "
        "its name: `*` is none.",
        default=(), shown="none",
    )  # fmt: skip
    keep = optional(
        LENGTH, "How long live events are kept after their arrival.",
        default=LiveSpec(write_keys=()).keep, shown=str(LiveSpec(write_keys=()).keep),
    )  # fmt: skip
    fields: Key[Mapping[str, LiveColumn]] = optional(
        LiveColumns("properties", LIVE_TABLES[LIVE_EVENTS]),
        "Columns of the table live_events, of the calls' properties: a list, or "
        "`name: place as kind`. Kinds are text, number, flag and date.",
        default={}, shown="none",
    )  # fmt: skip
    traits: Key[Mapping[str, LiveColumn]] = optional(
        LiveColumns("traits", LIVE_TABLES[LIVE_CUSTOMERS]),
        "Columns of the table live_customers, of what identify calls tell: the same.",
        default={}, shown="none",
    )  # fmt: skip

    def build(self) -> LiveSpec:
        return LiveSpec(
            write_keys=self.write_keys, origins=self.origins, keep=self.keep, fields=self.fields,
            traits=self.traits,
        )  # fmt: skip


_CALL = Text("the name of a track call")
_VALUE = column("properties")


class LivePartYaml(Record[LiveEventSpec]):
    """The live calls that count as an event beside the rows of its table."""

    what = "a mapping such as {event: Order Completed}"
    event = required(_CALL, "The name of the track call; `$page`, `$screen` or `$group` for these.")
    amount = optional(_VALUE, "The property that sums and averages take.")
    fields: Key[Mapping[str, LiveColumn]] = optional(
        LiveColumns("properties"), "The properties behind the event's fields, by their names.",
        default={}, shown="the properties of the fields' own names",
    )  # fmt: skip
    id_ = optional(_VALUE, "The property that tells an event apart, as the table's `id` does.")

    def build(self) -> LiveEventSpec:
        amount = {} if self.amount is None else {"amount": as_number(self.amount)}
        return LiveEventSpec(name=self.event, fields={**self.fields, **amount}, id=self.id_)


def _by_name(_spot: Spot, name: str) -> LiveEventSpec:
    return LiveEventSpec(name=name)


LIVE_PART: Shape[LiveEventSpec] = Either(made(_CALL, _by_name), Of(LivePartYaml))


def as_number(place: LiveColumn) -> LiveColumn:
    """What is added up is a number, whatever is said."""
    return replace(place, kind=ColumnKind.NUMBER)


_EVERY_CALL = ("customer", "at")


class LiveEventYaml(Record[EventSpec]):
    """A live call as an event: its fields are properties."""

    what = "a mapping with live: the name of a track call"
    live = required(_CALL, "The name of the track call; `$page`, `$screen` or `$group` for these.")
    amount = optional(_VALUE, "The property that sums and averages take.")
    fields: Key[Mapping[str, LiveColumn]] = optional(
        LiveColumns("properties", _EVERY_CALL),
        "Properties that `where` may use: a list, or `name: properties.place as kind`.",
        default={}, shown="none",
    )  # fmt: skip

    def build(self) -> EventSpec:
        amount = {} if self.amount is None else {"amount": as_number(self.amount)}
        for name in self.fields:
            if amount and name.lower() == "amount" != name:
                self.below("fields").note(
                    f"`{name}` is `amount` but for its capitals", "choose another one"
                )
        live = LiveEventSpec(name=self.live, fields={**self.fields, **amount})
        return EventSpec(
            name=self.spot.where.rpartition(".")[2], table=f"live {self.live}",
            customer="customer", at="at", amount="amount" if amount else None,
            fields={name: name for name in self.fields}, live=live,
        )  # fmt: skip


def joined(
    spot: Spot, table: EventSpec, live: LiveEventSpec | None, own_id: str | None
) -> EventSpec:
    """A table's event with the live calls that count beside its rows."""
    if live is None:
        return table
    if table.amount is not None and "amount" not in live.fields:
        raise spot.broken("does not tell the amount", "write {event: …, amount: properties.…}")
    if (own_id is None) != (live.id is None):
        raise spot.broken(
            "an id needs the other side's", "write id: beside table:, and live: {event: …, id: …}"
        )
    strange = live.fields.keys() - table.fields.keys() - {"amount"}
    if strange:
        raise spot.broken(
            f"tells {sorted(strange)[0]!r}, which is no field of the event",
            "name it under the event's fields too",
        )
    places = _by_column(spot, table, live)
    whole = replace(live, fields=places, table=table.table, table_id=own_id)
    return replace(table, table=f"{table.table} and live {live.name}", live=whole)


def _by_column(spot: Spot, table: EventSpec, live: LiveEventSpec) -> dict[str, LiveColumn]:
    """Where the fields of the event stand in a call, one place for each column of the table."""
    columns = table.fields if table.amount is None else {**table.fields, "amount": table.amount}
    found: dict[str, LiveColumn] = {}
    for column in dict.fromkeys(columns.values()):
        names = [name for name, behind in columns.items() if behind == column]
        told = [name for name in names if name in live.fields]
        if column in (table.at, table.customer):
            if told:
                raise spot.broken(
                    f"tells {told[0]!r}, which is the column {column!r} that every call tells",
                    "leave it out, or name another column under the event's fields",
                )
            continue
        places = {name: live.fields.get(name, LiveColumn((name,))) for name in told or names}
        if len({place.path for place in places.values()}) > 1:
            first, *_, last = places
            raise spot.broken(
                f"tells {first!r} and {last!r} apart, which are one column, {column!r}",
                "give both the same place under the live fields",
            )
        found |= places
    return found


def only_live(node: Node) -> bool:
    """Whether an event is written as live calls alone."""
    return isinstance(child(node, "live"), Scalar) and child(node, "table") is None
