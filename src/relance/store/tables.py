"""The tables. Rows never leave this room; other rooms see frozen dataclasses and Arrow."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Integer, MetaData, String, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from relance.store.instants import OPEN_DEFAULT, Instant

SCHEMA_VERSION = 5  # in step with the newest revision in migrations/versions
# Clustered by key: one tree instead of a table and an index, half the writes on SQLite.
CLUSTERED = {"sqlite_with_rowid": False}
# Byte order on both databases: the same sorting, and cheaper than a locale's.
Key = String().with_variant(String(collation="C"), "postgresql")
Number = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER counts up by itself there


class Base(SQLModel):
    """Tables of the state, apart from SQLModel's global metadata."""

    metadata: ClassVar[MetaData] = MetaData()


def _index(name: str, *columns: str, where: str) -> Index:
    """An index of the rows that a condition holds for."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _empty() -> Any:  # Field is untyped
    """A text that is empty in rows of an older schema, and where nothing is said."""
    return Field(default="", sa_column_kwargs={"server_default": ""})


class Meta(Base, table=True):
    """What the state says about itself: `schema_version`, `workspace`; and `event:<name>`, how
    many rows an event's table had at the latest tick."""

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


class FitRow(Base, table=True):
    """What was fitted from the data, kept with its date so that an old answer can be explained.
    Of each name the latest is in force."""

    __tablename__ = "fit"

    name: str = Field(primary_key=True)
    fitted_at: datetime = Field(sa_type=Instant, primary_key=True)
    document: str  # JSON; see domain/fits.py


class Entry(Base, table=True):
    """One customer who passed a trigger's gates once. The arm was drawn for the `unit`, or for
    the customer where there is none."""

    __table_args__ = (CLUSTERED,)

    trigger: str = Field(primary_key=True)
    customer: str = Field(sa_type=Key, primary_key=True)
    at: datetime = Field(sa_type=Instant, primary_key=True)
    version: str = Field(primary_key=True)
    id: str
    arm: str
    unit: str | None = Field(default=None, sa_type=Key)


class DrawRow(Base, table=True):
    """How the arms of one version of a trigger were drawn: with it, each can be drawn again."""

    __tablename__ = "draw"

    trigger: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)  # of its first entry
    hash_version: int
    salt: str
    share: float
    household: bool
    read_out: int | None = None


class Message(Base, table=True):
    """One intended send. `context` is cleared once nothing more will be sent from it.

    `expires_at` is instants.OPEN where it never does. `look_ups` counts how often the provider
    was asked in vain what became of an unknown one.
    """

    __table_args__ = (
        # claims: per channel, the most urgent priority, then what expires first, then due first
        _index("message_queued", "channel", "priority", "expires_at", "due_at", "n",
               where="state = 'queued'"),
        _index("message_leased", "lease_until", where="state IN ('claimed', 'sending')"),
        _index("message_provider_id", "provider_id", where="provider_id IS NOT NULL"),
        _index("message_recipient", "recipient", where="recipient IS NOT NULL"),
        _index("message_look_up", "look_up_at", where="state = 'unknown'"),
    )  # fmt: skip

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
    due_at: datetime = Field(sa_type=Instant)
    priority: int
    ghost: bool
    state: str
    attempts: int
    changed_at: datetime = Field(sa_type=Instant)
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    reason: str
    context: str
    expires_at: datetime = Field(sa_type=Instant, sa_column_kwargs={"server_default": OPEN_DEFAULT})
    provider: str = _empty()  # until it is marked
    provider_id: str | None = None
    recipient: str | None = Field(default=None, sa_type=Key)  # domain.receipt.recipient_digest
    doubtful_at: datetime | None = Field(default=None, sa_type=Instant)
    look_up_at: datetime | None = Field(default=None, sa_type=Instant)
    look_ups: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})


