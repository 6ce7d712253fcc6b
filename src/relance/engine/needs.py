"""What conditions look at: the columns of the profile, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    Leaf,
    Measure,
    NoneOf,
    OfAccount,
    RfmIs,
    SegmentIs,
    SqlIs,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.workspace import RfmSpec, Segment
from relance.engine.columns import Reading
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
            last=Aggregate(rfm.event, Measure.LAST, window=window),
            count=Aggregate(rfm.event, Measure.COUNT, window=window),
            money=Aggregate(rfm.event, rfm.monetary, "amount", window),
        )

    def __iter__(self) -> Iterator[Aggregate]:
        return iter((self.last, self.count, self.money))


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


def needs_of(leaf: Leaf, rfm: RfmSpec) -> Iterator[Need]:
    """The profile columns that a leaf looks at (windows since an entry included)."""
    match leaf:
        case CustomerIs() | EventIs() | SqlIs():
            yield _bare_need(leaf)
        case RfmIs():
            yield from RfmNeeds.of(rfm)
        case OfAccount(inner):
            yield AccountNeed(_bare_need(inner))
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
