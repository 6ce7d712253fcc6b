"""Before launch: how many will enter, how many return anyway, and when which uplift is readable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import Arm
from relance.domain.duration import Duration, Unit
from relance.domain.study import Study
from relance.domain.trigger import Goal, OnSchedule, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.ports import Engine, Ledger, Reader
from relance.pipeline.rehearsal import Rehearsal, rehearse
from relance.pipeline.studied import ENTRIES, entries_until
from relance.uplift.estimate import Withheld
from relance.uplift.outcomes import Outcomes
from relance.uplift.power import PowerRow, power
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, ArmCounts

SHARES = (0.05, 0.1, 0.2, 0.5)
USUAL = 0.1  # where the trigger holds nobody out and no share is asked about
PATIENCE = timedelta(weeks=26)  # a read-out further off is planned by nobody
HISTORY = "history"  # the version of those who would have entered
_WEEK = timedelta(weeks=1)
_INSTANT = ENTRIES.field("at").type


class Gap(StrEnum):
    """Why there is no forecast."""

    NO_GOAL = "no_goal"
    NOBODY_ENTERS = "nobody_enters"
    SHORT_HISTORY = "short_history"  # the goal's events begin after the weeks looked at
    NO_CLOSED_WINDOW = "no_closed_window"
    FEW_CLOSED = "few_closed"
    FEW_RETAINED = "few_retained"


class Origin(StrEnum):
    """Where the base rate is from."""

    HISTORY = "history"  # who would have entered, and was not written to by the trigger itself
    HELD_OUT = "held_out"  # who did enter this version, and was not written to


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The share who return without a message, of those with a closed window."""

    counts: ArmCounts
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """Who would have entered in the weeks looked at, each customer once.

    `at_once` are those who are there on the first day of a trigger on a schedule; `per_week`
    the mean of the other weeks. `written_to` of them were treated by this trigger: what they
    did is not part of a base.
    """

    weeks: Sequence[int]  # customers by week, the oldest first
    at_once: int
    per_week: float
    refused: Mapping[str, int]
    written_to: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Readable:
    """What can be read when, with one share held out."""

    share: float
    rows: Sequence[PowerRow]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOut:
    """A number of entrants to plan the read-out at, and the uplift that it shows."""

    entrants: int
    uplift: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What would have become of a trigger's customers without it, and what follows for it.

    `share` is the holdout that is meant, `configured` the YAML's, `weeks` how many were looked
    at. `readable` is by share, ascending, the meant one among them; empty where there is a `gap`.
    """

    trigger: str
    version: str
    at: datetime
    goal: Goal | None
    share: float
    configured: float
    weeks: int = 0
    flow: Flow | None = None
    base: Base | None = None
    gap: Gap | None = None
    readable: Sequence[Readable] = ()
    read_out: ReadOut | None = None

    def rows(self, share: float) -> Sequence[PowerRow]:
        """What can be read with one share; nothing with one that leaves an arm empty."""
        return next((one.rows for one in self.readable if one.share == share), ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiry:
    """What a forecast is made from. `progress` is told each week that is looked at."""

    workspace: Workspace
    engine: Engine  # whose snapshots nobody else needs
    ledger: Ledger
    reader: Reader
    progress: Callable[[str], None] = field(default=lambda _phase: None)


def weeks_looked_at(trigger: Trigger, weeks: int) -> int:
    """So many weeks with closed windows, and those of the goal's window itself."""
    window = trigger.goal.within.rough_seconds if trigger.goal else 0
    return weeks + math.ceil(window / _WEEK.total_seconds())


def forecast(
    inquiry: Inquiry, trigger: Trigger, at: datetime, *, weeks: int, share: float | None = None
) -> Forecast:
    """When which uplift of a trigger becomes readable, told from the customer history.

    `weeks` (at least one) are those whose windows are closed at `at`; `share` (0 to 1) stands
    for the trigger's own holdout. Raises SourceError and StateError.
    """
    asked = Forecast(
        trigger=trigger.name,
        version=trigger.version,
        at=at,
        goal=trigger.goal,
        share=share or trigger.holdout or USUAL,
        configured=trigger.holdout,
    )
    if trigger.goal is None:
        return replace(asked, gap=Gap.NO_GOAL)
    looked = weeks_looked_at(trigger, weeks)
    begin = Duration(looked, Unit.WEEK).before(at, inquiry.workspace.zone)
    asked = replace(asked, weeks=looked)
    if not _had_history(inquiry.engine, trigger.goal, begin):
        return replace(asked, gap=Gap.SHORT_HISTORY)
    past = rehearse(
        inquiry.workspace, inquiry.engine, inquiry.ledger, trigger, at, looked, inquiry.progress
    )
    own = entries_until(inquiry.reader.entries(trigger.name), at)
    who = "unit" if trigger.of_accounts else "customer"
    treated = own.filter(pc.equal(own["arm"], Arm.TREATED.value))[who]
    present = own.filter(pc.equal(own["version"], trigger.version))
    entries = [_as_entries(trigger, past, treated), present]
    outcomes = _outcomes(inquiry, trigger, trigger.goal, entries, at)
    known = replace(
        asked,
        flow=_flow(inquiry.workspace, trigger, past, outcomes),
        base=_base(outcomes, trigger),
    )
    gap = _gap(known)
    return replace(known, gap=gap) if gap else _with_tables(known, trigger.goal, inquiry.workspace)


# -- what the history says


