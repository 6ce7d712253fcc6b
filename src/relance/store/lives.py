"""How segments moved, counted in the spells: one look at those that still matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, or_, select

from relance.domain.life import Life
from relance.store.instants import OPEN
from relance.store.spells import Reign, reigns
from relance.store.tables import MEMBERSHIP, REIGN


def lives(
    connection: Connection, since: datetime, until: datetime, instants: Sequence[datetime]
) -> dict[str, Life]:
    """Every segment that was defined as it is by `until`; who entered is counted from `since` on.

    What happened before the earliest of the instants is not looked at: of the millions of spells
    that are open since then only their number counts.
    """
    found = {one.id: one for one in reigns(connection).values() if one.since <= until}
    known = [at for at in instants if any(at >= one.since for one in found.values())]
    oldest = min([since, *known])
    open_ = {row.reign: int(row.members) for row in connection.execute(_members(found))}
    moved = connection.execute(_moved(found, since, oldest, known)).mappings()
    rows = {row["reign"]: row for row in moved}
    return {
        one.segment: _life(one, open_.get(one.id, 0), rows.get(one.id), known)
        for one in found.values()
    }


def _members(found: Mapping[int, Reign]) -> Select[Any]:
    spell = MEMBERSHIP.c
    return (
        select(spell.reign, func.count().label("members"))
        .where(spell.reign.in_(list(found)), spell.left_at == OPEN)
        .group_by(spell.reign)
    )


def _moved(
    found: Mapping[int, Reign], since: datetime, oldest: datetime, instants: Sequence[datetime]
) -> Select[Any]:
    """What came of the spells that began or ended later than `oldest`, by reign; those of the
    baseline began with it."""
    spell = MEMBERSHIP.c
    fresh = spell.baseline.is_(False)
    sizes = [
        _number(and_(spell.entered_at <= at, spell.left_at > at)).label(f"s{number}")
        for number, at in enumerate(instants)
    ]
    return (
        select(
            spell.reign,
            _number(spell.left_at == OPEN).label("members"),
            _number(and_(spell.entered_at == REIGN.c.at, fresh)).label("entered"),
            _number(spell.left_at == REIGN.c.at).label("left"),
            _number(and_(spell.entered_at > since, fresh)).label("recent"),
            func.max(case((fresh, spell.entered_at))).label("last_entered"),
            *sizes,
        )
        .join(REIGN, REIGN.c.id == spell.reign)
        .where(
            spell.reign.in_(list(found)),
            spell.left_at > oldest,
            or_(spell.left_at < OPEN, and_(fresh, spell.entered_at > oldest)),
        )
        .group_by(spell.reign)
    )


def _number(condition: Any) -> Any:
    """How many rows a condition holds for."""
    return func.sum(case((condition, 1), else_=0))


def _life(reign: Reign, members: int, row: Any, instants: Sequence[datetime]) -> Life:
    """`members` are all who are in it; of them those are not in the row who were all the time."""
    moved = row or {}
    always = members - int(moved.get("members", 0))
    return Life(
        segment=reign.segment,
        version=reign.version,
        since=reign.since,
        at=reign.at,
        members=members,
        entered=int(moved.get("entered", 0)),
        left=int(moved.get("left", 0)),
        recent=int(moved.get("recent", 0)),
        last_entered=moved.get("last_entered"),
        sizes=[
            (at, always + int(moved.get(f"s{number}", 0)))
            for number, at in enumerate(instants)
            if at >= reign.since
        ],
    )
