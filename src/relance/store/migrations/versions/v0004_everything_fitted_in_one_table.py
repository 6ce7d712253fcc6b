"""Everything that is fitted from the data is kept in one table, RFM cut-offs among it."""

import json

import sqlalchemy as sa
from alembic import op

from relance.store.instants import Instant

revision = "0004"
down_revision = "0003"

_SCORES = ("recency", "frequency", "monetary")


def upgrade() -> None:
    """Make the table, and move the cut-offs into it with their dates.

    A worker of the older release that still runs can deliver; a tick of its would store nothing,
    and be caught up by one of ours.
    """
    fit = op.create_table(
        "fit",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("fitted_at", Instant(), primary_key=True),
        sa.Column("document", sa.String(), nullable=False),
    )
    before = sa.table(
        "breakpoints", sa.column("fitted_at", Instant()), *(sa.column(name) for name in _SCORES)
    )
    rows = [
        {"name": "rfm", "fitted_at": row["fitted_at"], "document": _document(row)}
        for row in op.get_bind().execute(sa.select(before)).mappings()
    ]
    if rows:
        op.bulk_insert(fit, rows)
    op.drop_table("breakpoints")


def _document(row: sa.RowMapping) -> str:
    return json.dumps({name: json.loads(row[name]) for name in _SCORES}, sort_keys=True)
