"""One look at an event table: what each entrant did before and after entry, one row each."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from relance.domain.duration import Duration
from relance.domain.study import Study
from relance.domain.trigger import Goal
from relance.domain.workspace import EventSpec
from relance.engine.aggregates import fields_tested
from relance.engine.clock import EPOCH, Kind, kind_of, microseconds
from relance.engine.columns import Reading, column_of
from relance.engine.entrants import Entrants, week_of
from relance.engine.narrowing import Only
from relance.engine.profile import Profiles
from relance.engine.rows import CHUNK, chunked
from relance.engine.windows import Scale, Windows, beginning
from relance.engine.workbench import Workbench, compiled

LARGEST = 1e30  # no amount of money; the cubes of larger ones leave the range of doubles


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Studies, by their places, whose goals are the same events."""

    goal: Goal
    places: tuple[int, ...]


def looks(studies: Sequence[Study], entered: Container[object]) -> list[Look]:
    """As few looks as the goals of those studies allow that somebody (by their place) entered."""
    groups: dict[object, list[int]] = {}
    for place, study in enumerate(studies):
        if place in entered:
            groups.setdefault((study.goal.event, study.goal.where), []).append(place)
    return [Look(goal=studies[p[0]].goal, places=tuple(p)) for p in groups.values()]


@dataclass(frozen=True, kw_only=True)
class Looker:
    """Takes looks for one report. `optouts` is a scratch table of the entrants who opted out:
    id (the place in `entrants.first`), and after and before: the nearest to their entry."""

    workbench: Workbench
    profiles: Profiles
    entrants: Entrants
    studies: Sequence[Study]
    optouts: str
    lapsed_after: Duration

    def take(self, look: Look) -> str:
        """A scratch table of what the entrants did, one row each.

        Columns: id, study, holdout, week, vanished; closed (their own window); days (so many
        are over), back (the day of the first event after entry) and last (so many days reach
        the last one before); lapsed; orders, spent, opted and the same `_before` entry; and
        negative and broken, the events that are no revenue.
        """
        spec = self.profiles.event(look.goal.event)
        events = self._events(spec, look)
        scale = Scale(kind=kind_of(events["at"].type()), offsets=self.entrants.source_offsets)
        windows = Windows(
            offsets=self.entrants.offsets,
            scale=scale,
            studies=self.studies,
            lapsed_after=self.lapsed_after,
            at=microseconds(self.profiles.clock.at),
        )
        key = self.entrants.keyed(kind_of(events["owner"].type()))
        around = self.workbench.create(
            windows.table(self.entrants.first, self.entrants.studies, look.places, key), "windows"
        )
        seen = self.workbench.create(_seen(around, self._rows(events), scale), "seen")
        return self.workbench.create(_facts(windows, around, seen, self.optouts), "facts")

    def _events(self, spec: EventSpec, look: Look) -> ir.Table:
        """The goal's events that somebody could have: owner, at, amount and broken."""
        clock, goal = self.profiles.clock, look.goal
        events = self.profiles.events(spec, fields_tested(goal.where), self._money(spec))
        tests = [self.profiles.passes(events, spec, test) for test in goal.where]
        tests.append(~clock.later(events.at, clock.at))
        tests.append(clock.later(events.at, self._earliest(look)))
        return events.filter(*tests).select("owner", "at", "amount", "broken")

    def _earliest(self, look: Look) -> datetime:
        """An instant before all windows."""
        listed = ", ".join(map(str, look.places))
        (entry,) = self.workbench.numbers(
            f"SELECT min(entry) FROM {self.entrants.first} WHERE study IN ({listed})"
        )
        mine = [self.studies[place] for place in look.places]
        return beginning(mine, self.lapsed_after, EPOCH + timedelta(microseconds=entry))

    def _money(self, spec: EventSpec) -> dict[str, ir.Value]:
        """Each event's amount, and whether it has one that is no amount of money."""
        if spec.amount is None:
            return {"amount": ibis.null("float64"), "broken": ibis.literal(False)}
        raw = column_of(self.profiles.source.table(spec.table), spec.table, spec.amount)
        value = self.profiles.field(spec, ("amount", Reading.NUMBER)).cast("float64")
        usable = value.abs() < LARGEST
        broken = ~usable
        if kind_of(raw.type()) is Kind.TEXT:
            broken = broken | self.profiles.reader.unreadable(raw, Reading.NUMBER)
        elif raw.type().is_floating():
            broken = broken | raw.isnan()
        return {
            "amount": usable.ifelse(value, ibis.null("float64")),
            "broken": ibis.coalesce(broken, ibis.literal(False)),
        }

    def _rows(self, events: ir.Table) -> str:
        """SQL for the events; a server's are copied, those of few customers alone."""
        source = self.profiles.source
        if not source.remote:
            return f"({compiled(events)})"
        if self.entrants.customers <= CHUNK:
            keys = [key for some in chunked(self.workbench, self.entrants.asked) for key in some]
            events = Only(keys=keys).rows(events, events.owner)
        return self.workbench.load(source.fetch(events), "events")


def _seen(windows: str, events: str, scale: Scale) -> str:
    """SQL for what happened in each window; without a row where nothing did."""
    after, own = "e.t > w.t_entry", "e.t > w.t_entry AND e.t <= w.t_end"
    before, own_before = "e.t <= w.t_entry", "e.t <= w.t_entry AND e.t > w.t_begin"
    return f"""
SELECT w.id, min(e.t) FILTER ({after}) AS first, max(e.t) FILTER ({before}) AS latest,
  count(*) FILTER ({own}) AS orders,
  count(*) FILTER ({own_before}) AS orders_before,
  sum(e.amount) FILTER ({own}) AS spent,
  sum(e.amount) FILTER ({own_before}) AS spent_before,
  count(*) FILTER ({own} AND e.amount < 0) AS negative,
  count(*) FILTER ({own} AND e.broken) AS broken
FROM {windows} AS w
JOIN (SELECT owner, {scale.column('"at"')} AS t, amount, broken FROM {events}) AS e
  ON e.owner = w.key AND e.t > w.t_low AND e.t <= w.t_high
GROUP BY w.id"""


def _facts(windows: Windows, around: str, seen: str, optouts: str) -> str:
    """SQL; amounts are rounded to six decimals: the order in which doubles are added up differs
    from run to run."""
    told = windows.aged(f"""
SELECT w.*, s.* EXCLUDE (id), o.after, o.before FROM {around} AS w
LEFT JOIN {seen} AS s ON s.id = w.id LEFT JOIN {optouts} AS o ON o.id = w.id""")
    return f"""
SELECT id, study, holdout, {week_of("local")} AS week, vanished, closed, days, back, last,
  latest IS NULL OR latest <= t_lapsed AS lapsed,
  coalesce(orders, 0) AS orders, coalesce(orders_before, 0) AS orders_before,
  coalesce(round(spent, 6), 0.0) AS spent, coalesce(round(spent_before, 6), 0.0) AS spent_before,
  coalesce(negative, 0) AS negative, coalesce(broken, 0) AS broken,
  coalesce(after <= ends, false) AS opted, coalesce(before > begins, false) AS opted_before
FROM ({told})"""
