"""A time zone's clock as arithmetic on whole microseconds, exactly as Python's zoneinfo counts.

DuckDB's own conversion costs a look-up per row, and takes the later of two equal local times
where Python takes the earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from relance.domain.duration import Duration, Unit
from relance.engine.clock import EPOCH, microseconds

SECOND = 1_000_000
DAY = 86_400 * SECOND
_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)  # zones had no agreed offsets before
_STRIDE = timedelta(hours=12)  # no zone has changed its offset twice within
_LENGTHS = {Unit.MINUTE: 60 * SECOND, Unit.HOUR: 3600 * SECOND, Unit.DAY: DAY, Unit.WEEK: 7 * DAY}
_MONTHS = {Unit.MONTH: 1, Unit.YEAR: 12}


@dataclass(frozen=True, kw_only=True, slots=True)
class Offsets:
    """A zone's offsets from UTC over a stretch of time: `offsets[n]` until `changes[n]`.

    The methods take and give SQL expressions of BIGINT microseconds since 1970.
    """

    offsets: tuple[int, ...]
    changes: tuple[int, ...]  # instants, one fewer than the offsets

    @classmethod
    def of(cls, zone: ZoneInfo, low: datetime, high: datetime) -> Offsets:
        """The offsets between two instants; beyond them the nearest counts."""
        at = max(low.astimezone(UTC), _OLDEST)
        offsets, changes = [_offset(zone, at)], []
        while at < high:
            ahead = at + _STRIDE
            if _offset(zone, ahead) != offsets[-1]:
                changes.append(_change(zone, at, ahead))
                offsets.append(_offset(zone, ahead))
            at = ahead
        return cls(offsets=tuple(offsets), changes=tuple(changes))

    def local(self, instant: str) -> str:
        """What the clock on the wall shows at an instant."""
        return f"({instant} + {_steps(instant, self.changes, self.offsets)})"

    def instant(self, local: str) -> str:
        """When a clock on the wall shows this: the earlier of two such instants; where there is
        none, when it would have without the change (PEP 495, `fold=0`)."""
        switched = [
            change + max(before, after)
            for change, before, after in zip(
                self.changes, self.offsets, self.offsets[1:], strict=False
            )
        ]
        return f"({local} - {_steps(local, switched, self.offsets)})"

    def shifted(self, instant: str, local: str, length: Duration, sign: int) -> str:
        """So long after an instant (before it: `sign` is -1), as `Duration.after` counts.

        `local` is the same instant on the wall.
        """
        count = sign * length.count
        if length.unit in _MONTHS:
            months = f"to_months({count * _MONTHS[length.unit]})"
            return self.instant(f"epoch_us(make_timestamp({local}) + {months})")
        moved = count * _LENGTHS[length.unit]
        if length.unit in (Unit.MINUTE, Unit.HOUR):
            return f"({instant} + {moved})"
        return self.instant(f"({local} + {moved})")


def _offset(zone: ZoneInfo, at: datetime) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> int:
    """The first second of the offset that holds at `high` and not at `low`."""
    new = _offset(zone, high)
    begin, end = microseconds(low) // SECOND, microseconds(high) // SECOND
    while end - begin > 1:
        middle = (begin + end) // 2
        if _offset(zone, EPOCH + timedelta(seconds=middle)) == new:
            end = middle
        else:
            begin = middle
    return end * SECOND


def _steps(value: str, changes: Sequence[int], offsets: Sequence[int]) -> str:
    if not changes:
        return str(offsets[0])
    cases = " ".join(
        f"WHEN {value} < {change} THEN {offset}"
        for change, offset in zip(changes, offsets, strict=False)
    )
    return f"CASE {cases} ELSE {offsets[-1]} END"
