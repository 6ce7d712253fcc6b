"""`channels` in relance.yaml: a provider with options of its own, which its VendorSpec tells."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import cast

from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.settings import Secret
from relance.spec.nodes import Scalar, child
from relance.spec.notations import RATE
from relance.spec.record import Key, Record, optional, record_schema, required
from relance.spec.shapes import Choice, Flag, JsonSchema, Number, Shape, Text
from relance.spec.spot import Spot

CHANNELS = ("email", "sms")


class SecretText(Shape[Secret]):
    """Text that only the environment may hold."""

    says = "a secret from the environment, such as `${TOKEN}`"

    def read(self, spot: Spot) -> Secret:
        scalar = spot.scalar("a secret from the environment")
        if not scalar.filled:
            raise spot.broken("a secret stands in the file", 'put it in the environment: "${NAME}"')
        if not scalar.text.strip():
            raise spot.broken(f"the environment has nothing in {scalar}")
        return Secret(scalar.text)

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}


class Integer(Shape[int]):
    """A whole number of an option."""

    says = "a whole number"

    def read(self, spot: Spot) -> int:
        scalar = spot.scalar(self.says)
        if isinstance(scalar.value, bool) or not isinstance(scalar.value, int):
            raise spot.broken(f"must be a whole number, not {scalar}")
        return scalar.value

    def schema(self) -> JsonSchema:
        return {"type": "integer"}


_KINDS: dict[OptionKind, Shape[object]] = {
    OptionKind.TEXT: Text(),
    OptionKind.SECRET: SecretText(),
    OptionKind.INTEGER: Integer(),
    OptionKind.NUMBER: Number(),
    OptionKind.FLAG: Flag(),
    OptionKind.FOLDER: Text("a folder"),
}


def option_key(option: OptionSpec) -> Key[object]:
    """An option of a vendor as a key of the YAML."""
    shape = Choice(*option.choices) if option.choices else _KINDS[option.kind]
    shown = None if option.default is None else plain_default(option.default)
    key: Key[object] = Key(
        shape, option.description, default=option.default, needed=option.required, shown=shown
    )
    key.name = option.name
    return key


def plain_default(value: str | float) -> str:
    """A default as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


class Provider(Shape[str]):
    """The name of a provider that serves this channel (the last name of the path)."""

    says = "the name of a provider"

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        channel = spot.where.split(".")[-2]
        vendors = spot.scope.vendors
        serving = _serving(vendors, channel)
        if name in vendors and name not in serving:
            hint = f"for {channel} there is {', '.join(serving)}" if serving else None
            raise spot.broken(f"the provider {name} does not send {channel}", hint)
        return spot.known(name, serving, "provider")

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class Sender(Shape[str]):
    """Who a message is from: an address for e-mail, a number or a name for SMS."""

    says = "a sender"

    def read(self, spot: Spot) -> str:
        text = Text(self.says).read(spot)
        if not text.isprintable():
            raise spot.broken("holds a line break or a control character")
        if spot.where.split(".")[-2] == "email" and not _is_address(text):
            raise spot.broken("is not a sender of e-mail", "write Name <address@domain>")
        return text

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number"]}


def _is_address(text: str) -> bool:
    local, _, domain = parseaddr(text)[1].rpartition("@")
    return bool(local and domain)


class ChannelYaml(Record[ChannelSpec]):
    """One channel: its provider, its sender, and the provider's own options."""

    what = "a mapping such as {provider: outbox, from: …}"
    provider = required(Provider(), "Which vendor sends; see the list of providers.")
    from_ = required(Sender(), "The sender: `Name <address>` for e-mail, a number or name for SMS.")
    rate = optional(
        RATE, "At most so many messages, `10 per second` or `600 per minute`.", shown="no limit"
    )

    def build(self) -> ChannelSpec:
        spot = self.spot
        return ChannelSpec(
            name=spot.where.rpartition(".")[2], provider=self.provider, sender=self.from_,
            rate=self.rate, path=f"{spot.notes.path}:{spot.node.line}:{spot.node.column}",
            options={name: value for name, value in self.extras().items() if value is not None},
        )  # fmt: skip


class Channel(Shape[ChannelSpec]):
    """A channel; which keys it has depends on its provider."""

    says = "a channel"

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, spot: Spot) -> ChannelSpec:
        provider = child(spot.node, "provider")
        vendor = spot.scope.vendors.get(provider.text) if isinstance(provider, Scalar) else None
        if vendor is None or self._name not in vendor.channels:
            return ChannelYaml(spot, any_key=True).build()
        return ChannelYaml(spot, {each.name: option_key(each) for each in vendor.options}).build()

    def schema(self) -> JsonSchema:
        return {"$ref": f"#/definitions/channel_{self._name}"}


def channel_schema(channel: str, vendors: Mapping[str, VendorSpec]) -> JsonSchema:
    """One form per vendor that serves the channel; any options where no vendor is known."""
    base = ChannelYaml.keys()
    forms: list[JsonSchema] = []
    for name in _serving(vendors, channel):
        options = {each.name: option_key(each) for each in vendors[name].options}
        form = record_schema({**base, **options})
        provider: JsonSchema = {"const": name, "description": vendors[name].description}
        form["properties"] = {**cast(JsonSchema, form["properties"]), "provider": provider}
        forms.append(form)
    if not forms:
        return {**record_schema(base), "additionalProperties": True}
    return {"anyOf": forms}


def _serving(vendors: Mapping[str, VendorSpec], channel: str) -> list[str]:
    return sorted(name for name, vendor in vendors.items() if channel in vendor.channels)
