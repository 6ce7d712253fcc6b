"""Whom an arm was drawn for, and how the arms of each version were drawn."""

import sqlalchemy as sa
from alembic import op

from relance.store.instants import Instant

revision = "0003"
down_revision = "0002"

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a column and a table.

    How a version was drawn is not told here: the YAML of an older one may be gone. A version that
    still runs is written down by its next tick.
    """
    op.add_column("entry", sa.Column("unit", _KEY))
    op.create_table(
        "draw",
        sa.Column("trigger", sa.String(), primary_key=True),
        sa.Column("version", sa.String(), primary_key=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("hash_version", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("household", sa.Boolean(), nullable=False),
        sa.Column("read_out", sa.Integer()),
    )
