"""The second look, right before sending: who must not be written to any more, and who not yet.

One set-based question to the engine per wave; what follows is a few comparisons per message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
import pyarrow as pa

from relance.domain.consent import may_write
from relance.domain.ledger import Claimed, Outcome, Skip
from relance.domain.message import MessageState
from relance.domain.quiet import quiet_until, zone_or
from relance.domain.workspace import Workspace
from relance.pipeline.addresses import emails_ok, to_e164_again
from relance.pipeline.ports import Engine, Queue, Renderer
from relance.pipeline.questions import Questions, Steps

POSTPONED = "quiet_hours"

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A message that may be sent now: to whom, in which language, with which values."""

    message: Claimed
    address: str = field(repr=False)
    locale: str | None
    values: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A wave after the second look; `outcomes` are those that stop here."""

    ready: list[Ready]
    outcomes: list[Outcome]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wave:
    """What was found out about the customers of a wave, by message id or customer."""

    at: datetime
    channel: str
    questions: Questions
    rows: Mapping[str, Row]
    addresses: Mapping[str, str]  # the usable ones
    blocked: set[str]
    recorded: Mapping[str, bool]
    missing: Mapping[str, frozenset[str]]  # names that the message does not hold
    quiet: dict[object, datetime | None] = field(default_factory=dict)  # by time zone


class Recheck:
    """Decides what may go on the wire, in a fixed order of reasons (docs/delivery.md)."""

    def __init__(
        self, workspace: Workspace, queue: Queue, engine: Engine, renderer: Renderer
    ) -> None:
        self._workspace = workspace
        self._steps = Steps(workspace)
        self._queue = queue
        self._engine = engine
        self._renderer = renderer

    def check(self, channel: str, claimed: Sequence[Claimed], at: datetime) -> Checked:
        """Sort one channel's claimed messages. Raises SourceError or StateError."""
        kept = [message for message in claimed if self._steps.of(message)]
        outcomes = [
            _skip(message, at, Skip.TRIGGER_REMOVED)
            for message in claimed
            if not self._steps.of(message)
        ]
        if not kept:
            return Checked(ready=[], outcomes=outcomes)
        contexts = {m.id: _context(m) for m in kept}
        wave = self._ask(channel, kept, at, self._missing(kept, contexts))
        ready: list[Ready] = []
        for message in kept:
            outcome = self._stop(message, wave)
            if outcome is not None:
                outcomes.append(outcome)
            else:
                ready.append(self._ready(message, wave, contexts[message.id]))
        return Checked(ready=ready, outcomes=outcomes)

    def _missing(
        self, messages: Iterable[Claimed], contexts: Mapping[str, Mapping[str, object]]
    ) -> dict[str, frozenset[str]]:
        """Names that a text uses now and the message does not hold: the text was changed."""
        missing = {}
        for message in messages:
            if message.ghost:
                continue
            names = self._renderer.names(message.template, message.channel)
            if not names <= contexts[message.id].keys():
                missing[message.id] = names - contexts[message.id].keys()
        return missing

    def _ask(
        self,
        channel: str,
        messages: list[Claimed],
        at: datetime,
        missing: Mapping[str, frozenset[str]],
    ) -> _Wave:
        questions = Questions(self._workspace, self._steps, messages, at)
        names = sorted(frozenset().union(*missing.values()))
        table = self._engine.ask(_cohort(messages), questions.asked, names, at)
        customers = sorted({message.customer for message in messages})
        return _Wave(
            at=at,
            channel=channel,
            questions=questions,
            rows=_rows(table),
            addresses=_addresses(channel, table),
            blocked=self._queue.blocked(channel, customers),
            recorded=self._queue.consents(channel, customers),
            missing=missing,
        )

    def _stop(self, message: Claimed, wave: _Wave) -> Outcome | None:
        """The outcome of a message that does not go on the wire now; None lets it pass."""
        for reason, holds in _REASONS:
            if holds(message, wave):
                return _skip(message, wave.at, reason)
        until = self._quiet(message, wave)
        if until is not None:
            return put_back(message, wave.at, due_at=until, reason=POSTPONED)
        if message.ghost:
            return Outcome(message=message.id, state=MessageState.GHOST, at=wave.at)
        return None

    def _quiet(self, message: Claimed, wave: _Wave) -> datetime | None:
        hours = self._workspace.limits.quiet_hours
        if hours is None:
            return None
        name = wave.rows[message.id]["timezone"]
        if name not in wave.quiet:
            zone = zone_or(name if isinstance(name, str) else None, self._workspace.zone)
            wave.quiet[name] = quiet_until(wave.at, hours, zone)
        return wave.quiet[name]

    def _ready(self, message: Claimed, wave: _Wave, context: Mapping[str, object]) -> Ready:
        row = wave.rows[message.id]
        fresh = {name: row[name] for name in wave.missing.get(message.id, ())}
        if row["timezone"] is not None:
            fresh["customer.timezone"] = row["timezone"]  # texts show times on the customer's clock
        locale = row["locale"]
        return Ready(
            message=message,
            address=wave.addresses[message.id],
            locale=locale if isinstance(locale, str) else None,
            values=nested({**context, **fresh} if fresh else context, message),
        )


