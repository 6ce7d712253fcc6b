"""The five classic mistakes of segmentation: what is known of a segment, and what is found.

docs/health.md tells the same in prose. Every finding has its numbers; where there is too little
to say, it says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from relance.domain.life import Life
from relance.domain.trigger import Goal
from relance.uplift.estimate import Estimate
from relance.uplift.health import Health
from relance.uplift.proportions import Interval

ALIKE = 0.02  # below it members are no more alike than any customers
TOO_LARGE = 0.4  # of the base
OVERLAP, DUPLICATE = 0.5, 0.9  # of Jaccard's index; and of containment the latter
LEAST = 100  # members then, for a number about what they did; the same as a verdict's groups
EVEN = 2.0  # an interval of the lift that reaches beyond twice or half is too wide for "no lift"
OLD_DEFINITION = timedelta(days=365)
OLD_READING = timedelta(days=92)
LATE = 2  # schedules

Value = int | float | str | timedelta | Interval


class Mistake(StrEnum):
    """The five classic mistakes of segmentation."""

    FEW_CRITERIA = "few_criteria"
    OUT_OF_DATE = "out_of_date"
    IRRELEVANT = "irrelevant"
    OVER_SEGMENTED = "over_segmented"
    NEVER_ANALYSED = "never_analysed"


class Sign(StrEnum):
    """What a mistake is seen by; `checkup_words` has a sentence for each."""

    BY_DATE = "by_date"  # a date decides: neither criteria nor lift matter
    # too few criteria
    ALIKE = "alike"
    BROAD = "broad"
    # out of date
    FRESH = "fresh"
    NEVER_RUN = "never_run"
    CHANGED = "changed"
    RUN_OLD = "run_old"
    DATA_OLD = "data_old"
    DATA_EMPTY = "data_empty"
    DEFINITION_OLD = "definition_old"
    NOBODY_ENTERS = "nobody_enters"
    # irrelevant
    LIFT = "lift"
    DEMOGRAPHICS = "demographics"
    NO_LIFT = "no_lift"
    # over-segmented
    SIZE = "size"
    EMPTY = "empty"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    DUPLICATE = "duplicate"
    OVERLAP = "overlap"
    CONTAINED = "contained"
    # never analysed
    ANALYSED = "analysed"
    NOT_YET = "not_yet"
    NO_HOLDOUT = "no_holdout"
    NO_GOAL = "no_goal"
    NOT_READ = "not_read"
    READ_LONG_AGO = "read_long_ago"
    UNUSED = "unused"
    USED = "used"
    # nothing can be said
    NO_EVENT = "no_event"
    NO_CUSTOMERS = "no_customers"
    SHORT_HISTORY = "short_history"
    NOBODY_RETURNED = "nobody_returned"
    EVERYBODY_RETURNED = "everybody_returned"
    NOBODY_THEN = "nobody_then"
    FEW_THEN = "few_then"
    FEW_RETURNED = "few_returned"
    WIDE = "wide"
    EVERYBODY_IN = "everybody_in"


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    """One look for one mistake. `values` are what its sentence is filled with: shares as floats,
    numbers of customers as whole numbers. FAILED is a mistake, WARNING is worth a look."""

    mistake: Mistake
    sign: Sign
    health: Health
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What the outcome was: the share of all customers who had the goal's event between the two
    instants. `nothing` is why there is no outcome to hold segments against."""

    goal: Goal | None
    then_at: datetime | None = None
    customers: int = 0
    returned: int = 0
    nothing: Sign | None = None

    @property
    def rate(self) -> float | None:
        return self.returned / self.customers if self.customers else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """Who was in a segment at the beginning of the window, and what they did in it.

    `alike` is that of `segments.alike`; both are None where a `nothing` says why.
    """

    members: int
    returned: int
    alike: float | None = None
    lift: Estimate | None = None
    no_alike: Sign | None = None
    no_lift: Sign | None = None

    @property
    def rate(self) -> float | None:
        return self.returned / self.members if self.members else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """A segment between two instants: who was in it before, who is, and who was both times."""

    before: int
    now: int
    stayed: int

    @property
    def kept(self) -> float | None:
        """The share of those before who are still there."""
        return self.stayed / self.before if self.before else None

    @property
    def jaccard(self) -> float | None:
        """Both times among either."""
        either = self.before + self.now - self.stayed
        return self.stayed / either if either else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Power:
    """What could be read of a trigger on the segment: `entrants` in half a year at the present
    pace, with a share held out; `rise` is the smallest that would show, over the cohort's rate."""

    entrants: float
    share: float
    rise: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two segments with customers in common; both indices 0 to 1."""

    one: str
    other: str
    both: int
    jaccard: float
    containment: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentHealth:
    """One segment. `name` is what people call it; of a trigger's own segment the trigger's.

    `triggers` watch it, `share` is of all customers, `since_window` how it moved over the outcome's
    window, and `since_run` over the last tick that evaluated it.
    """

    name: str
    own: bool
    description: str
    triggers: Sequence[str]
    members: int
    share: float | None
    cohort: Cohort
    since_window: Movement
    since_run: Movement | None
    life: Life | None
    power: Power
    symptoms: Sequence[Symptom]

    def worst(self, mistake: Mistake) -> Health:
        """How it stands with one mistake."""
        found = [one.health for one in self.symptoms if one.mistake is mistake]
        return min(found, key=_SEVERITY.index, default=Health.SILENT)

    @property
    def mistakes(self) -> list[Symptom]:
        """What is certainly wrong."""
        return [one for one in self.symptoms if one.health is Health.FAILED]


# failures first; something good beside something silent is good
_SEVERITY = [Health.FAILED, Health.WARNING, Health.GOOD, Health.SILENT]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkup:
    """All segments as of `at`. `groups` are the different combinations of them that customers are
    in, `explained` eta squared and `omega` omega squared of the outcome between those groups,
    `spent` the latter of the money; None where there is no outcome, or no money. `outside` are
    customers in no segment. `pairs` have customers in common, those with most of them first.
    """

    at: datetime
    customers: int
    window: Window
    segments: Sequence[SegmentHealth]
    groups: int = 0
    outside: int = 0
    explained: float | None = None
    omega: float | None = None
    spent: float | None = None
    pairs: Sequence[Pair] = ()

    @property
    def mistakes(self) -> int:
        """How many there are in all segments shown."""
        return sum(len(one.mistakes) for one in self.segments)
