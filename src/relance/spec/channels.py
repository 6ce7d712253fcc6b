"""`channels` in relance.yaml: a provider with options of its own, which its VendorSpec tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import cast

from relance.domain.channel import CHANNELS, ChannelKind
from relance.domain.vendor import VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.spec.envelope import (
    RATES,
    TAGS,
    Address,
    Headers,
    Price,
    Rates,
    Sender,
    channel_of,
)
from relance.spec.nodes import Node, Scalar, child
from relance.spec.options import option_key
from relance.spec.record import Key, Record, optional, record_schema, required
from relance.spec.shapes import JsonSchema, Shape, Text, Whole, listed
from relance.spec.spot import Broken, Notes, Scope, Spot

_MOST = 1_000_000_000
_WRITTEN_TO = frozenset(name for name, kind in CHANNELS.items() if kind.personal)
# a key that not every channel has, and the channels that have it
_ONLY_FOR: Mapping[str, frozenset[str]] = {
    "from": _WRITTEN_TO,
    "tags": _WRITTEN_TO,
    "reply_to": frozenset({"email"}),
    "headers": frozenset({"email"}),
}
_NOT_IN_FALLBACK = frozenset({"daily_budget", "fallback"})


class Provider(Shape[str]):
    """The name of a provider that serves this channel."""

    says = "the name of a provider"

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        channel = channel_of(spot).name
        vendors = spot.scope.vendors
        serving = _serving(vendors, channel)
        if name in vendors and name not in serving:
            hint = f"for {channel} there is {', '.join(serving)}" if serving else None
            raise spot.broken(f"the provider {name} does not send {channel}", hint)
        return spot.known(name, serving, "provider")

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class Channel(Shape[ChannelSpec]):
    """A channel; which keys it has depends on its name and its provider."""

    def __init__(self, kind: ChannelKind | None = None) -> None:
        """None: the fallback of whichever channel it stands in."""
        self._kind = kind

    def read(self, spot: Spot) -> ChannelSpec:
        kind = channel_of(spot)
        without = withheld(kind.name, fallback=self._kind is None)
        provider = child(spot.node, "provider")
        vendor = spot.scope.vendors.get(provider.text) if isinstance(provider, Scalar) else None
        if vendor is None or kind.name not in vendor.channels:
            return ChannelYaml(spot, any_key=True, without=without).build()
        options = {each.name: option_key(each) for each in vendor.options}
        return ChannelYaml(spot, options, without=without).build()

    def schema(self) -> JsonSchema:
        # the fallback's place is filled in by `channel_schemas`, which knows the channel
        return {"$ref": f"#/definitions/channel_{self._kind.name}"} if self._kind else {}

    @property
    def says(self) -> str:
        return "a channel" if self._kind else "the same channel by another provider"


def withheld(channel: str, *, fallback: bool = False) -> frozenset[str]:
    """The common keys that a channel, or its fallback, does not have."""
    others = {key for key, channels in _ONLY_FOR.items() if channel not in channels}
    return frozenset(others) | (_NOT_IN_FALLBACK if fallback else frozenset())


class ChannelYaml(Record[ChannelSpec]):
    """One channel: its provider, what goes around each message, and the provider's own options.
    A channel has only the keys that it can use; `check` refuses what its provider cannot do."""

    what = "a mapping such as {provider: outbox, from: …}"
    provider = required(Provider(), "Which vendor sends; see the list of providers.")
    from_: Key[str] = Key(
        Sender(), "The sender: `Name <address>` for e-mail, a number or name for SMS, a number for "
        "WhatsApp. `slack` and `webhook` have none.",
        default="", needed=True,
    )  # fmt: skip
    rate = optional(
        RATES,
        "At most so many messages by this provider, over all workers: `10 per second`, "
        "`600 per minute`, `5000 per day`, or a list of these.",
        default=Rates(), shown="no limit",
    )  # fmt: skip
    daily_budget = optional(
        Whole(1, _MOST),
        "At most so many messages of this channel a day, over all its providers; the rest waits "
        "for the next day.",
        shown="no limit",
    )
    cost = optional(
        Price(),
        "What one message costs, in the workspace's currency: the report takes it off what a "
        "trigger brings in.",
        default=0.0, shown="nothing",
    )  # fmt: skip
    reply_to = optional(Address(), "Where answers to an e-mail go.", shown="the sender")
    headers: Key[Mapping[str, str]] = optional(
        Headers(), "Headers of your own on every e-mail.", default={}, shown="none"
    )
    tags: Key[tuple[str, ...]] = optional(
        TAGS, "Labels for the vendor's own statistics, beside the trigger's name; not for `slack` "
        "and `webhook`.",
        default=(), shown="none",
    )  # fmt: skip
    fallback = optional(
        Channel(), "The same channel by another provider, for what certainly did not leave by "
        "this one. It has keys of its own, but neither `daily_budget` nor `fallback`.",
        shown="none",
    )  # fmt: skip

    def _unknown(self, key: Scalar) -> None:
        channel = channel_of(self.spot).name
        spot = self.spot.at(key.text, key)
        if key.text in withheld(channel):
            there = listed([name for name in CHANNELS if name in _ONLY_FOR[key.text]], "and")
            spot.note(f"has no place in {channel}", f"it is for {there}")
        elif key.text in _NOT_IN_FALLBACK:
            spot.note("has no place in a fallback", "put it one level up, beside fallback:")
        else:
            super()._unknown(key)

    def build(self) -> ChannelSpec:
        spot = self.spot
        made = ChannelSpec(
            name=channel_of(spot).name, provider=self.provider, sender=self.from_,
            rate=self.rate.per_second, daily=self.rate.per_day, budget=self.daily_budget,
            reply_to=self.reply_to, headers=self.headers, tags=self.tags, fallback=self.fallback,
            cost=self.cost,
            path=f"{spot.notes.path}:{spot.node.line}:{spot.node.column}",
            options={name: value for name, value in self.extras().items() if value is not None},
        )  # fmt: skip
        if made.fallback and _same_way(made, made.fallback):
            raise self.below("fallback").broken(
                "is the provider that it stands in for", "name another one, or another account"
            )
        return made


def _same_way(one: ChannelSpec, other: ChannelSpec) -> bool:
    return (one.provider, one.options) == (other.provider, other.options)


class ChannelsYaml(Record[Mapping[str, ChannelSpec]]):
    """The ways to write to customers, and to tell the company's own people."""

    what = "a mapping of channels"

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """Every channel that there is."""
        return {
            kind.name: Key(Channel(kind), kind.description, name=kind.name)
            for kind in CHANNELS.values()
        }

    def build(self) -> Mapping[str, ChannelSpec]:
        given = {name: self.value(name) for name in CHANNELS}
        return {name: spec for name, spec in given.items() if isinstance(spec, ChannelSpec)}


