"""A condition as one boolean expression over the profile, compiled once for all customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from relance.domain.accounts import as_customers
from relance.domain.condition import (
    AllOf,
    AnyOf,
    CellIs,
    Condition,
    CustomerIs,
    EventIs,
    Leaf,
    NoneOf,
    OfAccount,
    RfmIs,
    ScoreIs,
    SegmentIs,
    SqlIs,
    StageIs,
)
from relance.domain.fits import Fits
from relance.domain.grid import Area
from relance.domain.workspace import Workspace
from relance.engine.clock import Clock
from relance.engine.comparing import compare, fitting
from relance.engine.lifecycle import in_stage
from relance.engine.needs import (
    AccountNeed,
    Answer,
    Attribute,
    Need,
    RfmNeeds,
    StageNeeds,
    inlined,
    lengths_of,
    lifecycle_of,
    reading_of,
)
from relance.engine.rfm import cutoffs_of, scored
from relance.engine.scores import column_name, held
from relance.errors import SourceError


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiler:
    """Compiles over one table whose columns `names` says. Every result is never null."""

    workspace: Workspace
    clock: Clock
    table: ir.Table
    names: Mapping[Need, str]
    fits: Fits
    noun: str = "customer"

    def holds(self, condition: Condition) -> ir.BooleanValue:
        """Raises SourceError that names the leaf which does not fit its column."""
        return self._tree(inlined(condition, self.workspace.segments))

    def _tree(self, condition: Condition) -> ir.BooleanValue:
        match condition:
            case AllOf(inner):
                return ibis.and_(*map(self._tree, inner)) if inner else ibis.literal(True)
            case AnyOf(inner):
                return ibis.or_(*map(self._tree, inner)) if inner else ibis.literal(False)
            case NoneOf(inner):
                return ~ibis.or_(*map(self._tree, inner)) if inner else ibis.literal(True)
            case _:
                return self._leaf(condition)

    def _leaf(self, leaf: Leaf) -> ir.BooleanValue:
        match leaf:
            case CustomerIs():
                return self._attribute(leaf)
            case EventIs():
                return self._aggregate(leaf)
            case RfmIs():
                return self._scores(leaf)
            case CellIs(cells):
                grid = self.workspace.rfm.grid
                areas = [area for name in cells for area in grid.cell(name).areas]
                return ibis.or_(*(self._scores(_scores_of(area)) for area in areas))
            case StageIs():
                return self._stage(leaf)
            case ScoreIs():
                return self._score(leaf)
            case SqlIs(query):
                return self._column(Answer(query))
            case OfAccount(inner):
                return self._of_account(inner)
            case SegmentIs():
                raise AssertionError("segments are inlined first")

    def _scores(self, leaf: RfmIs) -> ir.BooleanValue:
        needs = RfmNeeds.of(self.workspace.rfm)
        last, count, money = (self._column(need) for need in needs)
        cutoffs = cutoffs_of(self.workspace.rfm, self.fits)
        return scored(leaf, last, count, money, cutoffs, self.clock)

    def _stage(self, leaf: StageIs) -> ir.BooleanValue:
        spec = lifecycle_of(self.workspace)
        lengths = lengths_of(spec, self.fits)
        back, before = (self._column(need) for need in StageNeeds.of(spec, lengths))
        return in_stage(leaf, back, before, lengths, self.clock)

    def _of_account(self, leaf: CustomerIs | EventIs | SqlIs) -> ir.BooleanValue:
        """The leaf over the account's columns of the profile."""
        accounts = self.workspace.accounts
        if accounts is None:
            raise SourceError("there are no accounts", hint="`accounts` defines their table")
        names: dict[Need, str] = {
            need.need: name for need, name in self.names.items() if isinstance(need, AccountNeed)
        }
        lens = as_customers(self.workspace, accounts)
        return replace(self, workspace=lens, names=names, noun="account").holds(leaf)

    def _score(self, leaf: ScoreIs) -> ir.BooleanValue:
        """Over the score's column, which `engine.scoring.scored` has added."""
        value = self.table[column_name(leaf.score)]
        return held(leaf, value, self.workspace, self.fits, self.clock)

    def _column(self, need: Need) -> ir.Value:
        return self.table[self.names[need]]

    def _attribute(self, leaf: CustomerIs) -> ir.BooleanValue:
        need = Attribute(leaf.attribute, reading_of(leaf.comparisons))
        spec = self.workspace.customers
        with fitting(f"{self.noun} {leaf.attribute}", spec.table, spec.column(leaf.attribute)):
            return compare(self._column(need), leaf.comparisons, self.clock, days=True)

    def _aggregate(self, leaf: EventIs) -> ir.BooleanValue:
        aggregate = leaf.aggregate
        spec = self.workspace.events[aggregate.event]
        what = f"event {aggregate.event}, {aggregate.measure}"
        with fitting(what, spec.table, f"{spec.at} or its measure"):
            return compare(self._column(aggregate), leaf.comparisons, self.clock, days=False)


def _scores_of(area: Area) -> RfmIs:
    return RfmIs(recency=area.recency, frequency=area.frequency, monetary=area.monetary)
