"""What a preview shows: one real customer's values, asked of the engine as of an instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from relance.errors import UsageError
from relance.pipeline.ports import Engine

_COHORT = pa.schema(
    {"id": pa.string(), "customer": pa.string(), "entry_at": pa.timestamp("us", tz="UTC")}
)


def preview_values(
    engine: Engine, customer: str, names: Sequence[str], at: datetime
) -> tuple[Mapping[str, object], str | None]:
    """The template values of a customer, by dotted name, and the customer's locale.

    Raises UsageError where there is no such customer.
    """
    cohort = pa.Table.from_pylist([{"id": "1", "customer": customer, "entry_at": at}], _COHORT)
    rows = engine.ask(cohort, {}, names, at).to_pylist()
    if not rows:
        raise UsageError(
            f"there is no customer {customer!r}", hint="take a key of the customers table"
        )
    row = rows[0]
    message = {"message.id": "preview", "message.trigger": "preview"}
    return {name: row[name] for name in names} | message, row["locale"]
