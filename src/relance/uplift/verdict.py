"""From an arm's sums to a verdict: a number with its interval, or a named reason for none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from relance.uplift.estimate import Why
from relance.uplift.planning import Pace, visible_difference
from relance.uplift.proportions import Interval, wilson

MIN_MATURE = 100  # customers with a closed window, in each arm
MIN_RETAINED = 5  # of them retained, in each arm


class Verdict(StrEnum):
    """What can be said about a trigger."""

    TOO_EARLY = "too_early"
    NOT_ENOUGH_DATA = "not_enough_data"
    SRM_FAILED = "srm_failed"
    NO_DETECTABLE_EFFECT = "no_detectable_effect"
    BETTER = "better"
    WORSE = "worse"


class Cause(StrEnum):
    """Why the verdict is what it is; `wording` has a sentence for each."""

    NO_GOAL = "no_goal"
    NO_HOLDOUT = "no_holdout"
    SPLIT = "split"
    FEW_RETAINED = "few_retained"
    SPANS_ZERO = "spans_zero"
    ABOVE_ZERO = "above_zero"
    BELOW_ZERO = "below_zero"
    IMPOSSIBLE = "impossible"  # counts that cannot be
    SPLIT_PART = "split_part"  # the split of a week or a channel
    FEW_ENTRANTS = "few_entrants"
    FEW_CLOSED = "few_closed"
    READ_OUT_AHEAD = "read_out_ahead"
    ONE_LOOK = "one_look"  # clear for who looks once only
    AMONG_MANY = "among_many"  # clear on its own, not among the other triggers
    ABOVE_EARLY = "above_early"  # before the planned read-out
    BELOW_EARLY = "below_early"
    SHRUNK = "shrunk"  # the goal's event table has lost rows


_VERDICTS = {
    Cause.NO_GOAL: Verdict.NOT_ENOUGH_DATA,
    Cause.NO_HOLDOUT: Verdict.NOT_ENOUGH_DATA,
    Cause.SPLIT: Verdict.SRM_FAILED,
    Cause.FEW_RETAINED: Verdict.NOT_ENOUGH_DATA,
    Cause.SPANS_ZERO: Verdict.NO_DETECTABLE_EFFECT,
    Cause.ABOVE_ZERO: Verdict.BETTER,
    Cause.BELOW_ZERO: Verdict.WORSE,
    Cause.IMPOSSIBLE: Verdict.NOT_ENOUGH_DATA,
    Cause.SPLIT_PART: Verdict.SRM_FAILED,
    Cause.FEW_ENTRANTS: Verdict.NOT_ENOUGH_DATA,
    Cause.FEW_CLOSED: Verdict.TOO_EARLY,
    Cause.READ_OUT_AHEAD: Verdict.TOO_EARLY,
    Cause.ONE_LOOK: Verdict.NO_DETECTABLE_EFFECT,
    Cause.AMONG_MANY: Verdict.NO_DETECTABLE_EFFECT,
    Cause.ABOVE_EARLY: Verdict.BETTER,
    Cause.BELOW_EARLY: Verdict.WORSE,
    Cause.SHRUNK: Verdict.NOT_ENOUGH_DATA,
}
# what hides every number, and how that is called beside each
_HIDDEN = {
    Cause.NO_GOAL: Why.NO_GOAL,
    Cause.IMPOSSIBLE: Why.IMPOSSIBLE,
    Cause.SPLIT: Why.SPLIT,
    Cause.SPLIT_PART: Why.SPLIT,
    Cause.SHRUNK: Why.SHRUNK,
}
_SETTLED = {Verdict.NO_DETECTABLE_EFFECT, Verdict.BETTER, Verdict.WORSE}
_GROWING = {
    Cause.FEW_RETAINED,
    Cause.FEW_ENTRANTS,
    Cause.FEW_CLOSED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmCounts:
    """One arm in people. `mature` are those whose goal window is closed."""

    entered: int = 0
    mature: int = 0
    retained: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.retained <= self.mature <= self.entered:
            raise ValueError(f"{self} cannot be: retained ≤ mature ≤ entered")

    @property
    def rate(self) -> float | None:
        """Retained among mature, as a fraction; None where nobody is mature."""
        return self.retained / self.mature if self.mature else None

    @property
    def rate_ci(self) -> Interval | None:
        """The Wilson 95 % interval of the rate; None where nobody is mature."""
        return wilson(self.retained, self.mature) if self.mature else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one version of a trigger did for retention, analysed as assigned.

    `share` is the configured holdout, `srm_p` the p-value of the split. `diff` is treated minus
    held out and `diff_ci` its Newcombe 95 % interval, as fractions; both are None when a group
    is empty or the split is broken. `mde` is the smallest rise that the present groups show with
    80 % power. `readable_on` is when the groups will be large enough, at the pace so far.
    """

    trigger: str
    version: str
    treated: ArmCounts
    holdout: ArmCounts
    share: float
    srm_p: float
    cause: Cause
    diff: float | None = None
    diff_ci: Interval | None = None
    mde: float | None = None
    readable_on: date | None = None

    @property
    def verdict(self) -> Verdict:
        return _VERDICTS[self.cause]

    @property
    def hidden(self) -> Why | None:
        """Why no number of an effect may be shown; None where it may.

        The arms then tell who entered only: `mature` and `retained` are 0, and mean nothing.
        """
        return hidden(self.cause)

    @property
    def settled(self) -> bool:
        """Whether the groups were large enough for the statistics to speak."""
        return self.verdict in _SETTLED

    @property
    def extra(self) -> float | None:
        """Customers retained thanks to the messages so far: `diff` × mature treated."""
        return None if self.diff is None or not self.settled else self.diff * self.treated.mature

    @property
    def extra_ci(self) -> Interval | None:
        """The 95 % interval of `extra`."""
        if self.extra is None or self.diff_ci is None:
            return None
        mature = self.treated.mature
        return Interval(self.diff_ci.low * mature, self.diff_ci.high * mature)


def hidden(cause: Cause | None) -> Why | None:
    """Why this cause hides every number of an effect; None where it does not."""
    return None if cause is None else _HIDDEN.get(cause)


def mde(treated: ArmCounts, holdout: ArmCounts) -> float | None:
    """The smallest rise that these groups show; None where none is, or nothing to start from."""
    # the holdout alone says what happens without messages, but a handful says it badly
    known = holdout if holdout.retained >= MIN_RETAINED else treated
    return visible_difference(known.rate or 0.0, treated.mature, holdout.mature)


def readable_on(
    treated: ArmCounts, holdout: ArmCounts, cause: Cause, pace: Pace | None
) -> date | None:
    """When both arms will be large enough, where that is what is missing."""
    if pace is None or cause not in _GROWING:
        return None
    dates = [pace.reaches(_needed(arm), arm.entered) for arm in (treated, holdout)]
    known = [moment for moment in dates if moment is not None]
    if len(known) < len(dates) or max(known) <= pace.at:
        return None
    return max(known).date()


def _needed(arm: ArmCounts) -> float:
    """Mature customers an arm needs: enough of them, and enough of them retained."""
    if not arm.rate:
        return MIN_MATURE
    return max(MIN_MATURE, MIN_RETAINED / arm.rate)
