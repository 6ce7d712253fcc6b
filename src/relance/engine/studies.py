"""Everything that studies ask of the customer data, counted with one look at each event table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from relance.domain.duration import Duration
from relance.domain.study import Study
from relance.engine.checks import figures
from relance.engine.clock import microseconds
from relance.engine.counting import count_ages, count_planned, count_weeks
from relance.engine.entrants import Entrants, find_entrants, with_owners
from relance.engine.looks import Looker, looks
from relance.engine.mingling import count_pairs, count_shared
from relance.engine.profile import Profiles
from relance.engine.spending import count_spending
from relance.engine.workbench import Workbench
from relance.uplift.outcomes import Outcomes


def count_studies(
    workbench: Workbench,
    profiles: Profiles,
    entries: pa.Table,
    studies: Sequence[Study],
    optouts: pa.Table,
    lapsed_after: Duration,
) -> Outcomes:
    """See `relance.pipeline.ports.Engine.study`."""
    if not studies or not entries.num_rows:
        return Outcomes()
    with workbench.scope():
        entrants = find_entrants(workbench, profiles, entries, studies, lapsed_after)
        if not entrants.count:
            return Outcomes()
        told = with_owners(profiles, optouts)
        looker = Looker(
            workbench=workbench,
            profiles=profiles,
            entrants=entrants,
            studies=studies,
            optouts=_optouts(workbench, entrants, told, profiles.clock.at),
            lapsed_after=lapsed_after,
        )
        return _counted(looker, studies)


def count_rows(profiles: Profiles, event: str) -> int:
    """How many rows an event's table has up to the clock's instant. Raises SourceError."""
    spec, clock = profiles.event(event), profiles.clock
    events = profiles.records(spec.rows or spec, ())
    return figures(profiles, events, {"rows": (~clock.later(events.at, clock.at)).sum()})["rows"]


def _counted(looker: Looker, studies: Sequence[Study]) -> Outcomes:
    workbench, entrants = looker.workbench, looker.entrants
    rows = workbench.run(f"SELECT DISTINCT study FROM {entrants.first}")
    tables = [looker.take(look) for look in looks(studies, {place for (place,) in rows})]
    facts = f"({' UNION ALL '.join(f'SELECT * FROM {table}' for table in tables)})"
    priced = [
        place
        for place, study in enumerate(studies)
        if looker.profiles.event(study.goal.event).amount is not None
    ]
    entered, cells = count_weeks(workbench, facts, studies)
    revenue, spend = count_spending(workbench, facts, studies, priced)
    return Outcomes(
        entered=entered,
        cells=[*cells, *revenue],
        ages=count_ages(workbench, facts, studies),
        spend=spend,
        planned=count_planned(workbench, facts, entrants, studies),
        shared=count_shared(workbench, entrants, studies),
        pairs=count_pairs(workbench, entrants.first, studies),
    )


def _optouts(workbench: Workbench, entrants: Entrants, optouts: pa.Table, at: datetime) -> str:
    """The entrants who opted out, and when: nearest to their entry, after and before."""
    loaded = workbench.load(optouts.select(["customer", "at"]), "optouts")
    return workbench.create(
        f"""
SELECT f.rowid AS id, min(CASE WHEN o.t > f.entry THEN o.t END) AS after,
  max(CASE WHEN o.t <= f.entry THEN o.t END) AS before
FROM {entrants.first} AS f
JOIN (SELECT customer, epoch_us("at") AS t FROM {loaded}) AS o ON o.customer = f.customer
WHERE o.t <= {microseconds(at)} GROUP BY f.rowid""",
        "optouts",
    )
