"""What waits to be stored: requests that come together share one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from relance import logs
from relance.domain.live import LiveMessage
from relance.errors import StateError
from relance.logs import Action
from relance.web.tally import Tally, TurnedDown

MOST_WAITING = 20_000  # messages; beyond, clients are asked to come back
_MOST_TOGETHER = 5_000  # messages in a transaction

log = logs.get("web")


class LiveStore(TurnedDown, Protocol):
    """The state, as live events see it."""

    def record(self, messages: Sequence[LiveMessage], clock: Callable[[], datetime]) -> int:
        """Write down each message once; how many were new. Raises StateError."""


class Full(Exception):
    """More waits than may wait."""


class Closed(Exception):
    """The workspace is being closed, or opened anew."""


@dataclass(slots=True)
class InboxFigures:
    """Since this process began: `waiting` now, the others all in all."""

    waiting: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0  # messages that could not be taken
    turned_away: int = 0  # requests that came while too much waited

    def shown(self) -> Mapping[str, int]:
        """By name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Inbox:
    """A bounded queue in front of the state. One thread at a time stores what waits."""

    def __init__(
        self,
        store: LiveStore,
        clock: Callable[[], datetime],
        *,
        figures: InboxFigures | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.figures = figures or InboxFigures()
        self._store = store
        self._clock = clock
        self._most = most_waiting
        self._waiting: deque[tuple[Sequence[LiveMessage], asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        # its own: a tick or a report must not make clients wait for a thread
        self._thread = ThreadPoolExecutor(1, "live-events")
        self.tally = Tally(store, clock)
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether nothing more can be taken now."""
        return self.figures.waiting >= self._most

    async def put(self, messages: Sequence[LiveMessage]) -> None:
        """Return once the messages are stored for good.

        Raises Full or Closed where they were not taken, and StateError where they could not be
        stored: the client sends them again, and what was stored after all is not stored twice.
        """
        if self._closed:
            raise Closed
        if not messages:
            return
        if self.figures.waiting and self.figures.waiting + len(messages) > self._most:
            raise Full
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((messages, done))
        self.figures.waiting += len(messages)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await done

    async def close(self) -> None:
        """Take nothing more, and store what waits."""
        self._closed = True
        if self._task is not None:
            await self._task
        await self.tally.close()
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            together = self._next()
            messages = [message for each, _ in together for message in each]
            try:
                stored = await loop.run_in_executor(
                    self._thread, self._store.record, messages, self._clock
                )
            except Exception as error:  # noqa: BLE001  each request tells its own client
                self._failed(together, error)
            else:
                self.figures.stored += stored
                self.figures.duplicates += len(messages) - stored
                for _, done in together:
                    with suppress(asyncio.InvalidStateError):  # its client has gone
                        done.set_result(None)
            self.figures.waiting -= len(messages)

    def _next(self) -> list[tuple[Sequence[LiveMessage], asyncio.Future[None]]]:
        together = [self._waiting.popleft()]
        size = len(together[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= _MOST_TOGETHER:
            together.append(self._waiting.popleft())
            size += len(together[-1][0])
        return together

    def _failed(
        self, together: list[tuple[Sequence[LiveMessage], asyncio.Future[None]]], error: Exception
    ) -> None:
        known = isinstance(error, StateError)
        log.error(
            "Live events could not be stored; their clients are asked to send them again",
            action=Action.LIVE_FAILED,
            requests=len(together),
            error=str(error) if known else f"{type(error).__name__} at {logs.where(error)}",
        )
        told = error if known else StateError("the live events could not be stored")
        for _, done in together:
            with suppress(asyncio.InvalidStateError):
                done.set_exception(told)
