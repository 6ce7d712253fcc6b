"""Live events as tables: a cache in the workbench of what the state holds, read as SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from relance.domain.live import (
    LIVE_CUSTOMERS,
    LIVE_EVENTS,
    LIVE_IDENTITIES,
    LIVE_TABLES,
    ColumnKind,
    LiveColumn,
    LiveKind,
    LiveSpec,
)
from relance.engine.workbench import Workbench, identifier, literal


class LiveFeed(Protocol):
    """The state, as far as live events are read from it. Everything may raise StateError."""

    def span(self) -> tuple[str, int, int]:
        """A name that changes when rows were taken out of the midst, the first number that is
        kept, and the last; (0, 0) for none."""

    def after(self, number: int) -> Iterator[pa.RecordBatch]:
        """The messages of greater numbers in their order: n, message_id, kind, event, user_id,
        anonymous_id, previous_id, at, received_at, body."""


_MESSAGES = "bench.main.relance_live"
_GENERATION = "bench.main.relance_live_generation"
_COLUMNS = """
  n BIGINT, message_id VARCHAR, kind VARCHAR, event VARCHAR, user_id VARCHAR,
  anonymous_id VARCHAR, previous_id VARCHAR, "at" TIMESTAMPTZ, received_at TIMESTAMPTZ,
  body VARCHAR
"""
_SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        *((name, pa.string()) for name in ("message_id", "kind", "event", "user_id",
                                           "anonymous_id", "previous_id")),
        ("at", pa.timestamp("us", "UTC")),
        ("received_at", pa.timestamp("us", "UTC")),
        ("body", pa.string()),
    ]
)  # fmt: skip

Version = tuple[str, int, int]
RECEIVED = "relance: received"  # stands beside columns that people have named


class LiveCache:
    """What the workbench has of the live events; it can be deleted, and is read again then."""

    def __init__(self, workbench: Workbench, feed: LiveFeed | None) -> None:
        """Without a feed there is nothing in it."""
        self._workbench = workbench
        self._feed = feed
        workbench.run(f"CREATE TABLE IF NOT EXISTS {_MESSAGES} ({_COLUMNS})")
        workbench.run(f"CREATE TABLE IF NOT EXISTS {_GENERATION} (name VARCHAR)")

    def refresh(self) -> Version:
        """Append what is new, let go of what the state has let go of; what it is like now."""
        version = self._feed.span() if self._feed is not None else ("", 0, 0)
        generation, first, last = version
        if self._workbench.run(f"SELECT name FROM {_GENERATION}") != [(generation,)]:
            self._begin_anew(generation)
        (lowest, seen) = self._workbench.numbers(f"SELECT min(n), max(n) FROM {_MESSAGES}")
        if last and seen and not (first > seen or self._still(seen)):
            self._begin_anew(generation)  # an older state has been put in its place
            lowest = seen = 0
        if lowest < (first or seen + 1):
            self._workbench.run(f"DELETE FROM {_MESSAGES} WHERE n < {first or seen + 1}")
        if self._feed is not None and last > seen:
            new = pa.RecordBatchReader.from_batches(_SCHEMA, self._feed.after(seen))
            self._workbench.append(new, _MESSAGES)
        return version

    def _still(self, number: int) -> bool:
        """Whether the state's message of a number is the one that is here.

        A state that was restored gives the numbers after its last one out again.
        """
        batch = next(self._feed.after(number - 1), None) if self._feed is not None else None
        if batch is None:
            return False
        theirs = batch.slice(0, 1).to_pylist()[0]
        mine = self._workbench.rows(
            f"SELECT n, message_id, received_at FROM {_MESSAGES} WHERE n = {number}"
        )
        return mine == [{name: theirs[name] for name in ("n", "message_id", "received_at")}]

    def _begin_anew(self, generation: str) -> None:
        """The name comes last: a crash on the way begins anew again."""
        self._workbench.run(f"DELETE FROM {_GENERATION}")
        self._workbench.run(f"CREATE OR REPLACE TABLE {_MESSAGES} ({_COLUMNS})")
        self._workbench.run(f"INSERT INTO {_GENERATION} VALUES ({literal(generation)})")


# Who an anonymous id was: what a call with both ids, or an alias, says at an instant.
_TOLD = f"""
  SELECT CASE kind WHEN '{LiveKind.ALIAS}' THEN previous_id ELSE anonymous_id END AS anonymous_id,
    user_id AS customer, "at", n
  FROM {_MESSAGES}
  WHERE user_id IS NOT NULL AND (kind = '{LiveKind.ALIAS}' OR anonymous_id IS NOT NULL)
