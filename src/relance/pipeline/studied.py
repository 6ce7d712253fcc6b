"""What a report asks the engine about: the studies, their entries, and what the state knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.channel import CHANNELS
from relance.domain.study import FORGIVEN, Counting, Draw, Lateness, Shrunk, Study
from relance.domain.trigger import Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.ports import Engine, Reader, Tally

Key = tuple[str, str]  # trigger, version
Sent = Mapping[tuple[str, str], int]  # (channel, provider) → messages

ENTRIES = pa.schema(
    {
        "trigger": pa.string(),
        "version": pa.string(),
        "arm": pa.string(),
        "customer": pa.string(),
        "unit": pa.string(),
        "at": pa.timestamp("us", tz="UTC"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the state knows of each version, up to one instant."""

    tallies: Mapping[Key, Tally]
    countings: Mapping[Key, Counting]

    def counting(self, key: Key) -> Counting:
        """What is known of one version; nothing of one that nobody has entered."""
        return self.countings.get(key, Counting())


def ask_state(workspace: Workspace, reader: Reader, at: datetime) -> Told:
    """Everything but the entries themselves, as it was at an instant."""
    tallies = {(one.trigger, one.version): one for one in reader.tallies(until=at)}
    draws = known_draws(reader, at)
    late = _by_version(reader.lateness(until=at))
    sent = reader.sent_by_channel(until=at)
    countings = {
        key: Counting(
            sent=by_place(workspace, sent.get(key, {})),
            lateness=late.get(key, ()),
            first_at=draws[key].at if key in draws else tally.first_at,
        )
        for key, tally in tallies.items()
        if tally.treated + tally.held_out
    }
    return Told(tallies=tallies, countings=countings)


def known_draws(reader: Reader, at: datetime) -> dict[Key, Draw]:
    """How the arms of each version were drawn, as far as that was written down by an instant."""
    return {(one.trigger, one.version): one for one in reader.draws() if one.at <= at}


def _by_version(found: Iterable[Lateness]) -> dict[Key, tuple[Lateness, ...]]:
    groups: dict[Key, tuple[Lateness, ...]] = {}
    for one in found:
        key = (one.trigger, one.version)
        groups[key] = (*groups.get(key, ()), one)
    return groups


# -- the studies


def present_study(trigger: Trigger) -> Study | None:
    """The present version of a trigger; None without a goal."""
    if trigger.goal is None:
        return None
    return Study(
        trigger=trigger.name,
        version=trigger.version,
        goal=trigger.goal,
        share=trigger.holdout,
        read_out=trigger.read_out,
        addresses=_addresses(trigger),
    )


def _addresses(trigger: Trigger) -> frozenset[str]:
    """What its messages go to; none where it tells the company's own people only."""
    found = {CHANNELS[step.channel].address for step in trigger.steps}
    return frozenset(address for address in found if address is not None)


def entered_versions(entries: pa.Table) -> list[Key]:
    """Every trigger and version that somebody entered, by their first entry."""
    first = entries.group_by(["trigger", "version"]).aggregate([("at", "min")])
    rows = first.sort_by([("at_min", "ascending"), ("version", "ascending")])
    return list(zip(rows["trigger"].to_pylist(), rows["version"].to_pylist(), strict=True))


def earlier_studies(
    trigger: Trigger, entered: Iterable[Key], draws: Mapping[Key, Draw]
) -> list[Study]:
    """The versions before the present one that somebody entered, the oldest first.

    They are measured by the present goal. What share they held out is as it was written down.
    """
    if trigger.goal is None:
        return []
    return [
        Study(
            trigger=trigger.name,
            version=version,
            goal=trigger.goal,
            share=draws[name, version].share if (name, version) in draws else None,
            addresses=_addresses(trigger),
        )
        for name, version in entered
        if name == trigger.name and version != trigger.version
    ]


# -- their entries


def studied_entries(reader: Reader, studied: Collection[Study], at: datetime) -> pa.Table:
    """The entries of all versions of the triggers that are studied, up to an instant."""
    wanted = pa.array(sorted({study.trigger for study in studied}), pa.string())
    if not len(wanted):
        return ENTRIES.empty_table()
    return entries_until(
        (batch.filter(pc.is_in(batch["trigger"], value_set=wanted)) for batch in reader.entries()),
        at,
    )


def entries_until(batches: Iterable[pa.RecordBatch], at: datetime) -> pa.Table:
    """Entries up to an instant, as `ENTRIES`: later ones do not exist."""
    latest = pa.scalar(at, ENTRIES.field("at").type)
    kept = (batch.select(ENTRIES.names).cast(ENTRIES) for batch in batches)
    return pa.Table.from_batches(
        [batch.filter(pc.less_equal(batch["at"], latest)) for batch in kept], ENTRIES
    )


# -- the events


def shrunken(
    workspace: Workspace, engine: Engine, reader: Reader, studied: Iterable[Study]
) -> Mapping[str, Shrunk]:
    """The event tables that lost rows which a tick has counted: outcomes are missing from them.

    A hundredth of them may go: people have the right to be forgotten.
    """
    events = {study.goal.event for study in studied}
    seen = {name: then for name, then in reader.events_seen().items() if name in events}
    if not seen:
        return {}
    now = engine.rows({name: at for name, (at, _) in seen.items()})
    return {
        name: Shrunk(
            event=name, table=workspace.events[name].table, at=at, before=before, now=now[name]
        )
        for name, (at, before) in seen.items()
        if now[name] < before * (1 - FORGIVEN)
    }


# -- the messages


def by_place(workspace: Workspace, sent: Sent) -> dict[str, int]:
    """Messages by what they cost: `email`, and `email/brevo` where that is its fallback."""
    found: dict[str, int] = {}
    for (channel, provider), messages in sent.items():
        place = _place(workspace, channel, provider)
        found[place] = found.get(place, 0) + messages
    return found


def _place(workspace: Workspace, channel: str, provider: str) -> str:
    spec = workspace.channels.get(channel)
    other = spec.fallback if spec else None
    if spec is None or other is None or provider in {spec.provider, ""}:
        return channel
    return f"{channel}/{other.provider}" if provider == other.provider else channel


def prices(workspace: Workspace) -> dict[str, float]:
    """What one message costs, by the places of `by_place`."""
    found: dict[str, float] = {}
    for name, spec in workspace.channels.items():
        if spec.fallback is not None:
            found[f"{name}/{spec.fallback.provider}"] = spec.fallback.cost
        found[name] = spec.cost
    return found
