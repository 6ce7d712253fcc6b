"""Writes outcomes down in groups while the wire stays busy, and counts what was written."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from relance import logs
from relance.domain.ledger import Budget, Outcome
from relance.domain.message import MessageState
from relance.errors import StateError
from relance.logs import Action
from relance.pipeline.outcomes import POSTPONED
from relance.pipeline.outlets import BUDGET
from relance.pipeline.ports import Queue
from relance.pipeline.turns import Turns

_GROUP = 250  # outcomes per transaction while there is much to do
_IDLE = 0.05  # seconds that fewer wait for company
_CROWDED = 2_000  # outcomes not yet written that make the wire wait
_PATIENCE = (0.2, 1.0, 3.0)  # seconds between tries at a state database that fails

log = logs.get("delivery")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryReport:
    """What one delivery did. Every number is of messages whose new state is written down.

    `retried` go out again later by themselves, `postponed` wait for the end of quiet hours or
    for tomorrow's budget, `ghosts` are the held-out who passed the same way. `paused` maps a
    channel by which nothing leaves now to the reason (`provider_paused: …`, `circuit_open: …`,
    `daily_budget`): its messages stay queued.
    """

    accepted: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    retried: int = 0
    ghosts: int = 0
    postponed: int = 0
    paused: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was done."""
        return replace(self, paused={}) == DeliveryReport()


class Tally:
    """Counts outcomes, and logs each that somebody may ask about."""

    def __init__(self) -> None:
        self._states: Counter[MessageState] = Counter()
        self._skipped: Counter[str] = Counter()
        self._postponed = 0
        self._retried = 0
        self._log = log.bind()  # once per run: finding out the configuration takes its time
        self.paused: dict[str, str] = {}

    def add(self, outcome: Outcome) -> None:
        self._states[outcome.state] += 1
        if outcome.state is MessageState.SKIPPED:
            self._skipped[outcome.reason] += 1
        elif outcome.state is MessageState.QUEUED:
            self._retried += outcome.attempted
            self._postponed += outcome.reason in (POSTPONED, BUDGET)
        _tell(outcome, self._log)

    def expired(self, unknown: int) -> None:
        """Messages that another worker left on the wire."""
        self._states[MessageState.UNKNOWN] += unknown

    def report(self) -> DeliveryReport:
        return DeliveryReport(
            accepted=self._states[MessageState.ACCEPTED],
            failed=self._states[MessageState.FAILED],
            unknown=self._states[MessageState.UNKNOWN],
            skipped=dict(sorted(self._skipped.items())),
            retried=self._retried,
            ghosts=self._states[MessageState.GHOST],
            postponed=self._postponed,
            paused=dict(self.paused),
        )


def _tell(outcome: Outcome, log: logs.Logger) -> None:
    """A line for what somebody may ask about; the ordinary course only at debug level."""
    kind = _LINES.get(outcome.state)
    if kind is None or not outcome.attempted:
        return
    level, sentence, action = kind
    log.log(
        level,
        sentence,
        action=action,
        message=outcome.message,
        provider=outcome.provider,
        reason=outcome.reason,
    )


_LINES = {
    MessageState.ACCEPTED: (logging.DEBUG, "Message accepted", Action.MESSAGE_ACCEPTED),
    MessageState.SKIPPED: (logging.DEBUG, "Message skipped", Action.MESSAGE_SKIPPED),
    MessageState.QUEUED: (logging.INFO, "Message will be tried again", Action.MESSAGE_RETRIED),
    MessageState.FAILED: (logging.WARNING, "Message given up", Action.MESSAGE_REFUSED),
    MessageState.UNKNOWN: (logging.WARNING, "Message may have been sent", Action.MESSAGE_UNKNOWN),
}


class Recorder:
    """Takes outcomes without making anybody wait; writes them in the background.

    A state database that fails is tried again for a few seconds; then `failure` is set, and
    leaving the context tries once more. Raises StateError if that fails too: those messages
    stay `sending` and become unknown when their lease ends.
    """

    def __init__(
        self,
        queue: Queue,
        tally: Tally,
        worker: str,
        turns: Turns,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._turns = turns
        self._tally = tally
        self._worker = worker
        self._sleep = sleep
        self._waiting: list[Outcome] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self.failure: StateError | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        await self._task
        await self._write(())

    def add(self, outcomes: Iterable[Outcome], unspent: tuple[Budget, ...] = ()) -> None:
        """Take outcomes; they are written in this worker's name within a twentieth of a second.

        `unspent` is what each of these messages gives back.
        """
        self._waiting.extend(
            outcome
            if outcome.worker and not unspent
            else replace(outcome, worker=self._worker, unspent=unspent)
            for outcome in outcomes
        )
        if len(self._waiting) >= _GROUP:
            self._wake.set()
        if len(self._waiting) >= _CROWDED and self.failure is None:
            self._room.clear()

    async def room(self) -> None:
        """Wait until not too many outcomes are unwritten."""
        await self._room.wait()

    async def _run(self) -> None:
        try:
            while not self._closing:
                await self._company()
                await self._write(_PATIENCE)
        except StateError as error:
            self.failure = error
            self._room.set()

    async def _company(self) -> None:
        """Wait for a full group, or a moment for a smaller one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE):
                await self._wake.wait()
        self._wake.clear()

    async def _write(self, patience: Sequence[float]) -> None:
        group, self._waiting = self._waiting, []
        self._room.set()
        if not group:
            return
        try:
            await self._insist(group, patience)
        except StateError:
            self._waiting = group + self._waiting
            raise
        for outcome in group:
            self._tally.add(outcome)

    async def _insist(self, group: Sequence[Outcome], patience: Sequence[float]) -> None:
        for pause in patience:
            try:
                return await self._record(group)
            except StateError:
                await self._sleep(pause)
        return await self._record(group)

    async def _record(self, group: Sequence[Outcome]) -> None:
        async with self._turns:
            await asyncio.to_thread(self._queue.record, group)
