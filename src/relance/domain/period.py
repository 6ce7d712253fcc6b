"""How long a global holdout lasts: its period's name, which is its salt, and its bounds."""

from __future__ import annotations

from datetime import datetime

from relance.domain.workspace import Rotation

_MONTHS = {
    Rotation.MONTH: 1,
    Rotation.QUARTER: 3,
    Rotation.HALF_YEAR: 6,
    Rotation.YEAR: 12,
}
_NAMES = {
    Rotation.MONTH: "{year}-{number:02d}",
    Rotation.QUARTER: "{year}Q{number}",
    Rotation.HALF_YEAR: "{year}H{number}",
    Rotation.YEAR: "{year}",
}


def holdout_period(local: datetime, rotation: Rotation) -> str:
    """The period of a local time: `2026-11`, `2026Q4`, `2026H2` or `2026`.

    The global holdout is drawn anew in each, so that nobody is left out for ever.
    """
    number = (local.month - 1) // _MONTHS[rotation] + 1
    return _NAMES[rotation].format(year=local.year, number=number)


def period_bounds(local: datetime, rotation: Rotation) -> tuple[datetime, datetime]:
    """The period of a local time: from its first midnight up to, and without, the next one's.

    Both are in the local time's own zone.
    """
    months = _MONTHS[rotation]
    first = (local.month - 1) // months * months
    begin = datetime(local.year, first + 1, 1, tzinfo=local.tzinfo)
    year, month = divmod(first + months, 12)
    return begin, datetime(local.year + year, month + 1, 1, tzinfo=local.tzinfo)
