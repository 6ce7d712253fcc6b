"""One channel's wire: messages are rendered and marked in groups, and sent many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from relance import logs
from relance.domain.ledger import Claimed, Outcome
from relance.domain.message import Accepted, Outgoing
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, RelanceError, RenderError, SendError, Unsure
from relance.logs import Action
from relance.pipeline.claims import Claims, Run
from relance.pipeline.compose import compose, unrendered
from relance.pipeline.pace import Pace
from relance.pipeline.ports import Provider, Renderer
from relance.pipeline.recheck import Ready
from relance.pipeline.recorder import Sleep
from relance.pipeline.settle import BUG, STOPPED, settle

_BREATH = 16  # texts rendered before the answers of the wire get their turn

T = TypeVar("T")

log = logs.get("delivery")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parcel:
    message: Claimed
    outgoing: Outgoing


class Wire:
    """Sends one channel's waves. A wave is prepared while the one before it is sent."""

    def __init__(
        self,
        run: Run,
        channel: ChannelSpec,
        provider: Provider,
        renderer: Renderer,
        pace: Pace,
        *,
        grace: float,
        sleep: Sleep,
    ) -> None:
        self._run = run
        self._channel = channel
        self._provider = provider
        self._renderer = renderer
        self._pace = pace
        self._grace = grace
        self._sleep = sleep
        self._work: asyncio.Queue[list[_Parcel]] = asyncio.Queue(
            maxsize=pace.calls if pace.batch == 1 else 1
        )

    async def carry(self, claims: Claims) -> None:
        """Send every wave; on return nothing of this channel is on the wire any more."""
        async with asyncio.TaskGroup() as tasks:
            callers = [tasks.create_task(self._call()) for _ in range(self._pace.calls)]
            callers.append(tasks.create_task(self._hang_up(tuple(callers))))
            await self._feed(claims)
            await self._work.join()
            for caller in callers:
                caller.cancel()

    @property
    def _halted(self) -> bool:
        return self._run.halted or self._channel.name in self._run.tally.paused

    async def _feed(self, claims: Claims) -> None:
        coming = asyncio.create_task(claims.next())
        try:
            while (wave := await coming) is not None:
                coming = asyncio.create_task(self._next(claims))
                for group in _chunks(wave, self._pace.group):
                    await self._launch(group)
        finally:
            coming.cancel()

    async def _next(self, claims: Claims) -> list[Ready] | None:
        return None if self._halted else await claims.next()

    async def _launch(self, group: list[Ready]) -> None:
        """Render a group, mark it `sending`, and hand it to the callers."""
        await self._run.recorder.room()
        if self._halted:
            self._run.release(ready.message for ready in group)
            return
        parcels = await self._compose(group)
        try:
            ours = await self._mark(parcels)
        except RelanceError as error:
            self._run.release(parcel.message for parcel in parcels)
            self._run.fail(error)
            return
        for batch in _chunks(ours, self._pace.batch):
            await self._work.put(batch)

    async def _compose(self, group: list[Ready]) -> list[_Parcel]:
        at = self._run.clock()
        parcels = []
        for place, ready in enumerate(group):
            if place % _BREATH == 0:
                await asyncio.sleep(0)
            try:
                outgoing = compose(ready, self._channel, self._renderer, at)
            except RenderError as error:
                self._run.recorder.add([unrendered(ready, error, at)])
            else:
                parcels.append(_Parcel(message=ready.message, outgoing=outgoing))
        return parcels

    async def _mark(self, parcels: list[_Parcel]) -> list[_Parcel]:
        """Those that are still ours: another worker may have taken over an expired lease."""
        ids = [parcel.message.id for parcel in parcels]
        run = self._run
        ours = set(await asyncio.to_thread(run.queue.sending, ids, run.clock(), run.worker))
        return [parcel for parcel in parcels if parcel.message.id in ours]

    async def _call(self) -> None:
        while True:
            batch = await self._work.get()
            try:
                if self._halted:
                    self._run.release(parcel.message for parcel in batch)
                else:
                    await self._send(batch)
            finally:
                self._work.task_done()

    async def _send(self, batch: list[_Parcel]) -> None:
        try:
            answers = await self._answers(batch)
        except asyncio.CancelledError:
            self._settle(batch, [Unsure(STOPPED)] * len(batch))
            raise
        self._settle(batch, answers)

    async def _answers(self, batch: list[_Parcel]) -> Sequence[Accepted | Exception]:
        try:
            answers = await self._provider.send([parcel.outgoing for parcel in batch])
        except SendError as error:
            return [error] * len(batch)
        except Exception as error:  # noqa: BLE001  a provider's bug must not lose a message
            return [error] * len(batch)
        if len(answers) != len(batch):
            return [Unsure(BUG, detail="the number of answers is not that of messages")] * len(
                batch
            )
        return answers

    def _settle(self, batch: list[_Parcel], answers: Sequence[Accepted | Exception]) -> None:
        at = self._run.clock()
        outcomes: list[Outcome] = []
        for parcel, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Paused):
                self._pause(answer)
            elif not isinstance(answer, Accepted | SendError):
                _confess(answer, self._provider, parcel.message)
            outcomes.append(settle(parcel.message, answer, self._provider, at))
        self._run.recorder.add(outcomes)

    def _pause(self, answer: Paused) -> None:
        paused = self._run.tally.paused
        if self._channel.name in paused:
            return
        paused[self._channel.name] = answer.reason
        log.error(
            "The provider refuses us; everything of its channel stays queued",
            action=Action.PROVIDER_PAUSED,
            provider=self._provider.name,
            channel=self._channel.name,
            reason=answer.reason,
        )

    async def _hang_up(self, callers: tuple[asyncio.Task[None], ...]) -> None:
        """After a stop, wait the grace and cut off the calls that are still on the wire."""
        await self._run.stop.wait()
        await self._sleep(self._grace)
        for caller in callers:
            caller.cancel()
        await self._call()  # puts back whatever still comes


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


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
