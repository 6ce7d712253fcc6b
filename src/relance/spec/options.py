"""A vendor's options as keys of the YAML: what its VendorSpec tells."""

from __future__ import annotations

from relance.domain.vendor import OptionKind, OptionSpec
from relance.settings import Secret
from relance.spec.record import Key
from relance.spec.shapes import Choice, Flag, JsonSchema, Number, Shape, Text
from relance.spec.spot import Spot


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
    return Key(
        shape, option.description, default=option.default, needed=option.required, shown=shown,
        name=option.name,
    )  # fmt: skip


def plain_default(value: str | float) -> str:
    """A default as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"
