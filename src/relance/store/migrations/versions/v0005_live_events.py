"""Live events: the calls of the Segment protocol."""

import sqlalchemy as sa
from alembic import op

from relance.store.instants import Instant

revision = "0005"
down_revision = "0004"

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "live_message",
        sa.Column("n", _NUMBER, primary_key=True),
        sa.Column("message_id", _KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("user_id", _KEY),
        sa.Column("anonymous_id", _KEY),
        sa.Column("previous_id", _KEY),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("told", sa.String()),
        sa.Column("body", sa.String(), nullable=False),
        sa.UniqueConstraint("message_id"),
        sqlite_autoincrement=True,
    )
