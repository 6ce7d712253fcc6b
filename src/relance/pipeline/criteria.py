"""What a definition looks at, references to other segments followed; and who refers to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from relance.domain.condition import (
    Condition,
    CustomerIs,
    EventIs,
    Leaf,
    OfAccount,
    SegmentIs,
    StageIs,
    leaves,
)
from relance.domain.trigger import OnDate, OnEvent, Schedule, Trigger
from relance.domain.workspace import Segment, Workspace
from relance.errors import UsageError
from relance.pipeline.compare import watched

OWN = "trigger/"  # begins the name of a segment that a trigger has to itself


def found_segment(workspace: Workspace, name: str) -> str:
    """A segment by its name; a trigger's own by the trigger's. Raises UsageError."""
    for known in (name, OWN + name):
        if known in workspace.segments:
            return known
    listing = ", ".join(one.removeprefix(OWN) for one in workspace.segments) or "none"
    raise UsageError(f"there is no segment {name!r}", hint=f"there are: {listing}")


def criteria(condition: Condition, segments: Mapping[str, Segment]) -> Iterator[Leaf]:
    """Every leaf of a condition, with those of the segments that it refers to in their place, and
    what is asked of an account as it is asked of a customer."""
    for leaf in leaves(condition):
        if isinstance(leaf, SegmentIs):
            yield from criteria(segments[leaf.segment].condition, segments)
        else:
            yield leaf.leaf if isinstance(leaf, OfAccount) else leaf


def demographic(workspace: Workspace, segment: Segment) -> bool:
    """Whether a segment looks at what customers are alone, and at nothing that they did.

    A query of one's own may look at anything; it gets the benefit of the doubt.
    """
    found = list(criteria(segment.condition, workspace.segments))
    return bool(found) and all(isinstance(leaf, CustomerIs) for leaf in found)


def events_of(workspace: Workspace, segment: Segment) -> list[str]:
    """The events that a segment looks at. What is neither an event leaf nor about the customer
    alone (scores, queries) is taken to look at the event that RFM scores."""
    scored = workspace.rfm.event
    found: dict[str, None] = {}
    for leaf in criteria(segment.condition, workspace.segments):
        if isinstance(leaf, EventIs):
            found[leaf.aggregate.event] = None
        elif isinstance(leaf, StageIs) and workspace.lifecycle is not None:
            found[workspace.lifecycle.event] = None
        elif not isinstance(leaf, CustomerIs) and scored in workspace.events:
            found[scored] = None
    return list(found)


def watchers(workspace: Workspace, segment: str) -> list[Trigger]:
    """The triggers whose transition is about a segment."""
    return [one for one in workspace.triggers.values() if segment in watched(one)]


def by_date(triggers: Sequence[Trigger]) -> bool:
    """Whether a date or an event decides who is written to, and the segment only who may be."""
    return bool(triggers) and all(isinstance(one.on, OnDate | OnEvent) for one in triggers)


def users(workspace: Workspace, segment: str) -> list[str]:
    """Who else refers to a segment: other segments, and the steps of triggers."""
    found = [
        name.removeprefix(OWN)
        for name, other in workspace.segments.items()
        if segment in _names(other.condition)
    ]
    for trigger in workspace.triggers.values():
        conditions = [c for step in trigger.steps for c in (step.only_if, step.unless) if c]
        if any(segment in _names(condition) for condition in conditions):
            found.append(trigger.name)
    return list(dict.fromkeys(found))


def _names(condition: Condition) -> set[str]:
    return {leaf.segment for leaf in leaves(condition) if isinstance(leaf, SegmentIs)}


def pause(schedule: Schedule, workspace: Workspace, at: datetime) -> timedelta:
    """The longest time between two evaluations of a schedule, seen from an instant."""
    if schedule.every is not None:
        return timedelta(seconds=schedule.every.rough_seconds)
    # APScheduler takes a sixth of a second to import
    from relance.pipeline.timetable import firing

    rhythm, instants = firing(schedule, workspace.zone), [at]
    for _ in range(8):  # a week of days, and its end
        following = rhythm.get_next_fire_time(instants[-1], instants[-1])
        if following is None:
            break
        instants.append(following)
    gaps = [later - earlier for earlier, later in pairwise(instants[1:])]
    return max(gaps, default=timedelta(days=1))
