"""The tables. Rows never leave this room; other rooms see frozen dataclasses and Arrow."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, MetaData, String, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from relance.store.instants import Instant

SCHEMA_VERSION = 1
# Clustered by key: one tree instead of a table and an index, half the writes on SQLite.
CLUSTERED = {"sqlite_with_rowid": False}
# Byte order on both databases: the same sorting, and cheaper than a locale's.
Key = String().with_variant(String(collation="C"), "postgresql")


class Base(SQLModel):
    """Tables of the state, apart from SQLModel's global metadata."""

    metadata: ClassVar[MetaData] = MetaData()


class Meta(Base, table=True):
    """What the state says about itself: `schema_version`, `workspace`."""

    key: str = Field(primary_key=True)
    value: str


class Run(Base, table=True):
    """One trigger at one instant; unique, which is what makes two workers safe."""

    __table_args__ = (UniqueConstraint("trigger", "at", "kind"),)

    id: int | None = Field(default=None, primary_key=True)
    tick: str
    trigger: str
    at: datetime = Field(sa_type=Instant)
    kind: str
    version: str
    segment_version: str
    baseline: bool
    members: int
    entered: int
    left: int
    treated: int
    held_out: int
    refused: str  # JSON: reason → number
    messages: int


class SegmentReign(Base, table=True):
    """One stretch of time in which a definition of a segment held; the highest id is current."""

    __tablename__ = "segment_state"

    id: int | None = Field(default=None, primary_key=True)
    segment: str = Field(index=True)
    version: str
    since: datetime = Field(sa_type=Instant)
    at: datetime = Field(sa_type=Instant)  # last evaluated


class Membership(Base, table=True):
    """Spells. An open one has `left_at` = instants.OPEN.

    The key's order makes "who was in at an instant" one range (`left_at` later than it), and
    allows one open spell per customer.
    """

    __table_args__ = (CLUSTERED,)

    reign: int = Field(primary_key=True)
    left_at: datetime = Field(sa_type=Instant, primary_key=True)
    customer: str = Field(sa_type=Key, primary_key=True)
    entered_at: datetime = Field(sa_type=Instant)
    baseline: bool


class FittedBreakpoints(Base, table=True):
    """RFM cut-offs, kept with their date so that an old score can be explained. JSON arrays."""

    __tablename__ = "breakpoints"

    fitted_at: datetime = Field(
        sa_type=Instant, primary_key=True, sa_column_kwargs={"autoincrement": False}
    )
    recency: str
    frequency: str
    monetary: str


class Entry(Base, table=True):
    """One customer who passed a trigger's gates once."""

    __table_args__ = (CLUSTERED,)

    trigger: str = Field(primary_key=True)
    customer: str = Field(sa_type=Key, primary_key=True)
    at: datetime = Field(sa_type=Instant, primary_key=True)
    version: str = Field(primary_key=True)
    id: str
    arm: str


class Message(Base, table=True):
    """One intended send. `context` is cleared once nothing more will be sent from it."""

    __table_args__ = (
        # claims: per channel, the most urgent priority, then what is due first
        Index(
            "message_queued",
            "channel",
            "priority",
            "due_at",
            "n",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "message_leased",
            "lease_until",
            sqlite_where=text("state IN ('claimed', 'sending')"),
            postgresql_where=text("state IN ('claimed', 'sending')"),
        ),
    )

    n: int | None = Field(default=None, primary_key=True)  # in the order of arrival
    id: str = Field(unique=True)
    entry: str
    trigger: str
    version: str
    customer: str = Field(sa_type=Key, index=True)
    step: int
    channel: str
    template: str
    entry_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant, index=True)
    priority: int
    ghost: bool
    state: str
    attempts: int
    changed_at: datetime = Field(sa_type=Instant)
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    reason: str
    context: str


class Attempt(Base, table=True):
    """What was tried with a message, and what came of it."""

    id: int | None = Field(default=None, primary_key=True)
    message: str = Field(index=True)
    at: datetime = Field(sa_type=Instant)
    provider: str
    state: str
    reason: str
    detail: str
    provider_id: str | None = None


class RefusalRow(Base, table=True):
    """One customer whom a gate turned away, in one run."""

    __tablename__ = "refusal"
    __table_args__ = (CLUSTERED,)

    run: int = Field(primary_key=True)
    customer: str = Field(sa_type=Key, primary_key=True)
    reason: str = Field(primary_key=True)
    detail: str


class Suppression(Base, table=True):
    """A customer who must not be written to on a channel, whatever any consent says."""

    __table_args__ = (CLUSTERED,)

    channel: str = Field(primary_key=True)
    customer: str = Field(sa_type=Key, primary_key=True)
    reason: str
    at: datetime = Field(sa_type=Instant)


class ConsentChange(Base, table=True):
    """A consent given or taken back here; the latest one per customer counts."""

    __tablename__ = "consent_change"
    __table_args__ = (Index("consent_change_latest", "channel", "customer", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    channel: str
    customer: str = Field(sa_type=Key)
    granted: bool
    at: datetime = Field(sa_type=Instant)
    source: str


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


META = _table("meta")
RUN = _table("run")
REIGN = _table("segment_state")
MEMBERSHIP = _table("membership")
BREAKPOINTS = _table("breakpoints")
ENTRY = _table("entry")
MESSAGE = _table("message")
ATTEMPT = _table("attempt")
REFUSAL = _table("refusal")
SUPPRESSION = _table("suppression")
CONSENT_CHANGE = _table("consent_change")
