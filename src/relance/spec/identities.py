"""Who is who in the data: tables of links, and more tables of the same customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relance.domain.identity import joined
from relance.domain.workspace import CustomersSpec, IdentitySpec
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import IDENTIFIER_PATTERN, ListOf, MapOf, Shape, Text
from relance.spec.spot import Spot

_COLUMN = Text("a column's name")
_TABLE = Text("a table's name")


class IdentityYaml(Record[IdentitySpec]):
    """One table of links between ids."""

    what = "a mapping with table, id and customer"
    table = required(_TABLE, "The table, or a query from `tables`.")
    id = required(_COLUMN, "The column with the id that is somebody's: a visitor's, an old key.")
    customer = required(_COLUMN, "The column that says whose: a customer's key, or another id.")
    at = optional(
        _COLUMN, "The column with the instant at which the link became known.",
        shown="known since ever",
    )  # fmt: skip

    def build(self) -> IdentitySpec:
        return IdentitySpec(table=self.table, id=self.id, customer=self.customer, at=self.at)


IDENTITIES = ListOf(Of(IdentityYaml), "tables of links", single=True)

PRECEDENCE = ListOf(_TABLE, "tables")
PREFER: Shape[Mapping[str, tuple[str, ...]]] = MapOf(
    ListOf(_TABLE, "tables", single=True), "attributes to tables", pattern=IDENTIFIER_PATTERN
)


def join_tables(
    spot: Spot,
    tables: Sequence[CustomersSpec],
    precedence: Sequence[str],
    prefer: Mapping[str, Sequence[str]],
    *,
    no_wins: bool,
) -> CustomersSpec:
    """All tables of the customers as one; `spot` is the `customers` block."""
    names = [table.table for table in tables]
    for place, name in enumerate(names):
        if name in names[:place]:
            spot.note(
                f"the table {name} is there twice", "write a query under `tables` for one of them"
            )
    _known(spot, "precedence", precedence, names)
    found = joined(tables, precedence, prefer, no_wins=no_wins, region=tables[0].region)
    for attribute, order in prefer.items():
        _known(spot, f"prefer.{attribute}", order, names)
        if found.column(attribute) is None and attribute not in {"country", "household"}:
            spot.note(f"prefer: no table has the attribute {attribute!r}")
    return found


def _known(spot: Spot, where: str, order: Sequence[str], names: Sequence[str]) -> None:
    for name in order:
        if name not in names:
            spot.note(
                f"{where}: {name} is no table of the customers", f"there are: {', '.join(names)}"
            )
