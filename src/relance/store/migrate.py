"""Alembic's part in opening a state; imported only where the tables are not up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_FOLDER = Path(__file__).parent / "migrations"

REVISION_TABLE = "relance_revision"
"""Not Alembic's usual name: on PostgreSQL another program's may be in the same schema."""


def upgrade(connection: Connection, version: int, target: str = "head") -> None:
    """Bring the tables up to a revision, inside the connection's transaction.

    `version` is the one that `meta` names, 0 for no tables yet. The first release knew no
    revisions: its tables are taken over as what they are.
    """
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=REVISION_TABLE)
    if version == 1:
        command.stamp(config, "0001")
    command.upgrade(config, target)
