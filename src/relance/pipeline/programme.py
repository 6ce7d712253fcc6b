"""What all triggers are worth together: who may be written to, against the global holdout.

The experiment is one period long. Everybody is in it from their first arrival at the gate of the
global holdout, whichever trigger led them there, and is watched to the end of the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import Arm
from relance.domain.duration import Duration, Unit
from relance.domain.period import holdout_period, period_bounds
from relance.domain.study import PROGRAMME, Shrunk, Study
from relance.domain.trigger import Goal
from relance.domain.workspace import Rotation, Workspace
from relance.pipeline.ports import Engine, Reader
from relance.pipeline.studied import ENTRIES, by_place, prices, shrunken
from relance.uplift.assess import Subject, assess
from relance.uplift.outcomes import Outcomes
from relance.uplift.report import TriggerReport

_LENGTHS = {
    Rotation.MONTH: Duration(1, Unit.MONTH),
    Rotation.QUARTER: Duration(3, Unit.MONTH),
    Rotation.HALF_YEAR: Duration(6, Unit.MONTH),
    Rotation.YEAR: Duration(1, Unit.YEAR),
}
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """One draw of the global holdout, and who came as far as its gate, up to an instant.

    `entries` are as `studied.ENTRIES`; `until` is where the period ends, which may be ahead.
    """

    study: Study
    begin: datetime
    until: datetime
    entries: pa.Table
    sent: Mapping[str, int]

    @property
    def name(self) -> str:
        """`2026Q4` and the like."""
        return self.study.version

    def count(self, arm: Arm) -> int:
        """How many of one arm have come."""
        return int(pc.sum(pc.equal(self.entries["arm"], arm.value), min_count=0).as_py())


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgrammeReport:
    """One period of the global holdout as a report; `running` while it has not ended."""

    period: str
    begin: datetime
    until: datetime
    running: bool
    report: TriggerReport


def programme(
    workspace: Workspace, engine: Engine, reader: Reader, at: datetime
) -> list[ProgrammeReport]:
    """The period that was over last, where anybody came in it, and the one that runs.

    Nothing without a global holdout, or without the event that RFM is scored by, which says here
    what "retained" means.
    """
    found = list(_periods(workspace, reader, at))
    if not found:
        return []
    asked = [period.study for period in found]
    outcomes = engine.study(
        pa.concat_tables(period.entries for period in found),
        asked,
        reader.optouts(),
        workspace.report.lapsed_after,
        at,
    )
    lost = shrunken(workspace, engine, reader, asked)
    return [
        ProgrammeReport(
            period=period.name,
            begin=period.begin,
            until=period.until,
            running=at < period.until,
            report=assess_period(workspace, period, outcomes, lost, at),
        )
        for period in found
    ]


def shown_period(workspace: Workspace, reader: Reader, at: datetime) -> Period | None:
    """The period that a report shows: the one over last, or the running one before that."""
    return next(_periods(workspace, reader, at), None)


def assess_period(
    workspace: Workspace,
    period: Period,
    outcomes: Outcomes,
    lost: Mapping[str, Shrunk],
    at: datetime,
) -> TriggerReport:
    """One period on its own: its verdict is not read together with those of the triggers."""
    treated, held_out = period.count(Arm.TREATED), period.count(Arm.HOLDOUT)
    subject = Subject(
        study=period.study,
        trigger=PROGRAMME,
        version=period.name,
        share=workspace.global_holdout,
        goal=period.study.goal,
        treated=treated,
        held_out=held_out,
        sent=sum(period.sent.values()),
        sent_by=period.sent,
        first_at=_first(period.entries),
        shrunk=lost.get(period.study.goal.event),
        window=period.until - period.begin,
    )
    return assess([subject], outcomes, at=at, prices=prices(workspace))[0]


def _first(entries: pa.Table) -> datetime | None:
    first: datetime | None = pc.min(entries["at"]).as_py()
    return first


def _periods(workspace: Workspace, reader: Reader, at: datetime) -> Iterator[Period]:
    if not workspace.global_holdout or workspace.rfm.event not in workspace.events:
        return
    local = at.astimezone(workspace.zone)
    begin, _ = period_bounds(local, workspace.rotation)
    before = _period(workspace, reader, begin - timedelta(days=1), at)
    if before.count(Arm.HOLDOUT):
        yield before
    yield _period(workspace, reader, local, at)


def _period(workspace: Workspace, reader: Reader, within: datetime, at: datetime) -> Period:
    begin, until = period_bounds(within, workspace.rotation)
    goal = Goal(event=workspace.rfm.event, within=_LENGTHS[workspace.rotation])
    name = holdout_period(within, workspace.rotation)
    seen = min(until, at + _INSTANT)
    totals: dict[tuple[str, str], int] = {}
    for places in reader.sent_by_channel(since=begin, until=seen).values():
        for place, messages in places.items():
            totals[place] = totals.get(place, 0) + messages
    return Period(
        study=Study(
            trigger=PROGRAMME,
            version=name,
            goal=goal,
            share=workspace.global_holdout,
            until=until,
        ),
        begin=begin,
        until=until,
        entries=_as_entries(reader.reached_global(begin, seen), name),
        sent=by_place(workspace, totals),
    )


def _as_entries(reached: pa.Table, period: str) -> pa.Table:
    number = reached.num_rows
    arms = pc.if_else(reached["held_out"], Arm.HOLDOUT.value, Arm.TREATED.value)
    columns = {
        "trigger": pa.repeat(PROGRAMME, number),
        "version": pa.repeat(period, number),
        "arm": arms,
        "customer": reached["customer"],
        "unit": pa.nulls(number, pa.string()),
        "at": reached["at"],
    }
    return pa.table(columns).cast(ENTRIES)
