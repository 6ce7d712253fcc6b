"""All customers as of one instant: one profile, one bit per segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.condition import Aggregate, Measure, leaves
from relance.domain.fits import Fits
from relance.domain.trigger import (
    OnDate,
    OnEnter,
    OnEvent,
    OnExit,
    OnMove,
    OnSchedule,
    OnStay,
    Trigger,
    WriteTo,
)
from relance.domain.workspace import Segment
from relance.engine.checks import check_accounts, check_keys, check_links, check_texts
from relance.engine.compiler import Compiler
from relance.engine.contacts import contacts_of
from relance.engine.dates import due_customers
from relance.engine.fitting import Fitter
from relance.engine.happened import happened_to
from relance.engine.layout import Layout
from relance.engine.needs import Need, inlined, measure_of, needs_of
from relance.engine.profile import Profiles
from relance.engine.room import Room
from relance.engine.rows import RowPlan, ask_for, gather, need_of
from relance.engine.scored import where_it_stays, with_scores
from relance.engine.snapshot import Difference, Masks, compare, find_merged
from relance.engine.stand_ins import StandIns, standing_in, together
from relance.engine.tally import count_events, count_members, moves_of
from relance.engine.workbench import compiled
from relance.errors import SourceError

_CUSTOMER = pa.schema([("customer", pa.string())])
_NO_MERGE = pa.schema(
    [("id", pa.string()), ("customer", pa.string()), ("stays", pa.bool_())]
).empty_table()


class Picture:
    """See `relance.pipeline.ports.Picture`. Everything is in scratch tables until `keep`."""

    def __init__(
        self,
        room: Room,
        profiles: Profiles,
        segments: Sequence[Segment],
        names: Sequence[str],
        fits: Fits,
        events: Mapping[str, int] | None = None,
    ) -> None:
        """`events` are those of the same instant where they have been counted already."""
        self._room = room
        self._profiles = profiles
        self._segments = tuple(segments)
        self._names = tuple(names)
        self._fitter = Fitter(room.workbench, profiles, [each.condition for each in segments])
        self._fits = self._fitter.standing(fits)
        self._differences: dict[datetime, Difference] = {}
        self._merged: dict[datetime, pa.Table] = {}
        identities = profiles.identities
        # looked at here: later the source may be gone
        self._aliases = identities.table if identities is not None and identities.some else None
        layout = Layout.of([segment.name for segment in segments])
        self._known = self._columns_for_rows()
        try:
            self._masks = Masks(
                table=self._evaluate(layout),
                layout=layout,
                versions={segment.name: segment.version for segment in segments},
            )
        except BaseException:
            profiles.close()  # a worker tries again and again
            raise
        try:
            self._customers_there = check_keys(room.workbench, profiles, self._masks.table)
            self._events = self._count_events() if events is None else events
            self._counts = count_members(room.workbench, self._masks)
            if identities is not None:
                identities.refuse_changed()
        except BaseException:
            room.workbench.drop(self._masks.table)
            profiles.close()
            raise

    # -- the port

    @property
    def at(self) -> datetime:
        return self._profiles.clock.at

    @property
    def fits(self) -> Fits:
        return self._fits

    @property
    def customers(self) -> int:
        return self._customers_there

    @property
    def events(self) -> Mapping[str, int]:
        return self._events

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def members(self, segment: str) -> Iterator[pa.RecordBatch]:
        with self._room.at_bench():
            where = self._masks.layout.holds(segment, "n")
            found = self._customers(f"SELECT n.key FROM {self._masks.table} AS n WHERE {where}")
        yield from found.to_batches()

    def changes(
        self, earlier: datetime, segments: Sequence[str]
    ) -> Mapping[str, tuple[pa.Array, pa.Array]]:
        """Raises ValueError for a segment that is not kept for both instants alike."""
        with self._room.at_bench():
            difference = self._difference(earlier, segments)
            moved = self._room.workbench.arrow(
                f"SELECT CAST(key AS VARCHAR) AS customer, * EXCLUDE (key) FROM {difference.table}"
            )
        return {name: moves_of(moved, difference.layout.bits[name]) for name in segments}

    def merged(self, earlier: datetime, segment: str) -> pa.Table:
        if self._aliases is None:
            return _NO_MERGE
        with self._room.at_bench():
            if earlier not in self._merged:
                kept = self._room.snapshots.find(earlier)
                self._merged[earlier] = find_merged(
                    self._room.workbench, self._masks, kept, self._aliases
                )
        found = self._merged[earlier]
        return found.filter(pc.equal(found["segment"], segment)).drop_columns("segment")

    def whose(self, ids: pa.Array) -> pa.Array:
        with self._room.at_bench():
            return self._profiles.whose(ids)

    def candidates(self, trigger: Trigger, earlier: datetime | None) -> pa.Table:
        """Raises ValueError where an earlier snapshot is needed and is not kept."""
        with self._room.session():
            if earlier is None or isinstance(trigger.on, OnSchedule):
                return self._present(trigger)
            if isinstance(trigger.on, OnDate):
                return self._reached(trigger.segment, trigger.on, earlier)
            if isinstance(trigger.on, OnEvent):
                return self._happened(trigger.segment, trigger.on, earlier)
            return self._moved(trigger, earlier)

    def rows(self, customers: pa.Array, names: Sequence[str]) -> pa.Table:
        with self._room.session():
            plan = RowPlan.of(self._profiles.workspace, self._profiles.clock, names)
            with self._room.workbench.scope():
                found = plan.finish(self._rows(customers, plan))
                return self._with_stand_ins(customers, found, plan)

    def contacts(self, accounts: pa.Array, rule: WriteTo) -> pa.Table:
        with self._room.session(), self._room.workbench.scope():
            return contacts_of(self._room.workbench, self._profiles, accounts, rule)

    def refitted(self) -> Picture | None:
        with self._room.session():
            fits = self._fitter.renewed(self._fits)
            if fits is None:
                return None
            return Picture(
                self._room, self._profiles, self._segments, self._names, fits, self._events
            )

    def keep(self) -> None:
        """Raises StateError where the workbench cannot be written."""
        with self._room.at_bench():
            self._room.snapshots.keep(self.at, self._masks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._room.at_bench():
            tables = [difference.table for difference in self._differences.values()]
            self._room.workbench.drop(self._masks.table, *tables)
            self._differences.clear()
            self._profiles.close()

    # -- building

    def _columns_for_rows(self) -> dict[Need, str]:
        """Aggregates that templates use, taken along in the one pass over the events.

        With `workbench: source` they stay there until somebody is asked for.
        """
        if self._profiles.workspace.source.at_source:
            return {}
        needs = dict.fromkeys(need_of(name, self._profiles.workspace) for name in self._names)
        # what the last event was like is asked of those alone who are written to
        aggregates = [n for n in needs if measure_of(n) is not None and not _like_the_last(n)]
        return {need: f"known{number}" for number, need in enumerate(aggregates)}

    def _evaluate(self, layout: Layout) -> str:
        """Every segment's bit for every customer, in a new scratch table."""
        profiles, workbench = self._profiles, self._room.workbench
        names = self._profile_names()
        with workbench.scope():
            check_accounts(profiles)
            check_links(profiles)
            check_texts(profiles, names)
            conditions = [segment.condition for segment in self._segments]
            table = with_scores(
                profiles, self._profile(names), names, self._fits, conditions,
                where_it_stays(profiles),
            )  # fmt: skip
            compiler = Compiler(
                workspace=profiles.workspace,
                clock=profiles.clock,
                table=table,
                names=names,
                fits=self._fits,
            )
            held = {segment.name: _held(compiler, segment) for segment in self._segments}
            known = {column: table[names[need]] for need, column in self._known.items()}
            return self._stored(table.select("key", **layout.masks(held), **known), layout)

    def _profile(self, names: Mapping[Need, str]) -> ir.Table:
        """The profile; from a server it crosses over, unless the workbench is the source."""
        profile, source = self._profiles.build(names), self._profiles.source
        if not source.remote or self._profiles.workspace.source.at_source:
            return profile
        workbench = self._room.workbench
        return workbench.scratch(workbench.load(source.fetch(profile), "profile"))

    def _stored(self, masks: ir.Table, layout: Layout) -> str:
        """The masks, computed wherever the profile is, in a scratch table."""
        workbench, source = self._room.workbench, self._profiles.source
        if source.remote and self._profiles.workspace.source.at_source:
            return workbench.load(source.fetch(masks), "masks", lasting=True)
        wide = ", ".join(f"m{n}::BIGINT AS m{n}" for n in range(layout.columns))
        return workbench.create(
            f"SELECT * REPLACE ({wide}) FROM ({compiled(masks)})", "masks", lasting=True
        )

    def _profile_names(self) -> dict[Need, str]:
        needs: dict[Need, None] = dict.fromkeys(self._known)
        for segment in self._segments:
            condition = inlined(segment.condition, self._profiles.workspace.segments)
            for leaf in leaves(condition):
                needs.update(dict.fromkeys(needs_of(leaf, self._profiles.workspace, self._fits)))
        return {need: f"c{number}" for number, need in enumerate(needs)}

    def _count_events(self) -> Mapping[str, int]:
        with self._room.workbench.scope():
            return count_events(self._profiles, self._profile_names())

    # -- answering

    def _rows(self, customers: pa.Array, plan: RowPlan) -> pa.Table:
        """The planned columns, those that the picture took along from there."""
        workbench = self._room.workbench
        asked = ask_for(workbench, self._profiles, customers)
        fresh = {need: name for need, name in plan.needs.items() if need not in self._known}
        table = gather(workbench, self._profiles, fresh, asked)
        if not self._known:
            return workbench.arrow(f"SELECT * FROM {table}")
        known = "".join(
            f", n.{self._known[need]} AS {name}"
            for need, name in plan.needs.items()
            if need in self._known
        )
        return workbench.arrow(
            f"SELECT r.*{known} FROM {table} AS r"
            f" LEFT JOIN {self._masks.table} AS n ON n.key = r.key"
        )

    def _with_stand_ins(self, customers: pa.Array, found: pa.Table, plan: RowPlan) -> pa.Table:
        """The rows, and those of accounts that nobody is picked from."""
        asked = pa.table({"customer": customers})
        left = standing_in(self._profiles, asked, found, "customer")
        if not len(left):
            return found
        workbench, profiles = self._room.workbench, StandIns.of(self._profiles)
        keys = ask_for(workbench, profiles, left["customer"])
        rows = gather(workbench, profiles, plan.needs, keys)
        return together(found, plan.finish(workbench.arrow(f"SELECT * FROM {rows}")))

    def _customers(self, keys: str) -> pa.Table:
        """The keys of a query as the port's one column."""
        query = f"SELECT CAST(key AS VARCHAR) AS customer FROM ({keys})"
        return self._room.workbench.arrow(query).cast(_CUSTOMER)

    def _difference(self, earlier: datetime, segments: Sequence[str]) -> Difference:
        """The comparison with an earlier instant; anew once more of that instant was restored."""
        difference = self._differences.get(earlier)
        if difference is None or not difference.segments.issuperset(segments):
            if difference is not None:
                self._room.workbench.drop(difference.table)
            kept = self._room.snapshots.find(earlier)
            difference = compare(self._room.workbench, self._masks, kept, self._aliases)
            self._merged.pop(earlier, None)
            self._differences[earlier] = difference
        if missing := [name for name in segments if name not in difference.segments]:
            raise ValueError(f"not kept alike for {earlier:%Y-%m-%d %H:%M}: {', '.join(missing)}")
        return difference

    def _present(self, trigger: Trigger) -> pa.Table:
        """Who there is without looking back: the members, or nobody where a change is meant."""
        if not isinstance(trigger.on, OnSchedule | OnEnter | OnStay):
            return _CUSTOMER.empty_table()
        where = self._masks.layout.holds(trigger.segment, "n")
        return self._customers(f"SELECT n.key FROM {self._masks.table} AS n WHERE {where}")

    def _moved(self, trigger: Trigger, earlier: datetime) -> pa.Table:
        on = trigger.on
        if isinstance(on, OnMove):
            difference = self._difference(earlier, (on.source, on.target))
            where = f"{difference.moved(on.target, entered=True)} AND {difference.was(on.source)}"
        elif isinstance(on, OnEnter | OnExit):
            difference = self._difference(earlier, (trigger.segment,))
            where = difference.moved(trigger.segment, entered=isinstance(on, OnEnter))
        else:
            raise ValueError("how long somebody has stayed is in the ledger's spells")
        return self._customers(f"SELECT key FROM {difference.table} WHERE {where}")

    def _reached(self, segment: str, on: OnDate, earlier: datetime) -> pa.Table:
        with self._room.workbench.scope():
            due = due_customers(self._room.workbench, self._profiles, on, earlier)
            return self._customers(
                f"SELECT n.key FROM {self._masks.table} AS n SEMI JOIN {due} AS d"
                f" ON d.key = n.key WHERE {self._masks.layout.holds(segment, 'n')}"
            )

    def _happened(self, segment: str, on: OnEvent, earlier: datetime) -> pa.Table:
        with self._room.workbench.scope():
            met = happened_to(self._room.workbench, self._profiles, on, earlier)
            return self._customers(
                f"SELECT n.key FROM {self._masks.table} AS n SEMI JOIN {met} AS d"
                f" ON d.key = CAST(n.key AS VARCHAR) WHERE {self._masks.layout.holds(segment, 'n')}"
            )


def _like_the_last(need: Need) -> bool:
    return isinstance(need, Aggregate) and need.measure is Measure.LAST and need.field is not None


def _held(compiler: Compiler, segment: Segment) -> ir.BooleanValue:
    """The segment's boolean; a misfit names the segment that it stands in."""
    try:
        return compiler.holds(segment.condition)
    except SourceError as error:
        raise SourceError(f"segment {segment.name}: {error.message}", hint=error.hint) from None
