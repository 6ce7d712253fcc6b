"""A story's days as a state remembers them, and the workspace whose segments they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from contracts.state_words import baseline, change, tick
from relance.domain.condition import AllOf, Condition, StageIs
from relance.domain.happening import Happening
from relance.domain.lifecycle import LifecycleSpec, Stage
from relance.domain.trajectory import Trajectory
from relance.domain.workspace import CustomersSpec, RfmSpec, Segment, SourceSpec, Workspace
from relance.engine.trajectories import Paths
from relance.pipeline.ports import SpellChange
from relance.pipeline.trajectories import Asked, trajectory
from relance.store import State
from trajectory_oracle import Story, day

PARIS = ZoneInfo("Europe/Paris")


def workspace(
    segments: Sequence[str], happenings: Sequence[Happening] = (),
    lifecycle: LifecycleSpec | None = None,
) -> Workspace:  # fmt: skip
    """A workspace of which trajectories need the segments' names, the zone and the happenings."""
    return Workspace(
        root=Path(), name="shop", zone=PARIS, locale="en", currency="EUR", state="sqlite://",
        source=SourceSpec(location="", shown="", zone=PARIS),
        customers=CustomersSpec(table="customers", key="id"), events={}, rfm=RfmSpec(),
        segments={
            name: Segment(name=name, condition=_condition(name), version="1") for name in segments
        },
        lifecycle=lifecycle,
        triggers={}, channels={}, happenings=tuple(happenings),
    )  # fmt: skip


def _condition(name: str) -> Condition:
    """Stages look at the lifecycle; what others look at is no matter here."""
    return StageIs((Stage(name),)) if name in {stage.value for stage in Stage} else AllOf(())


def remember(
    state: State, story: Story, segments: Sequence[str], renamed: Mapping[str, str] | None = None
) -> None:
    """Tick once for every day of a story; `renamed` gives segments other names in the state."""
    names = {name: (renamed or {}).get(name, name) for name in segments}
    for number, today in enumerate(story):
        before = story[number - 1] if number else {}
        spells = [_spell(name, names[name], before, today, number) for name in segments]
        state.ledger.commit(tick(day(number), runs=[], spells=spells))


def _spell(
    segment: str, name: str, before: Mapping[str, frozenset[str]],
    today: Mapping[str, frozenset[str]], number: int,
) -> SpellChange:  # fmt: skip
    old, new = members(before, segment), members(today, segment)
    if not number:
        return baseline(name, *sorted(new))
    return change(name, opened=sorted(new - old), closed=sorted(old - new))


def members(today: Mapping[str, frozenset[str]], segment: str) -> set[str]:
    return {customer for customer, segments in today.items() if segment in segments}


def follow(
    state: State, shop: Workspace, begin: int | None, until: int,
    segments: Sequence[str] | None = None,
) -> Trajectory:  # fmt: skip
    """A period between two days of a story."""
    asked = Asked(
        now=day(until), begin=None if begin is None else day(begin), until=day(until),
        segments=segments,
    )  # fmt: skip
    return trajectory(shop, state.reader, Paths, asked)