"""
_IDENTITIES = f"""
SELECT anonymous_id, customer, "at" FROM ({_TOLD})
QUALIFY customer IS DISTINCT FROM
  lag(customer) OVER (PARTITION BY anonymous_id ORDER BY "at", n)
"""
# Where the same customer is told of several times in a row, the first and the last time are enough.
_ENDS = f"""
  SELECT anonymous_id, customer, "at", n FROM ({_TOLD})
  WINDOW same AS (PARTITION BY anonymous_id ORDER BY "at", n)
  QUALIFY customer IS DISTINCT FROM lag(customer) OVER same
    OR customer IS DISTINCT FROM lead(customer) OVER same
"""
# Of those who are told of at one instant the first is the next one, and the last is the last one.
_NEXT = f"""
  SELECT anonymous_id, "at", first(customer ORDER BY n) AS customer FROM ({_ENDS})
  GROUP BY anonymous_id, "at"
"""
_LAST = f"""
  SELECT anonymous_id, "at", last(customer ORDER BY n) AS customer FROM ({_ENDS})
  GROUP BY anonymous_id, "at"
"""
_LONGEST = 32  # aliases in a row that are followed: a circle further on has no end
# Who an id has become, alias after alias; a circle ends before it comes back to the id.
_ALIASES = f"""
  WITH RECURSIVE told AS (
    SELECT previous_id, last(user_id ORDER BY "at", n) AS customer FROM {_MESSAGES}
    WHERE kind = '{LiveKind.ALIAS}' GROUP BY previous_id
  ), steps AS (
    SELECT previous_id, customer, 1 AS step FROM told
    UNION ALL
    SELECT s.previous_id, t.customer, s.step + 1 FROM steps AS s
    JOIN told AS t ON t.previous_id = s.customer
    WHERE s.step < {_LONGEST} AND t.customer <> s.previous_id
  )
  SELECT previous_id, arg_max(customer, step) AS customer FROM steps GROUP BY previous_id
