"""A place in a file: the node, its dotted path, and where its mistakes are noted.

Reading a value either returns it or notes a problem and raises Broken; containers catch Broken
child by child, so that one run shows every mistake.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.vendor import VendorSpec
from relance.errors import Problem
from relance.spec.nodes import Fields, Items, Node, Scalar, dotted, kind

_FEW = 8
_ALIKE = 0.65  # difflib's ratio
_LONGEST_WORD = 60  # difflib's time grows with the square


class Broken(Exception):
    """A value that could not be read; its problem is already noted."""


@dataclass(slots=True)
class Notes:
    """The problems of one file."""

    path: str
    problems: list[Problem] = field(default_factory=list)

    def add(
        self,
        node: Node | None,
        where: str,
        message: str,
        hint: str | None = None,
        *,
        warning: bool = False,
    ) -> None:
        """Note a problem at a node (None: the whole file); the same one is noted once."""
        line, column = (node.line, node.column) if node is not None else (0, 0)
        problem = Problem(
            path=self.path, line=line, column=column, where=where, message=message, hint=hint,
            warning=warning,
        )  # fmt: skip
        if problem not in self.problems:
            self.problems.append(problem)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a file may refer to. None means that nobody knows, so that nothing is checked."""

    root: Path
    zone: ZoneInfo
    vendors: Mapping[str, VendorSpec]
    texts: Mapping[tuple[str, str], str]
    attributes: Collection[str] | None = None
    events: Mapping[str, Collection[str]] | None = None  # event -> its fields
    segments: Collection[str] | None = None
    channels: Collection[str] | None = None
    topics: Collection[str] | None = None
    rfm_event: str = "order"
    account_attributes: Collection[str] | None = None  # None: there are no accounts
    account_segments: Collection[str] = ()  # those whose members are accounts
    has_roles: bool = False  # whether customers.role is a column
    account_events: Collection[str] = ()  # those that name no customer
    cells: Collection[str] | None = None  # of the RFM grid
    stages: Mapping[str, str] | None = None  # what lifecycle stages are called -> which they are
    scores: Mapping[str, Collection[str]] | None = None  # score -> its keys
    costs: Mapping[str, bool] | None = None  # channel -> whether it says what a message costs


@dataclass(frozen=True, slots=True)
class Spot:
    """One node where it stands."""

    node: Node
    notes: Notes
    scope: Scope
    where: str = ""
    of_accounts: bool = False  # of a segment or a trigger that is about accounts
    in_step: bool = False  # below a step's `if` or `unless`, where `since: entry` has a meaning

    def at(self, name: str, node: Node) -> Spot:
        """The spot of a child."""
        return replace(self, node=node, where=dotted(self.where, name))

    def about_accounts(self) -> Spot:
        """The same spot, of something whose members are accounts."""
        return replace(self, of_accounts=True)

    def inside_step(self) -> Spot:
        """The same spot, where an entry exists."""
        return replace(self, in_step=True)

    def note(self, message: str, hint: str | None = None) -> None:
        """Note a mistake here and go on."""
        self.notes.add(self.node, self.where, message, hint)

    def warn(self, message: str, hint: str | None = None) -> None:
        """Note something that works but is probably not meant."""
        self.notes.add(self.node, self.where, message, hint, warning=True)

    def broken(self, message: str, hint: str | None = None) -> Broken:
        """Note a mistake here, to be raised."""
        self.note(message, hint)
        return Broken()

    def fields(self, what: str) -> Fields:
        """This node as a mapping."""
        if isinstance(self.node, Fields):
            return self.node
        raise self.broken(f"must be {what}, not {kind(self.node)}", _mapping_hint(self.node))

    def items(self, what: str) -> Items:
        """This node as a list."""
        if isinstance(self.node, Items):
            return self.node
        raise self.broken(
            f"must be {what}, not {kind(self.node)}", "write it as [a, b] or with dashes"
        )

    def scalar(self, what: str, empty: str = "give it a value or delete the key") -> Scalar:
        """This node as a single value that is not empty (`empty` is the hint where it is)."""
        if not isinstance(self.node, Scalar):
            raise self.broken(f"must be {what}, not {kind(self.node)}")
        if self.node.unset:
            raise Broken
        if self.node.value is None and not self.node.filled:
            raise self.broken("is empty", empty)
        return self.node

    def known(self, name: str, names: Iterable[str] | None, what: str) -> str:
        """A reference that must exist; names=None checks nothing."""
        if names is None or name in (listed := list(names)):
            return name
        raise self.broken(f"there is no {what} {quoted(self.node, name)}", near(name, listed))


def quoted(node: Node, text: str) -> str:
    """A value for a message, as the file has it."""
    return str(node) if isinstance(node, Scalar) else repr(text)


def close(word: str, known: Iterable[str]) -> str | None:
    """`did you mean X?` for a near miss."""
    folded = {name.casefold(): name for name in sorted(set(known))}
    if len(word) > _LONGEST_WORD:
        return None
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=_ALIKE)
    return f"did you mean {folded[found[0]]}?" if found else None


def near(word: str, known: Iterable[str]) -> str | None:
    """`did you mean X?` for a near miss, else the whole list where it is short."""
    names = sorted(set(known))
    if (hint := close(word, names)) is None and 0 < len(names) <= _FEW:
        return f"there is {', '.join(names)}"
    return hint


def _mapping_hint(node: Node) -> str | None:
    if isinstance(node, Scalar) and node.value is None:
        return "indent its keys below it"
    return None
