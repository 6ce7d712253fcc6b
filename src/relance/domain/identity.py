"""Who is who: links between ids, and customers known in several tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relance.domain.workspace import CustomersSpec

OWN = ("email", "phone", "locale", "timezone", "country", "household", "account", "role")


@dataclass(frozen=True, slots=True)
class Origin:
    """A column of one of the customers' tables; `column` is True where it holds for everybody."""

    table: CustomersSpec
    column: str | bool


def joined(
    tables: Sequence[CustomersSpec],
    precedence: Sequence[str] = (),
    prefer: Mapping[str, Sequence[str]] | None = None,
    *,
    no_wins: bool = True,
    region: str | None = None,
) -> CustomersSpec:
    """Several tables as one: its columns bear the names that conditions and templates use.

    `precedence` orders the tables, `prefer` those of one name; what they do not list follows in
    the order of the YAML.
    """
    attributes = dict.fromkeys(name for table in tables for name in table.attributes)
    channels = dict.fromkeys(channel for table in tables for channel in table.consent)
    own = {
        name: f"own {name}" if name in attributes else name
        for name in OWN
        if any(getattr(table, name) is not None for table in tables)
    }
    return CustomersSpec(
        table=", ".join(table.table for table in tables),
        key="customer",
        consent={channel: f"consent {channel}" for channel in channels},
        attributes={name: name for name in attributes},
        region=region,
        tables=tuple(tables),
        precedence=tuple(precedence),
        prefer={name: tuple(order) for name, order in (prefer or {}).items()},
        no_wins=no_wins,
        **own,
    )


def origins(customers: CustomersSpec) -> dict[str, list[Origin]]:
    """Where each column of joined tables comes from, the preferred table first."""
    found = {}
    for group, name, column in _columns(customers):
        ordered = sorted(customers.tables, key=lambda table: _rank(customers, name, table))
        mapped = [(table, _mapped(table, group, name)) for table in ordered]
        found[column] = [Origin(table, at) for table, at in mapped if at is not None]
    return found


def _columns(customers: CustomersSpec) -> list[tuple[str, str, str]]:
    """Each joined column, and under which group and name the YAML maps it."""
    own = [("own", name, getattr(customers, name)) for name in OWN]
    consents = [("consent", channel, column) for channel, column in customers.consent.items()]
    attributes = [("attributes", *each) for each in customers.attributes.items()]
    return [each for each in (*own, *consents, *attributes) if isinstance(each[2], str)]


def _mapped(table: CustomersSpec, group: str, name: str) -> str | bool | None:
    if group == "consent":
        return table.consent.get(name)
    own: str | None = getattr(table, name) if name in OWN else None
    return own if group == "own" else table.attributes.get(name, own)


def _rank(customers: CustomersSpec, name: str, table: CustomersSpec) -> tuple[int, int]:
    preferred, order = customers.prefer.get(name, ()), customers.precedence
    return (
        preferred.index(table.table) if table.table in preferred else len(preferred),
        order.index(table.table) if table.table in order else len(order),
    )
