"""Studies counted by hand: plain Python over every customer, event and day, with no SQL at all."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import numpy as np

from relance.domain.arm import Arm
from relance.domain.duration import Duration, Unit
from relance.domain.study import PROGRAMME, WINDOWS, Metric, Study
from relance.uplift.moments import Moments
from relance.uplift.outcomes import AgeDay, Cell, Entered, Key, Outcomes, Pair, SpendSums
from relance.uplift.verdict import ArmCounts

Moment = datetime | date  # as the events' column writes it


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A row of the customers table."""

    key: str
    email: str | None = None
    phone: str | None = None
    household: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A row of the event table; `at` is an instant, a local time without a zone, or a day."""

    customer: str
    at: Moment
    amount: float | None = None
    category: str = "shoes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A row of the ledger."""

    trigger: str
    version: str
    arm: Arm
    customer: str
    at: datetime
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """Everything that a report is counted from. `kind` is how `Order.at` is written."""

    zone: ZoneInfo
    source_zone: ZoneInfo
    kind: str  # instant, local, day
    at: datetime
    people: Sequence[Person]
    orders: Sequence[Order]
    entries: Sequence[Entry]
    studies: Sequence[Study]
    optouts: Sequence[tuple[str, datetime]] = ()
    lapsed_after: Duration = field(default_factory=lambda: Duration.parse("180 days"))
    whole_keys: bool = False

    def written(self, instant: datetime) -> Moment:
        """An instant as the event table would write it."""
        if self.kind == "instant":
            return instant.astimezone(UTC)
        local = instant.astimezone(self.source_zone).replace(tzinfo=None)
        return local if self.kind == "local" else local.date()


@dataclass(frozen=True, kw_only=True)
class Life:
    """One first entry, and what can be said of it."""

    shop: Shop
    study: Study
    entry: Entry

    @property
    def closing(self) -> datetime:
        return min(self.shop.at, self.study.until or self.shop.at)

    def end(self, length: Duration | None) -> datetime:
        """The end of a window; None is the study's own."""
        if length is None and self.study.until is not None:
            return self.study.until
        return (length or self.study.goal.within).after(self.entry.at, self.shop.zone)

    def begin(self, length: Duration | None) -> datetime:
        if length is None and self.study.until is not None:
            return self.entry.at - (self.study.until - self.entry.at)
        return (length or self.study.goal.within).before(self.entry.at, self.shop.zone)

    def closed(self, length: Duration | None) -> bool:
        return self.end(length) <= self.closing

    @property
    def orders(self) -> list[Order]:
        wanted = {test.comparisons[0].value for test in self.study.goal.where}
        return [
            order
            for order in self.shop.orders
            if order.customer == self.entry.customer
            and order.at <= self.shop.written(self.shop.at)  # type: ignore[operator]  # alike
            and (not wanted or order.category in wanted)
        ]

    def between(self, low: datetime, high: datetime) -> list[Order]:
        begin, end = self.shop.written(low), self.shop.written(high)
        return [order for order in self.orders if begin < order.at <= end]  # type: ignore[operator]

    def after(self, length: Duration | None) -> list[Order]:
        return self.between(self.entry.at, self.end(length))

    def before(self, length: Duration | None) -> list[Order]:
        return self.between(self.begin(length), self.entry.at)

    @property
    def lapsed(self) -> bool:
        start = self.shop.lapsed_after.before(self.entry.at, self.shop.zone)
        return not self.between(start, self.entry.at)

    def opted(self, low: datetime, high: datetime) -> bool:
        return any(
            customer == self.entry.customer and low < at <= min(high, self.shop.at)
            for customer, at in self.shop.optouts
        )

    @property
    def horizon(self) -> int:
        return max(*WINDOWS, self.study.days)

    @property
    def watched(self) -> int:
        """So many whole days of age are over."""
        return sum(self.closed(Duration(day, Unit.DAY)) for day in range(1, self.horizon + 1))

    @property
    def returned(self) -> int | None:
        """The day of age of the first order, where that day is over."""
        for day in range(1, self.watched + 1):
            if self.between(self.entry.at, min(self.end(Duration(day, Unit.DAY)), self.closing)):
                return day
        return None

    @property
    def week(self) -> date:
        day = self.entry.at.astimezone(self.shop.zone).date()
        return day - timedelta(days=day.weekday())

    @property
    def vanished(self) -> bool:
        return self.entry.customer not in {person.key for person in self.shop.people}


