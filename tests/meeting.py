"""Stages on which ids turn out to be somebody's: of customers alone, and with their accounts."""

from __future__ import annotations

from pathlib import Path

from relance.domain.message import MessageState
from stage import Stage
from supplier import Supplier

LINKS = """\
identities: {table: links, id: old, customer: kept, at: at}
"""


class Meeting(Stage):
    """A stage on which ids turn out to be somebody's."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.links: list[str] = []
        self.settings(LINKS)

    def merge(self, old: str, kept: str) -> None:
        self.links.append(f"{old},{kept},{self.now.isoformat()}")

    def _write_data(self) -> None:
        super()._write_data()
        self.write("data/links.csv", "\n".join(["old,kept,at", *self.links, ""]))

    def entries(self, customer: str) -> list[str]:
        with self.open() as relance:
            return [entry.customer for entry in relance.history(customer).entries]

    def states(self, customer: str) -> list[tuple[MessageState, str]]:
        with self.open() as relance:
            return [(note.state, note.reason) for note in relance.history(customer).messages]


class MeetingSupplier(Meeting, Supplier):
    """The same, of accounts."""