def readable_channels(main: Node | None, path: str, scope: Scope) -> dict[str, ChannelSpec]:
    """The channels of relance.yaml (`path`) that have no mistake of their own."""
    found = {}
    for name, kind in CHANNELS.items():
        node = child(main, "channels", name)
        if node is not None:
            notes = Notes(path)
            with suppress(Broken):
                read = Channel(kind).read(Spot(node, notes, scope, f"channels.{name}"))
                if all(problem.warning for problem in notes.problems):
                    found[name] = read
    return found


def channel_schemas(vendors: Mapping[str, VendorSpec]) -> Mapping[str, JsonSchema]:
    """The definitions of all channels, their fallbacks, and the keys that they share."""
    keys = ChannelYaml.keys()
    found = {_shared(name): key.schema() for name, key in keys.items() if name not in _OWN_SCHEMA}
    for name in CHANNELS:
        found[f"channel_{name}"] = _schema(name, vendors, withheld(name))
        found[f"fallback_{name}"] = _schema(name, vendors, withheld(name, fallback=True))
    return found


_OWN_SCHEMA = frozenset({"provider", "fallback"})  # differ from form to form


def _shared(key: str) -> str:
    return f"channels_{key}"


def _schema(
    channel: str, vendors: Mapping[str, VendorSpec], without: Collection[str]
) -> JsonSchema:
    """One form per vendor that serves the channel; any options where no vendor is known."""
    forms = [_form(channel, vendors[name], without) for name in _serving(vendors, channel)]
    return {"anyOf": forms} if forms else _form(channel, None, without)


def _form(channel: str, vendor: VendorSpec | None, without: Collection[str]) -> JsonSchema:
    common = {name: key for name, key in ChannelYaml.keys().items() if name not in without}
    options = {each.name: option_key(each) for each in vendor.options} if vendor else {}
    form = record_schema({**common, **options})
    properties = cast(dict[str, JsonSchema], form["properties"])
    for name in common.keys() - _OWN_SCHEMA:
        properties[name] = {"$ref": f"#/definitions/{_shared(name)}"}
    if "fallback" in common:
        properties["fallback"]["allOf"] = [{"$ref": f"#/definitions/fallback_{channel}"}]
    if vendor is None:
        return {**form, "additionalProperties": True}
    properties["provider"] = {"const": vendor.name, "description": vendor.description}
    return form


def _serving(vendors: Mapping[str, VendorSpec], channel: str) -> list[str]:
    return sorted(name for name, vendor in vendors.items() if channel in vendor.channels)
