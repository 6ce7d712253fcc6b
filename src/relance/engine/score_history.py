"""What a score learns from and is judged on: features as of a past instant, and what came after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pyarrow as pa

from relance.domain.condition import Aggregate, Measure, Window
from relance.domain.score import Feature, ScoreSpec
from relance.engine.needs import Need
from relance.engine.profile import Profiles
from relance.engine.rows import ask_for, gather
from relance.engine.scored import WORKBENCH
from relance.engine.scores import Columns, features_of, needs_of_score
from relance.engine.workbench import Workbench
from relance.scoring.history import History


def score_history(
    workbench: Workbench, snapshot: Profiles, outcome: Profiles, spec: ScoreSpec
) -> History:
    """Everybody who had the event by the snapshot, grouped by their features, with how many of
    each group had it again later than that and up to the outcome's instant.

    Groups only leave the engine, in a fixed order.
    """
    wanted = features_of(snapshot.workspace, spec)
    with workbench.scope():
        features = _features(workbench, snapshot, spec, wanted)
        after = _outcomes(workbench, outcome, spec, snapshot.clock.at)
        columns = ", ".join(f"f_{each}" for each in wanted)
        found = workbench.arrow(
            f"SELECT {columns}, count(*) AS customers,"
            " count(*) FILTER (WHERE bought > 0) AS buyers,"
            " coalesce(sum(spent) FILTER (WHERE bought > 0), 0)::DOUBLE AS spent"
            f" FROM {features} LEFT JOIN {after} USING (key) GROUP BY {columns} ORDER BY {columns}"
        )
    return _read(found, wanted)


def _features(
    workbench: Workbench, profiles: Profiles, spec: ScoreSpec, wanted: tuple[Feature, ...]
) -> str:
    needs = needs_of_score(profiles.workspace, spec.name)
    names: dict[Need, str] = {need: f"n_{short}" for short, need in needs.items()}
    table = workbench.scratch(_stored(workbench, profiles, names))
    columns = Columns(
        table=table, names=names, needs=needs, clock=profiles.clock, dialect=WORKBENCH
    )
    values = {f"f_{each}": columns.value(each) for each in wanted}
    return workbench.create(table.filter(columns.known).select("key", **values))


def _outcomes(workbench: Workbench, profiles: Profiles, spec: ScoreSpec, since: datetime) -> str:
    window = Window(since=since)
    names: dict[Need, str] = {Aggregate(spec.event, Measure.COUNT, window=window): "bought"}
    event = profiles.event(spec.event)
    if event.amount is not None:
        names[Aggregate(spec.event, Measure.SUM, "amount", window)] = "spent"
    stored = _stored(workbench, profiles, names)
    if event.amount is None:
        return workbench.create(f"SELECT *, 0.0 AS spent FROM {stored}")
    return stored


def _stored(workbench: Workbench, profiles: Profiles, names: Mapping[Need, str]) -> str:
    profile, source = profiles.build(names), profiles.source
    return workbench.load(source.fetch(profile)) if source.remote else workbench.create(profile)


def _read(found: pa.Table, wanted: tuple[Feature, ...]) -> History:
    def column(name: str) -> np.ndarray:
        values: np.ndarray = found[name].to_numpy().astype(np.float64)
        return values

    return History(
        features={each: column(f"f_{each}") for each in wanted},
        customers=column("customers"),
        buyers=column("buyers"),
        spent=column("spent"),
    )


def features_of_customer(
    workbench: Workbench, profiles: Profiles, spec: ScoreSpec, customer: str
) -> Mapping[Feature, float] | None:
    """One customer's features; None for who is not there, and empty without any event."""
    wanted = features_of(profiles.workspace, spec)
    needs = needs_of_score(profiles.workspace, spec.name)
    names: dict[Need, str] = {need: f"n_{short}" for short, need in needs.items()}
    with workbench.scope():
        asked = ask_for(workbench, profiles, pa.array([customer], pa.string()))
        table = workbench.scratch(gather(workbench, profiles, names, asked))
        columns = Columns(
            table=table, names=names, needs=needs, clock=profiles.clock, dialect=WORKBENCH
        )
        values = {f"f_{each}": columns.value(each) for each in wanted}
        rows = workbench.arrow(table.select(known=columns.known, **values)).to_pylist()
    if not rows:
        return None
    (row,) = rows
    return {each: row[f"f_{each}"] for each in wanted} if row["known"] else {}
