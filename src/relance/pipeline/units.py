"""For whom the arms are drawn: the account that enters, a household, else the customer."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import HOUSEHOLD

UNIT = "unit"
"""The column of rows that are accounts: `account:<key>` beside the contact picked for it."""


def households(rows: pa.Table) -> pa.ChunkedArray | None:
    """Whom each row is drawn together with: `account:<key>` or `household:<key>`, null for nobody;
    None where that is so for all."""
    if UNIT in rows.column_names:
        return rows[UNIT]
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


def entrants(rows: pa.Table) -> pa.Array:
    """Who enters with each row: the account where one does, else the customer."""
    return rows[UNIT if UNIT in rows.column_names else "customer"].combine_chunks()
