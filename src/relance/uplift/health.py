"""Is the experiment sound? Checks of counts that come before any verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from relance.uplift.comparison import difference_with_p
from relance.uplift.estimate import Withheld
from relance.uplift.means import mean_difference
from relance.uplift.moments import Moments
from relance.uplift.proportions import split_p

CHECK_P = 0.001  # the usual alarm level (Fabijan et al., KDD 2019; also Eppo's and GrowthBook's)
DELAY_TOLERANCE = 15 * 60.0  # seconds between the arms that no goal window notices
SHARED_TOLERANCE = 0.01  # of the entrants: the effect is diluted by about as much
VANISHED_TOLERANCE = 0.01  # of the entrants: their events may be gone with them
OVERLAPPING = 0.5  # containment of the smaller trigger in the larger


class Health(StrEnum):
    """What a check says."""

    GOOD = "good"
    WARNING = "warning"  # read the number with the sentence beside it
    FAILED = "failed"  # no number
    SILENT = "silent"  # too little data, or none that could be: the check says nothing


class Check(StrEnum):
    """What was looked at; `reasons` has a sentence for each outcome."""

    SPLIT = "split"
    BALANCE = "balance"
    DELAY = "delay"
    SHARED = "shared"
    OVERLAP = "overlap"
    VANISHED = "vanished"
    SHRUNK = "shrunk"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check of one part: `label` names the week, channel, metric or other trigger.

    `size` is what was measured: the share held out, a difference, a share. `p` is adjusted for
    as many looks as were taken together; None where no test goes with it.
    """

    check: Check
    health: Health
    label: str = ""
    size: float | None = None
    p: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The entries of one part (a week, a channel, or all of them, with an empty label)."""

    treated: int
    holdout: int
    label: str = ""


def split_findings(splits: Sequence[Split], share: float) -> list[Finding]:
    """Whether each part was split as `share` asks (0 to 1); the same order.

    The p-values are multiplied by the number of parts looked at together (Bonferroni): pass the
    whole, the weeks and the channels each on their own.
    """
    return [_split(one, share, len(splits)) for one in splits]


def _split(one: Split, share: float, looks: int) -> Finding:
    total = one.treated + one.holdout
    if min(one.treated, one.holdout) < 0 or total == 0 or not 0 <= share <= 1:
        return Finding(check=Check.SPLIT, health=Health.SILENT, label=one.label)
    p = min(1.0, split_p(one.treated, one.holdout, share) * looks)
    return Finding(
        check=Check.SPLIT,
        health=Health.FAILED if p < CHECK_P else Health.GOOD,
        label=one.label,
        size=one.holdout / total,
        p=p,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """A metric from before entry, which no message can have changed: both arms' moments."""

    label: str
    treated: Moments
    holdout: Moments


@dataclass(frozen=True, kw_only=True, slots=True)
class Bought:
    """How many had bought before entry, of how many entrants."""

    label: str
    treated_hits: int
    treated: int
    holdout_hits: int
    holdout: int


def balance(metrics: Sequence[Before | Bought]) -> list[Finding]:
    """Whether the arms were alike before entry; adjusted for as many metrics as there are."""
    return [_balance(one, len(metrics)) for one in metrics]


def _balance(one: Before | Bought, looks: int) -> Finding:
    if isinstance(one, Before):
        found = mean_difference(one.treated, one.holdout)
    else:
        found = difference_with_p(one.treated_hits, one.treated, one.holdout_hits, one.holdout)
    if isinstance(found, Withheld) or found.p is None:
        return Finding(check=Check.BALANCE, health=Health.SILENT, label=one.label)
    p = min(1.0, found.p * looks)
    return Finding(
        check=Check.BALANCE,
        health=Health.WARNING if p < CHECK_P else Health.GOOD,
        label=one.label,
        size=found.value,
        p=p,
    )


def delay(treated: Moments, holdout: Moments, tolerance: float = DELAY_TOLERANCE) -> Finding:
    """Whether messages and ghosts came as late after entry; moments in seconds.

    A warning where the means differ by more than `tolerance` and not by chance.
    """
    found = mean_difference(treated, holdout)
    if isinstance(found, Withheld):
        return Finding(check=Check.DELAY, health=Health.SILENT)
    late = abs(found.value) > tolerance and (found.p or 0.0) < CHECK_P
    return Finding(
        check=Check.DELAY,
        health=Health.WARNING if late else Health.GOOD,
        size=found.value,
        p=found.p,
    )


def shared_addresses(entrants: int, sharing: int) -> Finding:
    """Customers who share an address with one in the other arm: the held-out read the message."""
    if not 0 <= sharing <= entrants or entrants == 0:
        return Finding(check=Check.SHARED, health=Health.SILENT)
    share = sharing / entrants
    return Finding(
        check=Check.SHARED,
        health=Health.WARNING if share > SHARED_TOLERANCE else Health.GOOD,
        size=share,
    )


def vanished(treated: int, treated_gone: int, holdout: int, holdout_gone: int) -> Finding:
    """Entrants who are no longer customers: too many, or more of them in one arm.

    A message that makes people ask for their data to be deleted would hide its own effect.
    """
    found = difference_with_p(treated_gone, treated, holdout_gone, holdout)
    if isinstance(found, Withheld):
        return Finding(check=Check.VANISHED, health=Health.SILENT)
    size = (treated_gone + holdout_gone) / (treated + holdout)
    bad = size > VANISHED_TOLERANCE or (found.p or 0.0) < CHECK_P
    return Finding(
        check=Check.VANISHED,
        health=Health.WARNING if bad else Health.GOOD,
        size=size,
        p=found.p,
    )


def shrunk(table: str, before: int, now: int) -> Finding:
    """An event table that has lost rows; `size` is the share that is gone."""
    lost = (before - now) / before if before > 0 else 0.0
    return Finding(
        check=Check.SHRUNK, health=Health.FAILED, label=table, size=min(max(lost, 0.0), 1.0)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """Two triggers' entrants: how many each has, and how many entered both."""

    one: str
    other: str
    entered_one: int
    entered_other: int
    both: int

    @property
    def possible(self) -> bool:
        """Whether such sets exist, with somebody in each."""
        return 0 <= self.both <= min(self.entered_one, self.entered_other) and self.smaller > 0

    @property
    def smaller(self) -> int:
        """The entrants of the smaller trigger."""
        return min(self.entered_one, self.entered_other)

    @property
    def jaccard(self) -> float | None:
        """Both among either, 0 to 1 (Jaccard 1912)."""
        either = self.entered_one + self.entered_other - self.both
        return self.both / either if self.possible else None

    @property
    def containment(self) -> float | None:
        """Both among the smaller, 0 to 1: a subset has 1, which Jaccard hides."""
        return self.both / self.smaller if self.possible else None


def overlap(pair: Overlap) -> Finding:
    """A warning from half of the smaller trigger on; `size` is the containment."""
    size = pair.containment
    label = f"{pair.one}, {pair.other}"
    if size is None:
        return Finding(check=Check.OVERLAP, health=Health.SILENT, label=label)
    health = Health.WARNING if size >= OVERLAPPING else Health.GOOD
    return Finding(check=Check.OVERLAP, health=health, label=label, size=size)