"""
# What nobody was logged in for is of who logged in next; else of who was logged in last.
_OWNED = f"""
SELECT o.* EXCLUDE (who), coalesce(a.customer, o.who) AS known FROM (
  SELECT m.*, coalesce(m.user_id, next.customer, last.customer) AS who
  FROM (SELECT * FROM {_MESSAGES} WHERE {{which}}) AS m
  ASOF LEFT JOIN ({_NEXT}) AS next
    ON next.anonymous_id = m.anonymous_id AND next."at" >= m."at"
  ASOF LEFT JOIN ({_LAST}) AS last
    ON last.anonymous_id = m.anonymous_id AND last."at" <= m."at"
) AS o
LEFT JOIN ({_ALIASES}) AS a ON a.previous_id = o.who
"""
_HAPPENED = ", ".join(
    f"'{kind}'" for kind in (LiveKind.TRACK, LiveKind.PAGE, LiveKind.SCREEN, LiveKind.GROUP)
)


def live_table(name: str, spec: LiveSpec) -> str:
    """SQL for one of LIVE_TABLES."""
    if name == LIVE_IDENTITIES:
        return _IDENTITIES
    if name == LIVE_CUSTOMERS:
        return _customers(spec.traits)
    read = {column: value(place) for column, place in spec.fields.items()}
    known = [column for column in LIVE_TABLES[LIVE_EVENTS] if column != "customer"]
    listed = ", ".join([*(identifier(column) for column in known), f"{_OWNER} AS customer"])
    return f"SELECT {listed}{_aliased(read)} FROM ({_owned(f'kind IN ({_HAPPENED})')})"


def calls(name: str, fields: Mapping[str, LiveColumn]) -> str:
    """SQL for the calls of one name: customer, at, received_at, and a column for each field."""
    read = {column: value(place) for column, place in fields.items()}
    which = f"kind IN ({_HAPPENED}) AND event = {literal(name)}"
    return (
        f'SELECT {_OWNER} AS customer, "at",'
        f" received_at AS {identifier(RECEIVED)}{_aliased(read)}"
        f" FROM ({_owned(which)})"
    )


_OWNER = "coalesce(known, anonymous_id)"


def _owned(which: str) -> str:
    return _OWNED.format(which=which)


def _aliased(read: Mapping[str, str]) -> str:
    return "".join(f", {sql} AS {identifier(column)}" for column, sql in read.items())


def _customers(traits: Mapping[str, LiveColumn]) -> str:
    """The latest word on each trait; null is a word, silence is none."""
    latest = "".join(
        f', last({value(place)} ORDER BY "at", n)'
        f" FILTER (json_exists(body, {_path(place.path)})) AS {identifier(column)}"
        for column, place in traits.items()
    )
    told = _owned(f"kind = '{LiveKind.IDENTIFY}'")
    return (
        f'SELECT known AS customer, max("at") AS "at"{latest}'
        f" FROM ({told}) WHERE known IS NOT NULL GROUP BY known"
    )


def value(place: LiveColumn) -> str:
    """SQL for a property or a trait as what it is read as; missing where it cannot be."""
    text = raw(place)
    if place.kind is ColumnKind.NUMBER:
        number = f"try_cast({text} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if place.kind is ColumnKind.FLAG:
        words = f"lower({text})"
        no = f"WHEN {words} IN ('false', '0') THEN false"
        return f"CASE WHEN {words} IN ('true', '1') THEN true {no} END"
    if place.kind is ColumnKind.DATE:
        date = f"try_cast({text} AS TIMESTAMPTZ)"
        return f"CASE WHEN {date} BETWEEN {_EARLIEST} AND {_LATEST} THEN {date} END"
    return text


# DuckDB knows infinity and years before 1 and after 9999; Python does not, in any zone.
_EARLIEST = "TIMESTAMPTZ '0001-01-02 00:00:00+00'"
_LATEST = "TIMESTAMPTZ '9999-12-30 00:00:00+00'"


def raw(place: LiveColumn) -> str:
    """SQL for a property or a trait as text: texts as they are, everything else as JSON."""
    return f"json_extract_string(body, {_path(place.path)})"


def _path(path: Sequence[str]) -> str:
    return literal("$" + "".join(f'."{step}"' for step in path))


def unreadable(which: str, places: Mapping[str, LiveColumn]) -> str:
    """SQL for how many messages tell each place as something that it cannot be read as."""
    counted = ", ".join(
        f"count(*) FILTER ({raw(place)} IS NOT NULL AND {value(place)} IS NULL)"
        for place in places.values()
    )
    return f"SELECT {counted} FROM {_MESSAGES} WHERE {which}"


def of_calls(name: str) -> str:
    """SQL for which messages are calls of a name."""
    return f"kind IN ({_HAPPENED}) AND event = {literal(name)}"


def of_every_call() -> str:
    """SQL for which messages are in live_events."""
    return f"kind IN ({_HAPPENED})"


def of_identify() -> str:
    """SQL for which messages tell traits."""
    return f"kind = '{LiveKind.IDENTIFY}'"
