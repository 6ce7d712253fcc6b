"""The values a template is filled with: grouped, cleaned, and loud where one is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from jinja2 import StrictUndefined, UndefinedError
from jinja2.exceptions import TemplateRuntimeError

# line breaks too: a value is a word or a sentence, and nobody smuggles a line into a message
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

MEASURES = ("count", "sum", "average", "first", "last")
MESSAGE_NAMES = ("id", "trigger", "unsubscribe_url", "preferences_url")
# what leads the customer back to us, where there is a way
LINK_NAMES = frozenset({"message.unsubscribe_url", "message.preferences_url"})


class ValueMissing(UndefinedError):
    """A template printed a value that this customer does not have. `name` is its dotted name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' has no value for this customer")
        self.name = name


class NameUnknown(UndefinedError):
    """A template used a name that nothing is known under."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' is not defined")
        self.name = name


class Unknown(StrictUndefined):
    """What a name that does not exist evaluates to: any use of it raises NameUnknown."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: object = None,
        name: str | int | None = None,
        exc: type[TemplateRuntimeError] = NameUnknown,
    ) -> None:
        if name is None:
            super().__init__(hint=hint or "this gives nothing", obj=obj, exc=UndefinedError)
        else:
            super().__init__(hint=str(name), obj=obj, name=str(name), exc=exc)


class Missing(StrictUndefined):
    """A value that this customer does not have: printing or computing with it raises.

    It is false, equal to nothing, and neither less nor more than anything, as in conditions.
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(hint=name, name=name, exc=ValueMissing)

    # the base class declares every one of these as a function that only raises
    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return False

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return True

    def __lt__(self, other: object) -> bool:  # type: ignore[override]
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Group(dict[str, object]):
    """The values below one name (`customer`, `order`, `brand`)."""

    __slots__ = ("name",)

    def __init__(self, name: str, values: Mapping[str, object] | None = None) -> None:
        super().__init__(values or {})
        self.name = name


def group_values(values: Mapping[str, object]) -> dict[str, object]:
    """Values by group. Takes both `{"customer": {"first_name": …}}` and `customer.first_name`."""
    groups: dict[str, object] = {}
    for key, value in values.items():
        root, _, name = key.partition(".")
        group = groups.get(root)
        if type(group) is not Group:
            group = groups[root] = Group(root)
        if name:
            group[name] = _clean(value)
        elif isinstance(value, Mapping):
            group.update({name: _clean(inner) for name, inner in value.items()})
    return groups


def dotted(groups: Mapping[str, object]) -> list[str]:
    """Every name that grouped values know, dotted."""
    return [
        f"{root}.{name}"
        for root, group in groups.items()
        if isinstance(group, Group)
        for name in group
    ]


def _clean(value: object) -> object:
    """Text without control characters; blank text and not-a-number count as missing."""
    if isinstance(value, str):
        if not value.isprintable():  # the quick question first: no-break spaces fail it too
            value = _CONTROL.sub(" ", value)
        return None if not value or value.isspace() else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


_SAMPLES: Mapping[str, object] = {
    "customer.first_name": "Camille",
    "customer.last_name": "Moreau",
    "customer.country": "FR",
    "customer.city": "Lyon",
    "customer.birth_date": date(1988, 5, 17),
    "customer.timezone": "Europe/Paris",
}
_SAMPLE_MEASURES: Mapping[str, object] = {
    "count": 7,
    "sum": Decimal("486.30"),
    "average": Decimal("69.47"),
    "first": datetime(2024, 3, 9, 10, 15, tzinfo=UTC),
    "last": datetime(2026, 8, 2, 16, 40, tzinfo=UTC),
}


def sample_values(names: Iterable[str]) -> dict[str, dict[str, object]]:
    """Plausible values for data names, nested: for previews without a customer, and for checks."""
    sample: dict[str, dict[str, object]] = {}
    for name in sorted(names):
        root, _, attribute = name.partition(".")
        sample.setdefault(root, {})[attribute] = _sample(name, root, attribute)
    message: dict[str, object] = {"id": "0123456789abcdef01234567", "trigger": "preview"}
    links = sample_links("https://example.com")
    message |= {name.partition(".")[2]: url for name, url in links.items()}
    sample.setdefault("message", message)
    return sample


def sample_links(public_url: str) -> dict[str, str]:
    """Links back to us that look like real ones and open nothing, by dotted name."""
    return {
        "message.unsubscribe_url": f"{public_url}/u/preview",
        "message.preferences_url": f"{public_url}/p/preview",
    }


def _sample(name: str, root: str, attribute: str) -> object:
    if name in _SAMPLES:
        return _SAMPLES[name]
    if root != "customer" and attribute in _SAMPLE_MEASURES:
        return _SAMPLE_MEASURES[attribute]
    if root != "customer":
        attribute = attribute.removeprefix("last_")
    event, _, measure = attribute.rpartition("_")
    if root == "account" and event and measure in _SAMPLE_MEASURES:
        return _SAMPLE_MEASURES[measure]
    if attribute.endswith(("_at", "_date", "_on")):
        return date(2026, 3, 14)
    return attribute.replace("_", " ").capitalize()
