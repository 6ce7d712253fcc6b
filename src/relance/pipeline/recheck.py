"""The second look, right before sending: who must not be written to any more, and who not yet.

One set-based question to the engine per wave; what follows is a few comparisons per message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
import pyarrow as pa

from relance.domain.accounts import KEY
from relance.domain.channel import CHANNELS, is_personal
from relance.domain.ledger import Claimed, Outcome, Skip
from relance.domain.message import MessageState
from relance.domain.quiet import quiet_until, zone_or
from relance.domain.receipt import recipient_digest
from relance.domain.workspace import Workspace
from relance.pipeline.addresses import emails_ok, to_e164_again
from relance.pipeline.kin import Kin
from relance.pipeline.outcomes import POSTPONED, put_off, skip
from relance.pipeline.ports import Engine, Queue, Renderer
from relance.pipeline.questions import Questions, Steps
from relance.pipeline.reasons import Address, Bars, Row, Wave, stopped_by

NOWHERE = Address(text="", digest="")  # what the company's own people are told goes to nobody


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A message that may be sent now: to whom, in which language, with which values by their
    dotted names.

    A ghost is ready like any other, and goes along as far as the wire.
    """

    message: Claimed
    address: Address
    locale: str | None
    customer: str  # whom the message's id belongs to now
    values: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A wave after the second look; `outcomes` are those that stop here."""

    ready: list[Ready]
    outcomes: list[Outcome]


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
        self._topics = {t.name: t.topic for t in workspace.triggers.values() if t.topic}

    def check(self, channel: str, claimed: Sequence[Claimed], at: datetime) -> Checked:
        """Sort one channel's claimed messages. Raises SourceError or StateError."""
        kept = [message for message in claimed if self._steps.of(message)]
        outcomes = [
            skip(message, at, Skip.TRIGGER_REMOVED)
            for message in claimed
            if not self._steps.of(message)
        ]
        if not kept:
            return Checked(ready=[], outcomes=outcomes)
        contexts = {m.id: _context(m) for m in kept}
        accounts = {key: context.get(KEY) for key, context in contexts.items()}
        wave = self._ask(channel, kept, at, self._missing(kept, contexts), accounts)
        ready: list[Ready] = []
        stopped = {message.id: self._stop(message, wave) for message in kept}
        ended = {key for key, o in stopped.items() if o and o.state is MessageState.SKIPPED}
        merged = self._merged([m for m in kept if m.id not in ended], ended, at)
        for message in kept:
            outcome = stopped[message.id]
            if message.id in merged:
                outcomes.append(skip(message, at, Skip.MERGED))
            elif outcome is not None:
                outcomes.append(outcome)
            else:
                ready.append(_ready(message, wave, contexts[message.id]))
        return Checked(ready=ready, outcomes=outcomes)

    def addresses(
        self, channel: str, messages: Sequence[Claimed], at: datetime
    ) -> Mapping[str, Address]:
        """Where the customers of some messages are written to now, by message id; without those
        who have no usable address. Raises SourceError."""
        return _addresses(channel, self._engine.ask(_cohort(messages), {}, [], at))

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
        accounts: Mapping[str, object],
    ) -> Wave:
        questions = Questions(self._workspace, self._steps, messages, at)
        names = sorted(frozenset().union(*missing.values()))
        table = self._engine.ask(_cohort(messages), questions.asked, names, at)
        addresses = _addresses(channel, table)
        return Wave(
            at=at,
            channel=channel,
            questions=questions,
            rows=_rows(table),
            addresses=addresses,
            bars=self._bars(channel, messages, addresses, at),
            missing=missing,
            topics=self._topics,
            accounts=accounts,
        )

    def _kin(self, messages: Sequence[Claimed], at: datetime) -> Kin:
        if not self._workspace.identities:
            return Kin()
        return Kin.of(self._engine.kin(sorted({m.customer for m in messages}), at))

    def _bars(
        self,
        channel: str,
        messages: Sequence[Claimed],
        addresses: Mapping[str, Address],
        at: datetime,
    ) -> Bars:
        if not is_personal(channel):
            return Bars()
        kin = self._kin(messages, at)
        if kin.several:
            return kin.bars(self._queue, channel, addresses, at)
        customers = sorted({message.customer for message in messages})
        recipients = sorted({address.digest for address in addresses.values()})
        topical = any(message.trigger in self._topics for message in messages)
        return Bars(
            suppressed=self._queue.blocked(channel, customers),
            suppressed_addresses=self._queue.blocked_addresses(channel, recipients),
            consents=self._queue.consents(channel, customers),
            topics=self._queue.topics_refused(customers) if topical else set(),
            paused=self._queue.paused(customers, at),
        )

    def _merged(self, messages: Sequence[Claimed], ended: set[str], at: datetime) -> set[str]:
        """Those that another id's stand for; none of accounts, whose re-entry is by account."""
        triggers = self._workspace.triggers
        own = [m for m in messages if not triggers[m.trigger].of_accounts]
        kin = self._kin(own, at) if own else Kin()
        if not kin.several:
            return set()
        return kin.doubled(self._queue, own, self._steps, self._allows, ended)

    def _allows(self, trigger: str, earlier: datetime, later: datetime) -> bool | None:
        rule = self._workspace.triggers[trigger].reentry
        if rule.after is None:
            return None if rule.allowed else False
        return earlier <= rule.after.before(later, self._workspace.zone)

    def _stop(self, message: Claimed, wave: Wave) -> Outcome | None:
        """The outcome of a message that does not go on the wire now; None lets it pass."""
        reason = stopped_by(message, wave)
        if reason is not None:
            return skip(message, wave.at, reason)
        until = self._quiet(message, wave)
        if until is not None:
            return put_off(message, wave.at, until=until, reason=POSTPONED)
        return None

    def _quiet(self, message: Claimed, wave: Wave) -> datetime | None:
        hours = self._workspace.limits.quiet_hours
        if not hours or not is_personal(wave.channel):
            return None
        name = wave.rows[message.id]["timezone"]
        if name not in wave.quiet:
            zone = zone_or(name if isinstance(name, str) else None, self._workspace.zone)
            wave.quiet[name] = quiet_until(wave.at, hours, zone)
        return wave.quiet[name]


def _ready(message: Claimed, wave: Wave, context: Mapping[str, object]) -> Ready:
    row = wave.rows[message.id]
    fresh = {name: row[name] for name in wave.missing.get(message.id, ())}
    if row["timezone"] is not None:
        fresh["customer.timezone"] = row["timezone"]  # texts show times on the customer's clock
    locale = row["locale"]
    return Ready(
        message=message,
        address=wave.addresses.get(message.id, NOWHERE),
        locale=locale if isinstance(locale, str) else None,
        customer=str(row["customer"]),
        values={**context, **fresh} if fresh else context,
    )


def _context(message: Claimed) -> dict[str, object]:
    context: dict[str, object] = orjson.loads(message.context) if message.context else {}
    return context


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


def _addresses(channel: str, table: pa.Table) -> dict[str, Address]:
    kind = CHANNELS.get(channel)
    written = kind.address if kind else None
    if written is None:
        return {}
    ids = table["id"].to_pylist()
    if written == "phone":
        found = to_e164_again(table["phone"], table["region"])
    else:
        usable = emails_ok(table["email"]).to_pylist()
        emails = table["email"].to_pylist()
        found = [email if ok else None for email, ok in zip(emails, usable, strict=True)]
    return {
        key: Address(text=text, digest=recipient_digest(text))
        for key, text in zip(ids, found, strict=True)
        if text
    }
