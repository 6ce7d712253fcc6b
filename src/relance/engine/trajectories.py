"""Trajectories counted from spells: everybody's way through the segments, set by set.

Every spell is two marks on a customer's time line: a bit that goes up and comes down again. The
running sum of the marks is the set of segments that hold the customer, at every instant at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import pyarrow as pa

from relance.domain.trajectory import GONE, NONE, NOT_YET, Counted, Move, Span, Stays
from relance.engine.clock import microseconds
from relance.engine.workbench import Workbench

MOST_BITS = 62  # a signed integer of 64 bits holds so many sums
_DAY = 86_400_000_000  # microseconds
_CLOCKS = 3_600_000_000  # a day may be an hour longer or shorter than 24: the clocks change
_SPELLS = pa.schema(
    [
        ("customer", pa.string()),
        ("entered_at", pa.timestamp("us", "UTC")),
        ("left_at", pa.timestamp("us", "UTC")),
        ("baseline", pa.bool_()),
        ("place", pa.int32()),
    ]
)


class Paths:
    """The spells of one period, loaded once and counted for any choice of segments.

    Spells have the columns customer, entered_at, left_at, baseline and place: a segment's number,
    below `bits` for those that may be asked for (at most `MOST_BITS`), from there on for segments
    that only say who was a customer. All of them touch `span`.
    """

    def __init__(self, spells: Iterable[pa.RecordBatch], span: Span, bits: int) -> None:
        self._span = span
        self._begin, self._until = microseconds(span.begin), microseconds(span.until)
        self._workbench = Workbench(None, ZoneInfo("UTC"))
        try:
            reader = pa.RecordBatchReader.from_batches(_SPELLS, spells)
            self._spells = self._workbench.load(reader, "spells")
            self._walk = self._workbench.create(self._walks(bits), "walk")
        except BaseException:
            self._workbench.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._workbench.close()

    def _walks(self, bits: int) -> str:
        """One row per customer and instant of change, the state at the begin among them: what
        changed, and what held from then on."""
        bit = f"CASE WHEN place < {bits} THEN 1::BIGINT << least(place, {bits}) ELSE 0 END"
        other = f"CASE WHEN place < {bits} THEN 0 ELSE 1 END"
        return f"""
WITH marks AS (
  SELECT customer, greatest(epoch_us(entered_at), {self._begin}) AS t, {bit} AS bit,
    {other} AS other FROM {self._spells}
  UNION ALL
  SELECT customer, epoch_us(left_at), -({bit}), -({other}) FROM {self._spells}
  WHERE epoch_us(left_at) <= {self._until}
), changes AS (
  SELECT customer, t, sum(bit)::BIGINT AS bit, sum(other)::BIGINT AS other
  FROM marks GROUP BY customer, t
)
SELECT customer, t, bit, other, (sum(bit) OVER line)::BIGINT AS mask,
  (sum(other) OVER line)::BIGINT AS others
FROM changes WINDOW line AS (PARTITION BY customer ORDER BY t)"""

    def masks(self) -> list[int]:
        """Every set of segments that held some customer at once in the period, each once."""
        rows = self._workbench.run(f"SELECT DISTINCT mask FROM {self._walk} WHERE mask <> 0")
        return sorted(_whole(mask) for (mask,) in rows)

    def count(self, places: Mapping[str, int], bounds: Sequence[datetime]) -> Counted:
        """Moves, entries and exits by week (between `bounds`), and lengths of stay, for segments
        by name in order, each with its place in the spells."""
        names = [*places, NONE]
        with self._workbench.scope():
            path = self._workbench.create(self._paths(list(places.values())), "path")
            steps = self._steps(path, bounds)
            return Counted(
                matrix=self._matrix(path, names),
                steps=_moves(names, ((b, a, n) for b, a, _, n in steps)),
                entries=_weekly(names, ((w, a, n) for _, a, w, n in steps), GONE),
                exits=_weekly(names, ((w, b, n) for b, _, w, n in steps), NOT_YET),
                stays=self._stays(places),
                overlapping=self._overlapping(list(places.values())),
            )

    def _paths(self, places: Sequence[int]) -> str:
        before = _state("mask - bit", "others - other", places)
        after = _state("mask", "others", places)
        return f"SELECT customer, t, {before} AS before, {after} AS after FROM {self._walk}"

    def _matrix(self, path: str, names: Sequence[str]) -> dict[Move, int]:
        nobody = len(names)
        rows = self._workbench.run(
            f"""
SELECT start, finish, count(*) FROM (
  SELECT coalesce(max(CASE WHEN t = {self._begin} THEN after END), {nobody}) AS start,
    arg_max(after, t) AS finish
  FROM {path} GROUP BY customer
) GROUP BY ALL"""
        )
        return _moves(names, rows)

    def _steps(self, path: str, bounds: Sequence[datetime]) -> list[tuple[int, int, int, int]]:
        """(before, after, week, number): as few rows as there are kinds of moves and weeks."""
        ends = ", ".join(f"({n}, {microseconds(end)})" for n, end in enumerate(bounds[1:]))
        rows = self._workbench.run(
            f"""
