"""Who had an event so long ago, and not the other one since: `on: {event: …}`."""

from __future__ import annotations

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Aggregate, Measure
from relance.domain.duration import Duration
from relance.domain.trigger import OnEvent
from relance.engine.aggregates import fields_tested
from relance.engine.checks import check_texts
from relance.engine.clock import Kind, kind_of
from relance.engine.live import RECEIVED
from relance.engine.offsets import DAY
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench, literal

LATEST = timedelta(days=7)  # how much later than it fell due a live event may arrive and count
# What is being stored while a tick looks is left to the next one: no transaction takes so long.
_SETTLED = timedelta(minutes=1)


def happened_to(workbench: Workbench, profiles: Profiles, on: OnEvent, earlier: datetime) -> str:
    """Customers to whom it happened so long ago, since `earlier`, whatever their segment.

    An event falls due when its time is over and it is known here; each does so once. Of several
    of one customer's the latest decides. Returns a workbench table with the column `key` as text.
    """
    for event in filter(None, (on.event, on.unless)):
        check_texts(profiles, {Aggregate(event, Measure.LAST): "at"})
    fell_due = _latest(workbench, profiles, fell_due_since(profiles, on, earlier))
    if on.unless is None:
        return workbench.create(f"SELECT key FROM {fell_due}", "happened")
    after = _length_before(profiles, on.within, earlier - LATEST)
    others = _latest(workbench, profiles, _others(profiles, on.unless, after), whole_days=True)
    return workbench.create(
        f"SELECT d.key FROM {fell_due} AS d LEFT JOIN {others} AS o ON o.key = d.key"
        " WHERE o.moment IS NULL OR o.moment <= d.moment",
        "happened",
    )


def fell_due_since(profiles: Profiles, on: OnEvent, earlier: datetime) -> ir.Table:
    """The events of `on` that have fallen due since an instant: `owner` and `at`."""
    clock, spec = profiles.clock, profiles.event(on.event)
    received = {}
    if spec.live is not None:
        received = {RECEIVED: profiles.source.table(spec.table)[RECEIVED]}
    events = profiles.events(spec, fields_tested(on.where), received)

    def due(at: datetime) -> ir.BooleanValue:
        over = ~clock.later(events["at"], _length_before(profiles, on.within, at))
        if not received:
            return over
        # null for rows of a table: they tell nothing of their arrival
        known = ~clock.later(events[RECEIVED], at - _SETTLED)
        return over & ibis.coalesce(known, ibis.literal(True))

    tests = [profiles.passes(events, spec, test) for test in on.where]
    oldest = _length_before(profiles, on.within, earlier - LATEST)
    tests += [due(clock.at), ~due(earlier), clock.later(events["at"], oldest)]
    return events.filter(*tests).select("owner", "at")


def _others(profiles: Profiles, event: str, after: datetime) -> ir.Table:
    clock = profiles.clock
    events = profiles.events(profiles.event(event), ())
    inside = [~clock.later(events["at"], clock.at), clock.since(events["at"], after)]
    return events.filter(*inside).select("owner", "at")


def _length_before(profiles: Profiles, length: Duration | None, at: datetime) -> datetime:
    return at if length is None else length.before(at, profiles.clock.zone)


def _latest(
    workbench: Workbench, profiles: Profiles, events: ir.Table, *, whole_days: bool = False
) -> str:
    """A workbench table with the latest moment of each owner: key as text, and microseconds.

    A bare date is the midnight that it begins with; with `whole_days` the last moment of it, so
    that whoever bought on the day of the other event is taken to have bought after it.
    """
    owned = events.filter(events.owner.notnull())
    latest = owned.group_by("owner").aggregate(at=owned["at"].max())
    kind, zone = kind_of(latest["at"].type()), literal(str(profiles.clock.source))
    loaded = workbench.load(profiles.source.fetch(latest), "latest")
    moment = {
        Kind.INSTANT: 'epoch_us("at")',
        Kind.LOCAL: f'epoch_us(timezone({zone}, "at"))',
        Kind.DAY: f'epoch_us(timezone({zone}, "at"::TIMESTAMP))'
        + (f" + {DAY - 1}" if whole_days else ""),
    }[kind]
    return workbench.create(
        f"SELECT CAST(owner AS VARCHAR) AS key, {moment} AS moment FROM {loaded}", "moments"
    )
