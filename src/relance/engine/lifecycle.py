"""Lifecycle stages: fitting the lengths between them, and a stage as comparisons with instants.

Two instants per customer are enough: the first purchase of the recent past, and the last one
before that. No row is compared with its neighbour, so that one pass over the events does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Aggregate, Measure, StageIs
from relance.domain.fits import Rhythm
from relance.domain.lifecycle import FALLBACK, Lengths, Stage, span
from relance.domain.workspace import Workspace
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.needs import Need, lifecycle_of
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench, compiled

_QUANTILES = "[0.5, 0.8, 0.95]"
_DAY = 86_400_000_000  # microseconds


def fitted_of(workspace: Workspace) -> str:
    """What the lengths are fitted of: others are no use to it."""
    spec = lifecycle_of(workspace)
    return f"{spec.event} where {spec.where}" if spec.where else spec.event


def fit(workbench: Workbench, profiles: Profiles) -> Rhythm:
    """The lengths from the gaps between purchases; the fallback where nobody bought twice.

    A customer's usual gap is the time between the first purchase and the last, shared among the
    purchases after the first: everybody counts once, however often they buy. Two numbers per
    customer are read; whose they are stays in the source.
    """
    spec = lifecycle_of(profiles.workspace)
    measures = (Measure.FIRST, Measure.LAST, Measure.COUNT)
    names: dict[Need, str] = {
        Aggregate(spec.event, measure, where=spec.where): measure.value for measure in measures
    }
    base = profiles.build(names).drop("key")
    base = base.filter(base["count"] > 1, base["first"] < base["last"])
    source = profiles.source
    table = workbench.load(source.fetch(base)) if source.remote else f"({compiled(base)})"
    gap = '(epoch_us("last") - epoch_us("first"))::DOUBLE / ("count" - 1)'
    query = f"SELECT count(*), quantile_cont({gap}, {_QUANTILES}) FROM {table}"
    try:
        customers, found = workbench.run(query)[0]
    finally:
        if source.remote:
            workbench.drop(table)
    gaps = [gap / _DAY for gap in found] if isinstance(found, list) else []
    return _rhythm(profiles, int(str(customers)), gaps)


def _rhythm(profiles: Profiles, customers: int, gaps: Sequence[float]) -> Rhythm:
    lengths = Lengths.of_gaps(*gaps) if gaps else FALLBACK
    return Rhythm(
        fitted_at=profiles.clock.at,
        of=fitted_of(profiles.workspace),
        recent=lengths.recent.count,
        active=lengths.active.count,
        at_risk=lengths.at_risk.count,
        lapsed=lengths.lapsed.count,
        customers=customers,
        gaps=tuple(round(gap, 6) for gap in gaps),
    )


def in_stage(
    leaf: StageIs, back: ir.Value, before: ir.Value, lengths: Lengths, clock: Clock
) -> ir.BooleanValue:
    """Whether a customer is in one of the wanted stages; never null.

    `back` and `before` are those of StageNeeds.
    """
    stages = _stages(back, before, lengths, clock)
    wanted = [stages[Stage(stage)] for stage in leaf.stages]
    return ibis.coalesce(ibis.or_(*wanted), ibis.literal(False))


def _stages(
    back: ir.Value, before: ir.Value, lengths: Lengths, clock: Clock
) -> dict[Stage, ir.BooleanValue]:
    recently, earlier = back.notnull(), before.notnull()
    silent = back.isnull() & earlier
    active, at_risk, lapsed = (
        clock.later(before, clock.ago(length))
        for length in (lengths.active, lengths.at_risk, lengths.lapsed)
    )
    gap = span(lengths.at_risk, clock.at, clock.ago(lengths.at_risk))
    returned = _apart(before, back, gap)
    return {
        Stage.PROSPECT: ~recently & ~earlier,
        Stage.NEW: recently & ~earlier,
        Stage.REACTIVATED: recently & earlier & returned,
        Stage.ACTIVE: (recently & earlier & ~returned) | (silent & active),
        Stage.AT_RISK: silent & ~active & at_risk,
        Stage.LAPSED: silent & ~at_risk & lapsed,
        Stage.LOST: silent & ~lapsed,
    }


def _apart(before: ir.Value, after: ir.Value, gap: timedelta) -> ir.BooleanValue:
    """Whether so much time or more lies between two instants, on the source's own clock."""
    if kind_of(before.type()) is Kind.DAY:
        before, after = before.cast("timestamp"), after.cast("timestamp")
    return after >= before + ibis.interval(seconds=round(gap.total_seconds()))
