"""Writing on purpose to those who are already in a segment: `relance backfill TRIGGER`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.fits import Fits
from relance.domain.ledger import RunKind, RunRecord
from relance.domain.trigger import OnDate, OnEvent, OnExit, OnMove, OnStay, Trigger
from relance.errors import UsageError
from relance.pipeline.compare import Figures, needed_segments, refuse_going_back
from relance.pipeline.entries import make_draw
from relance.pipeline.ports import Picture, TickRecord
from relance.pipeline.tick import (
    Tools,
    find_triggers,
    make_all_messages,
    make_all_refusals,
    make_run,
    make_run_id,
    take_in,
    template_names,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillReport:
    """How many people a back-fill concerns; `committed` says whether they entered."""

    candidates: int
    run: RunRecord
    committed: bool


def backfill(tools: Tools, name: str, at: datetime, *, commit: bool) -> BackfillReport:
    """Let today's members of a trigger's segment enter, through every gate.

    Without `commit` nothing is stored: the report says what would happen. Spells and the
    trigger's own place in time stay as they are. Raises UsageError for a trigger whose
    transition the present cannot show (exit, a move, a date), and for an instant before the
    last tick: what people did since then would count as an answer to a message not yet sent.
    """
    trigger = find_triggers(tools.workspace, [name])[0]
    _refuse_what_has_no_members(trigger)
    standing = tools.ledger.standing()
    refuse_going_back(standing, at)
    segments = needed_segments(tools.workspace, [trigger])
    names = template_names(tools.renderer, [trigger])
    with tools.engine.picture(at, segments, names, standing.fits) as picture:
        customers = _concerned(tools, trigger, picture)
        intake = take_in(tools, picture, [trigger], {name: customers})
        members = picture.counts()[trigger.segment]
        figures = Figures(baseline=False, members=members, entered=0, left=0)
        run = make_run(trigger, at, RunKind.BACKFILL, intake, figures)
        if commit:
            record = TickRecord(
                id=make_run_id(tools.workspace, at, [trigger]),
                at=at,
                runs=[run],
                spells=(),
                entries=intake.entries.values(),
                messages=make_all_messages(tools, intake),
                refusals=make_all_refusals(intake),
                fits=Fits(),
                draws=[make_draw(trigger, tools.workspace, at)],
            )
            tools.ledger.commit(record)
    return BackfillReport(candidates=len(customers), run=run, committed=commit)


def _refuse_what_has_no_members(trigger: Trigger) -> None:
    if isinstance(trigger.on, OnExit | OnMove | OnDate | OnEvent):
        raise UsageError(
            f"{trigger.name} cannot be back-filled: who left, moved, or had a date or an event"
            " before cannot be told from who is there now",
            hint="a back-fill works for on: enter, on: {stay: …} and on: schedule",
        )


def _concerned(tools: Tools, trigger: Trigger, picture: Picture) -> pa.Array:
    """Today's members; for `stay` those whose spell is long enough, baseline ones included."""
    batches = [batch.column("customer") for batch in picture.members(trigger.segment)]
    members = pa.concat_arrays(batches) if batches else pa.array([], pa.string())
    if not isinstance(trigger.on, OnStay):
        return members
    until = trigger.on.length.before(picture.at, tools.workspace.zone)
    version = tools.workspace.segments[trigger.segment].version
    stayed = tools.ledger.stayed(trigger.segment, version, None, until, with_baseline=True)
    if not trigger.of_accounts:  # an account may have the key of a customer
        stayed = picture.whose(stayed)
    return members.filter(pc.is_in(members, value_set=stayed))