def put_back(message: Claimed, at: datetime, *, due_at: datetime, reason: str) -> Outcome:
    """Back into the queue without an attempt: nothing was tried."""
    return Outcome(
        message=message.id,
        state=MessageState.QUEUED,
        at=at,
        due_at=due_at,
        reason=reason,
        attempted=False,
    )


def nested(flat: Mapping[str, object], message: Claimed) -> dict[str, object]:
    """Dotted names as templates read them: `customer.first_name` under `customer`."""
    values: dict[str, dict[str, object]] = {
        "message": {"id": message.id, "trigger": message.trigger}
    }
    for name, value in flat.items():
        group, _, key = name.partition(".")
        values.setdefault(group, {})[key] = value
    return dict(values)


def _gone(message: Claimed, wave: _Wave) -> bool:
    return message.id not in wave.rows


def _suppressed(message: Claimed, wave: _Wave) -> bool:
    return message.customer in wave.blocked


def _no_consent(message: Claimed, wave: _Wave) -> bool:
    source = bool(wave.rows[message.id].get(f"consent_{wave.channel}"))
    return not may_write(source=source, recorded=wave.recorded.get(message.customer))


def _unreachable(message: Claimed, wave: _Wave) -> bool:
    return message.id not in wave.addresses


def _goal_reached(message: Claimed, wave: _Wave) -> bool:
    return wave.questions.goal_reached(message, wave.rows[message.id])


def _condition(message: Claimed, wave: _Wave) -> bool:
    return not wave.questions.step_holds(message, wave.rows[message.id])


# The order in which reasons are given; removed triggers were sorted out before anything is asked.
_REASONS: tuple[tuple[Skip, Callable[[Claimed, _Wave], bool]], ...] = (
    (Skip.GONE, _gone),
    (Skip.SUPPRESSED, _suppressed),
    (Skip.NO_CONSENT, _no_consent),
    (Skip.UNREACHABLE, _unreachable),
    (Skip.GOAL_REACHED, _goal_reached),
    (Skip.CONDITION, _condition),
)


def _skip(message: Claimed, at: datetime, reason: Skip) -> Outcome:
    return Outcome(message=message.id, state=MessageState.SKIPPED, at=at, reason=reason.value)


def _context(message: Claimed) -> dict[str, object]:
    loaded = orjson.loads(message.context) if message.context else {}
    return dict(loaded)


def _cohort(messages: Sequence[Claimed]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([m.id for m in messages], pa.string()),
            "customer": pa.array([m.customer for m in messages], pa.string()),
            "entry_at": pa.array([m.entry_at for m in messages], pa.timestamp("us", tz="UTC")),
        }
    )


def _rows(table: pa.Table) -> dict[str, Row]:
    return {row["id"]: row for row in table.to_pylist()}


def _addresses(channel: str, table: pa.Table) -> dict[str, str]:
    ids = table["id"].to_pylist()
    if channel == "sms":
        numbers = to_e164_again(table["phone"], table["region"])
        return {key: number for key, number in zip(ids, numbers, strict=True) if number}
    usable = emails_ok(table["email"]).to_pylist()
    emails = table["email"].to_pylist()
    return {key: email for key, email, ok in zip(ids, emails, usable, strict=True) if ok}
