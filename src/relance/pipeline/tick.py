"""One tick: picture, compare, gates, entries, one commit.

docs/how-a-tick-works.md tells the same in prose. Nothing is visible to anybody before the
commit; a tick that fails leaves the state as it was, and the next one catches up.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import Arm
from relance.domain.ledger import (
    Entries,
    Messages,
    Refusals,
    RunKind,
    RunRecord,
    Standing,
)
from relance.domain.study import FORGIVEN
from relance.domain.trigger import Trigger
from relance.domain.workspace import FrequencyCap, Workspace
from relance.errors import OutsideError, SourceError, UsageError
from relance.logs import Action, get
from relance.pipeline.compare import Comparison, Figures, needed_segments, refuse_going_back
from relance.pipeline.contacts import crowds, messages_by_account, pass_crowd
from relance.pipeline.entries import (
    make_draw,
    make_entries,
    make_messages,
    make_refusals,
    names_of,
)
from relance.pipeline.gates import (
    Passed,
    counted,
    gather_barred,
    gather_facts,
    with_reachable,
)
from relance.pipeline.kinship import by_customers
from relance.pipeline.places import share_places
from relance.pipeline.ports import Engine, Ledger, Picture, Renderer, TickRecord

_MISSED = timedelta(days=7)  # that a table's lost rows are waited for

log = get("pipeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What evaluating needs. `progress` is told each phase by its name."""

    workspace: Workspace
    engine: Engine
    ledger: Ledger
    renderer: Renderer
    progress: Callable[[str], None] = field(default=lambda _phase: None)


@dataclass(frozen=True, kw_only=True, slots=True)
class TickReport:
    """What a tick did; `repeated` means that this instant had been evaluated before."""

    run_id: str
    at: datetime
    runs: tuple[RunRecord, ...]
    repeated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """What came of the candidates of all triggers of a tick."""

    passed: Mapping[str, Passed]
    entries: Mapping[str, Entries]


def tick(tools: Tools, at: datetime, names: Sequence[str] | None = None) -> TickReport:
    """Evaluate triggers (all by default) as of an instant, and commit what follows.

    Raises UsageError for an unknown trigger or an instant before the last one, SourceError and
    StateError where the outside fails; then nothing was stored.
    """
    triggers = find_triggers(tools.workspace, names)
    run_id = make_run_id(tools.workspace, at, triggers)
    done = {run.trigger: run for run in tools.ledger.runs_at(at) if run.kind is RunKind.TICK}
    missing = [trigger for trigger in triggers if trigger.name not in done]
    if triggers and not missing:
        runs = tuple(done[trigger.name] for trigger in triggers)
        return TickReport(run_id=run_id, at=at, runs=runs, repeated=True)
    log.info("tick started", action=Action.TICK_STARTED, run=run_id, triggers=len(missing))
    record = _evaluate(tools, at, missing, run_id)
    log.info("tick finished", action=Action.TICK_FINISHED, run=run_id)
    by_name = {**done, **{run.trigger: run for run in record.runs}}
    ordered = tuple(by_name[trigger.name] for trigger in triggers)
    return TickReport(run_id=run_id, at=at, runs=ordered)


def find_triggers(workspace: Workspace, names: Sequence[str] | None) -> list[Trigger]:
    """The triggers of these names, all for None. Raises UsageError for an unknown one."""
    known = workspace.triggers
    for name in names or ():
        if name not in known:
            listing = ", ".join(sorted(known)) or "none"
            raise UsageError(f"there is no trigger {name!r}", hint=f"there are: {listing}")
    return [known[name] for name in (known if names is None else dict.fromkeys(names))]


