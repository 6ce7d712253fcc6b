"""Receipts, doubts and expiries of messages; addresses, topics and pauses; rates and budgets."""

import sqlalchemy as sa
from alembic import op

from relance.store.instants import OPEN_DEFAULT, Instant

revision = "0002"
down_revision = "0001"

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add columns and tables; what is known of old messages goes where it belongs now.

    Defaults stay on the columns, so that a worker of the older release that still runs can
    finish its work.
    """
    _message_columns()
    _what_is_known()
    _message_indexes()
    op.add_column(
        "consent_change", sa.Column("topic", sa.String(), nullable=False, server_default="")
    )
    op.create_index("ix_consent_change_customer", "consent_change", ["customer"])
    _receipts()
    _permissions()
    _limits()


def _message_columns() -> None:
    for column in (
        sa.Column("expires_at", Instant(), nullable=False, server_default=OPEN_DEFAULT),
        sa.Column("provider", sa.String(), nullable=False, server_default=""),
        sa.Column("provider_id", sa.String()),
        sa.Column("recipient", _KEY),
        sa.Column("doubtful_at", Instant()),
        sa.Column("look_up_at", Instant()),
        sa.Column("look_ups", sa.Integer(), nullable=False, server_default=sa.text("0")),
    ):
        op.add_column("message", column)


def _what_is_known() -> None:
    """By whom a message was taken or may have been, from its latest attempt."""
    latest = (
        "(SELECT {column} FROM attempt WHERE attempt.message = message.id"
        " AND attempt.state = message.state ORDER BY attempt.id DESC LIMIT 1)"
    )
    provider, provider_id = (latest.format(column=name) for name in ("provider", "provider_id"))
    op.execute(
        f"UPDATE message SET provider = coalesce({provider}, ''), provider_id = {provider_id}"  # noqa: S608  names only
        " WHERE state IN ('accepted', 'unknown')"
    )
    op.execute(
        "UPDATE message SET doubtful_at = changed_at, look_up_at = changed_at"
        " WHERE state = 'unknown'"
    )


def _message_indexes() -> None:
    op.drop_index("message_queued", "message")
    op.drop_index("ix_message_due_at", "message")  # no question was asked of it
    queue = ["channel", "priority", "expires_at", "due_at", "n"]
    _index("message_queued", "message", queue, "state = 'queued'")
    _index("message_provider_id", "message", ["provider_id"], "provider_id IS NOT NULL")
    _index("message_recipient", "message", ["recipient"], "recipient IS NOT NULL")
    _index("message_look_up", "message", ["look_up_at"], "state = 'unknown'")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _receipts() -> None:
    op.create_table(
        "receipt",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.String()),
        sa.Column("provider_id", sa.String()),
        sa.Column("recipient", _KEY),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.String(), nullable=False),
        sa.UniqueConstraint("provider", "event_id"),
    )
    _index("receipt_message", "receipt", ["message"], "message IS NOT NULL")
    waiting = "message IS NULL AND provider_id IS NOT NULL"
    _index("receipt_waiting", "receipt", ["provider_id"], waiting)
    kinds = "kind IN ('soft_bounced', 'resubscribed')"
    _index("receipt_recipient", "receipt", ["recipient", "kind"], kinds)


def _permissions() -> None:
    op.create_table(
        "suppressed_address",
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("recipient", _KEY, primary_key=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pause",
        sa.Column("customer", _KEY, primary_key=True),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )


def _limits() -> None:
    op.create_table(
        "rate",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("free_at", Instant(), nullable=False),
    )
    op.create_table(
        "spending",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("day", sa.String(), primary_key=True),
        sa.Column("used", sa.Integer(), nullable=False),
    )
