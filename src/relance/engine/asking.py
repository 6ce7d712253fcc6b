"""Conditions about some customers, each seen from their own entry: what delivery asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.condition import Aggregate, Condition, leaves
from relance.domain.fits import Fits
from relance.domain.workspace import EventSpec
from relance.engine.aggregates import fields_of, filled, measured
from relance.engine.checks import check_accounts
from relance.engine.clock import Kind, kind_of
from relance.engine.compiler import Compiler
from relance.engine.fitting import Fitter
from relance.engine.narrowing import Only
from relance.engine.needs import AccountKey, AccountNeed, Need, inlined, measure_of, needs_of
from relance.engine.profile import Profiles
from relance.engine.rows import Keys, RowPlan, ask_for, chunked, gather
from relance.engine.scored import with_scores
from relance.engine.stand_ins import StandIns, standing_in, together
from relance.engine.workbench import Workbench, literal

_ENTRY = {Kind.INSTANT: "entry_at", Kind.LOCAL: "entry_local", Kind.DAY: "entry_day"}


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Answers one cohort as of one instant; `fits` tells those in force."""

    workbench: Workbench
    profiles: Profiles
    fits: Callable[[], Fits]

    def answer(
        self, cohort: pa.Table, questions: Mapping[str, Condition], names: Sequence[str]
    ) -> pa.Table:
        """See `relance.pipeline.ports.Engine.ask`."""
        plan = RowPlan.of(self.profiles.workspace, self.profiles.clock, names)
        cohort = cohort.select(["id", "customer", "entry_at"])
        cohort = cohort.set_column(1, "customer", self.profiles.whose(cohort["customer"]))
        found = self.rows(cohort, questions, plan)
        left = standing_in(self.profiles, cohort, found, "id")
        if not len(left):
            return found
        with self.workbench.scope():
            fits = self._fits_for(questions)  # of the real customers
        asking = replace(self, profiles=StandIns.of(self.profiles), fits=lambda: fits)
        return together(found, asking.rows(left, questions, plan))

    def rows(
        self, cohort: pa.Table, questions: Mapping[str, Condition], plan: RowPlan
    ) -> pa.Table:  # fmt: skip
        """The answers about those of a cohort whom the customers table has."""
        with self.workbench.scope():
            return self._finished(self._answered(cohort, questions, plan), questions, plan)

    def _answered(
        self, cohort: pa.Table, questions: Mapping[str, Condition], plan: RowPlan
    ) -> pa.Table:
        check_accounts(self.profiles)
        asked = ask_for(self.workbench, self.profiles, cohort["customer"])
        people = self._people(cohort)
        fits = self._fits_for(questions)
        plain, late = self._needs(questions, fits)
        behind = [AccountKey()] if any(isinstance(need, AccountNeed) for need in late) else []
        every = dict.fromkeys([*plan.needs, *plain, *behind])
        known = {need: plan.needs.get(need, f"p{number}") for number, need in enumerate(every)}
        profile = gather(self.workbench, self.profiles, known, asked)
        after: dict[Need, str] = {need: f"s{number}" for number, need in enumerate(late)}
        names: dict[Need, str] = {**known, **after}
        joined = self._joined(people, profile, names, asked)
        return self.workbench.arrow(self._answers(joined, names, questions, plan, fits))

    def _people(self, cohort: pa.Table) -> str:
        """The cohort with its entries also as the source would write them."""
        loaded = self.workbench.load(cohort.select(["id", "customer", "entry_at"]), "cohort")
        kind = "BIGINT" if self.profiles.key_kind is Kind.INTEGER else "VARCHAR"
        local = f"timezone({literal(str(self.profiles.clock.source))}, entry_at)"
        return self.workbench.create(
            f"SELECT id, try_cast(customer AS {kind}) AS key, customer AS key_text, entry_at,"
            f" {local} AS entry_local, {local}::DATE AS entry_day FROM {loaded}",
            "people",
        )

    def _needs(
        self, questions: Mapping[str, Condition], fits: Fits
    ) -> tuple[list[Need], list[Need]]:
        """What the questions look at: as of the instant, and since each entry."""
        workspace = self.profiles.workspace
        found: dict[Need, None] = {}
        for condition in questions.values():
            for leaf in leaves(inlined(condition, workspace.segments)):
                found.update(dict.fromkeys(needs_of(leaf, workspace, fits)))
        late = [need for need in found if _is_late(need)]
        return [need for need in found if need not in late], late

    def _joined(self, people: str, profile: str, names: Mapping[Need, str], asked: str) -> ir.Table:
        """One row per id: its profile and its aggregates since the entry."""
        cohort, rows = self.workbench.scratch(people), self.workbench.scratch(profile)
        rows = rows.rename(profile_key="key")
        joined = cohort.inner_join(rows, cohort.key == rows.profile_key)
        own, theirs = _by_event(names, behind=False), _by_event(names, behind=True)
        parts = [self.part(*each, people, asked) for each in own.items()]
        if theirs:
            account = names[AccountKey()]
            members = self.workbench.create(
                f"SELECT c.id, c.entry_at, c.entry_local, c.entry_day, r.{account} AS key,"
                f" CAST(r.{account} AS VARCHAR) AS key_text FROM {people} AS c"
                f" JOIN {profile} AS r ON r.key = c.key WHERE r.{account} IS NOT NULL",
                "members",
            )
            accounts = self.workbench.create(f"SELECT DISTINCT key FROM {members}", "accounts")
            asking = replace(self, profiles=self.profiles.accounts)
            parts += [asking.part(*each, members, accounts) for each in theirs.items()]
        for number, part in enumerate(parts):
            part = part.rename({f"id{number}": "id"})
            joined = joined.left_join(part, [("id", f"id{number}")])
        return joined

    def part(
        self, event: str, aggregates: Mapping[Aggregate, str], people: str, asked: str
    ) -> ir.Table:
        """`id` and one column per aggregate of an event."""
        spec = self.profiles.event(event)
        events = self._events(spec, list(aggregates), people, asked)
        return self._since_entry(self.workbench.scratch(people), spec, events, aggregates)

    def _events(
        self, spec: EventSpec, aggregates: Sequence[Aggregate], people: str, asked: str
    ) -> ir.Table:
        """Clean events of the asked customers since the first entry; copied from a server."""
        events = self.profiles.events(spec, fields_of(aggregates))
        clock = self.profiles.clock
        first = self.workbench.instant(f"SELECT min(entry_at) FROM {people}")
        recent = events.filter(~clock.later(events.at, clock.at))
        if first is not None:
            recent = recent.filter(clock.later(recent.at, first))
        if not self.profiles.source.remote:
            only = Only(table=self.workbench.scratch(asked))
            return only.rows(recent, recent.owner)
        copied = self.workbench.load(
            pa.RecordBatchReader.from_batches(
                recent.schema().to_pyarrow(), self._fetched(recent, chunked(self.workbench, asked))
            ),
            "events",
        )
        return self.workbench.scratch(copied)

    def _fetched(self, recent: ir.Table, chunks: Sequence[Keys]) -> Iterator[pa.RecordBatch]:
        for keys in chunks:
            yield from self.profiles.source.fetch(Only(keys=keys).rows(recent, recent.owner))

    def _since_entry(
        self,
        cohort: ir.Table,
        spec: EventSpec,
        events: ir.Table,
        aggregates: Mapping[Aggregate, str],
    ) -> ir.Table:
        """`id` and one column per aggregate, over events later than the id's own entry."""
        same_kind = kind_of(events.owner.type()) is self.profiles.key_kind
        owner = events.owner if same_kind else events.owner.cast("string")
        own = events.inner_join(cohort, owner == (cohort.key if same_kind else cohort.key_text))
        own = own.filter(own["at"] > own[_ENTRY[kind_of(events["at"].type())]])
        return own.group_by("id").aggregate(
            **{
                name: measured(own, aggregate, self._where(own, spec, aggregate))
                for aggregate, name in aggregates.items()
            }
        )

    def _where(
        self, events: ir.Table, spec: EventSpec, aggregate: Aggregate
    ) -> ir.BooleanValue | None:
        tests = [self.profiles.passes(events, spec, test) for test in aggregate.where]
        return ibis.and_(*tests) if tests else None

    def _answers(
        self,
        joined: ir.Table,
        names: Mapping[Need, str],
        questions: Mapping[str, Condition],
        plan: RowPlan,
        fits: Fits,
    ) -> ir.Table:
        late = {name: filled(joined[name], need) for need, name in names.items() if _is_late(need)}
        table = joined.mutate(**late) if late else joined
        fits = self._fits_for(questions)
        table = with_scores(self.profiles, table, names, fits, questions.values())
        compiler = Compiler(
            workspace=self.profiles.workspace,
            clock=self.profiles.clock,
            table=table,
            names=names,
            fits=fits,
        )
        held = {
            f"q{number}": compiler.holds(condition)
            for number, condition in enumerate(questions.values())
        }
        return table.select("id", "key", *dict.fromkeys(plan.needs.values()), **held)

    def _fits_for(self, questions: Mapping[str, Condition]) -> Fits:
        """The fits in force, and fresh ones where a question needs what there is none of yet."""
        fitter = Fitter(self.workbench, self.profiles, questions.values())
        return fitter.standing(self.fits()) if fitter.needed else Fits()

    def _finished(
        self, answered: pa.Table, questions: Mapping[str, Condition], plan: RowPlan
    ) -> pa.Table:
        table = plan.finish(answered).add_column(0, "id", answered["id"])
        for number, name in enumerate(questions):
            table = table.append_column(name, answered[f"q{number}"])
        return table


def _is_late(need: Need) -> bool:
    """Whether it looks at what came since the entry."""
    measure = measure_of(need)
    return measure is not None and measure.window.since_entry


def _by_event(names: Mapping[Need, str], *, behind: bool) -> Mapping[str, Mapping[Aggregate, str]]:
    """The aggregates since the entry: the customers' own, or (`behind`) their accounts'."""
    found: dict[str, dict[Aggregate, str]] = {}
    for need, name in names.items():
        measure = measure_of(need)
        if measure is not None and _is_late(need) and isinstance(need, AccountNeed) is behind:
            found.setdefault(measure.event, {})[measure] = name
    return found
