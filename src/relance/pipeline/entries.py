"""From those who passed the gates to entries and their messages, deterministically."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import orjson
import pyarrow as pa

from relance.domain.arm import Arm, assign
from relance.domain.caps import due_at
from relance.domain.ledger import EntryRecord, MessageRecord, RefusalRecord
from relance.domain.message import entry_id, message_id
from relance.domain.trigger import Step, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.gates import Passed
from relance.pipeline.ports import Renderer


def make_entries(passed: Passed, at: datetime) -> list[EntryRecord]:
    """Draw the arm of everybody who passed every gate."""
    trigger = passed.trigger
    return [
        EntryRecord(
            id=entry_id(trigger.name, trigger.version, customer, at),
            trigger=trigger.name,
            version=trigger.version,
            customer=customer,
            at=at,
            arm=assign(trigger.name, trigger.version, customer, trigger.holdout),
        )
        for customer in passed.rows["customer"].to_pylist()
    ]


def make_messages(
    passed: Passed, entries: list[EntryRecord], workspace: Workspace, renderer: Renderer
) -> Iterator[MessageRecord]:
    """Every step of every entry; the held-out get the same messages, as ghosts."""
    if not entries:
        return
    trigger = passed.trigger
    for step in trigger.steps:
        due = due_at(step.waits, entries[0].at, workspace.zone)
        expires = step.expires.after(due, workspace.zone) if step.expires else None
        contexts = _contexts(passed.rows, sorted(renderer.names(step.template, step.channel)))
        for entry, context in zip(entries, contexts, strict=True):
            yield _message(trigger, step, entry, due, expires, context)


def _message(
    trigger: Trigger,
    step: Step,
    entry: EntryRecord,
    due: datetime,
    expires: datetime | None,
    context: str,
) -> MessageRecord:
    return MessageRecord(
        id=message_id(entry.id, step.index),
        entry=entry.id,
        trigger=trigger.name,
        version=trigger.version,
        customer=entry.customer,
        step=step.index,
        channel=step.channel,
        template=step.template,
        due_at=due,
        priority=trigger.priority,
        ghost=entry.arm is Arm.HOLDOUT,
        context=context,
        expires_at=expires,
    )


def _contexts(rows: pa.Table, names: list[str]) -> Iterator[str]:
    """One JSON object per row with the names that the template uses, and no others."""
    if not names:
        yield from ("{}" for _ in range(rows.num_rows))
        return
    columns = [rows[name].to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield orjson.dumps(dict(zip(names, values, strict=True))).decode()


def make_refusals(passed: Passed, at: datetime) -> Iterator[RefusalRecord]:
    """Everybody who was refused, with the reason."""
    for refused in passed.refused:
        details = refused.details or ("",) * len(refused.customers)
        for customer, detail in zip(refused.customers.to_pylist(), details, strict=True):
            yield RefusalRecord(
                trigger=passed.trigger.name,
                at=at,
                customer=customer,
                reason=refused.reason,
                detail=detail,
            )