def money(orders: Sequence[Order]) -> float:
    return math.fsum(order.amount for order in orders if usable(order.amount))  # type: ignore[misc]


def usable(amount: float | None) -> bool:
    return amount is not None and math.isfinite(amount)


def unit_of(shop: Shop, entry: Entry) -> str:
    homes = {person.key: person.household for person in shop.people}
    home = homes.get(entry.customer)
    return entry.unit or (f"household:{home}" if home else entry.customer)


def lives(shop: Shop) -> list[Life]:
    """The first entry of each unit in each study."""
    found = []
    for study in shop.studies:
        mine = [
            entry
            for entry in shop.entries
            if (entry.trigger, entry.version) == study.key
            and entry.at <= shop.at
            and (study.until is None or entry.at < study.until)
        ]
        units: dict[str, Entry] = {}
        for entry in sorted(mine, key=lambda one: (one.at, one.customer), reverse=True):
            units[unit_of(shop, entry)] = entry
        found += [Life(shop=shop, study=study, entry=entry) for entry in units.values()]
    return found


def expected(shop: Shop) -> Outcomes:
    """What the engine must say of a shop; the order of rows is nobody's business."""
    every = lives(shop)
    if not every:
        return Outcomes()
    return Outcomes(
        entered=list(_entered(every)),
        cells=list(_cells(every)),
        ages=list(_ages(every)),
        spend=list(_spend(every)),
        planned=dict(_planned(every)),
        shared=dict(_shared(shop, every)),
        pairs=list(_pairs(shop, every)),
    )


def grouped(every: Sequence[Life], *, weekly: bool) -> Mapping[tuple[object, ...], list[Life]]:
    groups: dict[tuple[object, ...], list[Life]] = defaultdict(list)
    for life in every:
        week = (life.week,) if weekly else ()
        groups[(*life.study.key, life.entry.arm, *week)].append(life)
    return groups


def _entered(every: Sequence[Life]) -> Iterator[Entered]:
    for (trigger, version, arm, week), group in grouped(every, weekly=True).items():
        closed = [life for life in group if life.closed(None)]
        yield Entered(
            trigger=str(trigger),
            version=str(version),
            arm=Arm(str(arm)),
            week=week,  # type: ignore[arg-type]  # a date
            customers=len(group),
            closed=len(closed),
            retained=sum(bool(life.after(None)) for life in closed),
            vanished=sum(life.vanished for life in group),
        )


def _values(life: Life) -> Iterator[tuple[Metric, int, bool, float, float]]:
    """Metric, days, whether it counts, its value and the value before entry."""
    study = life.study
    lengths: dict[int, Duration | None] = {days: Duration(days, Unit.DAY) for days in WINDOWS}
    lengths.setdefault(study.days, None)
    for days, length in lengths.items():
        hits = (float(bool(orders)) for orders in (life.after(length), life.before(length)))
        yield Metric.RETAINED, days, life.closed(length), *hits  # type: ignore[misc]
    closed, after, before = life.closed(None), life.after(None), life.before(None)
    yield Metric.ORDERS, study.days, closed, len(after), len(before)
    yield Metric.REVENUE, study.days, closed, money(after), money(before)
    reactivated = float(bool(after)), float(bool(before))
    yield Metric.REACTIVATED, study.days, closed and life.lapsed, *reactivated
    left = life.opted(life.entry.at, life.end(None)), life.opted(life.begin(None), life.entry.at)
    yield Metric.UNSUBSCRIBED, study.days, closed, *map(float, left)  # type: ignore[misc]


def _cells(every: Sequence[Life]) -> Iterator[Cell]:
    for (trigger, version, arm, week), group in grouped(every, weekly=True).items():
        pairs: dict[tuple[Metric, int], list[tuple[float, float]]] = defaultdict(list)
        for life in group:
            for metric, days, counts, value, before in _values(life):
                if counts:
                    pairs[metric, days].append((value, before))
        for (metric, days), values in pairs.items():
            yield Cell(
                trigger=str(trigger),
                version=str(version),
                arm=Arm(str(arm)),
                week=week,  # type: ignore[arg-type]  # a date
                metric=metric,
                days=days,
                customers=len(values),
                hits=sum(value > 0 for value, _ in values),
                hits_before=sum(before > 0 for _, before in values),
                moments=Moments.of_values([v for v, _ in values], [b for _, b in values]),
            )


