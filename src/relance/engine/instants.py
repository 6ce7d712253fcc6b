"""The instant of an evaluation as SQL: what `:at` stands for in a query that somebody wrote."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from relance.domain.workspace import EventSpec
from relance.engine.clock import Clock, Kind, has_time
from relance.engine.columns import column_of
from relance.engine.source import Source
from relance.engine.workbench import literal


def as_timestamp(clock: Clock, kinds: AbstractSet[Kind]) -> str:
    """A timestamp that goes with event columns of some kinds."""
    if Kind.INSTANT in kinds:  # without its zone, one in an hour that comes twice is two
        zoned = clock.at.astimezone(clock.source).isoformat(sep=" ")
        return f"CAST('{zoned}' AS TIMESTAMPTZ)"
    local = clock.local(clock.at).isoformat(sep=" ")
    return f"CAST('{local}' AS TIMESTAMP)"


def as_text(clock: Clock, source: Source, events: Iterable[EventSpec]) -> str:
    """A text, written like the events of a source that has no type for instants."""
    return literal(clock.written_like(_sample(source, events)))


def _sample(source: Source, events: Iterable[EventSpec]) -> str:
    """How the events' instants are written. A bare date only where nothing else is."""
    days = ""
    for spec in events:
        table = source.table(spec.table)
        latest = table.aggregate(at=column_of(table, spec.table, spec.at).cast("string").max())
        value = str(source.fetch(latest).read_all()["at"][0].as_py() or "")
        if has_time(value):
            return value
        days = days or value
    return days
