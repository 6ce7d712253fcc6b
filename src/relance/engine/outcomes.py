"""Who came back: goal events inside each entry's window, counted by arm, set-based."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.arm import Arm
from relance.domain.ledger import ArmSums
from relance.domain.trigger import Goal
from relance.engine.clock import EPOCH, Clock, Kind, kind_of
from relance.engine.profile import Profiles, fields_tested
from relance.engine.workbench import Workbench, compiled, literal

_DEADLINES = pa.schema(
    [
        ("trigger", pa.string()),
        ("entry", pa.timestamp("us", tz="UTC")),
        ("until", pa.timestamp("us", tz="UTC")),
    ]
)


def count_outcomes(
    workbench: Workbench, profiles: Profiles, entries: pa.Table, goals: Mapping[str, Goal]
) -> list[ArmSums]:
    """See `relance.pipeline.ports.Engine.outcomes`."""
    with workbench.scope():
        sums = _sums(workbench, profiles, entries, goals)
    return [
        ArmSums(
            trigger=str(trigger),
            version=str(version),
            arm=Arm(str(arm)),
            entered=int(str(entered)),
            mature=int(str(mature)),
            retained=int(str(retained)),
        )
        for trigger, version, arm, entered, mature, retained in sums
    ]


def _sums(
    workbench: Workbench, profiles: Profiles, entries: pa.Table, goals: Mapping[str, Goal]
) -> list[tuple[object, ...]]:
    columns = ["trigger", "version", "arm", "customer", "at"]
    loaded = workbench.load(entries.select(columns), "entries")
    first = workbench.create(_FIRST.format(entries=loaded), "first")
    deadlines = workbench.load(_deadlines(workbench, first, goals, profiles.clock), "deadlines")
    windows = workbench.create(_windows(first, deadlines, profiles.clock), "windows")
    hits = [
        workbench.create(_returned(workbench, profiles, windows, goal, triggers), "hits")
        for goal, triggers in _alike(goals)
    ]
    return workbench.run(_SUMS.format(windows=windows, hits=_together(hits)))


_FIRST = """
SELECT trigger, version, customer, arg_min(arm, "at") AS arm, min("at") AS entry
FROM {entries} GROUP BY trigger, version, customer"""

_SUMS = """
SELECT w.trigger, w.version, w.arm, count(*), count_if(w.mature), count(h.id)
FROM {windows} AS w LEFT JOIN ({hits}) AS h ON h.id = w.id
GROUP BY ALL ORDER BY ALL"""


def _deadlines(
    workbench: Workbench, first: str, goals: Mapping[str, Goal], clock: Clock
) -> pa.Table:
    """The end of each window: days are counted on the calendar, once per distinct instant."""
    instants = workbench.run(f"SELECT DISTINCT trigger, epoch_us(entry) FROM {first}")
    rows = []
    for trigger, elapsed in instants:
        goal = goals.get(str(trigger))
        if goal is not None:
            at = EPOCH + timedelta(microseconds=int(str(elapsed)))
            until = clock.end(at, goal.within)
            rows.append({"trigger": trigger, "entry": at, "until": until})
    return pa.Table.from_pylist(rows, schema=_DEADLINES)


def _windows(first: str, deadlines: str, clock: Clock) -> str:
    """Entries with their windows, also as the source writes instants; `mature` is never null."""
    zone = literal(str(clock.source))
    at = literal(clock.at.astimezone(UTC).isoformat())
    return (
        "SELECT row_number() OVER () AS id, f.*, d.until,"
        f" timezone({zone}, f.entry) AS entry_local, timezone({zone}, d.until) AS until_local,"
        f" coalesce(d.until <= {at}::TIMESTAMPTZ, false) AS mature"
        f" FROM {first} AS f LEFT JOIN {deadlines} AS d"
        " ON d.trigger = f.trigger AND d.entry = f.entry"
    )


def _alike(goals: Mapping[str, Goal]) -> list[tuple[Goal, list[str]]]:
    """Triggers whose goals look at the same events, so that these are read once."""
    groups: dict[object, tuple[Goal, list[str]]] = {}
    for trigger, goal in goals.items():
        groups.setdefault((goal.event, goal.where), (goal, []))[1].append(trigger)
    return list(groups.values())


def _returned(
    workbench: Workbench, profiles: Profiles, windows: str, goal: Goal, triggers: Sequence[str]
) -> str:
    """SQL for the ids of mature entries with a goal event inside their window."""
    mine = f"mature AND trigger IN ({', '.join(map(literal, triggers))})"
    events = _goal_events(workbench, profiles, windows, goal, mine)
    kind = kind_of(events.at.type())
    suffix, cast = {
        Kind.INSTANT: ("", ""), Kind.LOCAL: ("_local", ""), Kind.DAY: ("_local", "::DATE"),
    }[kind]  # fmt: skip
    whole = kind_of(events.owner.type()) is Kind.INTEGER
    key = "try_cast(customer AS BIGINT)" if whole else "customer"
    return (
        f"SELECT w.id FROM (SELECT id, {key} AS key, entry{suffix}{cast} AS low,"
        f" until{suffix}{cast} AS high FROM {windows} WHERE {mine}) AS w"
        f" SEMI JOIN ({compiled(events)}) AS e"
        ' ON e.owner = w.key AND e."at" > w.low AND e."at" <= w.high'
    )


def _goal_events(
    workbench: Workbench, profiles: Profiles, windows: str, goal: Goal, mine: str
) -> ir.Table:
    """Owner and instant of the events that could count; from a server only these are copied."""
    spec, clock = profiles.event(goal.event), profiles.clock
    events = profiles.events(spec, fields_tested(goal.where))
    tests = [profiles.passes(events, spec, test) for test in goal.where]
    first = workbench.instant(f"SELECT min(entry) FROM {windows} WHERE {mine}")
    tests.append(~clock.later(events.at, clock.at))
    tests.append(clock.later(events.at, first) if first is not None else ibis.literal(False))
    wanted = events.filter(*tests).select("owner", "at")
    if not profiles.source.remote:
        return wanted
    return workbench.scratch(workbench.load(profiles.source.fetch(wanted), "events"))


def _together(hits: Sequence[str]) -> str:
    return " UNION ALL ".join(f"SELECT id FROM {table}" for table in hits) or (
        "SELECT NULL::BIGINT AS id WHERE false"
    )
