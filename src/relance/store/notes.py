"""Short notes beside the ledger: one text under each name, which two workers never both change."""

from __future__ import annotations

from relance.store.database import Database
from relance.store.driver import Driver, Statement

_PREFIX = "note:"  # apart from what the state says about itself
_READ = Statement("SELECT value FROM meta WHERE key = ?")
_WRITE = Statement("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
_CHANGE = Statement("UPDATE meta SET value = ? WHERE key = ? AND value = ?")


class Notes:
    """The notes of one state. Everything may raise StateError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> str | None:
        """What was noted last; None where nothing ever was."""
        with self._database.read() as connection:
            rows = Driver(connection).rows(_READ, _PREFIX + name)
        return str(rows[0][0]) if rows else None

    def exchange(self, name: str, before: str | None, after: str) -> bool:
        """Note a text in the place of the one that was read (None: there was none); false, and
        nothing is changed, where another worker has noted something since."""
        key = _PREFIX + name
        with self._database.write() as connection:
            driver = Driver(connection)
            if before is None:
                return driver.run(_WRITE, key, after) > 0
            return driver.run(_CHANGE, after, key, before) > 0
