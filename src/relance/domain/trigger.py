"""A trigger as values: which transition, which messages, which limits, which holdout."""

from __future__ import annotations

from dataclasses import dataclass

from relance.domain.condition import Condition, FieldTest
from relance.domain.duration import Duration


@dataclass(frozen=True, slots=True)
class OnEnter:
    """The customer was not in the segment at the previous run and is now."""


@dataclass(frozen=True, slots=True)
class OnExit:
    """The customer was in the segment at the previous run and is not now."""


@dataclass(frozen=True, slots=True)
class OnMove:
    """The customer was in `source` and not in `target`, and is in `target` now."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class OnStay:
    """The customer has been in the segment, without a break, for this long."""

    length: Duration


@dataclass(frozen=True, slots=True)
class OnDate:
    """A date attribute plus an offset is reached, on the customer's own calendar.

    `yearly` repeats it each year (29 February falls on 28 February in other years).
    """

    attribute: str
    offset: Duration
    yearly: bool = True


@dataclass(frozen=True, slots=True)
class OnEvent:
    """The customer had an event, `within` has passed since, and no `unless` event came after it.

    `where` are tests on the event's fields. Each event counts once.
    """

    event: str
    unless: str | None = None
    within: Duration | None = None  # None: at once
    where: tuple[FieldTest, ...] = ()


@dataclass(frozen=True, slots=True)
class OnSchedule:
    """Everybody in the segment, at each scheduled instant (re-entry permitting)."""


On = OnEnter | OnExit | OnMove | OnStay | OnDate | OnEvent | OnSchedule


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a trigger is evaluated: a cron line or a fixed interval; one of the two is set."""

    cron: str | None = None
    every: Duration | None = None

    def __str__(self) -> str:
        return self.cron if self.cron is not None else f"every {self.every}"


@dataclass(frozen=True, slots=True)
class Reentry:
    """Whether a customer may enter again: `never`, `always`, or after a while."""

    allowed: bool = False
    after: Duration | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One send. It falls due after all `waits`, counted from the entry.

    It is skipped when `only_if` does not hold, or `unless` holds, at that moment; with
    `while_member` when the customer is no longer in the trigger's segment; and once `expires`
    has passed since it fell due.
    """

    index: int
    channel: str
    template: str
    waits: tuple[Duration, ...] = ()
    only_if: Condition | None = None
    unless: Condition | None = None
    while_member: bool = False
    expires: Duration | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What "retained" means: at least one such event later than the entry, within the window."""

    event: str
    within: Duration
    where: tuple[FieldTest, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteTo:
    """Whom of an account's contacts a trigger writes to: the first of those who may be.

    In the order of `roles` (any contact where there are none), then who did something last
    (any `event`, or one of that name), then by key. With `others`, contacts of no listed role
    come after those.
    """

    roles: tuple[str, ...] = ()
    others: bool = False
    event: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """One YAML file under triggers/. `segment` names an entry of `Workspace.segments`.

    `version` changes with the segment, the transition, the steps, the texts, the holdout and
    the goal: results of two versions are never added up. `segment_version` is the part of it
    that decides about a new baseline. `topic` names an entry of `Workspace.topics`. `read_out`
    is the number of entrants at which the verdict is planned to be read.
    """

    name: str
    segment: str
    on: On
    schedule: Schedule
    steps: tuple[Step, ...]
    version: str
    segment_version: str
    holdout: float = 0.0
    goal: Goal | None = None
    read_out: int | None = None
    reentry: Reentry = Reentry()
    priority: int = 50
    topic: str | None = None
    of_accounts: bool = False  # what enters is an account
    write_to: WriteTo = WriteTo()
    description: str = ""
    path: str = ""
