"""From ledger and events to a report: what each trigger was worth, and all of them together.

Everything is counted in the engine, with one look at each event table; only sums leave it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from relance.domain.message import MessageState
from relance.domain.study import PROGRAMME, Shrunk, Study
from relance.domain.trigger import Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.ports import Engine, Reader, Tally
from relance.pipeline.programme import assess_period, shown_period
from relance.pipeline.studied import (
    Told,
    ask_state,
    earlier_studies,
    entered_versions,
    known_draws,
    present_study,
    prices,
    shrunken,
    studied_entries,
)
from relance.uplift.assess import Subject, assess, overlaps
from relance.uplift.outcomes import Outcomes
from relance.uplift.report import Report

_SENT = (
    MessageState.ACCEPTED,
    MessageState.DELIVERED,
    MessageState.BOUNCED,
    MessageState.COMPLAINED,
)
_PENDING = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)


def measure(workspace: Workspace, engine: Engine, reader: Reader, at: datetime) -> Report:
    """What happened up to an instant, as it would have been told then by the present YAML.

    Triggers are in the order of the workspace; one without a goal is there without figures.
    Raises SourceError and StateError where the outside fails.
    """
    triggers = list(workspace.triggers.values())
    present = [study for trigger in triggers if (study := present_study(trigger))]
    with ThreadPoolExecutor(max_workers=1) as beside:  # the state counts while the engine does
        telling = beside.submit(ask_state, workspace, reader, at)
        entries = [studied_entries(reader, present, at)]
        entered, draws = entered_versions(entries[0]), known_draws(reader, at)
        earlier = {one.name: earlier_studies(one, entered, draws) for one in triggers}
        asked = [*present, *(study for several in earlier.values() for study in several)]
        if period := shown_period(workspace, reader, at):
            asked.append(period.study)
            entries.append(period.entries)
        outcomes = _count(workspace, engine, reader, pa.concat_tables(entries), asked, at)
        lost = shrunken(workspace, engine, reader, asked)
        told = telling.result()
    subjects = [
        _subject(workspace, trigger, earlier[trigger.name], told, lost) for trigger in triggers
    ]
    return Report(
        at=at,
        currency=workspace.currency,
        triggers=assess(subjects, outcomes, at=at, prices=prices(workspace)),
        programme=assess_period(workspace, period, outcomes, lost, at) if period else None,
        overlaps=overlaps(_between_triggers(outcomes)),
    )


def _count(
    workspace: Workspace,
    engine: Engine,
    reader: Reader,
    entries: pa.Table,
    asked: Sequence[Study],
    at: datetime,
) -> Outcomes:
    if not entries.num_rows:
        return Outcomes()
    return engine.study(entries, asked, reader.optouts(), workspace.report.lapsed_after, at)


def _between_triggers(outcomes: Outcomes) -> Outcomes:
    """Without the programme, which everybody is in."""
    pairs = [pair for pair in outcomes.pairs if PROGRAMME not in (pair.one, pair.other)]
    return replace(outcomes, pairs=pairs)


def _subject(
    workspace: Workspace,
    trigger: Trigger,
    earlier: Sequence[Study],
    told: Told,
    lost: Mapping[str, Shrunk],
) -> Subject:
    """One trigger in its present version, with everything that is known beside the outcomes."""
    key = (trigger.name, trigger.version)
    counting, goal = told.counting(key), trigger.goal
    subject = Subject(
        study=present_study(trigger),
        trigger=trigger.name,
        version=trigger.version,
        description=trigger.description,
        goal=goal,
        share=trigger.holdout,
        earlier=earlier,
        sent_by=counting.sent,
        lateness=counting.lateness,
        first_at=counting.first_at,
        shrunk=lost.get(goal.event) if goal else None,
        window=_window(trigger, counting.first_at, workspace),
    )
    tally = told.tallies.get(key)
    return subject if tally is None else _with_people(subject, tally)


def _window(trigger: Trigger, first_at: datetime | None, workspace: Workspace) -> timedelta | None:
    """How long the goal's window is, on the calendar, at the first entry."""
    if trigger.goal is None or first_at is None:
        return None
    return trigger.goal.within.after(first_at, workspace.zone) - first_at


def _with_people(subject: Subject, tally: Tally) -> Subject:
    """What was counted at every tick and delivery."""
    states = tally.messages
    return replace(
        subject,
        runs=tally.runs,
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
