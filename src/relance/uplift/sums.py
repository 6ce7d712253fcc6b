"""What was counted of one version of a trigger, put together from arms and weeks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol, TypeVar

from relance.domain.arm import Arm
from relance.domain.study import Metric
from relance.uplift.moments import Moments, merge
from relance.uplift.outcomes import AgeDay, Cell, Entered, Key, Outcomes, SpendSums
from relance.uplift.survival import Day
from relance.uplift.verdict import ArmCounts


class People(NamedTuple):
    """One arm as it was counted, possible or not (`ArmCounts` are possible)."""

    entered: int = 0
    mature: int = 0
    retained: int = 0


class Summed(NamedTuple):
    """One metric of one arm, over all weeks; see `outcomes.Cell`."""

    customers: int
    hits: int
    hits_before: int
    moments: Moments


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """Everything that the engine counted of one version of a trigger."""

    entered: Sequence[Entered] = ()
    cells: Sequence[Cell] = ()
    ages: Sequence[AgeDay] = ()
    spend: Mapping[Arm, SpendSums] = field(default_factory=dict)
    planned: Mapping[Arm, ArmCounts] = field(default_factory=dict)
    shared: int | None = None

    def people(self, arm: Arm, week: date | None = None) -> People:
        """One arm's entrants, of one week or of all."""
        rows = [one for one in self.entered if one.arm is arm and week in (None, one.week)]
        return People(
            entered=sum(one.customers for one in rows),
            mature=sum(one.closed for one in rows),
            retained=sum(one.retained for one in rows),
        )

    @property
    def weeks(self) -> list[date]:
        """The Mondays of the weeks in which anybody entered, in order."""
        return sorted({one.week for one in self.entered})

    def vanished(self, arm: Arm) -> int:
        """Entrants of one arm who are no longer in the customers table."""
        return sum(one.vanished for one in self.entered if one.arm is arm)

    def spent(self, arm: Arm) -> SpendSums:
        """What one arm spent; where it was not counted, nobody spent anything."""
        return self.spend.get(arm) or SpendSums(
            trigger="",
            version="",
            arm=arm,
            customers=0,
            buyers=0,
            moments=Moments(),
            third=0.0,
            cap=0.0,
            capped=Moments(),
            amounts=(),
        )

    def summed(self, metric: Metric, days: int, arm: Arm) -> Summed | None:
        """One metric over one window; None where it was not counted."""
        rows = [
            one
            for one in self.cells
            if one.arm is arm and one.metric is metric and one.days == days
        ]
        if not rows:
            return None
        return Summed(
            customers=sum(one.customers for one in rows),
            hits=sum(one.hits for one in rows),
            hits_before=sum(one.hits_before for one in rows),
            moments=merge(one.moments for one in rows),
        )

    def days(self, arm: Arm) -> list[Day]:
        """One arm by days since entry, from the first day on; a day without a row had nobody."""
        found = {one.day: one for one in self.ages if one.arm is arm}
        last = max(found, default=0)
        rows = [found.get(day) for day in range(1, last + 1)]
        return [
            Day(at_risk=one.at_risk, events=one.events) if one else Day(at_risk=0, events=0)
            for one in rows
        ]

    def returned(self, arm: Arm, days: int) -> int:
        """Who has returned within `days` so far, open windows included."""
        rows = [one for one in self.ages if one.arm is arm and one.day <= days]
        return max(sum(one.events for one in rows), self.people(arm).retained)


class _Versioned(Protocol):
    @property
    def trigger(self) -> str: ...

    @property
    def version(self) -> str: ...


V = TypeVar("V", bound=_Versioned)


def by_version(outcomes: Outcomes) -> Mapping[Key, Sums]:
    """The outcomes of each version; of a version that is not there, nothing was counted."""
    entered, cells = _grouped(outcomes.entered), _grouped(outcomes.cells)
    ages, spend = _grouped(outcomes.ages), _grouped(outcomes.spend)
    planned: dict[Key, dict[Arm, ArmCounts]] = defaultdict(dict)
    for (trigger, version, arm), counted in outcomes.planned.items():
        planned[trigger, version][arm] = counted
    keys = {*entered, *cells, *ages, *spend, *planned, *outcomes.shared}
    return {
        key: Sums(
            entered=entered.get(key, ()),
            cells=cells.get(key, ()),
            ages=ages.get(key, ()),
            spend={one.arm: one for one in spend.get(key, ())},
            planned=planned.get(key, {}),
            shared=outcomes.shared.get(key),
        )
        for key in keys
    }


def _grouped(rows: Iterable[V]) -> dict[Key, list[V]]:
    groups: dict[Key, list[V]] = defaultdict(list)
    for row in rows:
        groups[row.trigger, row.version].append(row)
    return dict(groups)
