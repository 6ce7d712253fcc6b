"""Trajectories: which period can be told, under which definitions, between which segments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NoReturn

from relance.domain.condition import CellIs, RfmIs, ScoreIs, SegmentIs, StageIs, leaves
from relance.domain.duration import Duration, Unit
from relance.domain.fits import LIFECYCLE, RFM, SCORE, TOP
from relance.domain.happening import Happening
from relance.domain.lifecycle import Stage
from relance.domain.trajectory import (
    DEFAULT_WEEKS,
    MOST_PLACES,
    Caution,
    Counted,
    Note,
    Span,
    Trajectory,
    Watched,
    Week,
    apart,
    week_bounds,
)
from relance.domain.workspace import Workspace
from relance.errors import UsageError
from relance.pipeline.ports.trajectory import OpenPaths, Paths, Trail

_MOST_BITS = 62
_LATE = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_QUARTER = Duration(DEFAULT_WEEKS, Unit.WEEK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What somebody wants to see; `now` stands for an end that they did not name."""

    now: datetime
    begin: datetime | None = None
    until: datetime | None = None
    segments: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """A period that can be told: `shown` reigns are asked for, `known` say who was a customer."""

    asked: Span
    span: Span
    shown: Sequence[Watched]
    known: Sequence[Watched]
    notes: Sequence[Note]


def trajectory(
    workspace: Workspace, trail: Trail, open_paths: OpenPaths, asked: Asked
) -> Trajectory:
    """The moves of a period between the asked segments: by default the lifecycle's stages, else
    those named segments, in file order, that share nobody with an earlier one at the period's end.

    Raises UsageError where there is nothing to tell, and says why.
    """
    _refuse_backwards(asked)
    names = _names(workspace, trail, open_paths, asked)
    plan = _plan(workspace, trail, asked, names)
    bounds = week_bounds(plan.span, workspace.zone)
    with _open(trail, open_paths, plan.shown, plan.known, plan.span) as paths:
        counted = paths.count({name: place for place, name in enumerate(names)}, bounds)
    return Trajectory(
        asked=plan.asked,
        span=plan.span,
        segments=names,
        versions={one.segment: one.version for one in plan.shown},
        counted=counted,
        weeks=_weeks(counted, bounds),
        triggers=trail.activity(bounds),
        happenings=_happenings(workspace, plan.span),
        titles=_titles(workspace),
        notes=[*plan.notes, *_overlap(counted), *_refits(workspace, trail, names, plan.span)],
    )


def _refuse_backwards(asked: Asked) -> None:
    until = asked.until or asked.now
    if asked.begin is not None and asked.begin >= until:
        raise UsageError(
            f"the period begins at {_iso(asked.begin)}, which is not before its end {_iso(until)}",
            hint="--from is the earlier of the two",
        )


def _open(
    trail: Trail, open_paths: OpenPaths, shown: Sequence[Watched], known: Sequence[Watched],
    span: Span,
) -> Paths:  # fmt: skip
    places = {one.reign: place for place, one in enumerate([*shown, *known])}
    return open_paths(trail.spells(places, span), span, len(shown))


def _names(workspace: Workspace, trail: Trail, open_paths: OpenPaths, asked: Asked) -> list[str]:
    """The segments that were asked for, or those that go together."""
    named = workspace.named_segments
    if asked.segments is not None:
        return _checked(asked.segments, named)
    if not named:
        raise UsageError(
            "there is no named segment to move between",
            hint="write the stages of your lifecycle into config/segments.yaml",
        )
    if stages := _stages(workspace):
        return stages
    return _together(trail, open_paths, named[:_MOST_BITS], asked.until or asked.now)


def _stages(workspace: Workspace) -> list[str]:
    """The lifecycle's stages, in the order of a life: everybody is in one of them."""
    lifecycle = workspace.lifecycle
    return [] if lifecycle is None else [lifecycle.name(stage) for stage in Stage]


def _titles(workspace: Workspace) -> dict[str, str]:
    lifecycle = workspace.lifecycle
    if lifecycle is None:
        return {}
    return {lifecycle.name(stage): lifecycle.title(stage) for stage in Stage}


def _together(
    trail: Trail, open_paths: OpenPaths, named: Sequence[str], until: datetime
) -> list[str]:
    """The segments that share nobody with an earlier one at an instant."""
    latest = {one.segment: one for one in reversed(trail.watched(named, until))}
    if not latest:
        _never_evaluated(trail, named, until)
    known = [name for name in named if name in latest]
    last = min(until, *(latest[name].at for name in known))
    shown = [latest[name] for name in known]
    moment = Span(begin=last - _INSTANT, until=last)
    with _open(trail, open_paths, shown, (), moment) as paths:
        return apart(known, paths.masks())[:MOST_PLACES]


def _checked(asked: Sequence[str], named: Sequence[str]) -> list[str]:
    for place, name in enumerate(asked):
        if name not in named:
            listing = ", ".join(named) or "none"
            raise UsageError(f"there is no segment {name!r}", hint=f"there are: {listing}")
        if name in asked[:place]:
            raise UsageError(f"the segment {name} is named twice")
    if len(asked) > MOST_PLACES:
        raise UsageError(f"a table of {len(asked)} segments cannot be read; at most {MOST_PLACES}")
    return list(asked)


