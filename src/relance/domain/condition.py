"""What a segment is: a tree of conditions over a customer's profile as of an instant.

A leaf holds or does not hold; there is no third answer. A missing value fails every comparison
except `is_not`, `not_in` and `exists: false`, which are the exact opposites of `is`, `in` and
`exists: true`. docs/conditions.md says it for users; `engine/reference.py` says it in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from relance.domain.duration import Duration

Scalar = str | int | float | bool | date | datetime
Operand = Scalar | Duration | tuple[Scalar, ...]


class Op(StrEnum):
    """How a leaf compares. Date operands: `before` and `after` a day leave that day out
    (`on_day` is that day); with an instant or a duration `before` is at or earlier than the
    cut-off and `after` is later than it, so that the two never overlap and leave no gap."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    BETWEEN = "between"  # both ends included
    CONTAINS = "contains"  # text, case-sensitive
    STARTS_WITH = "starts_with"
    EXISTS = "exists"
    BEFORE = "before"
    AFTER = "after"
    ON_DAY = "on_day"  # a date, or the day that lies a duration before the instant's day


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator and what it compares with. A Duration is counted back from the instant."""

    op: Op
    value: Operand


class Measure(StrEnum):
    """What is taken from a customer's events. `first` and `last` are their instants."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A comparison on one field of an event; all its comparisons must hold."""

    field: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which events count: later than the start, up to and including the instant.

    At most one of `within` (a sliding start), `since` (a fixed start, itself included when it
    is a day: from its midnight on) and `since_entry` (later than the entry) is set; none means
    all events up to the instant.
    """

    within: Duration | None = None
    since: date | datetime | None = None
    since_entry: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One number (or instant) per customer from one kind of event.

    `field` is the logical field summed or averaged (`amount` by default), None for the others;
    but LAST with a field is the field's value of the last event, which templates alone ask for.
    A count or sum over no events is 0; an average, first or last over none is missing.
    """

    event: str
    measure: Measure
    field: str | None = None
    window: Window = Window()
    where: tuple[FieldTest, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerIs:
    """An attribute of the customer; all comparisons must hold."""

    attribute: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class EventIs:
    """An aggregate of the customer's events; all comparisons must hold."""

    aggregate: Aggregate
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class SegmentIs:
    """Membership of a named segment at the same instant."""

    segment: str


@dataclass(frozen=True, slots=True)
class RfmIs:
    """Recency, frequency and monetary scores, 1 to 5 (5 is best); None means any.

    A customer without the event has no scores and fails the leaf.
    """

    recency: tuple[int, ...] | None = None
    frequency: tuple[int, ...] | None = None
    monetary: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class CellIs:
    """One of these cells of the RFM grid; not held by a customer without the event."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageIs:
    """One of these lifecycle stages (`domain.lifecycle.Stage`) at the same instant."""

    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """What is expected back for each unit of money that a channel's message costs."""

    channel: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class ScoreIs:
    """A declared score, a probability from 0 to 1; everything that is given must hold.

    `top` is the share of the customers with a score whose scores are the highest, equal ones
    alike; `expected_value` compares the score times what the customer is then worth, and
    `expected_return` that against the cost of a message. A customer without a score is as a
    missing value is, and never at the top.
    """

    score: str
    comparisons: tuple[Comparison, ...] = ()
    top: float | None = None
    expected_value: tuple[Comparison, ...] = ()
    expected_return: Return | None = None


@dataclass(frozen=True, slots=True)
class SqlIs:
    """The escape hatch: the customer's key is in the first column of this query.

    In the source's dialect; `:at` stands for the instant.
    """

    query: str


@dataclass(frozen=True, slots=True)
class OfAccount:
    """What the leaf says, of the account: the customer's own, or the account that is asked itself.

    A customer without a known account has no attributes and no events there.
    """

    leaf: CustomerIs | EventIs | SqlIs


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    conditions: tuple[Condition, ...]


Leaf = CustomerIs | EventIs | SegmentIs | RfmIs | CellIs | StageIs | ScoreIs | SqlIs | OfAccount
Condition = Leaf | AllOf | AnyOf | NoneOf


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of a tree, left to right."""
    if isinstance(condition, AllOf | AnyOf | NoneOf):
        for inner in condition.conditions:
            yield from leaves(inner)
    else:
        yield condition
