"""Are the segments any good? The customers and the state asked, and each segment judged.

The engine evaluates every segment now and one goal's window ago, and counts who returned in
between; the state says how ticks saw them move, and whether anybody read what came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from relance.domain.duration import Duration, Unit
from relance.domain.fits import Fits
from relance.domain.life import Life
from relance.domain.trigger import Goal, OnDate, OnEvent, OnExit, OnSchedule, Trigger
from relance.domain.workspace import Segment, Workspace
from relance.errors import UsageError
from relance.pipeline.criteria import OWN, by_date, events_of, found_segment, pause, users, watchers
from relance.pipeline.ports.segments import SegmentBook, SegmentEngine
from relance.pipeline.symptoms import Known, Reading, symptoms
from relance.uplift.checkup import (
    DUPLICATE,
    LEAST,
    OVERLAP,
    Checkup,
    Cohort,
    Movement,
    Pair,
    Power,
    SegmentHealth,
    Sign,
    Window,
)
from relance.uplift.estimate import Estimate
from relance.uplift.gauges import Figures
from relance.uplift.moments import Moments, merge
from relance.uplift.segments import (
    alike,
    containment,
    explained,
    jaccard,
    lift,
    omega_squared,
    readable,
)
from relance.uplift.survey import Counts, Survey

USUAL_WINDOW = Duration(30, Unit.DAY)
USUAL_HOLDOUT = 0.1  # where a segment has no trigger that holds anybody out
HALF_YEAR = timedelta(days=182)
WEEKS = 12  # of the history of sizes
JOINED = ("created_at", "joined_at", "signed_up_at", "registered_at", "customer_since")
FEW = 10  # members; an overlap of fewer is no finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Clinic:
    """What a check-up asks. `read` are the figures of the last report, None where none was made.

    `progress` is told each phase by its name.
    """

    workspace: Workspace
    engine: SegmentEngine
    book: SegmentBook
    fits: Fits
    read: Figures | None
    progress: Callable[[str], None] = field(default=lambda _phase: None)


def check_up(
    clinic: Clinic,
    at: datetime,
    names: Sequence[str] = (),
    *,
    event: str | None = None,
    within: Duration | None = None,
    joined: str | None = None,
) -> Checkup:
    """How segments stand with the five mistakes (all by default; all are compared in any case).

    The outcome is the `event` within a length of time before `at`; by default what most triggers
    have as their goal. `joined` is the attribute that says since when somebody is a customer, by
    default one of `JOINED`. Raises UsageError for an unknown segment, event or attribute,
    SourceError and StateError where the outside fails.
    """
    workspace = clinic.workspace
    shown = {found_segment(workspace, name) for name in names} or set(workspace.segments)
    goal = outcome(workspace, event, within)
    joined = joined_by(workspace, joined)
    segments = list(workspace.segments.values())
    if goal is None or not segments:
        sign = Sign.NO_EVENT
        return Checkup(at=at, customers=0, window=Window(goal=goal, nothing=sign), segments=[])
    instants = [at - timedelta(weeks=back) for back in range(WEEKS, -1, -1)]
    looked = {one.name: events_of(workspace, one) for one in segments}
    with ThreadPoolExecutor(max_workers=1) as beside:  # the state counts while the engine does
        since = goal.within.before(at, workspace.zone)
        telling = beside.submit(clinic.book.lives, since, at, instants)
        clinic.progress("customers")
        every = dict.fromkeys(name for some in looked.values() for name in some)
        survey = clinic.engine.survey(at, segments, goal, every, clinic.fits, joined)
        clinic.progress("state")
        lives = telling.result()
    doctor = _Doctor(clinic=clinic, survey=survey, lives=lives, looked=looked)
    return doctor.checkup(shown)


def joined_by(workspace: Workspace, attribute: str | None) -> str | None:
    """The attribute that says since when somebody is a customer. Raises UsageError."""
    known = workspace.customers.attributes
    if attribute is not None and attribute not in known:
        listing = ", ".join(known) or "none"
        raise UsageError(f"there is no attribute {attribute!r}", hint=f"there are: {listing}")
    return attribute or next((name for name in JOINED if name in known), None)


def outcome(workspace: Workspace, event: str | None, within: Duration | None) -> Goal | None:
    """What segments are held against: what was asked for, or the goal that most triggers have,
    or the event that RFM scores; None without any event. Raises UsageError."""
    if event is not None and event not in workspace.events:
        listing = ", ".join(workspace.events) or "none"
        raise UsageError(f"there is no event {event!r}", hint=f"there are: {listing}")
    goals = Counter((g.event, g.within) for one in workspace.triggers.values() if (g := one.goal))
    usual = goals.most_common(1)[0][0] if goals else None
    rfm = workspace.rfm.event if workspace.rfm.event in workspace.events else None
    name = event or (usual[0] if usual else rfm) or next(iter(workspace.events), None)
    if name is None:
        return None
    return Goal(event=name, within=within or (usual[1] if usual else USUAL_WINDOW))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Doctor:
    """Everything that was found, and how each segment looks in it."""

    clinic: Clinic
    survey: Survey
    lives: Mapping[str, Life]
    looked: Mapping[str, Sequence[str]]

    def checkup(self, shown: set[str]) -> Checkup:
        survey, window = self.survey, self._window()
        every = self._pairs()
        pairs = [pair for pair in every if self._too_near(pair)]
        found = [
            self._examined(place, name, window, pairs)
            for place, name in enumerate(survey.names)
            if name in shown
        ]
        returned, spent = self._groups()
        measured = window.nothing is None
        names = {one.removeprefix(OWN) for one in shown}
        return Checkup(
            at=survey.at,
            customers=survey.now.total,
            window=window,
            segments=found,
            groups=len(survey.now.customers),
            outside=int(survey.now.customers[~survey.now.inside.any(axis=1)].sum()),
            explained=explained(returned) if measured else None,
            omega=omega_squared(returned) if measured else None,
            spent=omega_squared(spent) if measured and spent and merge(spent).finite else None,
            pairs=[pair for pair in every if pair.one in names or pair.other in names],
        )

    # -- the outcome

    def _window(self) -> Window:
        survey = self.survey
        window = Window(
            goal=survey.goal,
            then_at=survey.then_at,
            customers=survey.then.total,
            returned=int(survey.outcome.returned.sum()),
        )
        table = survey.tables[survey.goal.event]
        nothing = None
        if not window.customers:
            nothing = Sign.NO_CUSTOMERS
        elif table.rows == table.recent:
            nothing = Sign.SHORT_HISTORY
        elif not window.returned:
            nothing = Sign.NOBODY_RETURNED
        elif window.returned == window.customers:
            nothing = Sign.EVERYBODY_RETURNED
        return replace(window, nothing=nothing)

    def _groups(self) -> tuple[list[Moments], list[Moments]]:
        """The outcome of each group of customers, and its money."""
        outcome, customers = self.survey.outcome, self.survey.then.customers.tolist()
        returned = outcome.returned.tolist()
        counts = [Moments.of_count(k, n) for k, n in zip(returned, customers, strict=True)]
        if outcome.mean is None or outcome.m2 is None:
            return counts, []
        rows = zip(customers, outcome.mean.tolist(), outcome.m2.tolist(), strict=True)
        return counts, [Moments(n=n, mean=mean, m2=m2) for n, mean, m2 in rows]

    # -- one segment

    def _examined(
        self, place: int, name: str, window: Window, pairs: Sequence[Pair]
    ) -> SegmentHealth:
        workspace, survey = self.clinic.workspace, self.survey
        segment, triggers = workspace.segments[name], watchers(workspace, name)
        now = int(survey.now.of_each(survey.now.customers)[place])
        then = int(survey.then.of_each(survey.then.customers)[place])
        moved = Movement(before=then, now=now, stayed=int(survey.stayed[place]))
        cohort = self._cohort(place, then, window)
        life = self.lives.get(name)
        power = self._power(moved, life, segment, triggers, cohort)
        shown = name.removeprefix(OWN)
        known = Known(
            segment=segment,
            at=survey.at,
            customers=survey.now.total,
            members=now,
            window=window,
            cohort=cohort,
            power=power,
            life=life,
            every=self._every(triggers),
            tables={event: survey.tables[event] for event in self.looked[name]},
            overlaps=[_seen_from(pair, shown) for pair in pairs if shown in (pair.one, pair.other)],
            triggers=triggers,
            readings={one.name: self._reading(one) for one in triggers},
            used=users(workspace, name),
        )
        return SegmentHealth(
            name=shown,
            own=name.startswith(OWN),
            description=segment.description or _description(triggers, name),
            triggers=[one.name for one in triggers],
            members=now,
            share=now / survey.now.total if survey.now.total else None,
            cohort=cohort,
            since_window=moved,
            since_run=_since_run(life, segment),
            life=life,
            power=power,
            symptoms=symptoms(workspace, known),
        )

    def _cohort(self, place: int, then: int, window: Window) -> Cohort:
        returned = int(self.survey.outcome.returned[self.survey.then.inside[:, place]].sum())
        sign = window.nothing or (Sign.NOBODY_THEN if not then else None)
        if sign is not None:
            return Cohort(members=then, returned=returned, no_alike=sign, no_lift=sign)
        few = Sign.FEW_THEN if then < LEAST else None
        base = Moments.of_count(window.returned, window.customers)
        found = lift(returned, then, window.returned, window.customers)
        everybody = Sign.EVERYBODY_IN if then == window.customers else Sign.FEW_RETURNED
        return Cohort(
            members=then,
            returned=returned,
            alike=None if few else alike(Moments.of_count(returned, then), base),
            no_alike=few,
            lift=found if isinstance(found, Estimate) and not few else None,
            no_lift=few or (None if isinstance(found, Estimate) else everybody),
        )

    def _power(
        self,
        moved: Movement,
        life: Life | None,
        segment: Segment,
        triggers: Sequence[Trigger],
        cohort: Cohort,
    ) -> Power:
        """The most that any of its triggers could read within half a year."""
        window = self.survey.at - self.survey.then_at
        entered = float(moved.now - moved.stayed)
        if life is not None and life.version == segment.version:
            seen = min(self.survey.at - life.since, window)
            if seen > timedelta(days=1):  # who came and left again within the window, too
                entered = max(entered, life.recent * (window / seen))
        pace = HALF_YEAR / window
        left = (moved.before - moved.stayed) * pace
        reach = {one.name: _reach(one, moved.now, entered * pace, left) for one in triggers}
        options = [(reach[one.name], one.holdout or USUAL_HOLDOUT) for one in triggers]
        entrants, share = max(
            options or [(moved.now + entered * pace, USUAL_HOLDOUT)],
            key=lambda one: one[0] * one[1],
        )
        return Power(entrants=entrants, share=share, rise=readable(cohort.rate, entrants, share))

    def _every(self, triggers: Sequence[Trigger]) -> timedelta:
        """How often a segment is evaluated: by its own triggers, or by any."""
        workspace, at = self.clinic.workspace, self.survey.at
        watching = triggers or list(workspace.triggers.values())
        schedules = dict.fromkeys(one.schedule for one in watching)
        pauses = [pause(schedule, workspace, at) for schedule in schedules]
        # nobody waits for one that no trigger watches: any tick evaluates it
        return (min if triggers else max)(pauses, default=timedelta(days=1))

    def _reading(self, trigger: Trigger) -> Reading:
        draws = [
            one.at
            for one in self.clinic.book.draws()
            if (one.trigger, one.version) == (trigger.name, trigger.version)
        ]
        read = self.clinic.read
        mine = {"trigger": trigger.name, "version": trigger.version}
        seen = read and any(mine.items() <= one.labels.items() for one in read.samples)
        return Reading(
            first_at=min(draws, default=None), read_at=read.at if read and seen else None
        )

    # -- pairs

    def _pairs(self) -> list[Pair]:
        """Segments that have customers in common now, those with most of them first."""
        names, both = self.survey.names, self.survey.now.both()
        every = (
            _pair(names, both, other, one) for one in range(len(names)) for other in range(one)
        )
        found = [pair for pair in every if pair is not None]
        return sorted(found, key=lambda pair: (-pair.jaccard, pair.one, pair.other))

    def _too_near(self, pair: Pair) -> bool:
        """Whether that is a finding. A segment within another is one only where both are written
        to, and not on a date: else it is a part of it on purpose."""
        if pair.jaccard < OVERLAP and pair.containment < DUPLICATE:
            return False
        written = [self._writers(name) for name in (pair.one, pair.other)]
        if pair.jaccard >= OVERLAP:
            return all(triggers is not None for triggers in written)
        return all(written) and written[0] != written[1]

    def _writers(self, shown: str) -> set[str] | None:
        """The triggers that write to a segment; None where a date decides to whom."""
        triggers = watchers(self.clinic.workspace, found_segment(self.clinic.workspace, shown))
        return None if by_date(triggers) else {one.name for one in triggers}


def _pair(names: Sequence[str], both: Counts, one: int, other: int) -> Pair | None:
    """Two segments as a pair; None where one of them is too small for it to mean anything."""
    sizes, shared = (int(both[one, one]), int(both[other, other])), int(both[one, other])
    index, inside = jaccard(*sizes, shared), containment(*sizes, shared)
    if not shared or index is None or inside is None or min(sizes) < FEW:
        return None
    return Pair(
        one=names[one].removeprefix(OWN),
        other=names[other].removeprefix(OWN),
        both=shared,
        jaccard=index,
        containment=inside,
    )


def _seen_from(pair: Pair, name: str) -> Pair:
    """The pair with the other segment in `other`."""
    other = pair.other if pair.one == name else pair.one
    return replace(pair, one=name, other=other)


def _reach(trigger: Trigger, members: int, entered: float, left: float) -> float:
    """Who could enter a trigger within half a year, at the pace of the window."""
    if isinstance(trigger.on, OnExit):
        return left
    if isinstance(trigger.on, OnSchedule | OnDate | OnEvent):
        return members + entered
    return entered


def _since_run(life: Life | None, segment: Segment) -> Movement | None:
    """How the last tick moved it; None of a definition that only its baseline has seen."""
    if life is None or life.version != segment.version or life.at == life.since:
        return None
    return Movement(before=life.stayed + life.left, now=life.members, stayed=life.stayed)


def _description(triggers: Sequence[Trigger], name: str) -> str:
    return triggers[0].description if triggers and name.startswith(OWN) else ""
