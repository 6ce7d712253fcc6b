"""From what was counted to what is reported: verdicts, metrics, curves, health, worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relance.domain.arm import Arm
from relance.domain.study import Lateness, Shrunk, Study
from relance.domain.trigger import Goal
from relance.uplift.health import Finding, Health, Overlap, overlap
from relance.uplift.judge import Judgement, judge
from relance.uplift.outcomes import Outcomes
from relance.uplift.planning import Pace
from relance.uplift.report import Followed, TriggerReport
from relance.uplift.soundness import channel_splits, week_splits
from relance.uplift.sums import Sums, by_version
from relance.uplift.trial import Plan, Trial


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
    sums = [counted.get((one.trigger, one.version), Sums()) for one in subjects]
    found = judge([_trial(one, own, at) for one, own in zip(subjects, sums, strict=True)])
    return [
        _report(one, own, judged, at)
        for one, own, judged in zip(subjects, sums, found, strict=True)
    ]


def overlaps(outcomes: Outcomes) -> list[Finding]:
    """Pairs of triggers that share most of the smaller one's customers, the closest first."""
    found = [
        overlap(
            Overlap(
                one=pair.one,
                other=pair.other,
                entered_one=pair.entered_one,
                entered_other=pair.entered_other,
                both=pair.both,
            )
        )
        for pair in outcomes.pairs
    ]
    close = [one for one in found if one.health is Health.WARNING]
    return sorted(close, key=lambda one: (-(one.size or 0.0), one.label))


def _trial(subject: Subject, sums: Sums, at: datetime) -> Trial:
    study = subject.study
    days = study.days if study else 0
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


def _report(subject: Subject, sums: Sums, judged: Judgement, at: datetime) -> TriggerReport:
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
    """A study whose windows all close at one instant is readable then, and not before."""
    until = subject.study.until if subject.study else None
    if until is None or judged.hidden or judged.settled:
        return judged
    return replace(judged, readable_on=until.date() if until > at else None)
