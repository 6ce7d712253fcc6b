"""The health checks of one trigger, from what was counted of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from relance.domain.arm import Arm
from relance.domain.ledger import Skip
from relance.domain.study import Lateness
from relance.uplift.health import Split
from relance.uplift.report import Followed
from relance.uplift.sums import Sums

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
