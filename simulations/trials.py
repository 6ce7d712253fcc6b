"""Trials of one trigger with a known truth, looked at every day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relance.uplift.alarm import ALARM_P, Alarm
from relance.uplift.comparison import score_p
from relance.uplift.judge import Judgement, judge
from relance.uplift.sequential import ALPHA
from relance.uplift.trial import Plan, Trial
from relance.uplift.verdict import ArmCounts, Verdict

DAYS, PER_DAY, SHARE = 50, 100, 0.1
ENTRANTS = DAYS * PER_DAY
CLEAR = {Verdict.BETTER, Verdict.WORSE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """The rates at which customers return without and with the message."""

    base: float
    rate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one trial, looked at on each of its days, ever said."""

    verdict: bool  # ever better or worse
    wrong_side: bool  # ever clear against the truth (without an effect: ever better)
    plain_end: bool  # the usual test, once, on the last day
    plain_ever: bool  # the usual test on any day
    alarm: bool  # the two-count test at its level on any day
    harm: bool  # ... and for harm
    split: bool  # the split was ever called broken


def run(truth: Truth, seed: int) -> Outcome:
    """One trial of 50 days and 5,000 entrants, a tenth held out, judged every evening."""
    random = np.random.default_rng([20_261_122, round(truth.base * 1e4), seed])
    held = random.binomial(PER_DAY, SHARE, DAYS)
    sizes = np.cumsum(held), np.cumsum(PER_DAY - held)
    back = (
        np.cumsum(random.binomial(held, truth.base)),
        np.cumsum(random.binomial(PER_DAY - held, truth.rate)),
    )
    evenings = [
        (_arm(sizes[1][day], back[1][day]), _arm(sizes[0][day], back[0][day]))
        for day in range(DAYS)
    ]
    judged = [_judged(*arms, last=day == DAYS - 1) for day, arms in enumerate(evenings)]
    plain = [_plain(*arms) for arms in evenings]
    return _outcome(judged, plain, truth)


def _arm(size: int, back: int) -> ArmCounts:
    return ArmCounts(entered=int(size), mature=int(size), retained=int(back))


def _judged(treated: ArmCounts, holdout: ArmCounts, *, last: bool) -> Judgement:
    plan = Plan(
        entrants=ENTRANTS, treated=treated if last else None, holdout=holdout if last else None
    )
    trial = Trial(
        trigger="simulated", version="1", treated=treated, holdout=holdout, share=SHARE, plan=plan
    )
    return judge([trial])[0]


def _plain(treated: ArmCounts, holdout: ArmCounts) -> bool:
    """The usual test at 5 %, as everybody does it."""
    arms = (treated.retained, treated.mature, holdout.retained, holdout.mature)
    return score_p(*arms) <= ALPHA


def _outcome(judged: list[Judgement], plain: list[bool], truth: Truth) -> Outcome:
    verdicts = {one.verdict for one in judged}
    rising = truth.rate > truth.base
    alarms = [one.alarm for one in judged if isinstance(one.alarm, Alarm)]
    return Outcome(
        verdict=bool(verdicts & CLEAR),
        wrong_side=(Verdict.WORSE if rising else Verdict.BETTER) in verdicts,
        plain_end=plain[-1],
        plain_ever=any(plain),
        alarm=any(one.p <= ALARM_P for one in alarms),
        harm=any(one.harm for one in alarms),
        split=Verdict.SRM_FAILED in verdicts,
    )
