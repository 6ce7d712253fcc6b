"""The state, as a tick sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from relance.domain.fits import Fits
from relance.domain.ledger import Entries, Messages, Refusals, RunRecord, Standing
from relance.domain.study import Draw


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
    # open spells that go over to the customer whom their id belongs to now: id, customer
    carried: pa.Table | None = None


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
    fits: Fits  # newly fitted ones only
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

    def topic_choices(self, topic: str) -> pa.Table:
        """The latest choice recorded here per customer. Columns: customer, granted (bool), at."""

    def paused(self, at: datetime) -> pa.Array:
        """Customers who asked not to be written to until later than `at`."""

    def last_entries(self, trigger: str, *, by_unit: bool = False) -> pa.Table:
        """Every customer's latest entry into a trigger, or every unit's. Columns: customer, at."""

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
