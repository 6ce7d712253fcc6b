"""Segments at two instants with what customers did in between: each event table is read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np

from relance.domain.condition import Aggregate, Measure, Window, leaves
from relance.domain.fits import Fits
from relance.domain.trigger import Goal
from relance.domain.workspace import Segment, day_start
from relance.engine.checks import check_accounts, check_keys, check_links, check_texts
from relance.engine.clock import Kind, kind_of
from relance.engine.columns import Reading
from relance.engine.compiler import Compiler
from relance.engine.fitting import Fitter
from relance.engine.layout import Layout
from relance.engine.needs import AccountNeed, Attribute, Need, inlined, needs_of
from relance.engine.profile import Profiles
from relance.engine.scored import where_it_stays, with_scores
from relance.engine.twice import both_profiles
from relance.engine.workbench import Row, Workbench, compiled
from relance.uplift.survey import Counts, Flags, Groups, Outcome, Survey, TableAge

_THEN, _NOW = "p", "m"  # the mask columns of each instant


@dataclass(frozen=True, kw_only=True)
class Surveying:
    """The customers at two instants; `then` and `now` look at the same source."""

    workbench: Workbench
    then: Profiles
    now: Profiles
    segments: Sequence[Segment]
    goal: Goal
    fits: Fits
    joined: str | None = None  # the attribute that says since when somebody is a customer

    def answer(self, events: Iterable[str]) -> Survey:
        """See `relance.pipeline.ports.SegmentEngine.survey`."""
        layout = Layout.of([segment.name for segment in self.segments])
        with self.workbench.scope():
            check_accounts(self.now)
            check_links(self.now)
            masks = self._masks(layout)
            check_keys(self.workbench, self.now, masks)
            return self._counted(masks, layout, events)

    # -- one row per customer

    def _masks(self, layout: Layout) -> str:
        """A scratch table: `key`, the masks of both instants, `there` (a customer already then),
        `returned` and `spent`."""
        # the same at both instants: else a re-fit would look like people who moved
        fitter = Fitter(self.workbench, self.now, [one.condition for one in self.segments])
        fits = fitter.standing(self.fits)
        asked, outcome = self._needs(fits), self._outcome()
        early: dict[Need, str] = {need: f"e{number}" for number, need in enumerate(asked)}
        every = dict.fromkeys([*asked, *outcome])
        late: dict[Need, str] = {need: f"l{number}" for number, need in enumerate(every)}
        check_texts(self.now, late)
        if self.joined is not None:  # what cannot be read there is no reason to fail
            late.setdefault(Attribute(self.joined, Reading.MOMENT), "joined")
        profile = self._fetched(both_profiles(self.then, self.now, early, late))
        profile, then = self._bits(layout, self.then, profile, early, fits, _THEN)
        profile, now = self._bits(layout, self.now, profile, late, fits, _NOW)
        columns = {"there": self._there(profile, late)}
        count, *money = outcome
        columns["returned"] = profile[late[count]] > 0
        if money:
            columns["spent"] = profile[late[money[0]]]
        return self._stored(profile.select("key", *then, *now, **columns))

    def _bits(
        self,
        layout: Layout,
        profiles: Profiles,
        profile: ir.Table,
        names: Mapping[Need, str],
        fits: Fits,
        prefix: str,
    ) -> tuple[ir.Table, list[str]]:
        """The profile with the mask columns of one instant, under a prefix of their own."""
        conditions = [one.condition for one in self.segments]
        profile = with_scores(profiles, profile, names, fits, conditions, where_it_stays(profiles))
        compiler = Compiler(
            workspace=profiles.workspace,
            clock=profiles.clock,
            table=profile,
            names=names,
            fits=fits,
        )
        held = {one.name: compiler.holds(one.condition) for one in self.segments}
        masks = {f"{prefix}{name[1:]}": mask for name, mask in layout.masks(held).items()}
        return profile.mutate(**masks), list(masks)

    def _there(self, profile: ir.Table, late: Mapping[Need, str]) -> ir.Value:
        """Whether somebody was a customer at the earlier instant, as far as that is known."""
        name = None if self.joined is None else late[Attribute(self.joined, Reading.MOMENT)]
        if name is None or not kind_of(profile[name].type()).is_moment:
            return ibis.literal(True)
        later = self.now.clock.later(profile[name], self.then.clock.at)
        return ~ibis.coalesce(later, ibis.literal(False))

    def _needs(self, fits: Fits) -> list[Need]:
        workspace = self.now.workspace
        found: dict[Need, None] = {}
        for segment in self.segments:
            for leaf in leaves(inlined(segment.condition, workspace.segments)):
                found.update(dict.fromkeys(needs_of(leaf, workspace, fits)))
        return list(found)

    def _outcome(self) -> list[Need]:
        """How often the goal's event came in between, and its money where there is some; of the
        customer's account, where the event names accounts alone."""
        goal, window = self.goal, Window(within=self.goal.within)
        found = [Aggregate(goal.event, Measure.COUNT, window=window, where=goal.where)]
        spec = self.now.event(goal.event)
        if spec.amount is not None:
            found.append(Aggregate(goal.event, Measure.SUM, "amount", window, goal.where))
        return [AccountNeed(need) if spec.of_accounts else need for need in found]

    def _fetched(self, profile: ir.Table) -> ir.Table:
        """From a server the profile crosses over, unless the workbench is the source."""
        source, workbench = self.now.source, self.workbench
        if not source.remote or self.now.workspace.source.at_source:
            return profile
        return workbench.scratch(workbench.load(source.fetch(profile), "survey"))

    def _stored(self, rows: ir.Table) -> str:
        source = self.now.source
        if source.remote and self.now.workspace.source.at_source:
            return self.workbench.load(source.fetch(rows), "survey")
        return self.workbench.create(compiled(rows), "survey")

    # -- sums

    def _counted(self, masks: str, layout: Layout, events: Iterable[str]) -> Survey:
        money = len(self._outcome()) > 1
        spent = ", avg(spent) AS mean, var_pop(spent) * count(spent) AS m2" if money else ""
        told = f", sum(returned::INTEGER)::BIGINT AS returned{spent}"
        known = f"(SELECT * FROM {masks} WHERE there)"
        then, found = self._grouped(known, layout, [f"{_THEN}{n}" for n in _columns(layout)], told)
        now, _ = self._grouped(masks, layout, [f"{_NOW}{n}" for n in _columns(layout)])
        both = [f"{_NOW}{n} & {_THEN}{n}" for n in _columns(layout)]
        stayed, _ = self._grouped(known, layout, both)
        return Survey(
            names=list(layout.bits),
            then_at=self.then.clock.at,
            at=self.now.clock.at,
            goal=self.goal,
            then=then,
            now=now,
            stayed=stayed.of_each(stayed.customers),
            outcome=Outcome(
                returned=_numbers(found, "returned"),
                mean=_floats(found, "mean") if money else None,
                m2=_floats(found, "m2") if money else None,
            ),
            tables={name: self._age(name) for name in dict.fromkeys([self.goal.event, *events])},
        )

    def _grouped(
        self, masks: str, layout: Layout, columns: Sequence[str], more: str = ""
    ) -> tuple[Groups, Sequence[Row]]:
        """Customers by their masks: there are few, however many customers share them."""
        keys = ", ".join(f"{column} AS g{number}" for number, column in enumerate(columns))
        rows = self.workbench.rows(
            f"SELECT {keys}, count(*) AS customers{more} FROM {masks} GROUP BY ALL ORDER BY ALL"
        )
        return Groups(inside=_flags(rows, layout), customers=_numbers(rows, "customers")), rows

    def _age(self, event: str) -> TableAge:
        spec, clock = self.now.event(event), self.now.clock
        events = self.now.events(spec, ())
        past = events.filter(~clock.later(events["at"], clock.at))
        recent = clock.later(past["at"], self.then.clock.at)
        found = past.aggregate(
            newest=_in_microseconds(past["at"].max()),
            rows=past.count(),
            recent=past.count(where=recent),
        )
        row = self.now.source.fetch(found).read_all().to_pylist()[0]
        return TableAge(
            newest=self._instant(row["newest"]), rows=int(row["rows"]), recent=int(row["recent"])
        )

    def _instant(self, value: object) -> datetime | None:
        """A moment as the source writes it; without a zone it is in the source's own."""
        zone = self.now.clock.source
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
        return day_start(value, zone).astimezone(UTC) if isinstance(value, date) else None


def _in_microseconds(moment: ir.Value) -> ir.Value:
    """Python has no nanoseconds."""
    local = kind_of(moment.type()) is Kind.LOCAL
    return moment.cast("timestamp(6)") if local else moment


def _columns(layout: Layout) -> range:
    return range(layout.columns)


def _flags(rows: Sequence[Row], layout: Layout) -> Flags:
    """A row per group, a column per segment: whether its bit is set."""
    inside = np.zeros((len(rows), len(layout.bits)), dtype=np.bool_)
    for place, bit in enumerate(layout.bits.values()):
        inside[:, place] = (_numbers(rows, f"g{bit.column}") & bit.value) != 0
    return inside


def _numbers(rows: Sequence[Row], name: str) -> Counts:
    return np.array([row[name] for row in rows], dtype=np.int64)


def _floats(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([row[name] or 0.0 for row in rows], dtype=np.float64)
