"""What the ledger holds: runs, spells, entries, messages, outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from relance.domain.arm import Arm
from relance.domain.fits import Fits
from relance.domain.message import MessageState


class Refusal(StrEnum):
    """Why a customer did not enter, in the order in which the gates stand."""

    GONE = "gone"  # no longer in the customers table
    NO_CONTACT = "no_contact"  # an account without any contact whom the rule may pick
    UNREACHABLE = "unreachable"  # no usable address for the first step's channel
    NO_CONSENT = "no_consent"
    TOPIC = "topic"  # does not want to hear of the trigger's topic
    PAUSED = "paused"  # asked not to be written to until a date
    SUPPRESSED = "suppressed"
    REENTRY = "reentry"
    GLOBAL_HOLDOUT = "global_holdout"
    FREQUENCY_CAP = "frequency_cap"  # the cap was full before this tick
    DISPLACED = "displaced"  # another trigger of this tick took the last place


class Skip(StrEnum):
    """Why a message that existed was not sent."""

    CONDITION = "condition"  # the step's if/unless no longer holds
    GOAL_REACHED = "goal_reached"
    GONE = "gone"
    LEFT_ACCOUNT = "left_account"  # the contact is no longer one of the account that entered
    NO_CONTACT = "no_contact"  # an account entered that nobody could be picked from
    UNREACHABLE = "unreachable"
    NO_CONSENT = "no_consent"
    TOPIC = "topic"  # does not want to hear of the trigger's topic
    PAUSED = "paused"  # asked not to be written to until a date
    SUPPRESSED = "suppressed"
    MERGED = "merged"  # another id of the customer has the same message
    LEFT_SEGMENT = "left_segment"  # while_member: true, and no longer a member
    EXPIRED = "expired"  # too late for it to be of use
    DROPPED = "dropped"  # a person dropped it (`relance unknown drop`)
    TEMPLATE = "template"  # the text could not be rendered; the problem is in `detail`
    TRIGGER_REMOVED = "trigger_removed"  # the step is no longer in the YAML


class RunKind(StrEnum):
    """Why a trigger was evaluated."""

    TICK = "tick"
    BACKFILL = "backfill"


@dataclass(frozen=True, kw_only=True, slots=True)
class LastRun:
    """The latest committed run of a trigger."""

    trigger: str
    at: datetime
    version: str
    segment_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentState:
    """When a segment was last evaluated, and under which definition."""

    segment: str
    version: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One trigger at one instant: what happened, as it is stored and shown."""

    trigger: str
    at: datetime
    kind: RunKind
    version: str
    segment_version: str
    baseline: bool
    members: int
    entered: int
    left: int
    treated: int = 0
    held_out: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryRecord:
    """One customer who passed a trigger's gates once. `arm` was drawn after every gate.

    It was drawn for `unit` (the customer, or `household:` and a key) under `salt` by the hash of
    that version; the last two are empty and 0 of versions older than their being written down.
    """

    id: str
    trigger: str
    version: str
    customer: str
    at: datetime
    arm: Arm
    unit: str = ""
    salt: str = ""
    hash_version: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Entries:
    """Entries of one trigger at one instant, as columns of equal length.

    A tick may let tens of thousands in: an object for each would cost more than storing it.
    `units` are whom the arms were drawn for, None for the customer; it is empty where no
    customer has a household.
    """

    trigger: str
    version: str
    at: datetime
    customers: Sequence[str]
    ids: Sequence[str]
    arms: Sequence[Arm]
    units: Sequence[str | None] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Messages:
    """The messages of one step of some entries: `ids` and `contexts` are columns beside theirs.

    A context is JSON of the names that the template uses; it is cleared once the message is sent.
    """

    entries: Entries
    step: int
    channel: str
    template: str
    due_at: datetime
    priority: int
    expires_at: datetime | None = None
    ids: Sequence[str]
    contexts: Sequence[str] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusalRecord:
    """One customer who did not enter. `detail` names the winner of a displaced place."""

    trigger: str
    at: datetime
    customer: str
    reason: Refusal
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusals:
    """Customers whom one trigger refused for one reason; `details` has one text for each."""

    trigger: str
    reason: Refusal
    customers: Sequence[str]
    details: Iterable[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where the ledger stands before a tick.

    `events_seen` are the events whose table had rows: how many, up to the instant of the latest
    tick that counted them, and None where no tick has yet.
    """

    runs: Mapping[str, LastRun]  # by trigger
    segments: Mapping[str, SegmentState]  # by segment
    fits: Fits
    events_seen: Mapping[str, tuple[datetime, int] | None] = field(default_factory=dict)

    def instants(self) -> set[datetime]:
        """Every instant that a later tick will compare with."""
        runs = {run.at for run in self.runs.values()}
        return runs | {state.at for state in self.segments.values()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A message that this worker holds a lease on.

    `entry_at` is the instant of the entry, `attempts` how often it was tried before. A message
    that may have left already has `doubtful_at`, the first time that it may have, and then only
    `provider` may send it again, while its idempotency key still holds.
    """

    id: str
    entry: str
    trigger: str
    version: str
    customer: str
    step: int
    channel: str
    template: str
    entry_at: datetime
    due_at: datetime
    priority: int
    ghost: bool
    attempts: int
    context: str = field(repr=False)
    expires_at: datetime | None = None
    provider: str = ""
    doubtful_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sibling:
    """A message of an id that a claimed message's customer has too."""

    id: str
    customer: str
    trigger: str
    step: int
    channel: str
    template: str
    entry_at: datetime
    state: MessageState
    changed_at: datetime
    doubtful_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How many messages may leave on one day under one name: a provider's or a channel's."""

    name: str
    day: date
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A try by which a message certainly did not leave, before another provider had it."""

    provider: str
    at: datetime
    reason: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a claimed message; the store moves the row and writes the attempt.

    `state` is ACCEPTED, FAILED, UNKNOWN, SKIPPED, GHOST, or QUEUED (put back until `due_at`).
    `suppress` asks for the address to be suppressed (the vendor said: unsubscribed).
    `attempted` is false where nothing was tried (quiet hours, a paused provider, a worker that
    stops): the message goes back without an attempt being counted. `worker` is who claimed it:
    with it, a worker whose lease was taken over cannot move what is no longer its own.
    `doubtful` goes with QUEUED: it may have left, and is repeated under its idempotency key.
    `unspent` are the budgets that its mark has spent though it certainly did not leave: they are
    given back. `tried` is what came before, by another provider of its channel.
    """

    message: str
    state: MessageState
    at: datetime
    provider: str = ""
    provider_id: str | None = None
    reason: str = ""
    detail: str = ""
    due_at: datetime | None = None
    suppress: bool = False
    attempted: bool = True
    worker: str = ""
    doubtful: bool = False
    unspent: tuple[Budget, ...] = ()
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A message about to go on the wire: by which provider, and to whom (`recipient_digest`)."""

    message: str
    provider: str
    recipient: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """What marking found: messages still ours and now `sending`, and those over a budget, which
    stay `claimed`."""

    ours: Sequence[str]
    over: Sequence[str] = ()
