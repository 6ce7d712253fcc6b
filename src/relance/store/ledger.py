"""The state as a tick sees it: where things stand, and one commit for everything it changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, Select, func, insert, or_, select

from relance.domain.arm import Arm
from relance.domain.channel import CHANNELS
from relance.domain.ledger import (
    Entries,
    LastRun,
    Messages,
    Refusals,
    RunKind,
    RunRecord,
    Standing,
)
from relance.domain.message import MessageState
from relance.errors import AlreadyEvaluated
from relance.store import bulk, consents, draws, fits, spells, suppressions
from relance.store.database import Database
from relance.store.instants import OPEN, Stored, encoder
from relance.store.record import Tick
from relance.store.tables import ENTRY, MESSAGE, META, REFUSAL, RUN

_ENTRY = ("trigger", "customer", "at", "version", "id", "arm", "unit")
_MESSAGE = (
    "trigger", "version", "step", "channel", "template", "entry_at", "due_at", "priority",
    "state", "attempts", "changed_at", "reason", "expires_at",  # the same for a whole step
    "id", "entry", "customer", "ghost", "context",
)  # fmt: skip
_REFUSAL = ("run", "customer", "reason", "detail")
_LAST_ENTRIES = pa.schema([("customer", pa.string()), ("at", bulk.INSTANT)])
_WAITING = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)
_TO_OURSELVES = [kind.name for kind in CHANNELS.values() if not kind.personal]
# a send some minutes after its instant belongs to it: "1 per day" must not stop a daily trigger
_PUNCTUAL = timedelta(hours=1)
_RECENT = pa.schema([("customer", pa.string()), ("messages", pa.int64())])


class SqlLedger:
    """Reads for the gates, and the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self) -> Standing:
        """The latest tick of every trigger, every segment's state, the latest fits.

        A back-fill is no tick: what happened since the last tick is still to be told.
        """
        with self._database.read() as connection:
            return Standing(
                runs=_last_runs(connection),
                segments=spells.segment_states(connection),
                fits=fits.standing(connection),
                events_seen=draws.events_seen(connection),
            )

    def runs_at(self, at: datetime) -> list[RunRecord]:
        """Runs already committed for exactly this instant."""
        query = select(RUN).where(RUN.c.at == at).order_by(RUN.c.id)
        with self._database.read() as connection:
            return [_run_record(row) for row in connection.execute(query)]

    def members(self, versions: Mapping[str, str], at: datetime) -> Iterator[pa.RecordBatch]:
        """Who was in these segments at an instant. Columns: segment, customer."""
        with self._database.read() as connection:
            yield from spells.members(connection, versions, at)

    def stayed(
        self,
        segment: str,
        version: str,
        since: datetime | None,
        until: datetime,
        *,
        with_baseline: bool = False,
    ) -> pa.Array:
        """Customers whose open spell began later than `since` and at or before `until`."""
        with self._database.read() as connection:
            reign = spells.reigns(connection).get(segment)
            if reign is None or reign.version != version:
                return pa.array([], pa.string())
            return spells.stayed(connection, reign, since, until, with_baseline=with_baseline)

    def suppressed(self, channel: str) -> pa.Array:
        """Customers who must not be written to on a channel."""
        with self._database.read() as connection:
            return suppressions.customers(connection, channel)

    def consent_changes(self, channel: str) -> pa.Table:
        """The latest consent recorded per customer. Columns: customer, granted, at."""
        with self._database.read() as connection:
            return consents.all_of_channel(connection, channel)

    def suppressed_addresses(self, channel: str) -> pa.Array:
        """Recipients (`recipient_digest`) who must not be written to on a channel."""
        with self._database.read() as connection:
            return suppressions.addresses(connection, channel)

    def topic_refusals(self, topic: str) -> pa.Array:
        """Customers who do not want to hear of a topic."""
        with self._database.read() as connection:
            return consents.all_refusing(connection, topic)

    def topic_choices(self, topic: str) -> pa.Table:
        """The latest choice recorded per customer. Columns: customer, granted, at."""
        with self._database.read() as connection:
            return consents.all_of_topic(connection, topic)

    def paused(self, at: datetime) -> pa.Array:
        """Customers who asked not to be written to until later than `at`."""
        with self._database.read() as connection:
            return consents.all_paused(connection, at)

    def last_entries(self, trigger: str, *, by_unit: bool = False) -> pa.Table:
        """Every customer's latest entry into a trigger, or every unit's. Columns: customer, at."""
        own = ENTRY.c.customer
        who = func.coalesce(ENTRY.c.unit, own) if by_unit else own
        query = select(who, func.max(ENTRY.c.at)).where(ENTRY.c.trigger == trigger).group_by(who)
        with self._database.read() as connection:
            return bulk.table(connection, query, _LAST_ENTRIES)

    def recent_messages(self, since: datetime) -> pa.Table:
        """Messages to customers (ghosts too) of the time after `since`, not skipped or failed.

        A message is of the time for which it was due, or of that at which it left where that was
        much later; one that has not left yet may leave at any time. Columns: customer, messages.
        """
        message = MESSAGE.c
        gone = (MessageState.SKIPPED.value, MessageState.FAILED.value)
        of_late = or_(
            message.due_at > since,
            message.changed_at > since + _PUNCTUAL,
            message.state.in_([state.value for state in _WAITING]),
        )
        query: Select[Any] = (
            select(message.customer, func.count())
            .where(of_late, message.state.not_in(gone), message.channel.not_in(_TO_OURSELVES))
            .group_by(message.customer)
        )
        with self._database.read() as connection:
            return bulk.table(connection, query, _RECENT)

    def commit(self, record: Tick) -> None:
        """Store a tick whole or not at all.

        Raises AlreadyEvaluated where another worker stored one of its runs first, or evaluated
        one of its triggers at another instant since this tick looked; StateError where the
        database fails, time would go backwards or the membership has moved on. What the
        record's iterables raise passes through.
        """
        with self._database.write(bulk=True) as connection:
            _one_at_a_time(connection)
            _refuse_repeated(connection, record)
            _refuse_outrun(connection, record)
            runs = {run.trigger: _insert_run(connection, record.id, run) for run in record.runs}
            spells.write(connection, record.spells, record.at)
            _insert_entries(connection, record.entries)
            _insert_messages(connection, record.messages, record.at)
            _insert_refusals(connection, record.refusals, runs)
            fits.keep(connection, record.fits)
            draws.keep_draws(connection, record.draws)
            draws.keep_event_rows(connection, record.events_seen, record.at)


