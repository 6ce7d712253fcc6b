"""The waves of one channel: claimed from the queue and looked at again, while others are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from relance import memory
from relance.domain.ledger import Budget, Claimed
from relance.errors import RelanceError
from relance.pipeline.outcomes import RELEASED, put_back, unknown
from relance.pipeline.outlets import Outlets
from relance.pipeline.ports import Queue
from relance.pipeline.recheck import Ready, Recheck
from relance.pipeline.recorder import Recorder, Tally
from relance.pipeline.turns import Turns

# Longer than the slowest wave takes: pace.py sizes waves so that they leave in a minute.
LEASE = timedelta(minutes=15)
_TIDY = 5_000  # messages after which what they left behind goes back to the system


@dataclass(kw_only=True)
class Run:
    """What the parts of one delivery share: its instant, its stop, and its first failure."""

    queue: Queue
    recheck: Recheck
    recorder: Recorder
    tally: Tally
    clock: Callable[[], datetime]
    worker: str
    stop: asyncio.Event
    asking: asyncio.Lock  # one question at a time: the engine has one connection
    turns: Turns
    failure: RelanceError | None = None

    @property
    def halted(self) -> bool:
        """Whether nothing new may go on the wire."""
        return self.stop.is_set() or self.failure is not None or self.recorder.failure is not None

    def fail(self, error: RelanceError) -> None:
        """Halt, and remember why; what is on the wire still finishes."""
        self.failure = self.failure or error

    def release(self, messages: Iterable[Claimed], unspent: tuple[Budget, ...] = ()) -> None:
        """Give claimed messages back as they were, and what their marks have spent."""
        at = self.clock()
        self.recorder.add((put_back(m, at, reason=RELEASED) for m in messages), unspent)


class Claims:
    """Takes one channel's due messages, wave by wave. A channel that left the YAML has no
    `outlets`: its messages are only sorted out."""

    def __init__(
        self, run: Run, channel: str, size: int, outlets: Outlets | None, *, only_one: bool
    ) -> None:
        self._run = run
        self._channel = channel
        self._size = size
        self._outlets = outlets
        self._waves_left = 1 if only_one else None
        self._untidied = 0

    async def next(self) -> list[Ready] | None:
        """The next wave's messages that may be sent; None once there are no more waves."""
        if self._run.halted or self._waves_left == 0:
            return None
        if self._waves_left is not None:
            self._waves_left -= 1
        try:
            claimed = await self._claim()
            return await self._look_again(claimed) if claimed else None
        except RelanceError as error:
            self._run.fail(error)
            return None

    async def _claim(self) -> list[Claimed]:
        async with self._run.turns:
            return await asyncio.to_thread(self._claim_now, self._run.clock())

    def _claim_now(self, at: datetime) -> list[Claimed]:
        run = self._run
        claimed = run.queue.claim(at, self._size, at + LEASE, run.worker, self._channel)
        self._untidied += len(claimed)
        if self._untidied >= _TIDY:
            self._untidied = 0
            memory.give_back()
        return claimed

    async def _look_again(self, claimed: list[Claimed]) -> list[Ready]:
        run = self._run
        kept = list(self._repeatable(claimed))
        try:
            async with run.asking:
                checked = await asyncio.to_thread(
                    run.recheck.check, self._channel, kept, run.clock()
                )
        except BaseException:
            run.release(kept)
            raise
        run.recorder.add(checked.outcomes)
        return checked.ready

    def _repeatable(self, claimed: list[Claimed]) -> Iterator[Claimed]:
        """Without those that may have left and can no longer be repeated safely."""
        at = self._run.clock()
        for message in claimed:
            reason = self._outlets.unrepeatable(message, at) if self._outlets else None
            if reason is None:
                yield message
            else:
                self._run.recorder.add([unknown(message, at, reason)])
