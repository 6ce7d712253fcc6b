"""What only shows when files are held together: circles of segments, channels without addresses.

Works on nodes, so that it still speaks when something else in a file is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relance.domain.channel import CHANNELS
from relance.spec.nodes import Fields, Items, Node, Scalar, child, names_in
from relance.spec.spot import Notes

MAX_NESTING = 50
# the channels that write to customers, and the attribute that each writes to
_ADDRESS = {name: kind.address for name, kind in CHANNELS.items() if kind.address is not None}


def check_circles(segments: Node | None, notes: Notes) -> None:
    """Note segments that refer to each other in a circle, or too deeply."""
    if isinstance(segments, Fields):
        walker = _Walker(segments, notes)
        for key, _ in segments.pairs:
            walker.visit(key.text, [])


class _Walker:
    def __init__(self, segments: Fields, notes: Notes) -> None:
        self._keys: dict[str, Scalar] = {}
        self._graph: dict[str, list[str]] = {}
        for key, node in segments.pairs:
            self._keys.setdefault(key.text, key)
            self._graph.setdefault(key.text, list(_references(node)))
        self._notes = notes
        self._heights: dict[str, int] = {}

    def visit(self, name: str, path: list[str]) -> int:
        """How many segments lie below, this one included."""
        if name in self._heights or name not in self._graph:
            return self._heights.get(name, 0)
        if name in path:
            self._circle(path[path.index(name) :])
            return 0
        if len(path) < MAX_NESTING:
            below = [self.visit(each, [*path, name]) for each in self._graph[name]]
            self._heights[name] = height = 1 + max(below, default=0)
        else:
            height = MAX_NESTING + 1
        if height == MAX_NESTING + 1:
            self._note(name, f"refers to segments more than {MAX_NESTING} deep")
        return height

    def _circle(self, names: list[str]) -> None:
        first = min(names, key=list(self._keys).index)
        turn = names.index(first)
        ring = [*names[turn:], *names[:turn], first]
        self._note(first, f"the segments go in a circle: {' → '.join(ring)}")

    def _note(self, name: str, message: str) -> None:
        self._notes.add(self._keys[name], f"segments.{name}", message)


def _references(node: Node) -> Iterator[str]:
    for key, value in node.pairs if isinstance(node, Fields) else ():
        if key.text == "segment" and isinstance(value, Scalar):
            yield value.text
        if key.text in {"all", "any", "none"} and isinstance(value, Items):
            for item in value.items:
                yield from _references(item)


def check_channels(main: Node | None, notes: Notes, triggers: Mapping[str, Node | None]) -> None:
    """Note the channels in use for which relance.yaml tells no address or no consent."""
    customers = child(main, "customers")
    if not isinstance(customers, Fields):
        return
    used: dict[str, str] = {}
    for path, node in triggers.items():
        for channel in _channels(node):
            used.setdefault(channel, path)
    for channel, path in used.items():
        _check_address(channel, path, customers, notes)
        _check_consent(channel, path, customers, notes)


def customer_tables(customers: Node | None) -> list[Node]:
    """The blocks of the customers' tables: the first one, then `more_tables`."""
    more = child(customers, "more_tables")
    return (
        [] if customers is None else [customers, *(more.items if isinstance(more, Items) else ())]
    )


def _channels(trigger: Node | None) -> Iterator[str]:
    steps = child(trigger, "steps")
    for step in steps.items if isinstance(steps, Items) else ():
        channel = child(step, "send", "channel")
        if isinstance(channel, Scalar) and channel.text in _ADDRESS:
            yield channel.text


def _check_address(channel: str, path: str, customers: Fields, notes: Notes) -> None:
    key = _ADDRESS[channel]
    if not any(key in names_in(table) for table in customer_tables(customers)):
        message = f"is missing, but {path} sends {channel}"
        notes.add(customers, f"customers.{key}", message, "say which column it is")


def _check_consent(channel: str, path: str, customers: Fields, notes: Notes) -> None:
    consent = customers.get("consent")
    tables = customer_tables(customers)
    if not any(channel in names_in(child(table, "consent")) for table in tables):
        notes.add(
            consent or customers,
            f"customers.consent.{channel}",
            f"is missing, but {path} sends {channel}",
            f"say consent: {{{channel}: column}}, or {{{channel}: true}} if everybody consented",
        )
