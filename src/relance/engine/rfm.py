"""RFM: fitting the cut-offs and turning wanted scores into comparisons with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from relance.domain.condition import RfmIs
from relance.domain.fits import RFM, Breakpoints, Fits
from relance.domain.workspace import RfmCutoffs, RfmSpec, Workspace
from relance.engine.clock import Clock, Kind, kind_of, microseconds
from relance.engine.needs import Need, RfmNeeds
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench, literal

_DAY = 86_400_000_000  # microseconds
_SHARES = "[0.2, 0.4, 0.6, 0.8]"


def fitted_of(workspace: Workspace) -> str:
    """What the cut-offs are fitted of: others are no use to it."""
    rfm = workspace.rfm
    where = f" where {rfm.where}" if rfm.where else ""
    return f"{rfm.event} {rfm.monetary} {rfm.within or 'ever'}{where}"


def cutoffs_of(rfm: RfmSpec, fits: Fits) -> Breakpoints | RfmCutoffs | None:
    """The cut-offs in force: fixed ones, or those that were fitted."""
    return rfm.thresholds or fits.find(RFM, Breakpoints)


def fit(workbench: Workbench, profiles: Profiles) -> Breakpoints | None:
    """Quintiles over the customers who have the event; None where nobody has.

    Three numbers per customer are read; whose they are stays in the source. Straight lines
    between neighbours (DuckDB's quantile_cont).
    """
    needs = RfmNeeds.of(profiles.workspace.rfm)
    names: dict[Need, str] = {needs.last: "last", needs.count: "count", needs.money: "money"}
    base = profiles.build(names).drop("key")
    base = base.filter(base["count"] > 0)
    source = profiles.source
    table = workbench.load(source.fetch(base)) if source.remote else workbench.create(base)
    try:
        return _fitted(workbench, table, kind_of(base["last"].type()), profiles)
    finally:
        workbench.drop(table)


def _fitted(workbench: Workbench, base: str, kind: Kind, profiles: Profiles) -> Breakpoints | None:
    clock = profiles.clock
    at = microseconds(clock.at)
    silence = f"({at} - epoch_us({_absolute(kind, clock)}))"
    quantiles = ", ".join(
        f"quantile_cont({value}::DOUBLE, {_SHARES})" for value in (silence, '"count"', "money")
    )
    row = workbench.run(f"SELECT {quantiles} FROM {base}")[0]
    silences, frequency, monetary = map(_numbers, row)
    if not silences:
        return None
    return Breakpoints(
        fitted_at=clock.at,
        of=fitted_of(profiles.workspace),
        recency=tuple(_whole(cut) / _DAY for cut in silences),
        frequency=tuple(round(cut, 9) for cut in frequency),
        monetary=tuple(round(cut, 9) for cut in monetary),
    )


def _absolute(kind: Kind, clock: Clock) -> str:
    """The column `last` as an instant."""
    if kind is Kind.INSTANT:
        return '"last"'
    return f'timezone({literal(str(clock.source))}, "last"::TIMESTAMP)'


def _numbers(value: object) -> tuple[float, ...]:
    return tuple(float(each) for each in value) if isinstance(value, list) else ()


def scored(
    leaf: RfmIs,
    last: ir.Value,
    count: ir.Value,
    money: ir.Value,
    cutoffs: Breakpoints | RfmCutoffs | None,
    clock: Clock,
) -> ir.BooleanValue:
    """Whether a customer's scores are among the wanted ones; never null."""
    if cutoffs is None:
        return ibis.literal(False)
    tests = [count > 0]
    if leaf.recency is not None:
        tests.append(_recency(leaf.recency, last, cutoffs.recency, clock))
    if leaf.frequency is not None:
        tests.append(_scores(leaf.frequency, [count > cut for cut in cutoffs.frequency]))
    if leaf.monetary is not None:
        tests += [
            money.notnull(),
            _scores(leaf.monetary, [money > cut for cut in cutoffs.monetary]),
        ]
    return ibis.coalesce(ibis.and_(*tests), ibis.literal(False))


def _recency(
    wanted: Sequence[int], last: ir.Value, cutoffs: Sequence[float], clock: Clock
) -> ir.BooleanValue:
    """More days ago than a cut-off is earlier than an instant: no arithmetic on dates in SQL."""
    longer = [~clock.since(last, _days_ago(cut, clock.at)) for cut in cutoffs]
    return _scores([6 - score for score in wanted], longer)


def _days_ago(days: float, at: datetime) -> datetime:
    """The instant before which somebody has been silent for more than so many days."""
    return at - timedelta(microseconds=_whole(days * _DAY))


def _whole(silence: float) -> int:
    """Microseconds as a whole number: the next below, unless only noise is missing to the next.

    Silences are whole microseconds themselves, so that this moves nobody across a cut-off; a
    cut-off that is somebody's own silence stays exactly that.
    """
    nearest = round(silence)
    return nearest if abs(silence - nearest) < 1e-2 else math.floor(silence)


def _scores(wanted: Sequence[int], above: Sequence[ir.BooleanValue]) -> ir.BooleanValue:
    """Whether 1 + the number of cut-offs below the value is wanted (cut-offs ascend)."""
    answers = []
    for score in sorted(set(wanted)):
        if not 1 <= score <= len(above) + 1:
            continue
        tests = [above[score - 2]] if score >= 2 else []
        if score <= len(above):
            tests.append(~above[score - 1])
        answers.append(ibis.and_(*tests))
    return ibis.or_(*answers) if answers else ibis.literal(False)
