"""One provider's wire: batches go out many at a time, and what comes back is settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relance import logs
from relance.domain.ledger import Budget, Claimed, Outcome, Tried
from relance.domain.message import Accepted, Sendable
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.logs import Action
from relance.pipeline.claims import Run
from relance.pipeline.outcomes import put_off
from relance.pipeline.outlets import Outlet
from relance.pipeline.ports import Provider
from relance.pipeline.recheck import Ready
from relance.pipeline.settle import BUG, STOPPED, Sending, settle
from relance.pipeline.shared_rate import turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A message marked `sending` at `at`, as it goes on the wire.

    `spent` is what is given back if it does not leave; `tried` is how it did not leave by the
    provider before.
    """

    ready: Ready
    outgoing: Sendable
    at: datetime
    spent: tuple[Budget, ...] = ()
    tried: tuple[Tried, ...] = ()

    @property
    def message(self) -> Claimed:
        return self.ready.message


# Takes what certainly did not leave by one provider to the next, with the reason, and gives back
# what has to stay.
Instead = Callable[[Outlet, list[Parcel], str], Awaitable[list[Parcel]]]

log = logs.get("delivery")


class Wire:
    """Sends one outlet's batches, as many at a time as its pace says. `window` is how long the
    provider sends the same message id once."""

    def __init__(
        self, run: Run, outlet: Outlet, window: timedelta | None, instead: Instead
    ) -> None:
        self.outlet = outlet
        self._run = run
        self._window = window
        self._instead = instead
        pace = outlet.pace
        self._work: asyncio.Queue[list[Parcel]] = asyncio.Queue(
            maxsize=pace.calls if pace.batch == 1 else 1
        )

    async def put(self, batch: list[Parcel]) -> None:
        """Hand a marked batch to the callers; waits while they are busy."""
        await self._work.put(batch)

    async def idle(self) -> None:
        """Wait until everything handed in is settled."""
        await self._work.join()

    async def call(self) -> None:
        """Send batch after batch, until cancelled."""
        while True:
            batch = await self._work.get()
            try:
                await self._deal_with(batch)
            finally:
                self._work.task_done()

    async def _deal_with(self, batch: list[Parcel]) -> None:
        at = self._run.clock()
        if self._run.halted:
            self._release(batch)
        elif self.outlet.enter(at):
            try:
                await self._send(batch)
            finally:
                self.outlet.leave()
        else:
            left = await self._instead(self.outlet, batch, self.outlet.breaker.cause)
            hold(self._run, self.outlet, [p.message for p in left], unspent=_spent(left))

    def _release(self, batch: Sequence[Parcel]) -> None:
        self._run.release((parcel.message for parcel in batch), _spent(batch))

    async def _send(self, batch: list[Parcel]) -> None:
        with turn() as own:
            try:
                answers = await self._answers(batch)
            except asyncio.CancelledError:
                if own.waiting:
                    self._release(batch)
                else:
                    self._settle((parcel, Unsure(STOPPED)) for parcel in batch)
                raise
        pairs = list(zip(batch, answers, strict=True))
        stuck = [(parcel, a) for parcel, a in pairs if isinstance(a, NotSent | Paused)]
        self._settle(p for p in pairs if not isinstance(p[1], NotSent | Paused))
        if stuck:
            await self._elsewhere(stuck)

    async def _elsewhere(self, stuck: Sequence[tuple[Parcel, NotSent | Paused]]) -> None:
        """Send what certainly did not leave by the next provider, or settle it here."""
        answered = {pair[0].message.id: pair for pair in stuck}
        parcels = [self._tried(parcel, answer) for parcel, answer in stuck]
        left = await self._instead(self.outlet, parcels, stuck[0][1].reason)
        self._settle((answered[parcel.message.id] for parcel in left), _spent(left))

    def _tried(self, parcel: Parcel, answer: SendError) -> Parcel:
        tried = Tried(
            provider=self.outlet.provider.name,
            at=self._run.clock(),
            reason=answer.reason,
            detail=answer.detail or "",
        )
        return replace(parcel, tried=(*parcel.tried, tried))

    async def _answers(self, batch: list[Parcel]) -> Sequence[Accepted | Exception]:
        provider = self.outlet.provider
        answers: Sequence[Accepted | Exception]
        try:
            answers = await provider.send([parcel.outgoing for parcel in batch])
        except Refused as error:
            return [error] * len(batch)
        except SendError as error:
            self.outlet.failed(error, self._run.clock())
            return [error] * len(batch)
        except Exception as error:  # noqa: BLE001  a provider's bug must not lose a message
            answers = [error] * len(batch)
        if len(answers) != len(batch):
            wrong = Unsure(BUG, detail="the number of answers is not that of messages")
            answers = [wrong] * len(batch)
        self._judge(answers)
        return answers

    def _judge(self, answers: Sequence[Accepted | Exception]) -> None:
        """What the answers of one request say about the vendor."""
        at = self._run.clock()
        if all(isinstance(answer, Accepted) for answer in answers):
            self.outlet.succeeded(at)
            return
        paused = next((answer for answer in answers if isinstance(answer, Paused)), None)
        bugs = [a for a in answers if not isinstance(a, Accepted | SendError) or _is_bug(a)]
        if paused is not None:
            self.outlet.failed(paused, at)
        elif len(bugs) == len(answers):
            self.outlet.failed(Unsure(BUG), at)
        else:
            self.outlet.succeeded(at)

    def _settle(
        self,
        answered: Iterable[tuple[Parcel, Accepted | Exception]],
        unspent: tuple[Budget, ...] = (),
    ) -> None:
        at = self._run.clock()
        outcomes: list[Outcome] = []
        for parcel, answer in answered:
            if not isinstance(answer, Accepted | SendError):
                _confess(answer, self.outlet.provider, parcel.message)
            sending = Sending(
                message=parcel.message,
                provider=self.outlet.provider.name,
                at=parcel.at,
                window=self._window,
                worker=self._run.worker,
            )
            outcome = settle(sending, answer, at)
            outcomes.append(replace(outcome, tried=parcel.tried) if parcel.tried else outcome)
        self._run.recorder.add(outcomes, unspent)


def _spent(batch: Sequence[Parcel]) -> tuple[Budget, ...]:
    return batch[0].spent if batch else ()  # what travels together was marked together


def hold(
    run: Run, outlet: Outlet, messages: Iterable[Claimed], unspent: tuple[Budget, ...] = ()
) -> None:
    """Back into the queue while a provider is left alone: as they were, but for those that only
    this one may repeat, which would be claimed for another provider again and again."""
    at, breaker = run.clock(), outlet.breaker
    until = breaker.until or at
    bound = []
    for message in messages:
        if message.doubtful_at is None:
            run.release([message], unspent)
        else:
            due_at = max(until, message.due_at)
            bound.append(put_off(message, at, until=due_at, reason=breaker.cause))
    run.recorder.add(bound, unspent)


def _is_bug(answer: Accepted | SendError) -> bool:
    return isinstance(answer, Unsure) and answer.reason == BUG


def _confess(error: Exception, provider: Provider, message: Claimed) -> None:
    """A bug in a provider: where it is, without its text, which may hold an address."""
    log.error(
        "A provider failed in an unforeseen way; the message may have been sent",
        action=Action.MESSAGE_UNKNOWN,
        provider=provider.name,
        message=message.id,
        error=type(error).__name__,
        where=logs.where(error),
    )
