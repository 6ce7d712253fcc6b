"""What conditions look at: the columns of the profile, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    CellIs,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    Leaf,
    Measure,
    NoneOf,
    OfAccount,
    RfmIs,
    ScoreIs,
    SegmentIs,
    SqlIs,
    StageIs,
    Window,
)
from relance.domain.duration import Duration, Unit
from relance.domain.fits import LIFECYCLE, Fits, Rhythm
from relance.domain.lifecycle import FALLBACK, Lengths, LifecycleSpec
from relance.domain.workspace import RfmSpec, Segment, Workspace
from relance.engine.columns import Reading
from relance.engine.scores import needs_of_score
from relance.errors import SourceError


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the customer, read in one way."""

    name: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the customers table as it is."""

    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a query of the escape hatch names the customer."""

    query: str


@dataclass(frozen=True, slots=True)
class Earlier(Aggregate):
    """An aggregate of the events at or earlier than so long before the instant."""

    ago: Duration = field(default_factory=lambda: Duration(0, Unit.DAY))


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The key of the customer's account."""


@dataclass(frozen=True, slots=True)
class AccountNeed:
    """The same of the customer's account; nothing, or no events, where that is not known."""

    need: Attribute | Aggregate | Answer


Need = Attribute | Column | Aggregate | Answer | AccountKey | AccountNeed


def measure_of(need: Need) -> Aggregate | None:
    """The aggregate that a need is, be it of the customer's own events or of the account's."""
    bare = need.need if isinstance(need, AccountNeed) else need
    return bare if isinstance(bare, Aggregate) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class RfmNeeds:
    """The three values that RFM scores."""

    last: Aggregate
    count: Aggregate
    money: Aggregate

    @classmethod
    def of(cls, rfm: RfmSpec) -> RfmNeeds:
        window = Window(within=rfm.within)
        return cls(
            last=Aggregate(rfm.event, Measure.LAST, window=window, where=rfm.where),
            count=Aggregate(rfm.event, Measure.COUNT, window=window, where=rfm.where),
            money=Aggregate(rfm.event, rfm.monetary, "amount", window, rfm.where),
        )

    def __iter__(self) -> Iterator[Aggregate]:
        return iter((self.last, self.count, self.money))


@dataclass(frozen=True, kw_only=True, slots=True)
class StageNeeds:
    """What lifecycle stages are told from: the first purchase of the recent past (`back`), and
    the last one before that."""

    back: Aggregate
    before: Aggregate

    @classmethod
    def of(cls, spec: LifecycleSpec, lengths: Lengths) -> StageNeeds:
        window = Window(within=lengths.recent)
        return cls(
            back=Aggregate(spec.event, Measure.FIRST, window=window, where=spec.where),
            before=Earlier(spec.event, Measure.LAST, where=spec.where, ago=lengths.recent),
        )

    def __iter__(self) -> Iterator[Aggregate]:
        return iter((self.back, self.before))


def lifecycle_of(workspace: Workspace) -> LifecycleSpec:
    """The workspace's lifecycle. Raises SourceError where it has none."""
    if workspace.lifecycle is None:
        raise SourceError("there are no lifecycle stages", hint="config/segments.yaml defines them")
    return workspace.lifecycle


def lengths_of(spec: LifecycleSpec, fits: Fits) -> Lengths:
    """The lengths between stages: fixed, fitted, or the fallback."""
    fitted = fits.find(LIFECYCLE, Rhythm)
    if spec.lengths is not None or fitted is None:
        return spec.lengths or FALLBACK
    return Lengths.of_days(fitted.recent, fitted.active, fitted.at_risk, fitted.lapsed)


def reading_of(comparisons: Iterable[Comparison]) -> Reading:
    """Text that is compared with days or durations is read as moments."""
    for comparison in comparisons:
        value = comparison.value
        operands = value if isinstance(value, tuple) else (value,)
        if any(isinstance(operand, Duration | date) for operand in operands):
            return Reading.MOMENT
    return Reading.PLAIN


def inlined(condition: Condition, segments: Mapping[str, Segment]) -> Condition:
    """The condition with every named segment replaced by its own condition.

    Raises SourceError for a segment that is not there; the front door refuses circles.
    """
    match condition:
        case SegmentIs(name):
            if name not in segments:
                raise SourceError(f"there is no segment {name!r}")
            return inlined(segments[name].condition, segments)
        case AllOf(inner):
            return AllOf(tuple(inlined(each, segments) for each in inner))
        case AnyOf(inner):
            return AnyOf(tuple(inlined(each, segments) for each in inner))
        case NoneOf(inner):
            return NoneOf(tuple(inlined(each, segments) for each in inner))
        case _:
            return condition


def needs_of(leaf: Leaf, workspace: Workspace, fits: Fits) -> Iterator[Need]:
    """The profile columns that a leaf looks at (windows since an entry included), given what is
    fitted."""
    match leaf:
        case CustomerIs() | EventIs() | SqlIs():
            yield _bare_need(leaf)
        case RfmIs() | CellIs():
            yield from RfmNeeds.of(workspace.rfm)
        case StageIs():
            spec = lifecycle_of(workspace)
            yield from StageNeeds.of(spec, lengths_of(spec, fits))
        case OfAccount(inner):
            yield AccountNeed(_bare_need(inner))
        case ScoreIs(name):
            yield from needs_of_score(workspace, name).values()
        case SegmentIs():
            raise AssertionError("segments are inlined before their needs are asked for")


def _bare_need(leaf: CustomerIs | EventIs | SqlIs) -> Attribute | Aggregate | Answer:
    match leaf:
        case CustomerIs(attribute, comparisons):
            return Attribute(attribute, reading_of(comparisons))
        case EventIs(aggregate):
            return aggregate
        case SqlIs(query):
            return Answer(query)


def without_entry(condition: Condition) -> Condition:
    """The condition with windows since an entry as windows over all of the past.

    That is enough to see whether every leaf fits its columns.
    """
    match condition:
        case AllOf(inner):
            return AllOf(tuple(without_entry(each) for each in inner))
        case AnyOf(inner):
            return AnyOf(tuple(without_entry(each) for each in inner))
        case NoneOf(inner):
            return NoneOf(tuple(without_entry(each) for each in inner))
        case EventIs(aggregate, comparisons) if aggregate.window.since_entry:
            return EventIs(replace(aggregate, window=Window()), comparisons)
        case OfAccount(EventIs(aggregate, comparisons)) if aggregate.window.since_entry:
            return OfAccount(EventIs(replace(aggregate, window=Window()), comparisons))
        case _:
            return condition
