"""From an arm's sums to a verdict: a number with its interval, or a named reason for none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from relance.domain.ledger import ArmSums
from relance.uplift.estimate import Why
from relance.uplift.planning import Pace, visible_difference
from relance.uplift.proportions import Interval, newcombe, split_p, wilson

MIN_MATURE = 100  # customers with a closed window, in each arm
MIN_RETAINED = 5  # of them retained, in each arm
SRM_P = 0.001  # the usual alarm level for a split (Fabijan et al., KDD 2019)


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
    WINDOWS_OPEN = "windows_open"
    SMALL_GROUP = "small_group"
    FEW_RETAINED = "few_retained"
    SPANS_ZERO = "spans_zero"
    ABOVE_ZERO = "above_zero"
    BELOW_ZERO = "below_zero"
    # what only `judge` tells apart
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
    Cause.WINDOWS_OPEN: Verdict.TOO_EARLY,
    Cause.SMALL_GROUP: Verdict.NOT_ENOUGH_DATA,
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
    Cause.WINDOWS_OPEN,
    Cause.SMALL_GROUP,
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


def read(
    treated: ArmCounts,
    holdout: ArmCounts,
    *,
    trigger: str,
    version: str,
    share: float,
    measured: bool = True,
    pace: Pace | None = None,
) -> Reading:
    """Judge one version of a trigger.

    The order is fixed: the split, closed windows, size, statistics; the first that fails names
    the verdict. `share` is the configured holdout (0 to 1); `measured` is False for a trigger
    without a goal; `pace` allows `readable_on`.
    """
    srm_p = split_p(treated.entered, holdout.entered, share)
    cause = _cause(treated, holdout, share=share, srm_p=srm_p, measured=measured)
    shown = measured and cause is not Cause.SPLIT
    return Reading(
        trigger=trigger,
        version=version,
        treated=treated,
        holdout=holdout,
        share=share,
        srm_p=srm_p,
        cause=cause,
        diff=difference(treated, holdout) if shown else None,
        diff_ci=interval(treated, holdout) if shown else None,
        mde=mde(treated, holdout) if shown else None,
        readable_on=readable_on(treated, holdout, cause, pace),
    )


def hidden(cause: Cause | None) -> Why | None:
    """Why this cause hides every number of an effect; None where it does not."""
    return None if cause is None else _HIDDEN.get(cause)


def counts(sums: ArmSums | None) -> ArmCounts:
    """The people in an arm's sums; an arm that the engine did not return is empty."""
    if sums is None:
        return ArmCounts()
    return ArmCounts(entered=sums.entered, mature=sums.mature, retained=sums.retained)


def _cause(
    treated: ArmCounts, holdout: ArmCounts, *, share: float, srm_p: float, measured: bool
) -> Cause:
    if not measured:
        return Cause.NO_GOAL
    if srm_p < SRM_P:
        return Cause.SPLIT
    if share <= 0:
        return Cause.NO_HOLDOUT
    if _waiting(treated) or _waiting(holdout) or not treated.entered + holdout.entered:
        return Cause.WINDOWS_OPEN  # an arm that stays empty waits for nothing: a small group
    if min(treated.mature, holdout.mature) < MIN_MATURE:
        return Cause.SMALL_GROUP
    if min(treated.retained, holdout.retained) < MIN_RETAINED:
        return Cause.FEW_RETAINED
    low, high = interval(treated, holdout) or (0.0, 0.0)
    if low > 0:
        return Cause.ABOVE_ZERO
    return Cause.BELOW_ZERO if high < 0 else Cause.SPANS_ZERO


def _waiting(arm: ArmCounts) -> bool:
    return arm.entered > 0 and arm.mature == 0


def difference(treated: ArmCounts, holdout: ArmCounts) -> float | None:
    """Treated rate minus holdout rate; None where an arm has no closed window."""
    if treated.rate is None or holdout.rate is None:
        return None
    return treated.rate - holdout.rate


def interval(treated: ArmCounts, holdout: ArmCounts) -> Interval | None:
    """Newcombe's 95 % interval of the difference; None where an arm has no closed window."""
    if treated.mature == 0 or holdout.mature == 0:
        return None
    return newcombe(treated.retained, treated.mature, holdout.retained, holdout.mature)


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