def _ages(every: Sequence[Life]) -> Iterator[AgeDay]:
    for (trigger, version, arm), group in grouped(every, weekly=False).items():
        told = [(life.watched, life.returned) for life in group]
        for day in range(1, group[0].horizon + 1):
            at_risk = [
                back for watched, back in told if watched >= day and (back is None or back >= day)
            ]
            yield AgeDay(
                trigger=str(trigger),
                version=str(version),
                arm=Arm(str(arm)),
                day=day,
                at_risk=len(at_risk),
                events=at_risk.count(day),
            )


def _spend(every: Sequence[Life]) -> Iterator[SpendSums]:
    arms = {
        key: [life for life in group if life.closed(None)]
        for key, group in grouped(every, weekly=False).items()
    }
    for (trigger, version, arm), group in arms.items():
        if not group:
            continue
        both = {one: arms.get((trigger, version, one), []) for one in Arm}
        spent = {one: [money(life.after(None)) for life in both[one]] for one in Arm}
        buyers = {one: sorted(filter(None, spent[one])) for one in Arm}
        smaller = min(Arm, key=lambda one: (len(spent[one]), len(buyers[one])))
        few = all(spent.values()) and len(buyers[smaller]) <= 500
        totals = [amount for one in Arm for amount in buyers[one]]
        cap = float(np.percentile(totals, 95)) if totals else 0.0
        mine = Arm(str(arm))
        moments = Moments.of_values(spent[mine])
        events = [order.amount for life in group for order in life.after(None)]
        yield SpendSums(
            trigger=str(trigger),
            version=str(version),
            arm=mine,
            customers=len(group),
            buyers=len(buyers[mine]),
            moments=moments,
            third=math.fsum((amount - moments.mean) ** 3 for amount in spent[mine]),
            cap=cap,
            capped=Moments.of_values([min(a, cap) if totals else a for a in spent[mine]]),
            amounts=buyers[mine] if few else None,
            negative=sum(usable(amount) and amount < 0 for amount in events),  # type: ignore[operator]
            not_finite=sum(amount is not None and not usable(amount) for amount in events),
        )


def _planned(every: Sequence[Life]) -> Iterator[tuple[tuple[str, str, Arm], ArmCounts]]:
    for study in {id(life.study): life.study for life in every}.values():
        if study.read_out is None:
            continue
        mine = sorted((life for life in every if life.study is study), key=_place)
        for (*_, arm), group in grouped(mine[: study.read_out], weekly=False).items():
            closed = [life for life in group if life.closed(None)]
            counts = ArmCounts(
                entered=len(group),
                mature=len(closed),
                retained=sum(bool(life.after(None)) for life in closed),
            )
            yield (*study.key, Arm(str(arm))), counts


def _place(life: Life) -> tuple[datetime, str]:
    return life.entry.at, hashlib.sha256(unit_of(life.shop, life.entry).encode()).hexdigest()


def _shared(shop: Shop, every: Sequence[Life]) -> Iterator[tuple[Key, int]]:
    people = {person.key: person for person in shop.people}
    for study in shop.studies:
        mine = [life.entry for life in every if life.study is study]
        reached = [
            (one, address)
            for one in mine
            for address in _addresses(people.get(one.customer))
            if address[0] in study.addresses
        ]
        sharing = {
            one.customer + one.arm
            for one, address in reached
            for other, same in reached
            if same == address and one.arm != other.arm and one.customer != other.customer
        }
        yield study.key, sum(one.customer + one.arm in sharing for one in mine)


def _addresses(person: Person | None) -> list[tuple[str, str]]:
    if person is None:
        return []
    digits = "".join(letter for letter in person.phone or "" if letter in "0123456789")
    both = {"email": (person.email or "").strip().lower(), "phone": digits}
    return [(kind, address) for kind, address in both.items() if address]


def _pairs(shop: Shop, every: Sequence[Life]) -> Iterator[Pair]:
    present: dict[str, Study] = {}
    for study in shop.studies:
        if study.trigger != PROGRAMME:
            present.setdefault(study.trigger, study)
    entered = {
        name: {life.entry.customer for life in every if life.study is study}
        for name, study in present.items()
    }
    for (one, left), (other, right) in combinations(entered.items(), 2):
        if left & right:
            yield Pair(
                one=one,
                other=other,
                entered_one=len(left),
                entered_other=len(right),
                both=len(left & right),
            )
