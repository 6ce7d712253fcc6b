"""A provider's rate limit that all workers share: places are reserved in the state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from relance.errors import NotSent, StateError
from relance.pipeline.ports import Queue
from relance.pipeline.recorder import Sleep

_AHEAD = 0.25  # seconds' worth of places reserved at once: few writes, and a stop stays quick
_STALE = timedelta(seconds=1)  # places not used by then are given up: no burst after a silence


@dataclass
class Turn:
    """Whether a request still waits for its first place: then nothing of it can have left."""

    waiting: bool = False
    had_one: bool = False


_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


@contextmanager
def turn() -> Iterator[Turn]:
    """Watch one request: what a stop cuts off while it waits for its turn was never sent."""
    own = Turn()
    token = _turn.set(own)
    try:
        yield own
    finally:
        _turn.reset(token)


class SharedRate:
    """Hands out moments at which messages may leave, evenly spaced over all workers.

    `clock` must be the same for all of them, to a second or so: the machines' own.
    """

    def __init__(
        self,
        queue: Queue,
        name: str,
        per_second: float,
        *,
        clock: Callable[[], datetime],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._name = name
        self._gap = 1 / per_second
        self._at_once = max(1, int(per_second * _AHEAD))
        self._clock = clock
        self._sleep = sleep
        self._places = asyncio.Lock()
        self._next: datetime | None = None
        self._left = 0
        self._asked_at: datetime | None = None

    async def take(self, messages: int = 1) -> None:
        """Wait until this many messages may leave. Raises NotSent where the state fails: nothing
        has left yet."""
        own = _turn.get() or Turn()
        own.waiting = not own.had_one
        await self._wait(messages)
        own.waiting, own.had_one = False, True

    async def _wait(self, messages: int) -> None:
        async with self._places:
            at = self._clock()
            moment = await self._place(messages, at)
        # the clock may be set back while a place is reserved
        wait = (moment - max(at, self._clock())).total_seconds()
        if wait > 0:
            await self._sleep(wait)

    async def _place(self, messages: int, at: datetime) -> datetime:
        if self._asked_at is not None and at < self._asked_at - _STALE:
            self._next = None  # the clock was set back: these places are of the old hour
        self._asked_at = at
        if self._next is None or self._left < messages or self._next < at - _STALE:
            self._left = max(messages, self._at_once)
            try:
                self._next = await asyncio.to_thread(
                    self._queue.reserve, self._name, self._left, self._gap, at
                )
            except StateError as error:
                self._next = None
                raise NotSent("rate_unknown", detail=type(error).__name__) from error
        moment = self._next
        self._next = moment + timedelta(seconds=messages * self._gap)
        self._left -= messages
        return moment
