"""What must hold after whatever happened, read from the state's tables and the vendor's book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Table, create_engine, func, select

from chaos.shop import REACHING
from relance.store.tables import ENTRY, MESSAGE, RUN

TAKEN = frozenset({"accepted", "delivered", "bounced", "complained"})
FINAL = TAKEN | {"failed", "unknown", "skipped", "ghost"}
IDEMPOTENT = frozenset({"resend"})
REPEATS = 5  # after so many the next one would come later than the key's 24 hours

Row = Mapping[str, Any]


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection of our own to a state."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _rows(url: str, table: Table) -> list[Row]:
    with reading(url) as connection:
        return list(connection.execute(select(table)).mappings())


def count(url: str, *where: Any) -> int:
    """How many messages there are of a kind."""
    with reading(url) as connection:
        return connection.scalar(select(func.count()).select_from(MESSAGE).where(*where)) or 0


def due(url: str, at: datetime) -> int:
    """Messages that a delivery at an instant would take or ask about."""
    m = MESSAGE.c
    late = m.state.in_(["claimed", "sending"]) & (m.lease_until < at)
    doubtful = (m.state == "unknown") & (m.look_up_at <= at)
    return count(url, ((m.state == "queued") & (m.due_at <= at)) | late | doubtful)


def held(url: str) -> int:
    """Messages that some worker holds, dead or alive."""
    return count(url, MESSAGE.c.state.in_(["claimed", "sending"]))


def pending(url: str) -> int:
    """Messages that are not through."""
    return count(url, MESSAGE.c.state.not_in(FINAL))


@dataclass(frozen=True)  # cached properties need a __dict__
class Evidence:
    """Everything known of a life once it is over."""

    entries: Sequence[Row]
    messages: Sequence[Row]
    runs: Sequence[Row]
    book: Sequence[Row]
    listed: frozenset[str]  # what `relance unknown list` named

    @classmethod
    def of(cls, url: str, book: Sequence[Row], listed: frozenset[str]) -> Evidence:
        rows = {table: _rows(url, table) for table in (ENTRY, MESSAGE, RUN)}
        return cls(
            entries=rows[ENTRY],
            messages=rows[MESSAGE],
            runs=rows[RUN],
            book=book,
            listed=listed,
        )

    @cached_property
    def taken(self) -> Counter[str]:
        """How often the vendor took each message, by what it reads in it."""
        return Counter(name for line in self.book for name in line["messages"])

    @cached_property
    def refused(self) -> frozenset[str]:
        """What the vendor said no to, once at least."""
        return frozenset(name for line in self.book for name in line["refused"])

    @cached_property
    def states(self) -> Mapping[str, str]:
        return {text_of(row): row["state"] for row in self.messages}

    def wrong(self) -> list[str]:
        """Every promise that was broken, in words. Empty where all held."""
        return [*self._ledger(), *self._sending()]

    def _ledger(self) -> Iterator[str]:
        steps = Counter(row["entry"] for row in self.messages)
        entries = {row["id"]: row for row in self.entries}
        if len(entries) < len(self.entries):
            yield "an entry is there twice"
        if lonely := entries.keys() - {e for e, n in steps.items() if n == 2}:
            yield f"{len(lonely)} entries without all of their messages"
        if orphans := steps.keys() - entries.keys():
            yield f"{len(orphans)} entries are missing whose messages are there"
        for row in self.messages:
            entry = entries.get(row["entry"])
            if entry is not None and row["ghost"] != (entry["arm"] == "holdout"):
                yield f"{text_of(row)}: its arm is {entry['arm']}, and ghost says {row['ghost']}"
        instants = Counter((row["trigger"], row["at"], row["kind"]) for row in self.runs)
        yield from (f"evaluated {n} times: {run}" for run, n in instants.items() if n > 1)

    def _sending(self) -> Iterator[str]:
        if unfinished := Counter(s for s in self.states.values() if s not in FINAL):
            yield f"not through: {dict(unfinished)}"
        for name, times in self.taken.items():
            if times > 1:
                yield f"{name}: written to {times} times"
            state = self.states.get(name)
            if state not in TAKEN | {"unknown"}:
                yield f"{name}: the vendor took it, and the state says {state}"
        for row in self.messages:
            name = text_of(row)
            if row["state"] in TAKEN and name not in self.taken:
                yield f"{name}: the state says {row['state']}, and the vendor never saw it"
            if row["ghost"] and row["state"] not in {"ghost", "skipped"}:
                yield f"{name}: held out, and {row['state']}"
        unknown = {row["id"] for row in self.unknown}
        if unknown != self.listed:
            yield f"{len(unknown)} are unknown, and `relance unknown list` names {len(self.listed)}"

    @cached_property
    def unknown(self) -> Sequence[Row]:
        return [row for row in self.messages if row["state"] == "unknown"]

    @property
    def figures(self) -> Counter[str]:
        """What is told of a life in the table."""
        unknown = Counter(f"unknown by {row['provider']}" for row in self.unknown)
        return Counter({"lives": 1, "messages taken": self.taken.total()}) + unknown

    @property
    def hasty(self) -> list[str]:
        """Unknown messages that could have been repeated once more under their key."""
        return [
            text_of(row)
            for row in self.unknown
            if row["provider"] in IDEMPOTENT and row["attempts"] < REPEATS
        ]

    def differs(self, healthy: Evidence) -> list[str]:
        """What came out differently than in a life in which nothing happened."""
        return [*self._other_entries(healthy), *self._other_ends(healthy)]

    def until(self, at: datetime) -> Evidence:
        """The same as if there had been no tick later than an instant."""
        early = [entry for entry in self.entries if entry["at"] <= at]
        known = {entry["id"] for entry in early}
        messages = [row for row in self.messages if row["entry"] in known]
        return replace(self, entries=early, messages=messages)

    def _other_entries(self, healthy: Evidence) -> Iterator[str]:
        ours = {(e["id"], e["customer"], e["arm"]) for e in self.entries}
        theirs = {(e["id"], e["customer"], e["arm"]) for e in healthy.entries}
        if ours != theirs:
            yield f"{len(theirs - ours)} entries are missing, {len(ours - theirs)} are too many"

    def _other_ends(self, healthy: Evidence) -> Iterator[str]:
        moot = {text_of(row) for row in self.messages if row["reason"] == "goal_reached"}
        for name, state in healthy.states.items():
            ours = self.states.get(name)
            allowed = {state, "unknown"} if state in TAKEN else {state}
            if name in self.refused:
                allowed.add("failed")
            if name in moot and name.split()[2] in REACHING:
                allowed.add("skipped")  # ordered while the message could not be sent
            if ours not in allowed:
                yield f"{name}: {ours} instead of {state}"


def text_of(row: Row) -> str:
    """A message by what the vendor reads in it."""
    return f"{row['channel']} {row['template']} {row['customer']}"
