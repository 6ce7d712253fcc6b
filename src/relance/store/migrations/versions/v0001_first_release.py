"""The tables of the first release, which made them without Alembic."""

import sqlalchemy as sa
from alembic import op

from relance.store.instants import Instant

revision = "0001"
down_revision = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_QUEUED = sa.text("state = 'queued'")
_LEASED = sa.text("state IN ('claimed', 'sending')")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("value", sa.String(), nullable=False),
    )
    _ticks()
    _memberships()
    _messages()
    _permissions()


def _ticks() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("tick", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("segment_version", sa.String(), nullable=False),
        sa.Column("baseline", sa.Boolean(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("treated", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Integer(), nullable=False),
        sa.Column("refused", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.UniqueConstraint("trigger", "at", "kind"),
    )
    op.create_table(
        "entry",
        sa.Column("trigger", sa.String(), primary_key=True),
        sa.Column("customer", _KEY, primary_key=True),
        sa.Column("at", Instant(), primary_key=True),
        sa.Column("version", sa.String(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "refusal",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("customer", _KEY, primary_key=True),
        sa.Column("reason", sa.String(), primary_key=True),
        sa.Column("detail", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "breakpoints",
        sa.Column("fitted_at", Instant(), primary_key=True, autoincrement=False),
        sa.Column("recency", sa.String(), nullable=False),
        sa.Column("frequency", sa.String(), nullable=False),
        sa.Column("monetary", sa.String(), nullable=False),
    )


def _memberships() -> None:
    op.create_table(
        "segment_state",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.String(), nullable=False, index=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_table(
        "membership",
        sa.Column("reign", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("left_at", Instant(), primary_key=True),
        sa.Column("customer", _KEY, primary_key=True),
        sa.Column("entered_at", Instant(), nullable=False),
        sa.Column("baseline", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )


def _messages() -> None:
    op.create_table(
        "message",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("customer", _KEY, nullable=False, index=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("entry_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False, index=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ghost", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("worker", sa.String()),
        sa.Column("lease_until", Instant()),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
    )
    op.create_index(
        "message_queued",
        "message",
        ["channel", "priority", "due_at", "n"],
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_index(
        "message_leased",
        "message",
        ["lease_until"],
        sqlite_where=_LEASED,
        postgresql_where=_LEASED,
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("message", sa.String(), nullable=False, index=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String()),
    )


def _permissions() -> None:
    op.create_table(
        "suppression",
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("customer", _KEY, primary_key=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent_change",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("customer", _KEY, nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
    )
    op.create_index("consent_change_latest", "consent_change", ["channel", "customer", "at"])
