"""From those who passed the gates to entries and their messages, deterministically.

All of it is columns: what one person costs here is paid by every person of every tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import repeat

import orjson
import pyarrow as pa

from relance.domain.accounts import KEY
from relance.domain.arm import HASH_VERSION, assign_all, salt_of
from relance.domain.caps import due_at
from relance.domain.ledger import Entries, Messages, Refusals
from relance.domain.message import entry_ids, message_id
from relance.domain.study import Draw
from relance.domain.trigger import Step, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.gates import Passed
from relance.pipeline.ports import Renderer
from relance.pipeline.units import households, units

NamesOf = Mapping[tuple[str, str], list[str]]


def names_of(renderer: Renderer, triggers: Iterable[Trigger]) -> NamesOf:
    """The sorted names that each template and channel of some triggers uses."""
    pairs = {(step.template, step.channel) for trigger in triggers for step in trigger.steps}
    return {pair: sorted(renderer.names(*pair)) for pair in pairs}


def make_entries(passed: Passed, at: datetime) -> Entries:
    """Draw the arm of everybody who passed every gate."""
    trigger, together = passed.trigger, households(passed.rows)
    customers = passed.rows["customer"].to_pylist()
    return Entries(
        trigger=trigger.name,
        version=trigger.version,
        at=at,
        customers=customers,
        ids=entry_ids(trigger.name, trigger.version, customers, at),
        arms=assign_all(trigger.name, trigger.version, units(passed.rows), trigger.holdout),
        units=() if together is None else together.to_pylist(),
    )


def make_draw(trigger: Trigger, workspace: Workspace, at: datetime) -> Draw:
    """How `make_entries` draws the arms of a trigger's present version."""
    return Draw(
        trigger=trigger.name,
        version=trigger.version,
        at=at,
        hash_version=HASH_VERSION,
        salt=salt_of(trigger.name, trigger.version),
        share=trigger.holdout,
        household=workspace.customers.household is not None and not trigger.of_accounts,
        read_out=trigger.read_out,
    )


def make_messages(
    passed: Passed, entries: Entries, workspace: Workspace, names: NamesOf
) -> Iterator[Messages]:
    """Every step of every entry; the held-out get the same messages, as ghosts."""
    for step in passed.trigger.steps:
        wanted = names[step.template, step.channel]
        if passed.trigger.of_accounts:
            wanted = sorted({*wanted, KEY})
        yield _messages(passed, entries, step, workspace, wanted)


def _messages(
    passed: Passed, entries: Entries, step: Step, workspace: Workspace, names: list[str]
) -> Messages:
    due = due_at(step.waits, entries.at, workspace.zone)
    return Messages(
        entries=entries,
        step=step.index,
        channel=step.channel,
        template=step.template,
        due_at=due,
        priority=passed.trigger.priority,
        expires_at=step.expires.after(due, workspace.zone) if step.expires else None,
        ids=[message_id(entry, step.index) for entry in entries.ids],
        contexts=_contexts(passed.rows, names),
    )


def _contexts(rows: pa.Table, names: list[str]) -> list[str]:
    """One JSON object per row with the names that the template uses, and no others."""
    if not names:
        return ["{}"] * rows.num_rows
    columns = [rows["account" if name == KEY else name].to_pylist() for name in names]
    return [
        orjson.dumps(dict(zip(names, values, strict=True))).decode()
        for values in zip(*columns, strict=True)
    ]


def make_refusals(passed: Passed) -> Iterator[Refusals]:
    """Everybody who was refused, with the reason."""
    for refused in passed.refused:
        yield Refusals(
            trigger=passed.trigger.name,
            reason=refused.reason,
            customers=refused.customers.to_pylist(),
            details=refused.details or repeat("", len(refused.customers)),
        )
