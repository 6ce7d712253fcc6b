"""From what was counted to what is reported: verdicts, metrics, curves, health, worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relance.domain.arm import Arm
from relance.domain.study import PROGRAMME, Lateness, Metric, Shrunk, Study
from relance.domain.trigger import Goal
from relance.uplift.course import cohorts, curves, versions
from relance.uplift.estimate import Why, Withheld
from relance.uplift.figures import MetricReading
from relance.uplift.health import Finding, Health, Overlap, overlap
from relance.uplift.judge import Judgement, judge
from relance.uplift.metrics import metric_readings
from relance.uplift.money import Worth, no_worth, worth
from relance.uplift.outcomes import Key, Outcomes, Pair
from relance.uplift.planning import Pace
from relance.uplift.report import Followed, TriggerReport
from relance.uplift.revenue import Revenue, revenue
from relance.uplift.soundness import channel_splits, findings, week_splits
from relance.uplift.sums import Sums, by_version
from relance.uplift.trial import Plan, Trial
from relance.uplift.verdict import Cause

_WHOLE_PERIOD = 10**6  # days: a study until an instant has no shorter window


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject(Followed):
    """One trigger in its present version, and what the state knows about it.

    `share` is the configured holdout (0 to 1). `study` is None without a goal; `earlier` are the
    studies of older versions, by the same goal. `sent_by` are messages taken by a provider, by
    channel or by whatever else has a price. `window` is the length of the goal's window at the
    first entry; with `first_at` it tells when there will be enough.
    """

    trigger: str
    version: str
    share: float
    study: Study | None = None
    earlier: Sequence[Study] = ()
    description: str = ""
    goal: Goal | None = None
    sent_by: Mapping[str, int]
    lateness: Sequence[Lateness] = ()
    shrunk: Shrunk | None = None
    window: timedelta | None = None


def assess(
    subjects: Sequence[Subject],
    outcomes: Outcomes,
    *,
    at: datetime,
    prices: Mapping[str, float],
) -> list[TriggerReport]:
    """One report per subject, in their order, judged together.

    Subjects that belong together (all triggers of a workspace) go in together: the more are
    read at once, the stricter each is judged. `prices` are of one message, by the keys of
    `sent_by`; what has none is free. No input raises; what cannot be is named in the report.
    """
    counted = by_version(outcomes)
    found = judge([_trial(one, _own(one, counted), at) for one in subjects])
    return [
        _measured(
            _report(one, judged, at),
            one,
            counted,
            prices,
            _close(pair for pair in outcomes.pairs if one.trigger in (pair.one, pair.other)),
        )
        for one, judged in zip(subjects, found, strict=True)
    ]


def overlaps(outcomes: Outcomes) -> list[Finding]:
    """Pairs of triggers that share most of the smaller one's customers, the closest first."""
    return _close(outcomes.pairs)


def _close(pairs: Iterable[Pair]) -> list[Finding]:
    found = [_overlap(pair) for pair in pairs if PROGRAMME not in (pair.one, pair.other)]
    close = [one for one in found if one.health is Health.WARNING]
    return sorted(close, key=lambda one: (-(one.size or 0.0), one.label))


def _overlap(pair: Pair) -> Finding:
    return overlap(
        Overlap(
            one=pair.one,
            other=pair.other,
            entered_one=pair.entered_one,
            entered_other=pair.entered_other,
            both=pair.both,
        )
    )


def _own(subject: Subject, counted: Mapping[Key, Sums]) -> Sums:
    return counted.get((subject.trigger, subject.version), Sums())


def _trial(subject: Subject, sums: Sums, at: datetime) -> Trial:
    study = subject.study
    days = 0 if study is None else study.days if study.until is None else _WHOLE_PERIOD
    treated, holdout = sums.people(Arm.TREATED), sums.people(Arm.HOLDOUT)
    entrants = treated.entered + holdout.entered
    channels = channel_splits(subject.lateness, subject, subject.share, entrants)
    return Trial(
        trigger=subject.trigger,
        version=subject.version,
        treated=treated,
        holdout=holdout,
        share=subject.share,
        measured=study is not None,
        parts=(week_splits(sums), channels),
        plan=_plan(study, sums),
        pace=_pace(subject, at),
        shrunk=subject.shrunk is not None,
        returned=(sums.returned(Arm.TREATED, days), sums.returned(Arm.HOLDOUT, days)),
    )