def _one_at_a_time(connection: Connection) -> None:
    """Commits of several workers queue up; on SQLite the transaction itself does that."""
    connection.execute(select(META.c.key).with_for_update()).all()


def _refuse_repeated(connection: Connection, record: Tick) -> None:
    done = set(connection.execute(select(RUN.c.trigger, RUN.c.kind).where(RUN.c.at == record.at)))
    repeated = [run.trigger for run in record.runs if (run.trigger, run.kind.value) in done]
    if repeated:
        raise AlreadyEvaluated(
            f"{', '.join(repeated)} at {record.at.isoformat()}: another worker was faster",
            hint="nothing is missing, and nothing was stored twice",
        )


def _refuse_outrun(connection: Connection, record: Tick) -> None:
    """Two workers that catch up late may choose different instants for the same transitions."""
    runs = _last_runs(connection) if record.seen else {}
    for trigger, seen in record.seen.items():
        now = runs[trigger].at if trigger in runs else None
        if now is not None and now != seen:
            raise AlreadyEvaluated(
                f"{trigger} at {record.at.isoformat()}: another worker evaluated it as of"
                f" {now.isoformat()} meanwhile",
                hint="nothing is missing, and nothing was stored twice",
            )


def _insert_run(connection: Connection, tick: str, run: RunRecord) -> int:
    row = {
        "tick": tick,
        "trigger": run.trigger,
        "at": run.at,
        "kind": run.kind.value,
        "version": run.version,
        "segment_version": run.segment_version,
        "baseline": run.baseline,
        "members": run.members,
        "entered": run.entered,
        "left": run.left,
        "treated": run.treated,
        "held_out": run.held_out,
        "refused": json.dumps(dict(run.refused)),
        "messages": run.messages,
    }
    key: Any = connection.execute(insert(RUN).values(row)).inserted_primary_key
    return int(key[0])


def _insert_entries(connection: Connection, entries: Iterable[Entries]) -> None:
    encode = encoder(connection.dialect)
    rows = (_entry_rows(some, encode(some.at)) for some in entries)
    bulk.insert_rows(connection, ENTRY, _ENTRY, chain.from_iterable(rows))


def _entry_rows(some: Entries, at: Stored) -> Iterator[tuple[object, ...]]:
    same = repeat(some.trigger), some.customers, repeat(at), repeat(some.version)
    arms, units = [arm.value for arm in some.arms], some.units or repeat(None)
    return zip(*same, some.ids, arms, units, strict=False)


def _insert_messages(connection: Connection, messages: Iterable[Messages], at: datetime) -> None:
    encode = encoder(connection.dialect)
    rows = (_message_rows(some, encode(at), encode) for some in messages)
    bulk.insert_rows(connection, MESSAGE, _MESSAGE, chain.from_iterable(rows))


def _message_rows(
    some: Messages, at: Stored, encode: Callable[[datetime], Stored]
) -> Iterator[tuple[object, ...]]:
    people, due = some.entries, encode(some.due_at)
    expires = encode(OPEN if some.expires_at is None else some.expires_at)
    same = (people.trigger, people.version, some.step, some.channel, some.template, at, due,
            some.priority, MessageState.QUEUED.value, 0, at, "", expires)  # fmt: skip
    ghosts = [arm is Arm.HOLDOUT for arm in people.arms]
    columns = some.ids, people.ids, people.customers, ghosts, some.contexts
    return zip(*map(repeat, same), *columns, strict=False)


def _insert_refusals(
    connection: Connection, refusals: Iterable[Refusals], runs: Mapping[str, int]
) -> None:
    rows = (
        zip(repeat(runs[r.trigger]), r.customers, repeat(r.reason.value), r.details, strict=False)
        for r in refusals
    )
    bulk.insert_rows(connection, REFUSAL, _REFUSAL, chain.from_iterable(rows))


def _last_runs(connection: Connection) -> dict[str, LastRun]:
    ticks = RUN.c.kind == RunKind.TICK.value
    latest = select(RUN.c.trigger, func.max(RUN.c.at)).where(ticks).group_by(RUN.c.trigger)
    last = latest.subquery()
    query = select(RUN).join(
        last, (RUN.c.trigger == last.c.trigger) & (RUN.c.at == last.c[1]) & ticks
    )
    return {
        row.trigger: LastRun(
            trigger=row.trigger,
            at=row.at,
            version=row.version,
            segment_version=row.segment_version,
        )
        for row in connection.execute(query)
    }


def _run_record(row: Row[Any]) -> RunRecord:
    return RunRecord(
        trigger=row.trigger,
        at=row.at,
        kind=RunKind(row.kind),
        version=row.version,
        segment_version=row.segment_version,
        baseline=row.baseline,
        members=row.members,
        entered=row.entered,
        left=row.left,
        treated=row.treated,
        held_out=row.held_out,
        refused=json.loads(row.refused),
        messages=row.messages,
    )
