"""How segments moved, counted in the spells: one look at those that still matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from relance.domain.life import Life
from relance.store.instants import OPEN
from relance.store.spells import Reign, reigns
from relance.store.tables import MEMBERSHIP, REIGN


def lives(
    connection: Connection, since: datetime, until: datetime, instants: Sequence[datetime]
) -> dict[str, Life]:
    """Every segment that was defined as it is by `until`; who entered is counted from `since` on.

    Spells that ended before the earliest of the instants are not looked at.
    """
    found = {one.id: one for one in reigns(connection).values() if one.since <= until}
    oldest = min([since, *instants])
    spell = MEMBERSHIP.c
    fresh = spell.baseline.is_(False)
    sizes = [
        _number(and_(spell.entered_at <= at, spell.left_at > at)).label(f"s{number}")
        for number, at in enumerate(instants)
    ]
    query = (
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
        .where(spell.reign.in_(list(found)), spell.left_at > oldest)
        .group_by(spell.reign)
    )
    counted = {row["reign"]: row for row in connection.execute(query).mappings()}
    return {one.segment: _life(one, counted.get(one.id), instants) for one in found.values()}


def _number(condition: Any) -> Any:
    """How many rows a condition holds for."""
    return func.sum(case((condition, 1), else_=0))


def _life(reign: Reign, row: Any, instants: Sequence[datetime]) -> Life:
    """Without a row nobody was ever in it."""
    there = row or {}
    return Life(
        segment=reign.segment,
        version=reign.version,
        since=reign.since,
        at=reign.at,
        members=int(there.get("members", 0)),
        entered=int(there.get("entered", 0)),
        left=int(there.get("left", 0)),
        recent=int(there.get("recent", 0)),
        last_entered=there.get("last_entered"),
        sizes=[
            (at, int(there.get(f"s{number}", 0)))
            for number, at in enumerate(instants)
            if at >= reign.since
        ],
    )
