"""Numbers of a picture: the events that it rests on, the members of each segment, the moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.trigger import OnEvent, Trigger
from relance.engine.layout import Bit
from relance.engine.needs import Need, measure_of
from relance.engine.profile import Profiles
from relance.engine.rows import count_rows
from relance.engine.snapshot import Masks
from relance.engine.workbench import Workbench


def count_events(profiles: Profiles, needs: Iterable[Need]) -> Mapping[str, int]:
    """The rows up to now of each event that a segment asks for, or a trigger's goal. Live
    events are counted by nobody: they may be forgotten, and are never an unfinished export."""
    triggers = profiles.workspace.triggers.values()
    measures = map(measure_of, needs)
    asked = {measure.event for measure in measures if measure is not None}
    asked |= {trigger.goal.event for trigger in triggers if trigger.goal is not None}
    asked |= {name for trigger in triggers for name in _awaited(trigger)}
    # the whole table, whoever its rows are about
    everybody = profiles.contacts or profiles
    specs = {name: everybody.event(name).rows for name in sorted(asked)}
    return {name: count_rows(everybody, rows) for name, rows in specs.items() if rows}


def count_members(workbench: Workbench, masks: Masks) -> Mapping[str, int]:
    """How many customers are in each segment."""
    # customers share few masks: adding up those costs a third of counting each segment
    columns = ", ".join(f"m{number}" for number in range(masks.layout.columns))
    alike = workbench.arrow(
        f"SELECT {columns}, count(*) AS people FROM {masks.table} GROUP BY {columns}"
    )
    people = alike["people"].to_numpy()
    return {
        name: int(people[_set(alike[f"m{bit.column}"], bit)].sum())
        for name, bit in masks.layout.bits.items()
    }


def moves_of(moved: pa.Table, bit: Bit) -> tuple[pa.Array, pa.Array]:
    """Of the moved, those who entered and those who left one segment."""
    some = moved.filter(pa.array(_set(moved[f"x{bit.column}"], bit)))
    inside = pa.array(_set(some[f"now{bit.column}"], bit))
    customers = some["customer"].combine_chunks()
    return customers.filter(inside), customers.filter(pc.invert(inside))


def _awaited(trigger: Trigger) -> Iterator[str]:
    """The events that a trigger waits for."""
    if isinstance(trigger.on, OnEvent):
        yield from filter(None, (trigger.on.event, trigger.on.unless))


def _set(masks: pa.ChunkedArray, bit: Bit) -> np.ndarray:
    """In which of some masks a bit is set."""
    found: np.ndarray = (masks.to_numpy() & bit.value) != 0
    return found
