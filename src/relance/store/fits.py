"""Fits: the latest of each name is in force, the older ones explain old answers."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from relance.domain.fits import Fits, read, written
from relance.store.tables import FIT


def standing(connection: Connection) -> Fits:
    """The latest fit of every name."""
    latest = select(FIT.c.name, func.max(FIT.c.fitted_at).label("at")).group_by(FIT.c.name)
    last = latest.subquery()
    query = select(FIT).join(last, (FIT.c.name == last.c.name) & (FIT.c.fitted_at == last.c.at))
    found = {
        row.name: read(row.name, row.fitted_at, row.document) for row in connection.execute(query)
    }
    return Fits({name: fit for name, fit in found.items() if fit is not None})


def keep(connection: Connection, fits: Fits) -> None:
    """Write down fits, beside the older ones of their names; in place of those of their instant."""
    for name, fit in fits.named.items():
        same = (FIT.c.name == name) & (FIT.c.fitted_at == fit.fitted_at)
        connection.execute(delete(FIT).where(same))
    rows = [
        {"name": name, "fitted_at": fit.fitted_at, "document": written(fit)}
        for name, fit in fits.named.items()
    ]
    if rows:
        connection.execute(insert(FIT), rows)
