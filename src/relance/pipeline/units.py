"""For whom the arms are drawn: a household where the customer has one, else the customer."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import HOUSEHOLD


def households(rows: pa.Table) -> pa.ChunkedArray | None:
    """`household:<key>` of each row, null for who has none; None where nobody has one."""
    keys = rows["household"]
    if keys.null_count == rows.num_rows:
        return None
    return pc.binary_join_element_wise(HOUSEHOLD, keys, "")


def units(rows: pa.Table) -> list[str]:
    """Whom each row's arm is drawn for."""
    together = households(rows)
    if together is None:
        customers: list[str] = rows["customer"].to_pylist()
        return customers
    drawn: list[str] = pc.coalesce(together, rows["customer"]).to_pylist()
    return drawn