class Attempt(Base, table=True):
    """What was tried with a message, and what came of it; of one that was accepted as expected,
    nearly all, the message itself says so (history.py)."""

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
    """A consent given or taken back here; the latest one per customer counts.

    A row with a `topic` is about that alone, on every channel: its `channel` is empty.
    """

    __tablename__ = "consent_change"
    __table_args__ = (Index("consent_change_latest", "channel", "customer", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    channel: str
    customer: str = Field(sa_type=Key, index=True)
    granted: bool
    at: datetime = Field(sa_type=Instant)
    source: str
    topic: str = _empty()


class ReceiptRow(Base, table=True):
    """One event that a provider reported. `message` is null until one is found for it."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        _index("receipt_message", "message", where="message IS NOT NULL"),
        _index("receipt_waiting", "provider_id",
               where="message IS NULL AND provider_id IS NOT NULL"),
        _index("receipt_recipient", "recipient", "kind",
               where="kind IN ('soft_bounced', 'resubscribed')"),
    )  # fmt: skip

    n: int | None = Field(default=None, primary_key=True)  # in the order of arrival
    provider: str
    event_id: str
    channel: str
    kind: str
    message: str | None = None
    provider_id: str | None = None
    recipient: str | None = Field(default=None, sa_type=Key)
    at: datetime = Field(sa_type=Instant)  # the event's own, or that of its arrival
    received_at: datetime = Field(sa_type=Instant)
    reason: str
    machine: bool
    raw: str


class SuppressedAddress(Base, table=True):
    """An address that must not be written to on a channel, as its digest."""

    __tablename__ = "suppressed_address"
    __table_args__ = (CLUSTERED,)

    channel: str = Field(primary_key=True)
    recipient: str = Field(sa_type=Key, primary_key=True)
    reason: str
    at: datetime = Field(sa_type=Instant)


class Pause(Base, table=True):
    """A customer who asked not to be written to until later than `until`."""

    __table_args__ = (CLUSTERED,)

    customer: str = Field(sa_type=Key, primary_key=True)
    until: datetime = Field(sa_type=Instant)
    at: datetime = Field(sa_type=Instant)
    source: str


class LiveRow(Base, table=True):
    """One call of the Segment protocol. `n` grows in the order of the commits, and no number is
    ever used twice: who has read up to one reads on from there."""

    __tablename__ = "live_message"
    __table_args__ = (UniqueConstraint("message_id"), {"sqlite_autoincrement": True})

    n: int | None = Field(default=None, primary_key=True, sa_type=Number)
    message_id: str = Field(sa_type=Key)
    kind: str
    event: str
    user_id: str | None = Field(default=None, sa_type=Key)
    anonymous_id: str | None = Field(default=None, sa_type=Key)
    previous_id: str | None = Field(default=None, sa_type=Key)
    at: datetime = Field(sa_type=Instant)
    received_at: datetime = Field(sa_type=Instant)
    told: str | None = None  # the client's own word for `at`, where it was not believed
    body: str  # JSON


class Rate(Base, table=True):
    """When the next message may leave under a rate that all workers share."""

    name: str = Field(primary_key=True)
    free_at: datetime = Field(sa_type=Instant)


class Spending(Base, table=True):
    """How much of a day's budget is used. `day` is written as 2026-11-22."""

    name: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    used: int


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


META = _table("meta")
RUN = _table("run")
REIGN = _table("segment_state")
MEMBERSHIP = _table("membership")
FIT = _table("fit")
ENTRY = _table("entry")
DRAW = _table("draw")
MESSAGE = _table("message")
ATTEMPT = _table("attempt")
REFUSAL = _table("refusal")
SUPPRESSION = _table("suppression")
CONSENT_CHANGE = _table("consent_change")
RECEIPT = _table("receipt")
SUPPRESSED_ADDRESS = _table("suppressed_address")
PAUSE = _table("pause")
LIVE = _table("live_message")
RATE = _table("rate")
SPENDING = _table("spending")