def _plan(workspace: Workspace, trail: Trail, asked: Asked, names: Sequence[str]) -> _Plan:
    until = asked.until or asked.now
    watched = trail.watched(workspace.named_segments, until)
    latest = {one.segment: one for one in reversed(watched)}
    if missing := [name for name in names if name not in latest]:
        _never_evaluated(trail, missing, until)
    shown = [latest[name] for name in names]
    last = min(until, *(one.at for one in shown))
    begin = asked.begin or _QUARTER.before(last, workspace.zone)
    if begin >= last:
        raise UsageError(
            f"nothing was evaluated later than {_iso(begin)}: the last evaluation was at"
            f" {_iso(last)}",
            hint="ask for an earlier period, or run `relance tick`",
        )
    first = max(begin, *(one.since for one in shown))
    if first >= last:
        raise UsageError(
            f"the segments were evaluated only once as they are defined, at {_iso(first)}",
            hint="a move takes two evaluations: run `relance tick` again later",
        )
    span = Span(begin=first, until=last)
    return _Plan(
        asked=Span(begin=begin, until=until),
        span=span,
        shown=shown,
        known=_known(watched, names, _stages(workspace), span),
        notes=[*_shortened(watched, shown, begin), *_ended(until, last)],
    )


def _never_evaluated(trail: Trail, missing: Sequence[str], until: datetime) -> NoReturn:
    """Raise UsageError: a segment has no members that anybody knows of, up to an instant."""
    later = trail.watched(missing, datetime.max.replace(tzinfo=until.tzinfo))
    if not later:
        what = f"the segment {missing[0]} has" if len(missing) == 1 else "the segments have"
        raise UsageError(f"{what} not been evaluated yet", hint="run `relance tick`")
    first = later[-1]
    raise UsageError(
        f"the segment {first.segment} was evaluated for the first time at {_iso(first.since)}",
        hint="nobody knows its members before; ask for a period after it",
    )


def _known(
    watched: Sequence[Watched], names: Sequence[str], stages: Sequence[str], span: Span
) -> list[Watched]:
    """Other segments' definitions, to tell who was a customer: the lifecycle's stages, which hold
    everybody, or all there are.

    Only those that were watched all through the period: one that begins within it would make
    customers of those whom nobody had looked at.
    """
    alive = [one for one in watched if one.at > span.begin]
    through = {one.segment for one in alive if one.since <= span.begin}
    wanted = through.intersection(stages) if through.issuperset(stages) and stages else through
    return [one for one in alive if one.segment in wanted and one.segment not in names]


def _shortened(
    watched: Sequence[Watched], shown: Sequence[Watched], begin: datetime
) -> Iterable[Note]:
    late = [one for one in shown if one.since > begin]
    if not late:
        return
    current = {one.reign for one in shown}
    before = {one.segment for one in watched if one.reign not in current}
    changed = [one.segment for one in late if one.segment in before]
    at = max(one.since for one in late)
    caution = Caution.CHANGED if changed else Caution.HISTORY
    yield Note(caution=caution, segments=changed or [one.segment for one in late], at=at)


def _ended(until: datetime, last: datetime) -> Iterable[Note]:
    if until - last > _LATE:
        yield Note(caution=Caution.ENDED, at=last)


def _overlap(counted: Counted) -> Iterable[Note]:
    if counted.overlapping:
        yield Note(caution=Caution.OVERLAP, number=counted.overlapping)


def _refits(workspace: Workspace, trail: Trail, names: Sequence[str], span: Span) -> Iterable[Note]:
    """Scores move people at a re-fit although they did nothing."""
    needed = {name: _fits_of(workspace, name) for name in names}
    if not any(needed.values()):
        return
    renewed = trail.refits(span)
    moved = [name for name in names if any(_is_of(fit, needed[name]) for fit in renewed)]
    instants = {
        at for fit, times in renewed.items() if any(_is_of(fit, needed[name]) for name in moved)
        for at in times
    }  # fmt: skip
    if moved:
        yield Note(caution=Caution.REFIT, segments=moved, instants=sorted(instants))


def _is_of(fit: str, kinds: Collection[str]) -> bool:
    return fit.partition("/")[0] in kinds


def _fits_of(workspace: Workspace, name: str) -> frozenset[str]:
    """The kinds of fits that a segment's members depend on."""
    found: frozenset[str] = frozenset()
    for leaf in leaves(workspace.segments[name].condition):
        if isinstance(leaf, RfmIs | CellIs):
            found |= {RFM}
        elif isinstance(leaf, StageIs):
            found |= {LIFECYCLE}
        elif isinstance(leaf, ScoreIs):
            found |= {SCORE, TOP}
        elif isinstance(leaf, SegmentIs):
            found |= _fits_of(workspace, leaf.segment)
    return found


def _weeks(counted: Counted, bounds: Sequence[datetime]) -> list[Week]:
    return [
        Week(
            begin=begin,
            until=until,
            entries=_of_week(counted.entries, number),
            exits=_of_week(counted.exits, number),
        )
        for number, (begin, until) in enumerate(pairwise(bounds))
    ]


def _of_week(counts: Mapping[tuple[int, str], int], week: int) -> dict[str, int]:
    return {place: number for (of, place), number in counts.items() if of == week}


def _happenings(workspace: Workspace, span: Span) -> list[Happening]:
    begin, until = (end.astimezone(workspace.zone).date() for end in (span.begin, span.until))
    return [one for one in workspace.happenings if one.touches(begin, until)]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
