"""The state, as the report sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from relance.domain.study import Draw, Lateness


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