WITH steps AS (
  SELECT before, after, t, count(*) AS n FROM {path}
  WHERE t > {self._begin} AND before <> after GROUP BY ALL
), weeks(week, until) AS (VALUES {ends})
SELECT before, after, week, sum(n)::BIGINT FROM steps ASOF JOIN weeks ON steps.t <= weeks.until
GROUP BY ALL"""
        )
        return [(_whole(b), _whole(a), _whole(w), _whole(n)) for b, a, w, n in rows]

    def _overlapping(self, places: Sequence[int]) -> int:
        asked = sum(1 << place for place in places)
        ((number,),) = self._workbench.run(
            f"SELECT count(DISTINCT customer) FROM {self._walk} WHERE bit_count(mask & {asked}) > 1"
        )
        return _whole(number)

    def _stays(self, places: Mapping[str, int]) -> list[Stays]:
        ended = f"epoch_us(left_at) <= {self._until}"
        length = "epoch_us(left_at) - epoch_us(entered_at)"
        so_far = f"{self._until} - epoch_us(entered_at)"
        rows = self._workbench.run(
            f"""
SELECT place, count(*) FILTER ({ended} AND NOT baseline),
  median(({length}) / {_DAY}) FILTER ({ended} AND NOT baseline),
  avg(({length}) / {_DAY}) FILTER ({ended} AND NOT baseline),
  count(*) FILTER ({ended} AND baseline), count(*) FILTER (NOT ({ended}) AND NOT baseline),
  median(({so_far}) / {_DAY}) FILTER (NOT ({ended}) AND NOT baseline),
  count(*) FILTER (NOT ({ended}) AND baseline)
FROM {self._spells} WHERE place IN ({_listed(places.values())}) GROUP BY place"""
        )
        found = {_whole(row[0]): row[1:] for row in rows}
        days = self._days(places.values(), ended, length, so_far)
        return [
            _stay(name, found[place], days[place]) if place in found else Stays(segment=name)
            for name, place in places.items()
        ]

    def _days(
        self, places: Iterable[int], ended: str, length: str, so_far: str
    ) -> Mapping[int, Counter[tuple[int, bool]]]:
        """(day, ended) → number, of the spells that began in the period."""
        rows = self._workbench.run(
            f"""
SELECT place, {ended} AS over, count(*), CASE WHEN {ended}
  THEN greatest(1, ceil((({length}) - {_CLOCKS}) / {_DAY}))
  ELSE floor((({so_far}) + {_CLOCKS}) / {_DAY}) END::BIGINT AS day
FROM {self._spells} WHERE NOT baseline AND epoch_us(entered_at) > {self._begin}
  AND place IN ({_listed(places)}) GROUP BY ALL"""
        )
        found: defaultdict[int, Counter[tuple[int, bool]]] = defaultdict(Counter)
        for place, over, number, day in rows:
            found[_whole(place)][_whole(day), bool(over)] += _whole(number)
        return found


def _state(mask: str, others: str, places: Sequence[int]) -> str:
    """The number of the first segment that holds somebody; after the last one, that only others
    do; after that, that none does."""
    whens = " ".join(
        f"WHEN (({mask}) & {1 << place}) <> 0 THEN {number}" for number, place in enumerate(places)
    )
    known = f"WHEN ({mask}) <> 0 OR ({others}) > 0 THEN {len(places)}"
    return f"CASE {whens} {known} ELSE {len(places) + 1} END"


def _listed(places: Iterable[int]) -> str:
    return ", ".join(map(str, places))


def _moves(names: Sequence[str], rows: Iterable[tuple[object, ...]]) -> dict[Move, int]:
    starts, ends = [*names, NOT_YET], [*names, GONE]
    found: Counter[Move] = Counter()
    for before, after, number in rows:
        found[starts[_whole(before)], ends[_whole(after)]] += _whole(number)
    return dict(found)


def _weekly(
    names: Sequence[str], rows: Iterable[tuple[int, int, int]], nobody: str
) -> dict[tuple[int, str], int]:
    places = [*names, nobody]
    found: Counter[tuple[int, str]] = Counter()
    for week, place, number in rows:
        found[week, places[place]] += number
    return dict(found)


def _stay(name: str, row: Sequence[object], days: Counter[tuple[int, bool]]) -> Stays:
    ended, median, mean, ended_unknown, still, so_far, still_unknown = row
    return Stays(
        segment=name,
        ended=_whole(ended),
        median=_number(median),
        mean=_number(mean),
        ended_unknown=_whole(ended_unknown),
        open=_whole(still),
        open_median=_number(so_far),
        open_unknown=_whole(still_unknown),
        days=_watched(days),
    )


def _watched(days: Counter[tuple[int, bool]]) -> list[tuple[int, int]]:
    """How many were watched on each day, and how many ended on it."""
    last = max((day for day, _ in days), default=0)
    left, found = sum(days.values()) - sum(n for (day, _), n in days.items() if day < 1), []
    for day in range(1, last + 1):
        found.append((left, days[day, True]))
        left -= days[day, True] + days[day, False]
    return found


def _whole(value: object) -> int:
    return int(value)  # type: ignore[call-overload,no-any-return]  # DuckDB's rows are untyped


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
