"""What goes around a message whatever its vendor: sender, answers, headers, tags, rates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from relance.domain.channel import CHANNELS, ChannelKind
from relance.spec.nodes import Items, Scalar
from relance.spec.notations import PACE, Pace
from relance.spec.shapes import JsonSchema, ListOf, MapOf, Number, Shape, Text, made
from relance.spec.spot import Spot

_LONGEST_HEADER = 900  # characters; RFC 5322 (2.1.1) ends a line at 998
_HIGHEST_PRICE = 1_000_000  # of one message, in any currency
# what relance and the mail servers on the way write themselves
_OURS = frozenset({
    "from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version",
    "list-unsubscribe", "list-unsubscribe-post", "return-path", "received", "dkim-signature",
    "authentication-results",
})  # fmt: skip
_OUR_PREFIXES = ("content-", "resent-", "x-relance-", "arc-")


def channel_of(spot: Spot) -> ChannelKind:
    """The channel that a spot below `channels.NAME` belongs to."""
    return CHANNELS[spot.where.split(".")[1]]


class Sender(Shape[str]):
    """Who a message is from: an address for e-mail, a number or a name for a text message."""

    says = "a sender"

    def read(self, spot: Spot) -> str:
        text = _line(spot, self.says)
        if channel_of(spot).name == "email" and not is_address(text):
            raise spot.broken("is not a sender of e-mail", "write Name <address@domain>")
        return text

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number"]}


def _line(spot: Spot, says: str) -> str:
    text = Text(says).read(spot)
    if not text.isprintable():
        raise spot.broken("holds a line break or a control character")
    return text


def is_address(text: str) -> bool:
    """Whether text is an e-mail address, with a name or without."""
    local, _, domain = parseaddr(text)[1].rpartition("@")
    return bool(local and domain)


class Address(Shape[str]):
    """One bare address, as every vendor takes it."""

    says = "an address such as `answers@shop.example`"

    def read(self, spot: Spot) -> str:
        text = _line(spot, self.says).strip()
        if not re.fullmatch(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+", text):
            raise spot.broken("is not one e-mail address", "write name@domain, without a name")
        return text

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class Price(Shape[float]):
    """What one message costs, in the workspace's currency."""

    says = "an amount of money such as `0.002`"

    def read(self, spot: Spot) -> float:
        value = Number().read(spot)
        # a price beyond that is a slip of the keys, and infinity is none at all
        if not 0 <= value <= _HIGHEST_PRICE:
            raise spot.broken(f"must be from 0 to {_HIGHEST_PRICE:,}, in the workspace's currency")
        return float(value)

    def schema(self) -> JsonSchema:
        return {"type": "number", "minimum": 0, "maximum": _HIGHEST_PRICE}


class Headers(Shape[Mapping[str, str]]):
    """Headers of one's own, by name."""

    says = "a mapping of headers' names to text"
    _named = MapOf(
        Text(), "headers' names to text", pattern="[A-Za-z0-9][A-Za-z0-9_-]{0,70}",
        hint="letters, digits and hyphens",
    )  # fmt: skip

    def read(self, spot: Spot) -> Mapping[str, str]:
        seen: dict[str, str] = {}
        for key, value in spot.fields(self.says).pairs:
            self._check(spot.at(key.text, key), key.text, seen)
            if isinstance(value, Scalar) and not _fits(value.text):
                spot.at(key.text, value).note(
                    "cannot be a header", f"one line of at most {_LONGEST_HEADER} characters"
                )
        return self._named.read(spot)

    def _check(self, spot: Spot, name: str, seen: dict[str, str]) -> None:
        folded = name.casefold()
        if folded in seen:
            spot.note(f"is the header {seen[folded]} again", "upper and lower case are the same")
        elif folded == "reply-to":
            spot.note("is not set here", "write reply_to: beside headers:")
        elif folded in _OURS or folded.startswith(_OUR_PREFIXES):
            spot.note("is a header that relance writes itself", "leave it out")
        seen.setdefault(folded, name)

    def schema(self) -> JsonSchema:
        return self._named.schema()


def _fits(text: str) -> bool:
    return text.isprintable() and len(text) <= _LONGEST_HEADER


def _different(spot: Spot, tags: tuple[str, ...]) -> tuple[str, ...]:
    nodes = spot.node.items if isinstance(spot.node, Items) else ()
    for index, node in enumerate(nodes):
        if tags[index] in tags[:index]:
            raise spot.at(str(index), node).broken(f"{node} is named twice")
    return tags


TAGS = made(
    ListOf(
        Text("a tag", "[A-Za-z0-9_-]{1,64}", "letters, digits, - and _, at most 64"),
        "tags", single=True,
    ),
    _different,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rates:
    """The strictest of the limits by the second and of those by the day."""

    per_second: float | None = None
    per_day: int | None = None


def _rates(spot: Spot, paces: Sequence[Pace]) -> Rates:
    by_day = [pace.count for pace in paces if pace.per == "day"]
    if any(not count.is_integer() for count in by_day):
        raise spot.broken("is not a whole number per day")
    by_second = [pace.per_second for pace in paces if pace.per != "day"]
    return Rates(
        per_second=min(by_second, default=None), per_day=int(min(by_day)) if by_day else None
    )


RATES = made(ListOf(PACE, "rates", single=True), _rates)