def _plan(study: Study | None, sums: Sums) -> Plan | None:
    """The planned read-out, with its counts once every window of its entrants is closed."""
    if study is None or study.read_out is None:
        return None
    treated, holdout = sums.planned.get(Arm.TREATED), sums.planned.get(Arm.HOLDOUT)
    mature = sum(arm.mature for arm in (treated, holdout) if arm is not None)
    if treated is None or holdout is None or mature < study.read_out:
        return Plan(entrants=study.read_out)
    return Plan(entrants=study.read_out, treated=treated, holdout=holdout)


def _pace(subject: Subject, at: datetime) -> Pace | None:
    if subject.first_at is None or subject.window is None:
        return None
    return Pace(began=subject.first_at, at=at, window=subject.window)


def _report(subject: Subject, judged: Judgement, at: datetime) -> TriggerReport:
    """The verdict, and what happened to people and messages."""
    return TriggerReport(
        trigger=subject.trigger,
        version=subject.version,
        description=subject.description,
        at=at,
        goal=subject.goal,
        reading=_dated(subject, judged, at),
        read_out=subject.study.read_out if subject.study else None,
        runs=subject.runs,
        entered=sum(subject.refused.values()) + subject.treated + subject.held_out,
        treated=subject.treated,
        held_out=subject.held_out,
        refused=subject.refused,
        sent=subject.sent,
        failed=subject.failed,
        unknown=subject.unknown,
        pending=subject.pending,
        skipped=subject.skipped,
        by_state=subject.by_state,
        first_at=subject.first_at,
    )


def _dated(subject: Subject, judged: Judgement, at: datetime) -> Judgement:
    """A study whose windows all close at one instant is readable then, and too early before."""
    until = subject.study.until if subject.study else None
    if until is None or judged.hidden or judged.settled:
        return judged
    if until <= at:
        return replace(judged, readable_on=None)
    cause = Cause.FEW_CLOSED if judged.cause is Cause.FEW_ENTRANTS else judged.cause
    return replace(judged, cause=cause, readable_on=until.date())


def _measured(
    report: TriggerReport,
    subject: Subject,
    counted: Mapping[Key, Sums],
    prices: Mapping[str, float],
    close: Sequence[Finding],
) -> TriggerReport:
    """With everything that is measured beside the verdict, or withheld as that is."""
    study, sums, judged = subject.study, _own(subject, counted), report.reading
    if study is None or not isinstance(judged, Judgement):
        return report
    spent = _revenue(sums, judged.hidden)
    metrics = metric_readings(study, sums, judged, spent)
    return replace(
        report,
        metrics=metrics,
        curves=curves(sums, judged.hidden),
        cohorts=cohorts(sums, judged.hidden),
        findings=(
            *judged.checked,
            *findings(study, sums, subject.lateness, subject.shrunk),
            *close,
        ),
        revenue=spent,
        worth=_worth(judged, metrics, subject.sent_by, prices),
        versions=versions(study, subject.earlier, counted, judged.hidden),
    )


def _revenue(sums: Sums, hidden: Why | None) -> Revenue | None:
    """None where the goal's event has no amount."""
    if not sums.spend:
        return None
    if hidden:
        nothing = Withheld(why=hidden)
        return Revenue(
            effect=nothing, buyers=nothing, per_buyer_treated=None, per_buyer_holdout=None
        )
    return revenue(sums.spent(Arm.TREATED), sums.spent(Arm.HOLDOUT))


def _worth(
    judged: Judgement,
    metrics: Sequence[MetricReading],
    sent: Mapping[str, int],
    prices: Mapping[str, float],
) -> Worth:
    """Of the treated with closed windows, once the verdict is settled; what it cost, before."""
    if judged.hidden:
        return no_worth(judged.hidden)
    unsettled = None if judged.settled else Withheld(why=Why.UNSETTLED)
    spent = next(one.difference for one in metrics if one.metric is Metric.REVENUE)
    return worth(
        judged.treated.mature, unsettled or metrics[0].difference, unsettled or spent, sent, prices
    )
