"""Fills a workspace's state with entries as so many daily ticks would have: a program.

Each entry has its message, taken by the provider the minute after; the held-out have ghosts.
The entries are also written to `entries.parquet`, for whoever counts them by hand.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.queued import ENV
from benchmarks.shop import SECOND_TICK
from relance.domain.arm import HASH_VERSION, Arm, assign_all
from relance.domain.fits import Fits
from relance.domain.ledger import Entries, Messages, RunKind, RunRecord
from relance.domain.study import Draw
from relance.domain.trigger import Trigger
from relance.pipeline.ports import TickRecord
from relance.wiring import open_relance

DAYS = 120  # the last tick is the benchmarks' second one
_STRIDE = 7_919  # prime: a trigger meets every customer before it meets one again


def main(root: Path, entries: int, customers: int) -> None:
    written = []
    with open_relance(root, env=ENV) as relance:
        triggers = list(relance.workspace.triggers.values())
        each = entries // (DAYS * len(triggers))
        for day in range(DAYS):
            at = datetime.fromisoformat(SECOND_TICK) - timedelta(days=DAYS - 1 - day)
            groups = [
                _entries(trigger, at, _customers(number, day, each, customers))
                for number, trigger in enumerate(triggers)
            ]
            relance.state.ledger.commit(_tick(triggers, groups, at, day))
            written += groups
    _taken(root / "state/relance.db")
    pq.write_table(pa.concat_tables(map(_arrow, written)), root / "entries.parquet")
    print(json.dumps({"entries": sum(len(group.ids) for group in written)}))


def _customers(number: int, day: int, each: int, customers: int) -> list[str]:
    first = number * 31_337 + day * each
    return [str((first + one) * _STRIDE % customers) for one in range(each)]


def _entries(trigger: Trigger, at: datetime, customers: Sequence[str]) -> Entries:
    return Entries(
        trigger=trigger.name,
        version=trigger.version,
        at=at,
        customers=customers,
        ids=[f"{trigger.name}-{at:%Y%m%d}-{customer}" for customer in customers],
        arms=assign_all(trigger.name, trigger.version, customers, trigger.holdout),
    )


def _tick(
    triggers: Sequence[Trigger], groups: Sequence[Entries], at: datetime, day: int
) -> TickRecord:
    return TickRecord(
        id=f"tick-{day}",
        at=at,
        runs=[_run(trigger, group) for trigger, group in zip(triggers, groups, strict=True)],
        spells=[],
        entries=groups,
        messages=[_messages(group) for group in groups],
        refusals=[],
        fits=Fits(),
        draws=[_draw(trigger, at) for trigger in triggers],
    )


def _run(trigger: Trigger, group: Entries) -> RunRecord:
    held_out = sum(arm is Arm.HOLDOUT for arm in group.arms)
    return RunRecord(
        trigger=trigger.name,
        at=group.at,
        kind=RunKind.TICK,
        version=trigger.version,
        segment_version=trigger.segment_version,
        baseline=False,
        members=len(group.ids),
        entered=len(group.ids),
        left=0,
        treated=len(group.ids) - held_out,
        held_out=held_out,
        messages=len(group.ids) - held_out,
    )


def _messages(group: Entries) -> Messages:
    return Messages(
        entries=group,
        step=0,
        channel="email",
        template="bench",
        due_at=group.at,
        priority=50,
        ids=[f"m-{entry}" for entry in group.ids],
        contexts=[""] * len(group.ids),
    )


def _draw(trigger: Trigger, at: datetime) -> Draw:
    return Draw(
        trigger=trigger.name,
        version=trigger.version,
        at=at,
        hash_version=HASH_VERSION,
        salt=f"{trigger.name}:{trigger.version}",
        share=trigger.holdout,
    )


def _taken(state: Path) -> None:
    """Every message left a minute after its entry."""
    with sqlite3.connect(state) as connection:
        connection.execute(
            "UPDATE message SET changed_at = entry_at + 60000000,"
            " state = CASE WHEN ghost THEN 'ghost' ELSE 'accepted' END, provider = 'outbox'"
        )
    connection.close()


def _arrow(group: Entries) -> pa.Table:
    return pa.table(
        {
            "trigger": [group.trigger] * len(group.ids),
            "version": [group.version] * len(group.ids),
            "arm": [str(arm) for arm in group.arms],
            "customer_id": pa.array(map(int, group.customers), pa.int64()),
            "at": pa.array([group.at] * len(group.ids), pa.timestamp("us", "UTC")),
        }
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
