"""The health checks of one trigger, from what was counted of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from relance.domain.arm import Arm
from relance.domain.ledger import Skip
from relance.domain.study import Lateness, Metric, Shrunk, Study
from relance.uplift.health import (
    Before,
    Bought,
    Finding,
    Split,
    balance,
    delay,
    shared_addresses,
    shrunk,
    vanished,
)
from relance.uplift.moments import Moments, merge
from relance.uplift.report import Followed
from relance.uplift.revenue import MIN_BUYERS
from relance.uplift.sums import Summed, Sums
from relance.uplift.verdict import MIN_MATURE

# skips that a message can meet and a ghost cannot
_TREATED_ONLY = (Skip.EXPIRED, Skip.DROPPED, Skip.TEMPLATE)


def week_splits(sums: Sums) -> list[Split]:
    """The entries by week."""
    return [
        Split(
            treated=sums.people(Arm.TREATED, week).entered,
            holdout=sums.people(Arm.HOLDOUT, week).entered,
            label=week_label(week),
        )
        for week in sums.weeks
    ]


def week_label(monday: date) -> str:
    """A week as ISO 8601 names it: `2026-W03`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def channel_splits(
    lateness: Sequence[Lateness], followed: Followed, share: float, entrants: int
) -> list[Split]:
    """The first messages by channel, against their ghosts; `entrants` are both arms' people.

    Ghosts wait for no provider: messages still queued, or refused a sending that no ghost is,
    may be the missing ones, and count as sent where some are missing. Who enters again has the
    same arm again and proves nothing more: no more messages count than people.
    """
    counted: dict[str, dict[Arm, int]] = defaultdict(lambda: dict.fromkeys(Arm, 0))
    for one in lateness:
        counted[one.channel][one.arm] += one.messages
    waiting = followed.pending + sum(followed.skipped.get(reason, 0) for reason in _TREATED_ONLY)
    splits = [
        _excused(arms[Arm.TREATED], arms[Arm.HOLDOUT], channel, share, waiting)
        for channel, arms in sorted(counted.items())
    ]
    messages = sum(one.treated + one.holdout for one in splits)
    return [_thinned(one, entrants / messages) if messages > entrants else one for one in splits]


def _excused(treated: int, holdout: int, channel: str, share: float, waiting: int) -> Split:
    fair = round(holdout * (1 - share) / share) if 0 < share < 1 else treated
    return Split(
        treated=treated + max(0, min(waiting, fair - treated)), holdout=holdout, label=channel
    )


def _thinned(one: Split, factor: float) -> Split:
    return Split(
        treated=round(one.treated * factor), holdout=round(one.holdout * factor), label=one.label
    )


def findings(
    study: Study, sums: Sums, lateness: Sequence[Lateness], lost: Shrunk | None
) -> list[Finding]:
    """Every check but that of the split, which comes with the verdict."""
    found = [] if lost is None else [shrunk(lost.table, lost.before, lost.now)]
    found += balance(_before(study, sums))
    if lateness:
        found.append(delay(_late(lateness, Arm.TREATED), _late(lateness, Arm.HOLDOUT)))
    treated, holdout = (sums.people(arm).entered for arm in (Arm.TREATED, Arm.HOLDOUT))
    if sums.shared is not None:
        found.append(shared_addresses(treated + holdout, sums.shared))
    if treated and holdout:
        gone = (sums.vanished(Arm.TREATED), sums.vanished(Arm.HOLDOUT))
        found.append(vanished(treated, gone[0], holdout, gone[1]))
    return found


def _before(study: Study, sums: Sums) -> list[Before | Bought]:
    """The goal's metrics in as long a time before entry, where there are enough to compare."""
    found: list[Before | Bought] = []
    for metric in (Metric.RETAINED, Metric.ORDERS, Metric.REVENUE):
        arms = [sums.summed(metric, study.days, arm) for arm in (Arm.TREATED, Arm.HOLDOUT)]
        treated, holdout = arms
        if treated is None or holdout is None:
            continue
        if metric is Metric.RETAINED:
            found.append(_bought(treated, holdout))
        elif _comparable(treated, metric) and _comparable(holdout, metric):
            found.append(
                Before(label=metric.value, treated=_earlier(treated), holdout=_earlier(holdout))
            )
    return found


def _bought(treated: Summed, holdout: Summed) -> Bought:
    return Bought(
        label=Metric.RETAINED.value,
        treated_hits=treated.hits_before,
        treated=treated.customers,
        holdout_hits=holdout.hits_before,
        holdout=holdout.customers,
    )


def _comparable(arm: Summed, metric: Metric) -> bool:
    """Whether a mean of so few may be taken for a bell curve; the rare large amount is not."""
    hits = MIN_BUYERS if metric is Metric.REVENUE else 1
    return arm.customers >= MIN_MATURE and arm.hits_before >= hits


def _earlier(arm: Summed) -> Moments:
    """The moments of the covariate alone."""
    return Moments(n=arm.moments.n, mean=arm.moments.before, m2=arm.moments.before_m2)


def _late(lateness: Sequence[Lateness], arm: Arm) -> Moments:
    return merge(
        Moments(n=one.messages, mean=one.mean, m2=one.m2) for one in lateness if one.arm is arm
    )
