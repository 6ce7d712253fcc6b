"""How much was not taken, and why: noted in the state now and then, whoever asks and how often."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from relance.errors import StateError

EVERY = 10.0  # seconds: a flood of bad requests must not become a flood of writes


class TurnedDown(Protocol):
    """The state, as what was not taken sees it."""

    def turn_down(self, counts: Mapping[str, int], at: datetime) -> None:
        """Add to the counts, by reason. Raises StateError."""


class Tally:
    """Counts by reason; a reason is one of a few words of ours.

    They are noted beside the messages, in another thread: a tick that is being committed holds up
    these counts, and must not hold up what clients wait for.
    """

    def __init__(
        self,
        store: TurnedDown,
        clock: Callable[[], datetime],
        *,
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._clock = clock
        self._every = every
        self._counts: Counter[str] = Counter()
        self._last: datetime | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, reason: str, number: int = 1) -> None:
        """Count something that was not taken."""
        self._counts[reason] += number
        self._last = self._clock()
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._begin)

    async def close(self) -> None:
        """Note what has been counted, and wait for nothing more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await self._task
        await self._note()

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._note())

    async def _note(self) -> None:
        counts, at = dict(self._counts), self._last
        if not counts or at is None:
            return
        self._counts.clear()
        with suppress(StateError):
            await asyncio.to_thread(self._store.turn_down, counts, at)
            return
        self._counts.update(counts)  # the state is away: with what comes next
