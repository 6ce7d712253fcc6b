"""The engine itself: the customer data, the workbench, and the questions that may be asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import pyarrow as pa

from relance.domain.accounts import own_segment
from relance.domain.condition import Condition
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.score import Feature, ScoreSpec
from relance.domain.study import Study
from relance.domain.trigger import Goal
from relance.domain.workspace import Segment, Workspace
from relance.engine.account_studies import count_all
from relance.engine.asking import Asking
from relance.engine.bothpictures import BothPictures
from relance.engine.clock import Clock
from relance.engine.failures import source_errors, workbench_errors
from relance.engine.identities import Identities, known_by_ids
from relance.engine.inspection import Inspection
from relance.engine.live import LiveCache, LiveFeed
from relance.engine.live_checks import live_problems
from relance.engine.live_source import LiveSource, told_apart
from relance.engine.picture import Picture
from relance.engine.portrait import Portraying
from relance.engine.profile import Profiles
from relance.engine.room import Room
from relance.engine.score_history import features_of_customer, score_history
from relance.engine.snapshot import Snapshots
from relance.engine.source import Source, open_source
from relance.engine.studies import count_rows
from relance.engine.survey import Surveying
from relance.engine.workbench import Workbench
from relance.errors import Problem
from relance.scoring.history import History
from relance.uplift.outcomes import Outcomes
from relance.uplift.portrait import Portrait
from relance.uplift.survey import Survey

_FRESH = timedelta(minutes=1)


class RelanceEngine:
    """See `relance.pipeline.ports.Engine`. One connection; calls from threads wait their turn."""

    def __init__(
        self,
        workspace: Workspace,
        fits: Callable[[], Fits] = Fits,
        live: LiveFeed | None = None,
    ) -> None:
        """Raises SourceError or StateError where the source or the workbench cannot be opened."""
        self._workspace = told_apart(known_by_ids(workspace))
        self._lock = threading.RLock()
        self._depth = 0
        self._known: Identities | None = None  # of the last question about some customers
        self._fits = fits
        self._workbench = Workbench(workspace.source.workbench, workspace.source.zone)
        try:
            with workbench_errors(self._workbench.shown):
                self._snapshots = Snapshots(self._workbench)
            with source_errors(workspace.source.shown):
                self._source = self._open(live)
        except BaseException:
            self._workbench.close()
            raise
        self._room = Room(
            workbench=self._workbench,
            snapshots=self._snapshots,
            session=self._session,
            turn=self._lock,
        )

    def _open(self, live: LiveFeed | None) -> Source:
        source, spec = open_source(self._workspace, self._workbench), self._workspace.live
        if spec is None:
            return source
        cache = LiveCache(self._workbench, live)
        return LiveSource(source, self._workspace, spec, self._workbench, cache)

    # -- the port

    def inspect(self) -> list[Problem]:
        with self._session():
            at = self._workbench.now()
            with contextlib.closing(self._profiles(at)) as profiles:
                found = Inspection(profiles=profiles).problems()
            if isinstance(self._source, LiveSource):
                self._source.catch_up()
                found += live_problems(self._workbench, self._workspace)
            return found

    def picture(
        self,
        at: datetime,
        segments: Sequence[Segment],
        names: Sequence[str],
        fits: Fits,
    ) -> Picture | BothPictures:
        own = [segment for segment in segments if not segment.of_accounts]
        theirs = [own_segment(segment) for segment in segments if segment.of_accounts]
        with self._session():
            profiles = self._profiles(at)
            picture = Picture(self._room, profiles, own, names, fits)
            if not theirs:
                return picture
            try:
                return BothPictures(
                    picture, Picture(self._room, profiles.accounts, theirs, (), Fits())
                )
            except BaseException:
                picture.__exit__(None, None, None)
                raise

    def knows(self, at: datetime, versions: Mapping[str, str]) -> bool:
        with self._lock, workbench_errors(self._workbench.shown):
            return self._snapshots.knows(at, versions)

    def restore(
        self, at: datetime, versions: Mapping[str, str], members: Iterable[pa.RecordBatch]
    ) -> None:
        """Raises StateError where the workbench cannot be written."""
        with self._lock, workbench_errors(self._workbench.shown):
            self._snapshots.restore(at, versions, members)

    def forget(self, keep: Iterable[datetime]) -> None:
        with self._lock, workbench_errors(self._workbench.shown):
            self._snapshots.forget(keep)

    def ask(
        self,
        cohort: pa.Table,
        questions: Mapping[str, Condition],
        names: Sequence[str],
        at: datetime,
    ) -> pa.Table:
        """Answered under the fits in force."""
        with self._session():
            found = self._answered(cohort, questions, names, at)
            known = self._known
            if len(found) == len(cohort) or known is None or known.clock.at == at:
                return found
            known.close()  # who is missing may be somebody else since the links were looked up
            self._known = None
            return self._answered(cohort, questions, names, at)

    def _answered(
        self,
        cohort: pa.Table,
        questions: Mapping[str, Condition],
        names: Sequence[str],
        at: datetime,
    ) -> pa.Table:
        profiles = self._profiles_at_hand(at)
        asking = Asking(workbench=self._workbench, profiles=profiles, fits=self._fits)
        return asking.answer(cohort, questions, names)

    def kin(self, customers: Sequence[str], at: datetime) -> pa.Table:
        with self._session():
            return self._profiles_at_hand(at).kin(customers)

    def whose(self, ids: pa.Array, at: datetime) -> pa.Array:
        with self._session(), contextlib.closing(self._profiles(at)) as profiles:
            return profiles.whose(ids)

    def study(
        self,
        entries: pa.Table,
        studies: Sequence[Study],
        optouts: pa.Table,
        lapsed_after: Duration,
        at: datetime,
    ) -> Outcomes:
        with self._session(), contextlib.closing(self._profiles(at)) as profiles:
            return count_all(self._workbench, profiles, entries, studies, optouts, lapsed_after)

    def survey(
        self,
        at: datetime,
        segments: Sequence[Segment],
        goal: Goal,
        events: Iterable[str],
        fits: Fits,
        joined: str | None = None,
    ) -> Survey:
        with self._session(), contextlib.closing(self._profiles(at)) as now:
            then = self._profiles(now.clock.ago(goal.within))
            surveying = Surveying(
                workbench=self._workbench,
                then=replace(then, identities=now.identities),  # who is who is asked once
                now=now,
                segments=segments,
                goal=goal,
                fits=fits,
                joined=joined,
            )
            return surveying.answer(events)

    def portraits(self, at: datetime, segments: Sequence[Segment], fits: Fits) -> list[Portrait]:
        with self._session(), contextlib.closing(self._profiles(at)) as profiles:
            portraying = Portraying(workbench=self._workbench, profiles=profiles, fits=fits)
            return portraying.draw(segments)

    def rows(self, events: Mapping[str, datetime]) -> Mapping[str, int]:
        with self._session():
            return {event: count_rows(self._profiles(at), event) for event, at in events.items()}

    def score_history(self, spec: ScoreSpec, snapshot: datetime, until: datetime) -> History:
        with self._session(), contextlib.closing(self._profiles(until)) as after:
            before = replace(self._profiles(snapshot), identities=after.identities)
            return score_history(self._workbench, before, after, spec)

    def score_features(
        self, spec: ScoreSpec, customer: str, at: datetime
    ) -> Mapping[Feature, float] | None:
        with self._session(), contextlib.closing(self._profiles(at)) as profiles:
            return features_of_customer(self._workbench, profiles, spec, customer)

    # -- life

    def close(self) -> None:
        """Let go of the source and of the workbench. Safe to call twice."""
        with self._lock:
            self._source.close()
            self._workbench.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _profiles(self, at: datetime) -> Profiles:
        # in UTC: Python adds to and subtracts from a local time by its clock, across an hour's gap
        clock = Clock(
            at=at.astimezone(UTC), zone=self._workspace.zone, source=self._workspace.source.zone
        )
        return Profiles(
            source=self._source,
            workspace=self._workspace,
            clock=clock,
            identities=self._identities(clock),
        )

    def _profiles_at_hand(self, at: datetime) -> Profiles:
        """For delivery, which asks wave after wave: who is who is looked up once a minute."""
        known = self._known
        if known is not None and not timedelta(0) <= at - known.clock.at < _FRESH:
            known.close()
            self._known = known = None
        profiles = self._profiles(at)
        if known is not None:
            return replace(profiles, identities=known)
        self._known = profiles.identities
        return profiles

    def _identities(self, clock: Clock) -> Identities | None:
        specs = self._workspace.identities
        if not specs:
            return None
        return Identities(workbench=self._workbench, source=self._source, specs=specs, clock=clock)

    @contextlib.contextmanager
    def _session(self) -> Iterator[None]:
        """One piece of work: nobody else's turn, a fresh look at the source, clear errors."""
        with self._lock, source_errors(self._workspace.source.shown):
            self._depth += 1
            try:
                if self._depth == 1:
                    self._source.refresh()
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._source.release()
