"""What `relance report` says: of each trigger, and of all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from relance.domain.trigger import Goal
from relance.uplift.figures import Cohort, Curves, MetricReading, Versions
from relance.uplift.health import Finding
from relance.uplift.money import Worth
from relance.uplift.revenue import Revenue
from relance.uplift.verdict import Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """What became of one version of a trigger: its people and its messages.

    The message counts are of treated customers; `sent` were taken by the provider (delivered,
    bounced and complained ones too), `unknown` may have been sent, `pending` are not due or not
    tried yet. `by_state` has each of their states.
    """

    runs: int = 0
    treated: int = 0
    held_out: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)  # reason → people
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    pending: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)  # reason → messages
    by_state: Mapping[str, int] = field(default_factory=dict)
    first_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerReport(Followed):
    """One trigger, in its present version, up to `at`.

    `entered` met the transition, before any gate: it is the sum of `refused`, `treated` and
    `held_out`. `read_out` is the number of entrants at which it is planned to be read.
    `metrics` begin with the primary one. `worth` is of the treated with closed windows; its
    cost is that of every message so far.
    """

    trigger: str
    description: str
    version: str
    at: datetime
    goal: Goal | None
    reading: Reading
    read_out: int | None = None
    entered: int = 0
    metrics: Sequence[MetricReading] = ()
    curves: Curves | None = None
    cohorts: Sequence[Cohort] = ()
    findings: Sequence[Finding] = ()
    revenue: Revenue | None = None
    worth: Worth | None = None
    versions: Versions | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything as of one instant. `programme` is the worth of all triggers together, by the
    global holdout (None without one); `overlaps` are pairs of triggers with many in common."""

    at: datetime
    currency: str
    triggers: Sequence[TriggerReport] = ()
    programme: TriggerReport | None = None
    overlaps: Sequence[Finding] = ()
