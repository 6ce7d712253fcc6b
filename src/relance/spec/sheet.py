"""One file of a workspace: its text as nodes, and its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from relance.errors import Problem
from relance.spec.environment import fill
from relance.spec.nodes import Node, walk
from relance.spec.parse import Unreadable, parse, read_text
from relance.spec.record import Of, Record
from relance.spec.spot import Broken, Notes, Scope, Spot

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file: its nodes (None where it cannot be read) and its problems."""

    notes: Notes
    node: Node | None

    def read(self, record: type[Record[T]], scope: Scope) -> T | None:
        """What the file says; None where it cannot be told, which is noted."""
        if self.node is None:
            return None
        try:
            return Of(record).read(Spot(self.node, self.notes, scope))
        except Broken:
            return None

    def places(self) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
        for where, node in walk(self.node) if self.node is not None else ():
            yield (self.notes.path, where), (node.line, node.column)


def open_sheet(root: Path, path: str, env: Mapping[str, str] | None = None) -> Sheet:
    """A file's nodes; with `env` its `${NAME}` filled in."""
    notes = Notes(path)
    try:
        node = parse(read_text(root / path))
    except Unreadable as error:
        hint = error.hint
        if error.message == "is missing":
            hint = "relance init DIR writes a workspace to begin with"
        notes.problems.append(
            Problem(
                path=path, line=error.line, column=error.column, message=error.message, hint=hint
            )
        )
        return Sheet(notes, None)
    return Sheet(notes, fill(node, env, notes) if env is not None else node)
