"""How a trigger went over time: curves by days since entry, cohorts by week, older versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from relance.domain.arm import Arm
from relance.domain.study import Study
from relance.uplift.comparison import difference
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.figures import Cohort, Curves, Versions
from relance.uplift.health import Health
from relance.uplift.outcomes import Key
from relance.uplift.pooling import Stratum, pool
from relance.uplift.soundness import week_splits
from relance.uplift.sums import People, Sums
from relance.uplift.survival import Curve, Day, curve, difference_at
from relance.uplift.trial import Trial, arm_counts, splits
from relance.uplift.verdict import ArmCounts


def curves(sums: Sums, hidden: Why | None) -> Curves:
    """Retained by days since entry in both arms, and the difference on each day."""
    if hidden:
        nothing = Withheld(why=hidden)
        return Curves(treated=nothing, holdout=nothing)
    treated, holdout = sums.days(Arm.TREATED), sums.days(Arm.HOLDOUT)
    open_still = _censored(treated, sums.people(Arm.TREATED)) or _censored(
        holdout, sums.people(Arm.HOLDOUT)
    )
    one, base = (_marked(curve(arm), preliminary=open_still) for arm in (treated, holdout))
    return Curves(treated=one, holdout=base, effect=_effects(one, base), preliminary=open_still)


def _marked(found: Curve | Withheld, *, preliminary: bool) -> Curve | Withheld:
    return found if isinstance(found, Withheld) else replace(found, preliminary=preliminary)


def _censored(days: Sequence[Day], arm: People) -> bool:
    """Whether anybody was lost from sight before the last day without having returned."""
    staying = arm.entered
    for day in days:
        if day.at_risk < staying:
            return True
        staying = day.at_risk - day.events
    return False


def _effects(one: Curve | Withheld, base: Curve | Withheld) -> tuple[Estimate | None, ...]:
    if isinstance(one, Withheld) or isinstance(base, Withheld):
        return ()
    last = max(len(one.points), len(base.points))
    found = [difference_at(one, base, day) for day in range(1, last + 1)]
    return tuple(None if isinstance(each, Withheld) else each for each in found)


def cohorts(sums: Sums, hidden: Why | None) -> list[Cohort]:
    """Who entered in each week, and what became of them; nobody while numbers are hidden."""
    if hidden:
        return []
    return [
        _cohort(week, sums.people(Arm.TREATED, week), sums.people(Arm.HOLDOUT, week))
        for week in sums.weeks
    ]


def _cohort(week: date, treated: People, holdout: People) -> Cohort:
    arms = arm_counts(treated), arm_counts(holdout)
    one, base = (arm or ArmCounts() for arm in arms)
    if None in arms:
        found: Estimate | Withheld = Withheld(why=Why.IMPOSSIBLE)
    else:
        found = difference(one.retained, one.mature, base.retained, base.mature)
    return Cohort(week=week, treated=one, holdout=base, difference=found)


def versions(
    present: Study, earlier: Sequence[Study], counted: Mapping[Key, Sums], hidden: Why | None
) -> Versions | None:
    """The present version and the older ones as one number; None where there is only one.

    A version whose own split is broken is left out; one whose share nobody knows is believed.
    """
    if hidden:
        return None
    entered = [one for one in (present, *earlier) if _entrants(counted.get(one.key, Sums()))]
    if len(entered) < 2:
        return None
    sound = [one for one in entered if not _broken(one, counted[one.key])]
    strata = [_stratum(counted[one.key]) for one in sound]
    compared = [one for one in strata if one.treated and one.holdout]
    return Versions(
        versions=len(compared),
        treated=sum(one.treated for one in compared),
        holdout=sum(one.holdout for one in compared),
        difference=pool(strata),
        left_out=len(entered) - len(sound),
    )


def _entrants(sums: Sums) -> int:
    return sum(sums.people(arm).entered for arm in Arm)


def _broken(study: Study, sums: Sums) -> bool:
    if study.share is None:
        return False
    trial = Trial(
        trigger=study.trigger,
        version=study.version,
        treated=sums.people(Arm.TREATED),
        holdout=sums.people(Arm.HOLDOUT),
        share=study.share,
        parts=(week_splits(sums),),
    )
    return any(one.health is Health.FAILED for one in splits(trial))


def _stratum(sums: Sums) -> Stratum:
    treated, holdout = sums.people(Arm.TREATED), sums.people(Arm.HOLDOUT)
    return Stratum(
        treated_hits=treated.retained,
        treated=treated.mature,
        holdout_hits=holdout.retained,
        holdout=holdout.mature,
    )
