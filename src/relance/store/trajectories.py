"""What a trajectory reads of the state: spells that touch a period, and what triggers did in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    select,
)

from relance.domain.arm import Arm
from relance.domain.trajectory import Activity, Span, Watched
from relance.store import bulk
from relance.store.studies import LEFT
from relance.store.tables import ENTRY, FIT, MEMBERSHIP, MESSAGE, REIGN

_SPELLS = pa.schema(
    [
        ("customer", pa.string()),
        ("entered_at", bulk.INSTANT),
        ("left_at", bulk.INSTANT),
        ("baseline", pa.bool_()),
    ]
)
SPELLS = _SPELLS.append(pa.field("place", pa.int32()))


def watched(connection: Connection, segments: Sequence[str], until: datetime) -> list[Watched]:
    """The definitions of segments that began before or at an instant, the latest first."""
    query = (
        select(REIGN)
        .where(REIGN.c.since <= until, REIGN.c.segment.in_(segments))
        .order_by(REIGN.c.id.desc())
    )
    return [
        Watched(
            segment=row.segment, reign=row.id, version=row.version, since=row.since, at=row.at
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def spells(
    connection: Connection, reigns: Mapping[int, int], span: Span
) -> Iterator[pa.RecordBatch]:
    """The spells of reigns (reign → place) that touch a period. One range of the key for each."""
    spell = MEMBERSHIP.c
    for reign, place in reigns.items():
        ends = (_counted(connection, at) for at in (spell.entered_at, spell.left_at))
        query: Select[Any] = select(spell.customer, *ends, spell.baseline).where(
            spell.reign == reign, spell.left_at > span.begin, spell.entered_at <= span.until
        )
        for batch in bulk.stream(connection, query, _SPELLS):
            places = pa.repeat(pa.scalar(place, pa.int32()), batch.num_rows)
            yield pa.RecordBatch.from_arrays([*batch.columns, places], schema=SPELLS)


def _counted(connection: Connection, at: ColumnElement[Any]) -> ColumnElement[Any]:
    """An instant as microseconds since 1970, as SQLite has them: dates for millions of rows
    take PostgreSQL's driver a third longer."""
    if connection.dialect.name == "sqlite":
        return at
    return cast(extract("epoch", at) * 1_000_000, BigInteger)


def refits(connection: Connection, span: Span) -> dict[str, list[datetime]]:
    """When what is fitted from data was fitted anew within a period, by its name; a first fit
    moved nobody."""
    first = (
        select(FIT.c.name, func.min(FIT.c.fitted_at).label("at")).group_by(FIT.c.name).subquery().c
    )
    query = (
        select(FIT.c.name, FIT.c.fitted_at)
        .join(first.at.table, first.name == FIT.c.name)
        .where(FIT.c.fitted_at > span.begin, FIT.c.fitted_at <= span.until)
        .where(FIT.c.fitted_at > first.at)
        .order_by(FIT.c.fitted_at)
    )
    found: dict[str, list[datetime]] = {}
    for row in connection.execute(query):
        found.setdefault(row.name, []).append(row.fitted_at)
    return found


def activity(connection: Connection, bounds: Sequence[datetime]) -> list[Activity]:
    """Entries and messages by trigger and week, between bounds as `domain.week_bounds` has them."""
    entry, message = ENTRY.c, MESSAGE.c
    arms = _weekly(connection, (entry.trigger, entry.arm), entry.at, bounds)
    left = and_(message.state.in_(LEFT), message.ghost.is_(False))
    sent = _weekly(connection, (message.trigger,), message.changed_at, bounds, left)
    nothing = [0] * (len(bounds) - 1)
    return [
        Activity(
            trigger=trigger,
            treated=arms.get((trigger, Arm.TREATED.value), nothing),
            held_out=arms.get((trigger, Arm.HOLDOUT.value), nothing),
            messages=sent.get((trigger,), nothing),
        )
        for trigger in sorted({key[0] for key in [*arms, *sent]})
    ]


def _weekly(
    connection: Connection,
    keys: Sequence[ColumnElement[Any]],
    at: ColumnElement[Any],
    bounds: Sequence[datetime],
    where: ColumnElement[bool] | None = None,
) -> dict[tuple[str, ...], list[int]]:
    """How many rows of each key fall into each week: later than its begin, up to the next."""
    ends = [(at <= end, literal(number)) for number, end in enumerate(bounds[1:])]
    rows = select(*keys, case(*ends).label("week")).where(at > bounds[0], at <= bounds[-1])
    if where is not None:
        rows = rows.where(where)
    found = rows.subquery().c
    names = [column for column in found if column.key != "week"]
    query = select(*names, found.week, func.count()).group_by(*names, found.week)
    weekly: dict[tuple[str, ...], list[int]] = {}
    for *key, week, number in connection.execute(query):
        weekly.setdefault(tuple(key), [0] * (len(bounds) - 1))[week] = number
    return weekly
