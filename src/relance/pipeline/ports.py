"""What the pipeline needs from other rooms, in its own words.

Large sets cross as Arrow. The columns of each table are part of the contract. Customers are
text everywhere, whatever type the source's key has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from relance.domain.condition import Condition
from relance.domain.duration import Duration
from relance.domain.ledger import (
    Breakpoints,
    Budget,
    Claimed,
    Entries,
    Mark,
    Marked,
    Messages,
    Outcome,
    Refusals,
    RunRecord,
    Standing,
)
from relance.domain.message import Accepted, Outgoing, Rendered
from relance.domain.receipt import Doubtful, Receipt
from relance.domain.study import Draw, Lateness, Study
from relance.domain.trigger import Trigger
from relance.domain.vendor import Capabilities
from relance.domain.workspace import BouncePolicy, Segment
from relance.errors import Problem
from relance.uplift.outcomes import Outcomes

Changes = Mapping[str, tuple[pa.Array, pa.Array]]
"""By segment: the customers (strings) who entered it, and those who left it."""


class Picture(Protocol):
    """All customers as of one instant: one profile, one bit per segment.

    Nothing here writes where anybody else can see it until `keep`.
    """

    @property
    def at(self) -> datetime: ...

    @property
    def breakpoints(self) -> Breakpoints | None:
        """The RFM cut-offs used; newly fitted ones where none were given. None: no rfm leaf."""

    @property
    def customers(self) -> int:
        """How many rows the customers table has."""

    @property
    def events(self) -> Mapping[str, int]:
        """How many rows up to `at` the table has of each event that a segment asks for, or a
        trigger's goal."""

    def counts(self) -> Mapping[str, int]:
        """Members per segment."""

    def members(self, segment: str) -> Iterator[pa.RecordBatch]:
        """The members of one segment. Columns: customer (string)."""

    def changes(self, earlier: datetime, segments: Sequence[str]) -> Changes:
        """Who entered and who left since an earlier snapshot, all segments at once."""

    def candidates(self, trigger: Trigger, earlier: datetime | None) -> pa.Table:
        """Who passes the trigger's transition, not yet any gate. Columns: customer (string).

        `earlier` is the snapshot of the trigger's previous run; None means that only the
        present is asked for (a schedule, a back-fill: the members). OnStay is not answered
        here: spells are the ledger's.
        """

    def rows(self, customers: pa.Array, names: Sequence[str]) -> pa.Table:
        """Profile rows of some customers who are in the customers table, in no order.

        Columns: customer, email, phone, locale, timezone, region, household (strings, null where
        missing or not mapped), consent_<channel> (bool, never null) for each channel, and one
        column per name: `customer.<attribute>` or `<event>.<count|sum|average|first|last>`.
        """

    def refitted(self) -> Picture | None:
        """The same instant under newly fitted RFM cut-offs; None where nothing is scored."""

    def keep(self) -> None:
        """Keep this picture's memberships as the snapshot of its instant."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Engine(Protocol):
    """The customer data and the workbench."""

    def inspect(self) -> list[Problem]:
        """What is wrong with the data: tables, columns, types, keys, dates. Reads only."""

    def picture(
        self,
        at: datetime,
        segments: Sequence[Segment],
        names: Sequence[str],
        breakpoints: Breakpoints | None,
    ) -> Picture:
        """Build the profile once and evaluate every segment over it.

        `names` are the template names that `rows` will be asked for. Raises SourceError.
        """

    def knows(self, at: datetime, versions: Mapping[str, str]) -> bool:
        """Whether the snapshot of an instant is at hand with these segments (name → version)."""

    def restore(
        self, at: datetime, versions: Mapping[str, str], members: Iterable[pa.RecordBatch]
    ) -> None:
        """Rebuild a snapshot from the ledger's spells. Columns: segment, customer."""

    def forget(self, keep: Iterable[datetime]) -> None:
        """Drop every snapshot but these."""

    def ask(
        self,
        cohort: pa.Table,
        questions: Mapping[str, Condition],
        names: Sequence[str],
        at: datetime,
    ) -> pa.Table:
        """Answer conditions about some customers, `since: entry` included.

        cohort columns: id (string, unique), customer (string), entry_at (timestamp[us, UTC]).
        Returns one row per id whose customer still exists: id, the columns of
        `Picture.rows`, and one bool column per question.
        """

    def study(
        self,
        entries: pa.Table,
        studies: Sequence[Study],
        optouts: pa.Table,
        lapsed_after: Duration,
        at: datetime,
    ) -> Outcomes:
        """Count everything that the studies ask, with one look at each event table.

        entries columns: trigger, version, arm, customer, unit (strings), at (timestamp[us, UTC]);
        the first entry per trigger, version and unit counts, and entries later than `at` do not
        exist. optouts columns: customer, at. Sums only; the buyers' amounts leave the engine
        where they are few.
        """

    def rows(self, events: Mapping[str, datetime]) -> Mapping[str, int]:
        """How many rows each event's table has up to an instant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpellChange:
    """Spells to open and close in one segment, streamed.

    `fresh` means a first or changed definition: every open spell of the segment is closed and
    `opened` holds all members (as baseline spells).
    """

    segment: str
    version: str
    fresh: bool
    opened: Iterable[pa.Array]  # customers
    closed: Iterable[pa.Array]


@dataclass(frozen=True, kw_only=True, slots=True)
class TickRecord:
    """Everything that one tick changes; it is committed whole or not at all.

    `entries`, `messages` and `refusals` may be long and are consumed once. `draws` are those of
    every trigger of the tick: each is written down once, with the first entry of its version.
    `seen` is when each trigger was evaluated last, as far as this tick knew (None: never).
    """

    id: str
    at: datetime
    runs: Sequence[RunRecord]
    spells: Iterable[SpellChange]
    entries: Iterable[Entries]
    messages: Iterable[Messages]
    refusals: Iterable[Refusals]
    breakpoints: Breakpoints | None  # newly fitted ones only
    draws: Sequence[Draw] = ()
    events_seen: Mapping[str, int] = field(default_factory=dict)  # rows of event tables up to `at`
    seen: Mapping[str, datetime | None] = field(default_factory=dict)


class Ledger(Protocol):
    """The state, as the tick sees it."""

    def standing(self) -> Standing: ...

    def runs_at(self, at: datetime) -> list[RunRecord]:
        """Runs already committed for exactly this instant."""

    def members(self, versions: Mapping[str, str], at: datetime) -> Iterator[pa.RecordBatch]:
        """Who was in these segments at an instant, from the spells. Columns: segment, customer."""

    def stayed(
        self,
        segment: str,
        version: str,
        since: datetime | None,
        until: datetime,
        *,
        with_baseline: bool = False,
    ) -> pa.Array:
        """Customers whose open spell began later than `since` and at or before `until`.

        Baseline spells count only on request: nobody knows when they really began.
        """

    def suppressed(self, channel: str) -> pa.Array:
        """Customers who must not be written to on a channel."""

    def consent_changes(self, channel: str) -> pa.Table:
        """The latest consent recorded here per customer. Columns: customer, granted (bool), at."""

    def suppressed_addresses(self, channel: str) -> pa.Array:
        """Recipients (`recipient_digest`) who must not be written to on a channel."""

    def topic_refusals(self, topic: str) -> pa.Array:
        """Customers who do not want to hear of a topic."""

    def paused(self, at: datetime) -> pa.Array:
        """Customers who asked not to be written to until later than `at`."""

    def last_entries(self, trigger: str) -> pa.Table:
        """Every customer's latest entry into a trigger. Columns: customer, at."""

    def recent_messages(self, since: datetime) -> pa.Table:
        """Messages to customers (ghosts too) due, sent or still to be sent later than `since`;
        not skipped or failed ones.

        Columns: customer, messages (int64).
        """

    def commit(self, record: TickRecord) -> None:
        """Store a tick in one transaction. Raises StateError; then nothing was stored.

        A run that is already there, or a trigger that was evaluated after what this tick has
        seen (another worker was faster), raises AlreadyEvaluated.
        """


