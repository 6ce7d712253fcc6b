"""The picture of now against what the ledger last committed, set-based.

Spells follow each segment's last evaluation; a trigger compares with its own last run, so that
two triggers with different schedules each see every transition once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.condition import AllOf
from relance.domain.trigger import OnDate, OnEnter, OnEvent, OnExit, OnMove, OnStay, Trigger
from relance.domain.workspace import Segment, Workspace
from relance.errors import UsageError
from relance.logs import Action, get
from relance.pipeline.ports import Changes, Engine, Ledger, Picture, SpellChange, Standing

log = get("pipeline")

_NOBODY = pa.array([], pa.string())
_LATE = timedelta(days=7)  # how far a date or an event may lie beyond the schedule's own rhythm


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a trigger's segment moved since the trigger's last run."""

    baseline: bool
    members: int
    entered: int
    left: int


def needed_segments(workspace: Workspace, triggers: Iterable[Trigger]) -> list[Segment]:
    """Every named segment (each tick refreshes them all) and the triggers' own."""
    names = dict.fromkeys(workspace.named_segments)
    for trigger in triggers:
        names.update(dict.fromkeys(watched(trigger)))
    return [workspace.segments[name] for name in names]


def watched(trigger: Trigger) -> list[str]:
    """The segments whose movements a trigger looks at."""
    if isinstance(trigger.on, OnMove):
        return [trigger.on.source, trigger.on.target]
    return [trigger.segment]


def refuse_going_back(standing: Standing, at: datetime) -> None:
    """Raises UsageError for an instant before the last tick."""
    latest = [state.at for state in standing.segments.values()]
    if latest and at < max(latest):
        raise UsageError(
            f"{at:%Y-%m-%d %H:%M %Z} is before the last tick"
            f" ({max(latest):%Y-%m-%d %H:%M %Z}); time goes forward",
            hint="use a later --at, or another state database to rehearse the past",
        )


