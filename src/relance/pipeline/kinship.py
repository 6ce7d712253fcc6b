"""One customer under several ids: what was written down under any of them holds for the customer.

Nothing in the state is rewritten. Its rows keep the ids under which they came; who those are is
resolved whenever they are read, as of the instant (docs/identities.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.ledger import RunRecord, Standing
from relance.domain.workspace import Workspace
from relance.pipeline.ports import Ledger, TickRecord

Whose = Callable[[pa.Array], pa.Array]


def by_customers(workspace: Workspace, ledger: Ledger, whose: Whose) -> Ledger:
    """The ledger as the gates read it; the same one where nobody is known by several ids."""
    return KnownLedger(ledger, whose) if workspace.identities else ledger


@dataclass(frozen=True)
class KnownLedger:
    """A ledger whose customers are those of now, whatever ids were written down."""

    ledger: Ledger
    whose: Whose

    # -- what names customers

    def suppressed(self, channel: str) -> pa.Array:
        return self._customers(self.ledger.suppressed(channel))

    def paused(self, at: datetime) -> pa.Array:
        return self._customers(self.ledger.paused(at))

    def consent_changes(self, channel: str) -> pa.Table:
        return self._latest(self.ledger.consent_changes(channel))

    def topic_choices(self, topic: str) -> pa.Table:
        return self._latest(self.ledger.topic_choices(topic))

    def topic_refusals(self, topic: str) -> pa.Array:
        choices = self.topic_choices(topic)
        return choices.filter(pc.invert(choices["granted"]))["customer"].combine_chunks()

    def last_entries(self, trigger: str, *, by_unit: bool = False) -> pa.Table:
        entries = self.ledger.last_entries(trigger, by_unit=by_unit)
        return entries if by_unit else self._grouped(entries, "at", "max")

    def recent_messages(self, since: datetime) -> pa.Table:
        return self._grouped(self.ledger.recent_messages(since), "messages", "sum")

    def _customers(self, ids: pa.Array) -> pa.Array:
        return pc.unique(self.whose(ids))

    def _named(self, table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index("customer")
        ids = table["customer"].combine_chunks()
        return table.set_column(place, "customer", self.whose(ids))

    def _grouped(self, table: pa.Table, column: str, how: str) -> pa.Table:
        found = self._named(table).group_by("customer").aggregate([(column, how)])
        return found.rename_columns(
            [name.removesuffix(f"_{how}") for name in found.column_names]
        ).select(table.column_names)

    def _latest(self, table: pa.Table) -> pa.Table:
        """The latest word of each customer; of two at one instant the no."""
        ordered = self._named(table).sort_by(
            [("customer", "ascending"), ("at", "descending"), ("granted", "ascending")]
        )
        if not len(ordered):
            return ordered
        who = ordered["customer"].combine_chunks()
        again = pc.equal(who.slice(1), who.slice(0, len(who) - 1)).to_numpy(zero_copy_only=False)
        return ordered.filter(pa.array(np.concatenate(([True], ~again))))

    # -- what does not

    def standing(self) -> Standing:
        return self.ledger.standing()

    def runs_at(self, at: datetime) -> list[RunRecord]:
        return self.ledger.runs_at(at)

    def suppressed_addresses(self, channel: str) -> pa.Array:
        return self.ledger.suppressed_addresses(channel)

    def commit(self, record: TickRecord) -> None:
        self.ledger.commit(record)

    # -- spells: the comparison of pictures resolves them itself

    def members(self, versions: Mapping[str, str], at: datetime) -> Iterator[pa.RecordBatch]:
        return self.ledger.members(versions, at)

    def stayed(
        self,
        segment: str,
        version: str,
        since: datetime | None,
        until: datetime,
        *,
        with_baseline: bool = False,
    ) -> pa.Array:
        return self.ledger.stayed(segment, version, since, until, with_baseline=with_baseline)
