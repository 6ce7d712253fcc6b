"""Membership as spells: written as differences, read back as of any instant.

A segment's definition reigns from its baseline until another replaces it; spells belong to a
reign, so that two definitions are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, bindparam, func, insert, literal, select, update

from relance.domain.ledger import SegmentState
from relance.errors import StateError
from relance.store import bulk
from relance.store.instants import OPEN, encoder, to_integer
from relance.store.record import Spells
from relance.store.tables import MEMBERSHIP, REIGN

_END = "UPDATE membership SET left_at = ? WHERE reign = ? AND left_at = ? AND customer = ?"
_CUSTOMERS = pa.schema([("customer", pa.string())])
_BEGINNINGS = pa.schema(
    [("customer", pa.string()), ("entered_at", bulk.INSTANT), ("baseline", pa.bool_())]
)
MEMBERS = pa.schema([("segment", pa.string()), ("customer", pa.string())])


@dataclass(frozen=True, kw_only=True, slots=True)
class Reign:
    """A definition of a segment, from its baseline on; `at` is its last evaluation."""

    id: int
    segment: str
    version: str
    since: datetime
    at: datetime


def reigns(connection: Connection) -> dict[str, Reign]:
    """The current reign of every segment."""
    latest = select(func.max(REIGN.c.id)).group_by(REIGN.c.segment)
    rows = connection.execute(select(REIGN).where(REIGN.c.id.in_(latest))).mappings()
    return {row["segment"]: Reign(**row) for row in rows}


def segment_states(connection: Connection) -> dict[str, SegmentState]:
    """When each segment was last evaluated, and under which definition."""
    return {
        name: SegmentState(segment=name, version=reign.version, at=reign.at)
        for name, reign in reigns(connection).items()
    }


def write(connection: Connection, changes: Iterable[Spells], at: datetime) -> None:
    """Open and close spells as of `at`, and move each segment's last evaluation there.

    Raises StateError where time would go backwards or the membership is not the one that the
    change was computed from.
    """
    current = reigns(connection)
    for change in changes:
        known = current.get(change.segment)
        if known is not None:
            _refuse_going_back(known, at)
        if change.fresh:
            current[change.segment] = _replace(connection, known, change, at)
        elif known is None or known.version != change.version:
            raise _moved_on(change.segment)
        else:
            _apply(connection, known, change, at)


def _refuse_going_back(reign: Reign, at: datetime) -> None:
    if at < reign.at:
        raise StateError(
            f"time goes forward: {reign.segment} was evaluated at {reign.at.isoformat()},"
            f" which is later than {at.isoformat()}",
            hint="evaluate at a later instant, or rehearse the past on another state database",
        )


def _moved_on(segment: str) -> StateError:
    return StateError(
        f"the membership of {segment} is not the one this tick was computed from;"
        " another process changed it meanwhile",
        hint="run the tick again",
    )


def _replace(connection: Connection, old: Reign | None, change: Spells, at: datetime) -> Reign:
    """A first or changed definition: end what was, and start from all members, silently."""
    if old is not None:
        connection.execute(
            update(MEMBERSHIP)
            .where(MEMBERSHIP.c.reign == old.id, MEMBERSHIP.c.left_at == OPEN)
            .values(left_at=at)
        )
    row = {"segment": change.segment, "version": change.version, "since": at, "at": at}
    key = connection.execute(insert(REIGN).values(row)).inserted_primary_key
    reign = Reign(id=_number(key), segment=change.segment, version=change.version, since=at, at=at)
    _open(connection, reign, change.opened, at, baseline=True)
    for _ in change.closed:  # a stream is consumed whole; nobody can leave a new definition
        pass
    return reign


def _number(key: Any) -> int:  # SQLAlchemy types primary keys as Any
    return int(key[0])


def _apply(connection: Connection, reign: Reign, change: Spells, at: datetime) -> None:
    carried = 0 if change.carried is None else _carry(connection, reign, change.carried, at)
    closed = _close(connection, reign, change.closed, at)
    opened = _open(connection, reign, change.opened, at, baseline=False)
    if at == reign.at and (closed or opened or carried):
        raise StateError(
            f"time goes forward: {reign.segment} was already evaluated at {at.isoformat()},"
            " with other members",
            hint="the customer data changed since; evaluate at a later instant",
        )
    connection.execute(update(REIGN).where(REIGN.c.id == reign.id).values(at=at))


def _open(
    connection: Connection,
    reign: Reign,
    customers: Iterable[pa.Array],
    at: datetime,
    *,
    baseline: bool,
) -> int:
    encode = encoder(connection.dialect)
    constants = {
        "reign": reign.id,
        "left_at": encode(OPEN),
        "entered_at": encode(at),
        "baseline": baseline,
    }
    return bulk.insert_keys(connection, MEMBERSHIP, "customer", customers, constants)


def _close(
    connection: Connection, reign: Reign, customers: Iterable[pa.Array], at: datetime
) -> int:
    leaving = ended = 0
    for array in customers:
        ordered = array.take(pc.sort_indices(array)).to_pylist()
        leaving += len(ordered)
        ended += _end(connection, reign.id, ordered, at)
    if ended != leaving:
        raise _moved_on(reign.segment)
    return leaving


def _carry(connection: Connection, reign: Reign, carried: pa.Table, at: datetime) -> int:
    """End the open spells of ids that are somebody else's now, and let the customers have them,
    from the beginning of the earliest (their own among them). How many ended."""
    ids = carried["id"].to_pylist()
    if not ids:
        return 0
    heirs = pc.unique(carried["customer"]).to_pylist()
    spells = _open_spells(connection, reign, [*ids, *heirs])
    own = {heir: heir for heir in heirs}
    owners = {**own, **dict(zip(ids, carried["customer"].to_pylist(), strict=True))}
    spells = spells.append_column(
        "heir", pa.array([owners[each] for each in spells["customer"].to_pylist()], pa.string())
    )
    earliest = spells.sort_by([("entered_at", "ascending"), ("baseline", "descending")])
    first = earliest.group_by("heir", use_threads=False).aggregate(
        [("entered_at", "first"), ("baseline", "first")]
    )
    if _end(connection, reign.id, sorted(ids), at) != len(ids):
        raise _moved_on(reign.segment)
    known = set(spells["customer"].to_pylist())
    rows = [
        {"who": heir, "since": since, "base": base}
        for heir, since, base in zip(
            first["heir"].to_pylist(),
            first["entered_at_first"].to_pylist(),
            first["baseline_first"].to_pylist(),
            strict=True,
        )
    ]
    _begin(connection, reign, rows, known)
    return len(ids)


def _open_spells(connection: Connection, reign: Reign, customers: list[str]) -> pa.Table:
    columns = (MEMBERSHIP.c.customer, MEMBERSHIP.c.entered_at, MEMBERSHIP.c.baseline)
    still = (MEMBERSHIP.c.reign == reign.id, MEMBERSHIP.c.left_at == OPEN)
    found = [
        bulk.table(
            connection,
            select(*columns).where(*still, MEMBERSHIP.c.customer.in_(some)),
            _BEGINNINGS,
        )
        for some in bulk.chunks(customers)
    ]
    return pa.concat_tables(found)


def _begin(
    connection: Connection, reign: Reign, rows: list[dict[str, Any]], known: set[str]
) -> None:
    """Let customers have open spells from given beginnings; those of `known` have one already."""
    having = [row for row in rows if row["who"] in known]
    lacking = [
        {"reign": reign.id, "left_at": OPEN, "customer": row["who"], "entered_at": row["since"],
         "baseline": row["base"]}
        for row in rows
        if row["who"] not in known
    ]  # fmt: skip
    if lacking:
        connection.execute(insert(MEMBERSHIP), lacking)
    if having:
        moved = (
            update(MEMBERSHIP)
            .where(
                MEMBERSHIP.c.reign == reign.id,
                MEMBERSHIP.c.left_at == OPEN,
                MEMBERSHIP.c.customer == bindparam("who"),
            )
            .values(entered_at=bindparam("since"), baseline=bindparam("base"))
        )
        connection.execute(moved, having)


def _end(connection: Connection, reign: int, customers: list[str], at: datetime) -> int:
    """Close the open spells of these customers, by whole keys; how many there were."""
    if connection.dialect.name == "sqlite":
        end, still_open = to_integer(at), to_integer(OPEN)
        return bulk.run_many(connection, _END, ((end, reign, still_open, c) for c in customers))
    # not by a join: its plan would be PostgreSQL's guess about a table it has not analysed
    ending = (
        update(MEMBERSHIP)
        .where(MEMBERSHIP.c.reign == reign, MEMBERSHIP.c.left_at == OPEN)
        .values(left_at=at)
    )
    found = (
        connection.execute(ending.where(MEMBERSHIP.c.customer.in_(some)))
        for some in bulk.chunks(customers)
    )
    return sum(each.rowcount for each in found)


def reign_at(
    connection: Connection, segment: str, at: datetime, version: str | None = None
) -> Reign | None:
    """The definition that held at an instant (the latest of a version, where one is named)."""
    query = select(REIGN).where(REIGN.c.segment == segment, REIGN.c.since <= at)
    if version is not None:
        query = query.where(REIGN.c.version == version)
    found = connection.execute(query.order_by(REIGN.c.id.desc()).limit(1)).mappings()
    row = found.one_or_none()
    return None if row is None else Reign(**row)


def customers_at(connection: Connection, reign: Reign, at: datetime) -> Iterator[pa.RecordBatch]:
    """The members of a reign at an instant. Columns: customer."""
    query: Select[Any] = select(MEMBERSHIP.c.customer).where(
        MEMBERSHIP.c.reign == reign.id,
        MEMBERSHIP.c.left_at > at,
        MEMBERSHIP.c.entered_at <= at,
    )
    return bulk.stream(connection, query, _CUSTOMERS)


def members(
    connection: Connection, versions: Mapping[str, str], at: datetime
) -> Iterator[pa.RecordBatch]:
    """The members of several segments at an instant. Columns: segment, customer."""
    for segment, version in versions.items():
        reign = reign_at(connection, segment, at, version)
        if reign is None:
            continue
        for batch in customers_at(connection, reign, at):
            names = pa.repeat(pa.scalar(segment, pa.string()), batch.num_rows)
            yield pa.RecordBatch.from_arrays([names, batch.column(0)], schema=MEMBERS)


def stayed(
    connection: Connection,
    reign: Reign,
    since: datetime | None,
    until: datetime,
    *,
    with_baseline: bool,
) -> pa.Array:
    """Customers whose open spell began later than `since` and at or before `until`."""
    spell = MEMBERSHIP.c
    query: Select[Any] = select(spell.customer).where(
        spell.reign == reign.id, spell.left_at == OPEN, spell.entered_at <= until
    )
    if since is not None:
        query = query.where(spell.entered_at > since)
    if not with_baseline:
        query = query.where(spell.baseline == literal(value=False))
    return bulk.column(connection, query, pa.string())
