"""Each entrant's windows around entry, as SQL.

Every instant becomes a whole number on the scale of the events' own column: microseconds since
1970, microseconds of local time, or days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from relance.domain.duration import Duration, Unit
from relance.domain.study import WINDOWS, Study
from relance.engine.clock import EPOCH, Kind
from relance.engine.offsets import DAY, Offsets

NEVER = 2**62  # microseconds: later than any instant
FURTHEST = Duration(max(WINDOWS), Unit.DAY)
_ROUGH = 1.1  # a month may be so much longer than its rough length
_LONGEST = 200 * 366  # days; no event table is older


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """How the events' column tells instants; `offsets` are those of the source's zone."""

    kind: Kind
    offsets: Offsets

    def of(self, instant: str) -> str:
        """SQL for microseconds since 1970 on this scale."""
        if self.kind is Kind.INSTANT:
            return instant
        local = self.offsets.local(instant)
        return local if self.kind is Kind.LOCAL else _day(f"make_timestamp({local})::DATE")

    def column(self, name: str) -> str:
        """SQL for the events' column on this scale."""
        return _day(name) if self.kind is Kind.DAY else f"epoch_us({name})"

    @property
    def day(self) -> int:
        """How long most days are."""
        return 1 if self.kind is Kind.DAY else DAY


def _day(name: str) -> str:
    return f"(epoch_us({name}) // {DAY})"


def beginning(studies: Sequence[Study], lapsed_after: Duration, first: datetime) -> datetime:
    """An instant before all windows of entries from `first` on; some days too early."""
    lengths = [FURTHEST, lapsed_after, *(study.goal.within for study in studies)]
    seconds = max(length.rough_seconds for length in lengths) * _ROUGH
    periods = [(study.until - first).total_seconds() for study in studies if study.until]
    days = min(max(seconds, *periods, 0.0) / 86_400, _LONGEST)
    return max(first, EPOCH) - timedelta(days=days + 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """Writes SQL over the columns entry, local (the same on the workspace's wall) and until.

    `offsets` are those of the workspace's zone; `at` is the instant of the report, in
    microseconds. `studies` go by their place.
    """

    offsets: Offsets
    scale: Scale
    studies: Sequence[Study]
    lapsed_after: Duration
    at: int

    def table(self, first: str, studies: str, places: Sequence[int], key: str) -> str:
        """SQL for the entrants of some studies with their windows.

        Columns: id (the place of the row in `first`), study, holdout, vanished, entry, local,
        key; begins and ends (the study's own window, in microseconds), closed; days (so many
        are over); and on the events' scale t_begin, t_entry, t_end (the own window, and as long
        before), t_lapsed, t_low and t_high (what must be looked at).
        """
        scaled = self.scale.of
        listed = ", ".join(map(str, places))
        return f"""
WITH entrants AS (
  SELECT f.rowid AS id, f.study, f.holdout, f.vanished, f.entry, f.local, {key} AS key,
    s.until, least(s.until, {self.at}) AS closing, s.horizon
  FROM {first} AS f JOIN {studies} AS s USING (study) WHERE f.study IN ({listed})
), bounds AS (
  SELECT *, {self._own(places, 1)} AS ends, {self._own(places, -1)} AS begins,
    {self._shifted(self.lapsed_after, -1)} AS lapsed,
    {self._shifted(FURTHEST, -1)} AS furthest_before, {self._shifted(FURTHEST, 1)} AS furthest,
    (closing - entry) // {DAY} AS guess
  FROM entrants
), spans AS (
  SELECT *, least(furthest_before, begins, lapsed) AS low,
    least(closing, greatest(furthest, ends)) AS high
  FROM bounds
)
SELECT id, study, holdout, vanished, entry, local, key, begins, ends, ends <= {self.at} AS closed,
  least(horizon, {self._days_over()}) AS days,
  {scaled("begins")} AS t_begin, {scaled("entry")} AS t_entry, {scaled("ends")} AS t_end,
  {scaled("lapsed")} AS t_lapsed, {scaled("low")} AS t_low, {scaled("high")} AS t_high
FROM spans"""

    def aged(self, rows: str) -> str:
        """SQL for rows with the columns of `table` and two instants on the events' scale, with
        these as days of age.

        `back` is the day (from 1) whose end `first`, the first event after entry, does not miss;
        `last` the fewest days before entry that reach `latest`, the last event not after it.
        """
        scaled, day = self.scale.of, self.scale.day
        missed, reached = scaled("back_end"), scaled("back_begin")
        unreached, nearer = scaled("last_begin"), scaled("last_end")
        return f"""
WITH guesses AS (
  SELECT *, (first - t_entry + {day - 1}) // {day} AS back_guess,
    (t_entry - latest) // {day} + 1 AS last_guess
  FROM ({rows})
), edges AS (
  SELECT *, {self._whole("back_guess")} AS back_end,
    {self._whole("(back_guess - 1)")} AS back_begin,
    {self._whole("-last_guess")} AS last_begin,
    {self._whole("(1 - last_guess)")} AS last_end
  FROM guesses
)
SELECT *, {_corrected("back_guess", f"first > {missed}", f"first <= {reached}")} AS back,
  {_corrected("last_guess", f"latest <= {unreached}", f"latest > {nearer}")} AS last
FROM edges"""

    def _own(self, places: Sequence[int], sign: int) -> str:
        """SQL for the end of the study's own window, or (-1) of as long a time before entry."""
        lengths: dict[Duration, list[int]] = {}
        for place in places:
            lengths.setdefault(self.studies[place].goal.within, []).append(place)
        cases = " ".join(
            f"WHEN study IN ({', '.join(map(str, several))}) THEN {self._shifted(within, sign)}"
            for within, several in lengths.items()
        )
        until = "until" if sign > 0 else "2 * entry - until"
        return f"CASE WHEN until < {NEVER} THEN {until} {cases} END"

    def _shifted(self, length: Duration, sign: int) -> str:
        return self.offsets.shifted("entry", "local", length, sign)

    def _whole(self, days: str) -> str:
        return self.offsets.instant(f"(local + {days} * {DAY})")

    def _days_over(self) -> str:
        """SQL for how many days of age are over, each to its end."""
        return (
            f"CASE WHEN {self._whole('(guess + 1)')} <= closing THEN guess + 1"
            f" WHEN {self._whole('guess')} <= closing THEN guess ELSE guess - 1 END"
        )


def _corrected(guess: str, more: str, fewer: str) -> str:
    """Days have 24 hours but for those on which the clocks change: the guess is off by one."""
    return (
        f"CASE WHEN {more} THEN {guess} + 1"
        f" WHEN {guess} > 1 AND {fewer} THEN {guess} - 1 ELSE {guess} END"
    )
