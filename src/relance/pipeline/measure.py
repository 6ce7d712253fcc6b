"""From ledger and events to readings: what each trigger was worth, in its present version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import Arm
from relance.domain.ledger import ArmSums
from relance.domain.message import MessageState
from relance.domain.trigger import Goal, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.ports import Engine, Reader, Tally
from relance.uplift.planning import Pace
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Reading, counts, read

_SENT = (
    MessageState.ACCEPTED,
    MessageState.DELIVERED,
    MessageState.BOUNCED,
    MessageState.COMPLAINED,
)
_PENDING = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)


def measure(
    workspace: Workspace, engine: Engine, reader: Reader, at: datetime
) -> list[TriggerReport]:
    """One report per trigger, in the order of the workspace. Only sums leave the engine."""
    triggers = list(workspace.triggers.values())
    goals = {trigger.name: trigger.goal for trigger in triggers if trigger.goal is not None}
    tallies = {(tally.trigger, tally.version): tally for tally in reader.tallies()}
    entries = _entries(reader, triggers, at)
    sums = _by_arm(engine.outcomes(entries, goals, at)) if entries.num_rows and goals else {}
    return [
        _report(trigger, tallies.get((trigger.name, trigger.version)), sums, workspace, at)
        for trigger in triggers
    ]


def _entries(reader: Reader, triggers: Iterable[Trigger], at: datetime) -> pa.Table:
    """The entries of the present versions up to `at`."""
    present = pa.array([f"{trigger.name}\0{trigger.version}" for trigger in triggers])
    return pa.Table.from_batches(list(_present(reader, present, at)), _SCHEMA)


_SCHEMA = pa.schema(
    {
        "trigger": pa.string(),
        "version": pa.string(),
        "arm": pa.string(),
        "customer": pa.string(),
        "at": pa.timestamp("us", tz="UTC"),
    }
)


def _present(reader: Reader, present: pa.Array, at: datetime) -> Iterator[pa.RecordBatch]:
    for batch in reader.entries():
        key = pc.binary_join_element_wise(batch["trigger"], batch["version"], "\0")
        wanted = pc.and_(
            pc.is_in(key, value_set=present),
            pc.less_equal(batch["at"], pa.scalar(at, batch.schema.field("at").type)),
        )
        yield batch.filter(wanted).select(_SCHEMA.names).cast(_SCHEMA)


def _by_arm(sums: Iterable[ArmSums]) -> Mapping[tuple[str, str, Arm], ArmSums]:
    return {(one.trigger, one.version, one.arm): one for one in sums}


def _report(
    trigger: Trigger,
    tally: Tally | None,
    sums: Mapping[tuple[str, str, Arm], ArmSums],
    workspace: Workspace,
    at: datetime,
) -> TriggerReport:
    reading = _reading(trigger, tally, sums, workspace, at)
    if tally is None:
        return TriggerReport(
            trigger=trigger.name,
            description=trigger.description,
            version=trigger.version,
            at=at,
            goal=trigger.goal,
            reading=reading,
        )
    states = tally.messages
    return TriggerReport(
        trigger=trigger.name,
        description=trigger.description,
        version=trigger.version,
        at=at,
        goal=trigger.goal,
        reading=reading,
        runs=tally.runs,
        entered=sum(tally.refused.values()) + tally.treated + tally.held_out,
        treated=tally.treated,
        held_out=tally.held_out,
        refused=tally.refused,
        sent=sum(states.get(state, 0) for state in _SENT),
        failed=states.get(MessageState.FAILED, 0),
        unknown=states.get(MessageState.UNKNOWN, 0),
        pending=sum(states.get(state, 0) for state in _PENDING),
        skipped=tally.skipped,
        by_state=states,
    )


def _reading(
    trigger: Trigger,
    tally: Tally | None,
    sums: Mapping[tuple[str, str, Arm], ArmSums],
    workspace: Workspace,
    at: datetime,
) -> Reading:
    key = (trigger.name, trigger.version)
    return read(
        counts(sums.get((*key, Arm.TREATED))),
        counts(sums.get((*key, Arm.HOLDOUT))),
        trigger=trigger.name,
        version=trigger.version,
        share=trigger.holdout,
        measured=trigger.goal is not None,
        pace=_pace(trigger.goal, tally, workspace, at),
    )


def _pace(
    goal: Goal | None, tally: Tally | None, workspace: Workspace, at: datetime
) -> Pace | None:
    if goal is None or tally is None:
        return None
    began = tally.first_at
    return Pace(began=began, at=at, window=goal.within.after(began, workspace.zone) - began)