class Comparison:
    """One picture beside the ledger's standing; each earlier instant is compared once."""

    def __init__(
        self,
        workspace: Workspace,
        engine: Engine,
        ledger: Ledger,
        standing: Standing,
        picture: Picture,
    ) -> None:
        self._workspace = workspace
        self._engine = engine
        self._ledger = ledger
        self._standing = standing
        self._picture = picture
        self._counts = picture.counts()
        self._changes: dict[tuple[Picture, datetime, tuple[str, ...]], Changes] = {}

    def is_baseline(self, trigger: Trigger) -> bool:
        """Whether the trigger has no earlier run with the same segment to compare with."""
        last = self._standing.runs.get(trigger.name)
        return last is None or last.segment_version != trigger.segment_version

    def candidates(self, trigger: Trigger) -> pa.Array:
        """Who passes the trigger's transition since its last run; nobody on a baseline."""
        if self.is_baseline(trigger):
            return _NOBODY
        earlier = self._standing.runs[trigger.name].at
        if isinstance(trigger.on, OnStay):
            return self._stayed(trigger, trigger.on, earlier)
        if isinstance(trigger.on, OnEnter | OnExit):
            entered, left = self._moves(self._picture, trigger.segment, earlier)
            return entered if isinstance(trigger.on, OnEnter) else left
        if isinstance(trigger.on, OnDate | OnEvent):
            earlier = max(earlier, self._oldest_occasion(trigger))
        else:
            # all that this instant was evaluated with: one restoring instead of one per trigger
            self._ensure(earlier, (*self._comparable(earlier), *watched(trigger)))
        found = self._picture.candidates(trigger, earlier)
        return found["customer"].combine_chunks()

    def _oldest_occasion(self, trigger: Trigger) -> datetime:
        """What came before this is past: after a long silence nobody is wished a happy birthday,
        or asked about last month's cart."""
        # APScheduler takes a sixth of a second to import, and few ticks need it
        from relance.pipeline.timetable import firing, latest

        rhythm = firing(trigger.schedule, self._workspace.zone)
        before = latest(rhythm, self._picture.at - timedelta(microseconds=1))
        return (before or self._picture.at) - _LATE

    def _stayed(self, trigger: Trigger, on: OnStay, earlier: datetime) -> pa.Array:
        zone = self._workspace.zone
        version = self._workspace.segments[trigger.segment].version
        customers = self._ledger.stayed(
            trigger.segment,
            version,
            on.length.before(earlier, zone),
            on.length.before(self._picture.at, zone),
        )
        state = self._standing.segments.get(trigger.segment)
        if state is None or not len(customers):
            return customers
        _, left = self._moves(self._picture, trigger.segment, state.at)
        merged = self._picture.merged(state.at, trigger.segment)
        if len(merged):
            customers = self._of_one(
                customers, merged, trigger, on.length.before(self._picture.at, zone)
            )
            left = pa.concat_arrays([left, _ids(merged.filter(pc.invert(merged["stays"])))])
        return customers.filter(pc.invert(pc.is_in(customers, value_set=left)))

    def _of_one(
        self, stayed: pa.Array, merged: pa.Table, trigger: Trigger, until: datetime
    ) -> pa.Array:
        """Those who stayed, each customer once: not where another id of theirs was in it long
        enough before, and was told of then (or never, because it had been there always)."""
        version = self._workspace.segments[trigger.segment].version
        every = self._ledger.stayed(trigger.segment, version, None, until, with_baseline=True)
        before = every.filter(pc.invert(pc.is_in(every, value_set=stayed)))
        told = pc.is_in(stayed, value_set=_ids(merged.filter(pc.invert(merged["stays"]))))
        here = self._picture.whose(stayed.filter(pc.invert(told)))
        earlier = self._picture.whose(before)
        return pc.unique(here.filter(pc.invert(pc.is_in(here, value_set=earlier))))

    def figures(self, trigger: Trigger) -> Figures:
        """Members now, and how many entered and left since the trigger's last run."""
        members = self._counts[trigger.segment]
        if self.is_baseline(trigger):
            return Figures(baseline=True, members=members, entered=0, left=0)
        if not _moves_matter(self._workspace.segments[trigger.segment]):
            return Figures(baseline=False, members=members, entered=0, left=0)
        earlier = self._standing.runs[trigger.name].at
        entered, left = self._moves(self._picture, trigger.segment, earlier)
        return Figures(baseline=False, members=members, entered=len(entered), left=len(left))

    def spells(self, segments: Sequence[Segment], picture: Picture) -> Iterator[SpellChange]:
        """What to write about each segment; `picture` is the one whose memberships are kept."""
        for segment in segments:
            if not _moves_matter(segment):
                continue
            state = self._standing.segments.get(segment.name)
            if state is not None and state.version == segment.version:
                if state.at == picture.at:
                    continue  # another trigger's tick of this instant wrote them
                opened, closed = self._moves(picture, segment.name, state.at)
                merged = picture.merged(state.at, segment.name)
                gone = _ids(merged.filter(pc.invert(merged["stays"])))
                yield _spell_change(
                    segment,
                    fresh=False,
                    opened=[opened],
                    closed=[closed, gone],
                    carried=merged.filter(merged["stays"]),
                )
            else:
                members = (batch.column("customer") for batch in picture.members(segment.name))
                yield _spell_change(segment, fresh=True, opened=members, closed=())

    def _moves(
        self, picture: Picture, segment: str, earlier: datetime
    ) -> tuple[pa.Array, pa.Array]:
        """Who entered and who left one segment since an earlier snapshot."""
        together = self._comparable(earlier)
        if segment not in together:
            together = (segment,)
        key = (picture, earlier, together)
        if key not in self._changes:
            self._ensure(earlier, together)
            self._changes[key] = picture.changes(earlier, together)
        return self._changes[key][segment]

    def _comparable(self, earlier: datetime) -> tuple[str, ...]:
        """Segments of this picture that the ledger last evaluated at that very instant."""
        return tuple(
            name
            for name, state in self._standing.segments.items()
            if name in self._counts
            and state.at == earlier
            and state.version == self._workspace.segments[name].version
        )

    def _ensure(self, earlier: datetime, segments: Iterable[str]) -> None:
        """Make the engine know an earlier instant, from the ledger's spells where it forgot it."""
        versions: Mapping[str, str] = {
            name: self._workspace.segments[name].version
            for name in segments
            if _moves_matter(self._workspace.segments[name])
        }
        if versions and not self._engine.knows(earlier, versions):
            log.info("snapshot rebuilt from the spells", action=Action.SNAPSHOT_REBUILT)
            self._engine.restore(earlier, versions, self._ledger.members(versions, earlier))


def _moves_matter(segment: Segment) -> bool:
    """Nobody watches who enters or leaves "everybody" (a date trigger without a segment)."""
    return segment.condition != AllOf(())


def _ids(merged: pa.Table) -> pa.Array:
    return merged["id"].combine_chunks()


def _spell_change(
    segment: Segment,
    *,
    fresh: bool,
    opened: Iterable[pa.Array],
    closed: Iterable[pa.Array],
    carried: pa.Table | None = None,
) -> SpellChange:
    return SpellChange(
        segment=segment.name,
        version=segment.version,
        fresh=fresh,
        opened=opened,
        closed=closed,
        carried=carried,
    )