class Tally(Protocol):
    """Everything counted about one version of a trigger; messages without the ghosts."""

    @property
    def trigger(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def first_at(self) -> datetime: ...

    @property
    def runs(self) -> int: ...

    @property
    def treated(self) -> int: ...

    @property
    def held_out(self) -> int: ...

    @property
    def refused(self) -> Mapping[str, int]: ...

    @property
    def messages(self) -> Mapping[str, int]: ...

    @property
    def skipped(self) -> Mapping[str, int]: ...


class Reader(Protocol):
    """The state, as the report sees it. With `until`, as it was at that instant."""

    def entries(self, trigger: str | None = None) -> Iterator[pa.RecordBatch]:
        """Every entry. Columns: trigger, version, arm, customer, unit, at (timestamp[us, UTC]).

        `unit` is whom the arm was drawn for, null for the customer.
        """

    def tallies(self, trigger: str | None = None, until: datetime | None = None) -> Sequence[Tally]:
        """Counts per trigger and version, in the order of their first run.

        What became of a message later than `until` is not known yet: it is queued, or accepted
        where a provider had taken it.
        """

    def draws(self) -> Sequence[Draw]:
        """How the arms of each version were drawn, of those that were written down."""

    def lateness(self, until: datetime | None = None) -> Sequence[Lateness]:
        """The first messages of each arm and version by channel: how long after the entry."""

    def sent_by_channel(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Mapping[tuple[str, str], Mapping[tuple[str, str], int]]:
        """Messages that a provider took, by trigger and version, then by channel and provider
        (a fallback has its own price); only of entries at or later than `since`."""

    def optouts(self) -> pa.Table:
        """Consents given back, and complaints. Columns: customer, at."""

    def events_seen(self) -> Mapping[str, tuple[datetime, int]]:
        """How many rows each event's table had at the latest tick that counted them, and when."""

    def reached_global(self, since: datetime, until: datetime) -> pa.Table:
        """Everybody who came as far as the global holdout's gate, at or after `since` and before
        `until`, once. Columns: customer, at, held_out (bool)."""


class Queue(Protocol):
    """The state, as delivery sees it."""

    def claim(
        self,
        at: datetime,
        limit: int,
        lease_until: datetime,
        worker: str,
        channel: str | None = None,
    ) -> list[Claimed]:
        """Take due messages, the most urgent first: priority, then expiry, then due_at.

        With a channel only that channel's: a slow or paused one never holds up another.
        """

    def release_expired(self, at: datetime, repeatable: Mapping[str, timedelta]) -> tuple[int, int]:
        """Expired claims go back to the queue; expired `sending` becomes unknown, or goes back as
        doubtful where its provider is among the repeatable ones (name → how long the same
        idempotency key holds). How many went back, and how many became unknown.
        """

    def sending(
        self,
        marks: Sequence[Mark],
        at: datetime,
        worker: str,
        budgets: Sequence[Budget] = (),
        unspent: Sequence[Budget] = (),
    ) -> Marked:
        """Mark claimed messages as about to go on the wire, as many as every budget has left.

        A message that is `sending` already, by this worker, only changes its provider: it did
        not leave by the first, which is given back what is `unspent`.
        """

    def reserve(self, name: str, messages: int, gap: float, at: datetime) -> datetime:
        """When the next messages may leave under a rate that all workers share.

        `gap` is in seconds between two messages. A batch takes as many places as it has
        messages and leaves at the first.
        """

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Move messages to their next state, write the attempts and give back what budgets were
        spent in vain, in one transaction."""

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        """Of these customers, those suppressed on a channel."""

    def blocked_addresses(self, channel: str, recipients: Sequence[str]) -> set[str]:
        """Of these recipients (`recipient_digest`), those suppressed on a channel."""

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        """Of these customers, the consent recorded here, where there is any."""

    def topics_refused(self, customers: Sequence[str]) -> set[tuple[str, str]]:
        """Of these customers, who does not want to hear of what: (customer, topic)."""

    def paused(self, customers: Sequence[str], at: datetime) -> Mapping[str, datetime]:
        """Of these customers, who asked not to be written to, and until when."""

    def doubtful(self, at: datetime, limit: int) -> list[Claimed]:
        """Unknown messages whose look-up is due, each with its provider and `doubtful_at`."""

    def taken(self, provider: str, provider_ids: Sequence[str]) -> set[str]:
        """Of these ids of a provider, those that already belong to a message."""

    def look_again(self, messages: Sequence[str], at: datetime | None) -> None:
        """When these unknown messages are looked up next; None: never by itself."""

    def pending(self) -> int:
        """Messages queued, claimed or sending."""


class Receipts(Protocol):
    """The state, as providers' reports see it."""

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int:
        """Write down each event once, move its message, suppress where it says so: one
        transaction. How many were new."""


class Provider(Protocol):
    """One vendor's way out. Raises SendError's children for a whole request."""

    @property
    def name(self) -> str: ...

    @property
    def can(self) -> Capabilities: ...

    @property
    def batch_size(self) -> int:
        """How many messages one call may carry."""

    @property
    def idempotent(self) -> bool:
        """Whether a repeated send with the same message id is sent once, for a while."""

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Accepted | Exception]:
        """Send; one answer per message in the same order: Accepted or a SendError."""

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        """What the vendor knows of a message; None: it has none such (yet). Raises SendError."""

    async def close(self) -> None: ...


class Links(Protocol):
    """Signed links back to us."""

    def unsubscribe(self, message: Claimed, locale: str | None) -> str:
        """Where one click unsubscribes from the message's channel."""

    def preferences(self, message: Claimed, locale: str | None) -> str:
        """Where the customer chooses topics and pauses."""


class Renderer(Protocol):
    """Templates, as delivery sees them."""

    def names(self, template: str, channel: str) -> frozenset[str]:
        """The dotted names a template uses, over all locales (`customer.first_name`)."""

    def message_names(self, template: str, channel: str) -> frozenset[str]:
        """The names of the message's own that a template uses (`message.unsubscribe_url`)."""

    def fingerprint(self, template: str, channel: str) -> str:
        """Changes with any text that the template can send."""

    def render(
        self, template: str, channel: str, *, locale: str | None, values: Mapping[str, object]
    ) -> Rendered:
        """One message's text. Raises RenderError with a located problem; never half a text."""


__all__ = [
    "Accepted",
    "Changes",
    "Claimed",
    "Engine",
    "Ledger",
    "Links",
    "Outgoing",
    "Picture",
    "Provider",
    "Queue",
    "Receipts",
    "Rendered",
    "Renderer",
    "SpellChange",
    "Standing",
    "TickRecord",
]