def make_run_id(workspace: Workspace, at: datetime, triggers: Iterable[Trigger]) -> str:
    """The same workspace, instant and triggers give the same id."""
    text = "\0".join([workspace.name, at.astimezone(UTC).isoformat(), *(t.name for t in triggers)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _evaluate(tools: Tools, at: datetime, triggers: list[Trigger], run_id: str) -> TickRecord:
    standing = tools.ledger.standing()
    refuse_going_back(standing, at)  # before the tables of then are held against those of now
    segments = needed_segments(tools.workspace, triggers)
    tools.progress("profile")
    names = template_names(tools.renderer, triggers)
    with contextlib.ExitStack() as pictures:
        picture = pictures.enter_context(tools.engine.picture(at, segments, names, standing.fits))
        _refuse_nobody(tools, standing, picture)
        tools.progress("compare")
        compared = Comparison(tools.workspace, tools.engine, tools.ledger, standing, picture)
        final = _refit(picture)
        if final is not None:
            pictures.enter_context(final)
        tools.progress("enter")
        candidates = {trigger.name: compared.candidates(trigger) for trigger in triggers}
        intake = take_in(tools, picture, triggers, candidates)
        runs = [
            make_run(trigger, at, RunKind.TICK, intake, compared.figures(trigger))
            for trigger in triggers
        ]
        record = TickRecord(
            id=run_id,
            at=at,
            runs=runs,
            # compared now: the transaction that reads this must not wait for the engine
            spells=list(compared.spells(segments, final or picture)),
            entries=intake.entries.values(),
            messages=make_all_messages(tools, intake),
            refusals=make_all_refusals(intake),
            fits=(final or picture).fits.unlike(standing.fits),
            draws=[make_draw(trigger, tools.workspace, at) for trigger in triggers],
            events_seen=_believed(standing, picture),
            seen={
                trigger.name: run.at if (run := standing.runs.get(trigger.name)) else None
                for trigger in triggers
            },
        )
        tools.progress("commit")
        tools.ledger.commit(record)
        _keep(tools, final or picture)
    return record


def _refuse_nobody(tools: Tools, standing: Standing, picture: Picture) -> None:
    """An export cut off at its header would move everybody, and again when it is whole."""
    for name, rows in picture.events.items():
        if not rows and name in standing.events_seen:
            raise SourceError(
                f"table {tools.workspace.events[name].table} has no rows, and had some before:"
                f" nobody would have any {name}",
                hint="nothing was stored; the next tick with its rows catches up",
            )
    if picture.customers:
        return
    versions = {name: state.version for name, state in standing.segments.items()}
    if any(batch.num_rows for batch in tools.ledger.members(versions, picture.at)):
        raise SourceError(
            f"table {tools.workspace.customers.table} has no rows: everybody would leave every"
            " segment, and enter again when they are back",
            hint="nothing was stored; the next tick with customers catches up",
        )


def _believed(standing: Standing, picture: Picture) -> dict[str, int]:
    """The rows of event tables, to be written down for the report.

    Of a table that has lost some, the count before stays for a while: the report says so and
    shows no number until they are back, and then takes what is there for all there is.
    """
    counted = dict(picture.events)
    for name, seen in standing.events_seen.items():
        if seen is not None and name in counted:
            at, rows = seen
            lost = counted[name] < rows * (1 - FORGIVEN)
            if lost and picture.at - at < _MISSED:
                del counted[name]
    return counted


def _keep(tools: Tools, picture: Picture) -> None:
    """Keep the picture for the next tick, which can do without: this one is committed."""
    try:
        picture.keep()
        tools.engine.forget(tools.ledger.standing().instants())
    except OutsideError as error:
        log.warning(
            "the snapshot could not be kept; the next tick rebuilds it",
            action=Action.SNAPSHOT_NOT_KEPT,
            error=str(error),
        )


def _refit(picture: Picture) -> Picture | None:
    """The same instant under new fits, where old ones have had their time.

    Transitions are taken under the old ones, memberships are stored under the new ones: a re-fit
    writes to nobody and loses nobody.
    """
    refitted = picture.refitted()
    if refitted is not None:
        names = sorted(refitted.fits.unlike(picture.fits).named)
        log.info("fitted again", action=Action.FITTED, fits=names)
    return refitted


def template_names(renderer: Renderer, triggers: Iterable[Trigger]) -> list[str]:
    """Every name that the triggers' templates use: nothing else is computed for them."""
    return sorted({name for names in names_of(renderer, triggers).values() for name in names})


def take_in(
    tools: Tools, picture: Picture, triggers: list[Trigger], candidates: Mapping[str, pa.Array]
) -> Intake:
    """Gates, frequency caps over all triggers together, then the arms."""
    tools = replace(tools, ledger=by_customers(tools.workspace, tools.ledger, picture.whose))
    met = [trigger for trigger in triggers if len(candidates[trigger.name])]
    if not met:
        return Intake(passed={}, entries={})
    passed = list(_through_gates(tools, picture, met, candidates))
    limits, at = tools.workspace.limits, picture.at
    recent = _recent_messages(tools, limits.per_customer, at)
    together = _recent_messages(tools, limits.per_account, at)
    accounts = messages_by_account(picture, passed, together) if together else None
    shared = share_places(passed, limits.per_customer, recent, at, tools.workspace, accounts)
    return Intake(
        passed={one.trigger.name: one for one in shared},
        entries={one.trigger.name: make_entries(one, picture.at) for one in shared},
    )


def _through_gates(
    tools: Tools, picture: Picture, triggers: list[Trigger], candidates: Mapping[str, pa.Array]
) -> Iterator[Passed]:
    """One question to the engine for everybody, then each trigger's own gates."""
    crowd = crowds(picture, triggers, candidates)
    everybody = pa.concat_arrays([crowd[trigger.name].people for trigger in triggers])
    channels = {trigger.steps[0].channel for trigger in triggers}
    rows = picture.rows(pc.unique(everybody), template_names(tools.renderer, triggers))
    barred = {name: gather_barred(tools.ledger, name, picture.at) for name in channels}
    # in the order of the state's keys: what lies together is written together
    rows = with_reachable(rows, barred).sort_by("customer")
    places, begin = pc.index_in(everybody, value_set=rows["customer"].combine_chunks()), 0
    for trigger in triggers:
        some = crowd[trigger.name]
        own = places.slice(begin, len(some.people)).drop_null().sort()
        begin += len(some.people)
        facts = gather_facts(tools.workspace, tools.ledger, trigger, picture.at, barred)
        yield pass_crowd(trigger, some, rows.take(own), facts)


def _recent_messages(
    tools: Tools, caps: Iterable[FrequencyCap], at: datetime
) -> dict[FrequencyCap, pa.Table]:
    zone = tools.workspace.zone
    return {cap: tools.ledger.recent_messages(cap.per.before(at, zone)) for cap in caps}


def make_all_messages(tools: Tools, intake: Intake) -> Iterator[Messages]:
    """The messages of every entry of a tick, as a stream."""
    names = names_of(tools.renderer, (one.trigger for one in intake.passed.values()))
    for name, one in intake.passed.items():
        yield from make_messages(one, intake.entries[name], tools.workspace, names)


def make_all_refusals(intake: Intake) -> Iterator[Refusals]:
    """Everybody whom a trigger of a tick refused, as a stream."""
    for one in intake.passed.values():
        yield from make_refusals(one)


def make_run(
    trigger: Trigger, at: datetime, kind: RunKind, intake: Intake, figures: Figures
) -> RunRecord:
    """The row that says what one trigger did at one instant."""
    passed = intake.passed.get(trigger.name)
    entries = intake.entries.get(trigger.name)
    arms = entries.arms if entries else ()
    held_out = sum(arm is Arm.HOLDOUT for arm in arms)
    treated = len(arms) - held_out
    log.info(
        "trigger evaluated",
        action=Action.TRIGGER_EVALUATED,
        trigger=trigger.name,
        baseline=figures.baseline,
        entered=figures.entered,
        treated=treated,
        held_out=held_out,
    )
    return RunRecord(
        trigger=trigger.name,
        at=at,
        kind=kind,
        version=trigger.version,
        segment_version=trigger.segment_version,
        baseline=figures.baseline,
        members=figures.members,
        entered=figures.entered,
        left=figures.left,
        treated=treated,
        held_out=held_out,
        refused=counted(passed.refused) if passed else {},
        messages=treated * len(trigger.steps),
    )