def _as_entries(trigger: Trigger, past: Rehearsal, treated: pa.ChunkedArray) -> pa.Table:
    """Everybody who would have entered; those whom this trigger wrote to are an arm apart."""
    tables = [
        _entries(trigger.name, customers, units, instant, treated)
        for instant, customers, units in zip(past.instants, past.entered, past.units, strict=True)
    ]
    return pa.concat_tables([ENTRIES.empty_table(), *tables])


def _entries(
    trigger: str, customers: pa.Array, units: pa.Array, at: datetime, treated: pa.ChunkedArray
) -> pa.Table:
    number = len(customers)
    who = pc.coalesce(units, customers)
    written_to = pc.is_in(who, value_set=treated.combine_chunks())
    columns = {
        "trigger": pa.repeat(trigger, number),
        "version": pa.repeat(HISTORY, number),
        "arm": pc.if_else(written_to, Arm.TREATED.value, Arm.HOLDOUT.value),
        "customer": customers,
        "unit": units,
        "at": pa.repeat(pa.scalar(at, _INSTANT), number),
    }
    return pa.table(columns).cast(ENTRIES)


def _outcomes(
    inquiry: Inquiry, trigger: Trigger, goal: Goal, entries: Sequence[pa.Table], at: datetime
) -> Outcomes:
    history = Study(trigger=trigger.name, version=HISTORY, goal=goal, share=None)
    present = replace(history, version=trigger.version)
    return inquiry.engine.study(
        pa.concat_tables(entries),
        [history, present],
        pa.table({"customer": pa.array([], pa.string()), "at": pa.array([], _INSTANT)}),
        inquiry.workspace.report.lapsed_after,
        at,
    )


def _flow(workspace: Workspace, trigger: Trigger, past: Rehearsal, outcomes: Outcomes) -> Flow:
    entered = [one for one in outcomes.entered if one.version == HISTORY]
    by_week = Counter[date]()
    for one in entered:
        by_week[one.week] += one.customers
    weeks = [by_week[_monday(instant.astimezone(workspace.zone))] for instant in past.instants]
    at_once = weeks[0] if isinstance(trigger.on, OnSchedule) else 0
    later = weeks[1:] if isinstance(trigger.on, OnSchedule) else weeks
    return Flow(
        weeks=weeks,
        at_once=at_once,
        per_week=sum(later) / len(later) if later else 0.0,
        refused=past.refused,
        written_to=sum(one.customers for one in entered if one.arm is Arm.TREATED),
    )


def _monday(local: datetime) -> date:
    return local.date() - timedelta(days=local.weekday())


def _base(outcomes: Outcomes, trigger: Trigger) -> Base:
    """Of the held-out where they are enough: nobody wrote to them. Else of the history."""
    held_out = _held_out(outcomes, trigger.version)
    if held_out.mature >= MIN_MATURE and held_out.retained >= MIN_RETAINED:
        return Base(counts=held_out, origin=Origin.HELD_OUT)
    return Base(counts=_held_out(outcomes, HISTORY), origin=Origin.HISTORY)


def _held_out(outcomes: Outcomes, version: str) -> ArmCounts:
    mine = [one for one in outcomes.entered if one.version == version and one.arm is Arm.HOLDOUT]
    return ArmCounts(
        entered=sum(one.customers for one in mine),
        mature=sum(one.closed for one in mine),
        retained=sum(one.retained for one in mine),
    )


def _had_history(engine: Engine, goal: Goal, begin: datetime) -> bool:
    """Whether the goal's event had happened to anybody before the weeks looked at."""
    return engine.rows({goal.event: begin})[goal.event] > 0


def _gap(known: Forecast) -> Gap | None:
    if known.flow is None or known.base is None or not sum(known.flow.weeks):
        return Gap.NOBODY_ENTERS
    counts = known.base.counts
    if not counts.mature:
        return Gap.NO_CLOSED_WINDOW
    if counts.mature < MIN_MATURE:
        return Gap.FEW_CLOSED
    return Gap.FEW_RETAINED if counts.retained < MIN_RETAINED else None


# -- what follows


def _with_tables(known: Forecast, goal: Goal, workspace: Workspace) -> Forecast:
    window = goal.within.after(known.at, workspace.zone) - known.at
    shares = sorted({*SHARES, known.share})
    readable = [Readable(share=one, rows=_rows(known, one, window)) for one in shares]
    full = replace(known, readable=readable)
    return replace(full, read_out=_read_out(full))


def _rows(known: Forecast, share: float, window: timedelta) -> Sequence[PowerRow]:
    if known.flow is None or known.base is None:
        return ()
    rate, flow = known.base.counts.rate or 0.0, known.flow
    found = power(rate, flow.per_week, share, window, known.at, at_once=flow.at_once)
    return () if isinstance(found, Withheld) else found


def _read_out(known: Forecast) -> ReadOut | None:
    """The smallest uplift that half a year shows, at the number of entrants that it takes."""
    last = (known.at + PATIENCE).date()
    for row in known.rows(known.share):
        if row.entrants is not None and row.readable_on is not None and row.readable_on <= last:
            return ReadOut(entrants=_rounded_up(row.entrants), uplift=row.uplift)
    return None


def _rounded_up(number: int) -> int:
    """To two digits: a plan of 4,217 would claim to know more than it does."""
    unit = int(10 ** max(len(str(number)) - 2, 0))
    return math.ceil(number / unit) * unit
