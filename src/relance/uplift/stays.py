"""How long customers stay in a segment, from spells of which some still go on."""

from __future__ import annotations

from dataclasses import dataclass

from relance.domain.trajectory import Stays
from relance.uplift.estimate import Withheld
from relance.uplift.survival import Day, curve

_HALF = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class HalfLeft:
    """After how many days half had left, of those who came in the period, by Kaplan-Meier.

    `low` and `high` are the days between which the 95 % interval of the curve crosses one half
    (Brookmeyer & Crowley 1982, Biometrics 38:29); None where it does not yet. `day` is None where
    more than half were still there on the last day watched, `watched`.
    """

    came: int
    watched: int
    left: float
    day: int | None
    low: int | None
    high: int | None


def half_left(stays: Stays) -> HalfLeft | None:
    """The median stay with its interval; None where nobody came, or nobody for a day."""
    found = curve([Day(at_risk=at_risk, events=events) for at_risk, events in stays.days])
    if isinstance(found, Withheld):
        return None
    points = found.points
    return HalfLeft(
        came=stays.days[0][0],
        watched=len(points),
        left=points[-1].retained,
        day=next((one.day for one in points if one.retained >= _HALF), None),
        low=next((one.day for one in points if one.interval.high >= _HALF), None),
        high=next((one.day for one in points if one.interval.low >= _HALF), None),
    )
