"""The verdict that may be looked at every day, for all triggers at once.

Split, size, maturity, statistics, in this order: the first that fails names the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from relance.uplift.alarm import Alarm, TwoCounts, alarm
from relance.uplift.comparison import difference, difference_with_p, relative
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.health import Finding
from relance.uplift.multiplicity import false_discovery
from relance.uplift.sequential import ALPHA, EARLY_SHARE, ENTRANTS, early_look, hybrid_p
from relance.uplift.trial import Counted, Plan, Trial, arm_counts, obstacle, splits
from relance.uplift.verdict import (
    MIN_RETAINED,
    ArmCounts,
    Cause,
    Reading,
    hidden,
    mde,
    readable_on,
)

_NOTHING = Withheld(why=Why.NO_HOLDOUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement(Reading):
    """A `Reading` that allows looking every day, among `compared` triggers.

    `p` is the hybrid rule's, `p_adjusted` the same among all triggers read together; both are
    None where the statistics did not speak. `early` is the sequence's interval at every look
    together, None before its gate opens. `ratio` is the relative difference. `alarm` watches
    for harm from the first customer on, beside the verdict. `checked` are the split's checks.
    """

    ratio: Estimate | Withheld = _NOTHING
    early: Estimate | None = None
    p: float | None = None
    p_adjusted: float | None = None
    compared: int = 1
    alarm: Alarm | Withheld = _NOTHING
    checked: Sequence[Finding] = field(default=())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """One trial before it is compared with the others; `cause` is the obstacle, if any."""

    trial: Trial
    treated: ArmCounts
    holdout: ArmCounts
    cause: Cause | None
    checked: tuple[Finding, ...] = ()
    effect: Estimate | None = None
    early: Estimate | None = None
    p: float | None = None


def judge(trials: Sequence[Trial]) -> list[Judgement]:
    """The verdicts of all triggers that are read together, in their order.

    While a trial runs, the confidence sequence may say better or worse at a fifth of 5 %; at its
    planned read-out the exact or score test, at the rest. Without a plan the sequence has all
    of it. Then Benjamini-Hochberg over all the trials. A verdict never contradicts the 95 %
    interval that it is shown with, and no count makes it raise.
    """
    looks = [_look(trial) for trial in trials]
    spoken = {str(index): look.p for index, look in enumerate(looks) if look.p is not None}
    adjusted = false_discovery(spoken)
    return [
        _judgement(look, adjusted.get(str(index)), len(spoken)) for index, look in enumerate(looks)
    ]


def _look(trial: Trial) -> _Look:
    treated, holdout = arm_counts(trial.treated), arm_counts(trial.holdout)
    if treated is None or holdout is None or not 0 <= trial.share <= 1:
        nobody = ArmCounts()
        return _Look(trial=trial, treated=nobody, holdout=nobody, cause=Cause.IMPOSSIBLE)
    checked = splits(trial)
    cause = obstacle(trial, checked) if trial.measured else Cause.NO_GOAL
    found = None if hidden(cause) else difference(*_table(treated, holdout))
    effect = found if isinstance(found, Estimate) else None
    early, p = (None, None) if cause or not effect else _statistics(trial, effect)
    return _Look(
        trial=trial, treated=treated, holdout=holdout, cause=cause, checked=checked,
        effect=effect, early=early, p=p,
    )  # fmt: skip


def _table(treated: Counted, holdout: Counted) -> tuple[int, int, int, int]:
    return treated.retained, treated.mature, holdout.retained, holdout.mature


def _statistics(trial: Trial, effect: Estimate) -> tuple[Estimate | None, float]:
    """The sequence, and the p-value at 5 % of whatever may speak by now."""
    table, plan = _table(trial.treated, trial.holdout), trial.plan
    if plan is None:
        early = early_look(*table, alpha=ALPHA, entrants=ENTRANTS)
        p = _agreeing(early, effect)
        return early, 1.0 if p is None else p
    early = early_look(*table, alpha=ALPHA * EARLY_SHARE, entrants=max(plan.entrants, 1))
    return early, hybrid_p(_agreeing(early, effect), _agreeing(_read_out(plan), effect))


def _read_out(plan: Plan) -> Estimate | None:
    """The comparison at the planned read-out; mute where it had too few to compare."""
    if plan.treated is None or plan.holdout is None:
        return None
    arms = arm_counts(plan.treated), arm_counts(plan.holdout)
    if any(arm is None or arm.retained < MIN_RETAINED for arm in arms):
        return None
    found = difference_with_p(*_table(plan.treated, plan.holdout))
    return found if isinstance(found, Estimate) else None


def _agreeing(part: Estimate | None, effect: Estimate) -> float | None:
    """The p-value of a part that points the same way as the present difference."""
    return part.p if part is not None and part.value * effect.value > 0 else None


def _judgement(look: _Look, p_adjusted: float | None, compared: int) -> Judgement:
    trial, effect = look.trial, look.effect
    cause = look.cause or _spoken(look, p_adjusted)
    if why := hidden(cause):
        return _blind(look, cause, Withheld(why=why))
    return Judgement(
        trigger=trial.trigger, version=trial.version, treated=look.treated, holdout=look.holdout,
        share=trial.share, srm_p=_srm_p(look.checked), cause=cause,
        diff=effect.value if effect else None, diff_ci=effect.interval if effect else None,
        mde=mde(look.treated, look.holdout),
        readable_on=_readable_on(look, cause), early=look.early, p=look.p, p_adjusted=p_adjusted,
        compared=max(compared, 1), checked=look.checked,
        ratio=relative(*_table(look.treated, look.holdout)), alarm=_alarm(look),
    )  # fmt: skip


def _blind(look: _Look, cause: Cause, nothing: Withheld) -> Judgement:
    """Who entered and what the checks said, and no count that tells of an effect."""
    return Judgement(
        trigger=look.trial.trigger, version=look.trial.version, share=look.trial.share,
        treated=ArmCounts(entered=look.treated.entered),
        holdout=ArmCounts(entered=look.holdout.entered),
        srm_p=_srm_p(look.checked), cause=cause, checked=look.checked, ratio=nothing,
        alarm=nothing,
    )  # fmt: skip


def _spoken(look: _Look, p_adjusted: float | None) -> Cause:
    """What the statistics say of a trial without an obstacle."""
    effect, plan = look.effect, look.trial.plan
    reached = plan is not None and plan.treated is not None and plan.holdout is not None
    if effect is None or look.p is None or p_adjusted is None:
        return Cause.SPANS_ZERO
    low, high = effect.interval
    clear = low > 0 or high < 0
    if clear and p_adjusted <= ALPHA:
        above, below = (
            (Cause.ABOVE_ZERO, Cause.BELOW_ZERO)
            if reached
            else (Cause.ABOVE_EARLY, Cause.BELOW_EARLY)
        )
        return above if low > 0 else below
    if clear and look.p <= ALPHA:
        return Cause.AMONG_MANY
    if plan is not None and not reached:
        return Cause.READ_OUT_AHEAD
    return Cause.ONE_LOOK if clear else Cause.SPANS_ZERO


def _srm_p(checked: Sequence[Finding]) -> float:
    whole = checked[0].p if checked else None
    return 1.0 if whole is None else whole


def _alarm(look: _Look) -> Alarm | Withheld:
    treated, holdout = look.trial.returned or (look.treated.retained, look.holdout.retained)
    counted = TwoCounts(holdout=holdout, treated=treated, share=look.trial.share)
    return alarm([counted]) if 0 < counted.share < 1 else _NOTHING


def _readable_on(look: _Look, cause: Cause) -> date | None:
    plan, pace = look.trial.plan, look.trial.pace
    if cause is not Cause.READ_OUT_AHEAD or plan is None or pace is None:
        return readable_on(look.treated, look.holdout, cause, pace)
    moment = pace.reaches(plan.entrants, look.treated.entered + look.holdout.entered)
    return None if moment is None or moment <= pace.at else moment.date()
