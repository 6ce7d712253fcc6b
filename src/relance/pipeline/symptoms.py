"""One segment held against the five mistakes: from what is known of it to what is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from relance.domain.life import Life
from relance.domain.trigger import Trigger
from relance.domain.workspace import Segment, Workspace
from relance.pipeline.criteria import by_date, demographic
from relance.uplift import checkup
from relance.uplift.checkup import Cohort, Mistake, Pair, Power, Sign, Symptom, Window
from relance.uplift.health import Health
from relance.uplift.survey import TableAge
from relance.uplift.verdict import MIN_RETAINED

_GAPS = 7  # so many usual gaps without a row come by chance once in a thousand times (Poisson)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the state knows of a trigger's results: its first entry, and the last report."""

    first_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Everything that is known of one segment, before it is judged.

    `every` is the longest pause of its triggers' schedules; `tables` the event tables that it
    looks at, by event; `used` says that another definition or a step refers to it.
    """

    segment: Segment
    at: datetime
    customers: int
    members: int
    window: Window
    cohort: Cohort
    power: Power
    life: Life | None
    every: timedelta
    tables: Mapping[str, TableAge]
    overlaps: Sequence[Pair]
    triggers: Sequence[Trigger]
    readings: Mapping[str, Reading]
    used: Sequence[str]


def symptoms(workspace: Workspace, known: Known) -> list[Symptom]:
    """Everything found, mistake by mistake; of each at least one symptom, if only that all is
    well or that nothing can be said."""
    return [
        *_few_criteria(known),
        *_out_of_date(workspace, known),
        *_irrelevant(workspace, known),
        *_over_segmented(known),
        *_never_analysed(workspace, known),
    ]


def _few_criteria(known: Known) -> Iterator[Symptom]:
    cohort = known.cohort
    if by_date(known.triggers):
        yield Symptom(mistake=Mistake.FEW_CRITERIA, sign=Sign.BY_DATE, health=Health.GOOD)
        return
    values: dict[str, checkup.Value] = {"members": cohort.members, "returned": cohort.returned}
    if cohort.alike is None:
        sign, health = cohort.no_alike or Sign.NO_EVENT, Health.SILENT
    elif cohort.alike < checkup.ALIKE:
        sign, health = Sign.BROAD, Health.FAILED
    else:
        sign, health = Sign.ALIKE, Health.GOOD
    more = {} if cohort.alike is None else {"alike": cohort.alike}
    yield Symptom(
        mistake=Mistake.FEW_CRITERIA, sign=sign, health=health,
        values={**values, **more, **_rates(known)},
    )  # fmt: skip


def _rates(known: Known) -> dict[str, checkup.Value]:
    """The segment's rate and the base's, as far as there are any, and what they are of."""
    goal = known.window.goal
    rates = {"rate": known.cohort.rate, "base": known.window.rate}
    named: dict[str, checkup.Value] = {n: v for n, v in rates.items() if v is not None}
    if goal is not None:
        named |= {"event": goal.event, "days": timedelta(seconds=goal.within.rough_seconds)}
    return named


def _out_of_date(workspace: Workspace, known: Known) -> Iterator[Symptom]:
    found = [*_old_data(workspace, known), *_old_life(known)]
    if not found:
        ages = [known.at - t.newest for t in known.tables.values() if t.newest is not None]
        newest = min(ages, default=timedelta(0))
        evaluated = known.at - known.life.at if known.life else timedelta(0)
        values: dict[str, checkup.Value] = {
            "data": max(newest, timedelta(0)),
            "run": max(evaluated, timedelta(0)),
        }
        found = [Symptom(mistake=Mistake.OUT_OF_DATE, sign=Sign.FRESH, health=Health.GOOD,
                         values=values)]  # fmt: skip
    yield from found


def _old_data(workspace: Workspace, known: Known) -> Iterator[Symptom]:
    """Tables without anything new for twice the schedule, where it cannot be chance."""
    for event, age in known.tables.items():
        table = workspace.events[event].table
        if age.newest is None:
            yield _stale(Sign.DATA_EMPTY, Health.FAILED, {"table": table})
            continue
        silence = known.at - age.newest
        span = known.window.then_at and age.newest - known.window.then_at
        usual = span / age.recent if span and age.recent else timedelta(0)
        if silence > max(checkup.LATE * known.every, _GAPS * usual):
            values: dict[str, checkup.Value] = {
                "table": table,
                "silence": silence,
                "every": known.every,
            }
            yield _stale(Sign.DATA_OLD, Health.FAILED, values)


def _old_life(known: Known) -> Iterator[Symptom]:
    life = known.life
    if life is None:
        yield _stale(Sign.NEVER_RUN, Health.WARNING, {})
        return
    if known.at - life.at > checkup.LATE * known.every:
        values: dict[str, checkup.Value] = {"silence": known.at - life.at, "every": known.every}
        yield _stale(Sign.RUN_OLD, Health.FAILED, values)
    if life.version != known.segment.version:
        yield _stale(Sign.CHANGED, Health.WARNING, {})
        return
    if known.at - life.since > checkup.OLD_DEFINITION:
        yield _stale(Sign.DEFINITION_OLD, Health.WARNING, {"age": known.at - life.since})
    looked = life.sizes[0][0] if life.sizes else life.since  # nobody entered since then
    entered = life.last_entered or max(life.since, looked)
    window = known.window.then_at and known.at - known.window.then_at
    if known.triggers and window and known.at - entered > max(window, checkup.LATE * known.every):
        yield _stale(Sign.NOBODY_ENTERS, Health.WARNING, {"silence": known.at - entered})


def _stale(sign: Sign, health: Health, values: Mapping[str, checkup.Value]) -> Symptom:
    return Symptom(mistake=Mistake.OUT_OF_DATE, sign=sign, health=health, values=values)


def _irrelevant(workspace: Workspace, known: Known) -> Iterator[Symptom]:
    cohort, values = known.cohort, _rates(known)
    if by_date(known.triggers):
        yield _useless(Sign.BY_DATE, Health.GOOD, {})
        return
    if demographic(workspace, known.segment):
        yield _useless(Sign.DEMOGRAPHICS, Health.FAILED, values)
    lift = cohort.lift
    if lift is None:
        yield _useless(cohort.no_lift or Sign.NO_EVENT, Health.SILENT,
                       {**values, "members": cohort.members})  # fmt: skip
        return
    low, high = lift.interval
    values |= {"lift": f"{lift.value:.2f}", "low": f"{low:.2f}", "high": f"{high:.2f}"}
    values |= {"members": cohort.members, "returned": cohort.returned}
    if not low <= 1 <= high:
        yield _useless(Sign.LIFT, Health.GOOD, values)
    elif low >= 1 / checkup.EVEN and high <= checkup.EVEN:
        yield _useless(Sign.NO_LIFT, Health.FAILED, values)
    else:
        yield _useless(Sign.WIDE, Health.SILENT, values)


def _useless(sign: Sign, health: Health, values: Mapping[str, checkup.Value]) -> Symptom:
    return Symptom(mistake=Mistake.IRRELEVANT, sign=sign, health=health, values=values)


def _over_segmented(known: Known) -> Iterator[Symptom]:
    found = [*_size(known), *_overlaps(known)]
    if all(one.health is Health.SILENT for one in found):
        values = _size_values(known)
        found.insert(0, _divided(Sign.SIZE, Health.GOOD, values))
    yield from found


def _size_values(known: Known) -> dict[str, checkup.Value]:
    power = known.power
    share = known.members / known.customers if known.customers else 0.0
    rise = {} if power.rise is None else {"rise": power.rise}
    return {
        "members": known.members, "customers": known.customers, "share": share,
        "entrants": int(power.entrants), "held_out": int(power.entrants * power.share),
        "holdout": power.share, **rise, **_rates(known),
    }  # fmt: skip


def _size(known: Known) -> Iterator[Symptom]:
    values, power = _size_values(known), known.power
    if not known.customers:
        yield _divided(Sign.NO_CUSTOMERS, Health.SILENT, {})
        return
    if not known.members and power.entrants < 1:
        yield _divided(Sign.EMPTY, Health.FAILED, values)
        return
    held_out = power.entrants * power.share
    few = known.cohort.rate is not None and held_out * known.cohort.rate < MIN_RETAINED
    if held_out < checkup.LEAST or (few and known.cohort.members >= checkup.LEAST):
        yield _divided(Sign.TOO_SMALL, Health.FAILED, values)
    if known.members > checkup.TOO_LARGE * known.customers and not by_date(known.triggers):
        yield _divided(Sign.TOO_LARGE, Health.FAILED, values)


def _overlaps(known: Known) -> Iterator[Symptom]:
    for pair in known.overlaps:
        values: dict[str, checkup.Value] = {
            "other": pair.other, "both": pair.both, "jaccard": pair.jaccard,
            "containment": pair.containment,
        }  # fmt: skip
        if pair.jaccard >= checkup.DUPLICATE:
            yield _divided(Sign.DUPLICATE, Health.FAILED, values)
        elif pair.jaccard >= checkup.OVERLAP:
            yield _divided(Sign.OVERLAP, Health.WARNING, values)
        elif pair.containment >= checkup.DUPLICATE:
            yield _divided(Sign.CONTAINED, Health.WARNING, values)


def _divided(sign: Sign, health: Health, values: Mapping[str, checkup.Value]) -> Symptom:
    return Symptom(mistake=Mistake.OVER_SEGMENTED, sign=sign, health=health, values=values)


def _never_analysed(workspace: Workspace, known: Known) -> Iterator[Symptom]:
    if not known.triggers:
        if known.used:
            yield _unread(Sign.USED, Health.GOOD, {"by": ", ".join(known.used)})
        else:
            yield _unread(Sign.UNUSED, Health.WARNING, {})
        return
    for trigger in known.triggers:
        yield from _analysed(workspace, known, trigger)


def _analysed(workspace: Workspace, known: Known, trigger: Trigger) -> Iterator[Symptom]:
    values: dict[str, checkup.Value] = {"trigger": trigger.name}
    if trigger.holdout == 0:
        yield _unread(Sign.NO_HOLDOUT, Health.FAILED, values)
    if trigger.goal is None:
        yield _unread(Sign.NO_GOAL, Health.FAILED, values)
    if trigger.holdout == 0 or trigger.goal is None:
        return
    reading = known.readings.get(trigger.name, Reading(first_at=None, read_at=None))
    closed = reading.first_at and trigger.goal.within.after(reading.first_at, workspace.zone)
    if closed is None or closed > known.at:
        yield _unread(Sign.NOT_YET, Health.SILENT, values)
    elif reading.read_at is None or reading.read_at < closed:
        yield _unread(Sign.NOT_READ, Health.FAILED, {**values, "since": known.at - closed})
    elif known.at - reading.read_at > checkup.OLD_READING:
        silence = known.at - reading.read_at
        yield _unread(Sign.READ_LONG_AGO, Health.WARNING, {**values, "silence": silence})
    else:
        yield _unread(Sign.ANALYSED, Health.GOOD, {**values, "holdout": trigger.holdout})


def _unread(sign: Sign, health: Health, values: Mapping[str, checkup.Value]) -> Symptom:
    return Symptom(mistake=Mistake.NEVER_ANALYSED, sign=sign, health=health, values=values)
