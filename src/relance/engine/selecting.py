"""Queries that people wrote: one SELECT, with the instant and the named tables filled in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import sqlglot
from sqlglot import TokenType
from sqlglot import expressions as sge
from sqlglot.errors import SqlglotError

from relance.errors import SourceError

_QUERIES = (sge.Select, sge.SetOperation, sge.Subquery)


def checked(query: str, dialect: str, what: str) -> str:
    """The query without a closing semicolon. Raises SourceError unless it is one SELECT."""
    try:
        statements = [one for one in sqlglot.parse(query, read=dialect) if one is not None]
    except SqlglotError as error:
        line = str(error).splitlines()[0]
        raise SourceError(f"{what}: the SQL cannot be read: {line}") from None
    if len(statements) != 1 or not isinstance(statements[0], _QUERIES):
        raise SourceError(f"{what}: only a single SELECT (or WITH … SELECT) is allowed")
    if statements[0].find(sge.Insert, sge.Update, sge.Delete, sge.Into) is not None:
        raise SourceError(f"{what}: a SELECT that writes is not allowed")
    return query.strip().rstrip(";").strip()


def with_instant(query: str, instant: str, dialect: str) -> str:
    """The query with every `:at` replaced by a literal; texts and casts are left alone."""
    tokens = sqlglot.tokenize(query, read=dialect)
    parts, done = [], 0
    for colon, name in itertools.pairwise(tokens):
        adjacent = name.start == colon.end + 1
        if colon.token_type is TokenType.COLON and adjacent and name.text.lower() == "at":
            parts += [query[done : colon.start], instant]
            done = name.end + 1
    return "".join([*parts, query[done:]])


class NamedQueries:
    """The workspace's `tables:`; each may use the ones written before it.

    A named query that bears the name of a table it reads stands in front of that table.
    """

    def __init__(self, tables: Mapping[str, str], dialect: str) -> None:
        self._dialect = dialect
        self._tables = {
            name: checked(query, dialect, f"tables.{name}") for name, query in tables.items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def query(self, name: str) -> str:
        """A named query with those before it that it needs."""
        names = list(self._tables)
        return self._prefixed(self._tables[name], names[: names.index(name)])

    def around(self, query: str) -> str:
        """Any query with the named ones that it needs."""
        return self._prefixed(query, list(self._tables))

    def _prefixed(self, query: str, allowed: Sequence[str]) -> str:
        needed = self._needed(query, allowed)
        if not needed:
            return query
        named = ", ".join(f'"{name}" AS ({self._tables[name]}\n)' for name in needed)
        return f"WITH {named} SELECT * FROM ({query}\n) AS relance_query"

    def _needed(self, query: str, allowed: Sequence[str]) -> list[str]:
        """The named queries that a query reads, also through others, in their order."""
        tree = sqlglot.parse_one(query, read=self._dialect)
        read = {table.name for table in tree.find_all(sge.Table) if not table.db}
        found: set[str] = set()
        for position, name in enumerate(allowed):
            if name in read:
                found |= {*self._needed(self._tables[name], allowed[:position]), name}
        return [name for name in allowed if name in found]
