"""The state as people see it: tallies and entries for reports, members, histories, loose ends."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    literal_column,
    select,
)

from relance.domain.life import Life
from relance.domain.message import MessageState
from relance.domain.study import Draw, Lateness
from relance.domain.trajectory import Activity, Span, Watched
from relance.errors import UsageError
from relance.store import bulk, draws, spells, studies, trajectories
from relance.store.counted import counted
from relance.store.database import Database
from relance.store.history import account_history, history
from relance.store.lives import lives
from relance.store.tables import ENTRY, MESSAGE, RECEIPT, REIGN, RUN
from relance.store.views import History, MemberList, Tally, UnknownMessage, VersionSpan

_ENTRIES = pa.schema(
    [
        ("trigger", pa.string()),
        ("version", pa.string()),
        ("arm", pa.string()),
        ("customer", pa.string()),
        ("unit", pa.string()),
        ("at", bulk.INSTANT),
    ]
)
_Key = tuple[str, str]


class Reader:
    """Questions about what happened; nothing here writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, trigger: str | None = None) -> Iterator[pa.RecordBatch]:
        """Every entry. Columns: trigger, version, arm, customer, unit, at (timestamp[us, UTC]).

        `unit` is whom the arm was drawn for, null for the customer.
        """
        entry = ENTRY.c
        columns = (entry.trigger, entry.version, entry.arm, entry.customer, entry.unit)
        query: Select[Any] = select(*columns, entry.at)
        if trigger is not None:
            query = query.where(entry.trigger == trigger)
        with self._database.read() as connection:
            yield from bulk.stream(connection, query, _ENTRIES)

    def tallies(self, trigger: str | None = None, until: datetime | None = None) -> list[Tally]:
        """Counts per trigger and version, in the order of their first run.

        With `until`, as of that instant: what became of a message later is not known yet, and
        it is queued, or accepted where a provider had taken it.
        """
        with self._database.read() as connection:
            states = _message_counts(connection, trigger, until)
            runs = _runs(connection, trigger, until)
            return [_tally(key, some, states[key]) for key, some in runs.items()]

    def draws(self) -> list[Draw]:
        """How the arms of each version were drawn, of those that were written down."""
        with self._database.read() as connection:
            return draws.draws(connection)

    def lateness(self, until: datetime | None = None) -> list[Lateness]:
        """How long after the entry the first step's messages were first tried, or were ghosts."""
        with self._database.read() as connection:
            return studies.lateness(connection, until)

    def sent_by_channel(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Mapping[_Key, Mapping[_Key, int]]:
        """Messages that a provider took, by trigger and version, then by channel and provider;
        only of entries at or later than `since`."""
        with self._database.read() as connection:
            return studies.sent_by_channel(connection, since, until)

    def optouts(self) -> pa.Table:
        """Consents given back, and complaints. Columns: customer, at."""
        with self._database.read() as connection:
            return studies.optouts(connection)

    def events_seen(self) -> dict[str, tuple[datetime, int]]:
        """How many rows each event's table had at the latest tick that counted them, and when."""
        with self._database.read() as connection:
            seen = draws.events_seen(connection)
        return {name: counted for name, counted in seen.items() if counted is not None}

    def reached_global(self, since: datetime, until: datetime) -> pa.Table:
        """Everybody who came as far as the global holdout's gate, at or after `since` and before
        `until`, once. Columns: customer, at, held_out."""
        with self._database.read() as connection:
            return studies.reached_global(connection, since, until)

    def versions(self, trigger: str) -> list[VersionSpan]:
        """Every version of a trigger that ran, the oldest first."""
        first = func.min(RUN.c.at).label("first_at")
        query = (
            select(RUN.c.version, first, func.max(RUN.c.at).label("last_at"))
            .where(RUN.c.trigger == trigger)
            .group_by(RUN.c.version)
            .order_by(first)
        )
        with self._database.read() as connection:
            return [VersionSpan(**row) for row in connection.execute(query).mappings()]

    def members(self, segment: str, at: datetime | None = None) -> MemberList:
        """Who was in a segment at an instant, as of its last evaluation by default.

        Raises UsageError for a segment never evaluated, or an instant before its first one.
        """
        with self._database.read() as connection:
            current = spells.reigns(connection).get(segment)
            if current is None:
                raise UsageError(
                    f"the segment {segment} has not been evaluated yet", hint="run `relance tick`"
                )
            instant = current.at if at is None else min(at, current.at)
            reign = spells.reign_at(connection, segment, instant)
            if reign is None:
                raise _too_early(connection, segment)
            batches = spells.customers_at(connection, reign, instant)
            arrays = [batch.column(0) for batch in batches]
        customers = pa.concat_arrays(arrays) if arrays else pa.array([], pa.string())
        customers = pc.unique(customers)  # a merge may lay a spell over an earlier one
        ordered = customers.take(pc.sort_indices(customers))
        return MemberList(segment=segment, version=reign.version, at=instant, customers=ordered)

    def watched(self, segments: Sequence[str], until: datetime) -> list[Watched]:
        """The definitions of segments that began before or at an instant, the latest first."""
        with self._database.read() as connection:
            return trajectories.watched(connection, segments, until)

    def spells(self, reigns: Mapping[int, int], span: Span) -> Iterator[pa.RecordBatch]:
        """The spells of reigns (reign → place) that touch a period. Columns: customer,
        entered_at, left_at (timestamp[us, UTC]), baseline (bool), place (int32)."""
        with self._database.read() as connection:
            yield from trajectories.spells(connection, reigns, span)

    def refits(self, span: Span) -> dict[str, list[datetime]]:
        """When what is fitted from data was fitted anew within a period, by the fit's name."""
        with self._database.read() as connection:
            return trajectories.refits(connection, span)

    def activity(self, bounds: Sequence[datetime]) -> list[Activity]:
        """Entries and messages by trigger and week, between bounds."""
        with self._database.read() as connection:
            return trajectories.activity(connection, bounds)

    def lives(
        self, since: datetime, until: datetime, instants: Sequence[datetime]
    ) -> dict[str, Life]:
        """How every segment moved under its present definition: see `Life`."""
        with self._database.read() as connection:
            return lives(connection, since, until, instants)

    def history(self, customer: str, stages: Collection[str] = ()) -> History:
        """Everything known about a customer; all lists are empty for one never seen.

        `stages` are the segments whose spells are told, also those that are over.
        """
        with self._database.read() as connection:
            return history(connection, customer, stages)

    def account_history(self, account: str) -> History:
        """Everything known about an account; all lists are empty for one never seen."""
        with self._database.read() as connection:
            return account_history(connection, account)

    def accepted(self, at: datetime) -> list[tuple[str, str]]:
        """Customer and trigger of every message that a provider took at exactly this instant."""
        message = MESSAGE.c
        query = select(message.customer, message.trigger).where(
            message.state == MessageState.ACCEPTED.value, message.changed_at == at
        )
        with self._database.read() as connection:
            return [(row.customer, row.trigger) for row in connection.execute(query)]

    def unknown(self) -> list[UnknownMessage]:
        """Messages that may have been sent and wait for somebody to settle them."""
        with self._database.read() as connection:
            return list(unknown_messages(connection))


def unknown_messages(connection: Connection) -> Iterator[UnknownMessage]:
    """Every unknown message, the longest unknown first."""
    message = MESSAGE.c
    query = (
        select(
            message.id, message.trigger, message.version, message.customer, message.step,
            message.channel, message.changed_at.label("since"), message.reason,
            message.provider, message.doubtful_at, message.look_up_at, message.look_ups,
        )
        .where(message.state == literal_column("'unknown'"))
        .order_by(message.changed_at, message.id)
    )  # fmt: skip
    for row in connection.execute(query).mappings():
        yield UnknownMessage(**row)


def _too_early(connection: Connection, segment: str) -> UsageError:
    first = connection.scalar(select(func.min(REIGN.c.since)).where(REIGN.c.segment == segment))
    return UsageError(
        f"the segment {segment} was evaluated for the first time at {first.isoformat()}",
        hint="nobody knows its members before; ask for that instant or a later one",
    )


def _runs(
    connection: Connection, trigger: str | None, until: datetime | None
) -> Mapping[_Key, list[Any]]:
    query = select(RUN).order_by(RUN.c.at, RUN.c.id)
    if trigger is not None:
        query = query.where(RUN.c.trigger == trigger)
    if until is not None:
        query = query.where(RUN.c.at <= until)
    found: defaultdict[_Key, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.trigger, row.version].append(row)
    return found


def _message_counts(
    connection: Connection, trigger: str | None, until: datetime | None
) -> defaultdict[_Key, Counter[tuple[str, str]]]:
    """(state, reason) → number, per trigger and version."""
    message = MESSAGE.c
    now = select(message.trigger, message.version, message.state, message.reason)
    states: Select[Any] = now if until is None else _states_at(connection, until)
    states = states.where(message.ghost.is_(False))
    if trigger is not None:
        states = states.where(message.trigger == trigger)
    found: defaultdict[_Key, Counter[tuple[str, str]]] = defaultdict(Counter)
    for name, version, state, reason, number in counted(connection, states):
        found[name, version][state, reason] = number
    return found


def _states_at(connection: Connection, until: datetime) -> Select[Any]:
    """Where messages stood at an instant, as far as what came later can be told from it."""
    message, receipt = MESSAGE.c, RECEIPT.c
    pending, taken = literal(MessageState.QUEUED.value), literal(MessageState.ACCEPTED.value)
    known_later = connection.scalar(select(receipt.n).where(receipt.at > until).limit(1))
    # asked of each message only where it can be so: the report is nearly always about now
    reported = exists().where(receipt.message == message.id, receipt.at > until)
    later = false() if known_later is None else and_(message.state.in_(studies.LEFT), reported)
    waiting = message.changed_at > until
    state = case((waiting, pending), (later, taken), else_=message.state)
    reason = case((waiting, literal("")), else_=message.reason)
    return select(
        message.trigger, message.version, state.label("state"), reason.label("reason")
    ).where(message.entry_at <= until)


def _tally(key: _Key, runs: list[Any], states: Counter[tuple[str, str]]) -> Tally:
    refused: Counter[str] = Counter()
    for run in runs:
        refused.update(json.loads(run.refused))
    messages: Counter[str] = Counter()
    for (state, _), number in states.items():
        messages[state] += number
    return Tally(
        trigger=key[0],
        version=key[1],
        first_at=runs[0].at,
        last_at=runs[-1].at,
        runs=len(runs),
        entered=sum(run.entered for run in runs),
        left=sum(run.left for run in runs),
        treated=sum(run.treated for run in runs),
        held_out=sum(run.held_out for run in runs),
        refused=refused,
        messages=messages,
        skipped=_by_reason(states, MessageState.SKIPPED),
        failed=_by_reason(states, MessageState.FAILED),
    )


def _by_reason(states: Counter[tuple[str, str]], wanted: MessageState) -> Mapping[str, int]:
    return {reason: n for (state, reason), n in sorted(states.items()) if state == wanted.value}
