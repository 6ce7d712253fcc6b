"""What a tick writes down beside its entries: how arms were drawn, and how much data there was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from relance.domain.study import Draw
from relance.store.driver import Driver, Statement
from relance.store.tables import DRAW, META, RUN

EVENT = "event:"
"""`meta` keys of the event tables that had rows begin with it."""

_SEEN = "seen"  # what an older relance wrote there: that there were some
_COUNTED = Statement(
    "INSERT INTO meta (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)

Counted = tuple[datetime, int]


def draws(connection: Connection) -> list[Draw]:
    """Every draw that is written down, in the order of the first entries."""
    query = select(DRAW).order_by(DRAW.c.at, DRAW.c.trigger)
    return [Draw(**row) for row in connection.execute(query).mappings()]


def keep_draws(connection: Connection, given: Iterable[Draw]) -> None:
    """Write down the draws of versions that somebody has entered, as of their first entry.

    What is written down of a version already stays. Call it once the tick's runs are stored.
    """
    known = set(connection.execute(select(DRAW.c.trigger, DRAW.c.version)))
    new = [draw for draw in given if (draw.trigger, draw.version) not in known]
    first = _first_entries(connection) if new else {}
    rows = [
        {
            "trigger": draw.trigger,
            "version": draw.version,
            "at": first[draw.trigger, draw.version],
            "hash_version": draw.hash_version,
            "salt": draw.salt,
            "share": draw.share,
            "household": draw.household,
            "read_out": draw.read_out,
        }
        for draw in new
        if (draw.trigger, draw.version) in first
    ]
    if rows:
        connection.execute(insert(DRAW), rows)


def _first_entries(connection: Connection) -> dict[tuple[str, str], datetime]:
    """When each version was first entered: runs are few where entries are many."""
    key = (RUN.c.trigger, RUN.c.version)
    somebody = RUN.c.treated + RUN.c.held_out > 0
    query = select(*key, func.min(RUN.c.at)).where(somebody).group_by(*key)
    return {(trigger, version): at for trigger, version, at in connection.execute(query)}


def events_seen(connection: Connection) -> dict[str, Counted | None]:
    """How many rows each event's table had, and up to when; None where nobody wrote it down."""
    query = select(META).where(META.c.key.startswith(EVENT))
    return {row.key.removeprefix(EVENT): _counted(row.value) for row in connection.execute(query)}


def _counted(value: str) -> Counted | None:
    if value == _SEEN:
        return None
    at, rows = json.loads(value)
    return datetime.fromisoformat(at), rows


def keep_event_rows(connection: Connection, events: Mapping[str, int], at: datetime) -> None:
    """Write down how many rows event tables have up to an instant.

    An empty table is nothing to remember, and a later count stays.
    """
    known = events_seen(connection) if events else {}
    later = {name for name, seen in known.items() if seen is not None and seen[0] > at}
    written = [
        (f"{EVENT}{name}", json.dumps([at.isoformat(), rows]))
        for name, rows in events.items()
        if rows and name not in later
    ]
    Driver(connection).many(_COUNTED, written)
