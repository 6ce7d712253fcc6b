"""How fast a provider may be used: messages per second, evenly spaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]
Take = Callable[[int], Awaitable[None]]  # waits until so many messages may leave


class Rate:
    """Hands out moments at which messages may leave, first come, first served.

    A batch takes as many moments as it has messages: it leaves at the first of them, and the
    next message after the last. There is no burst after a silence. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def take(self, messages: int = 1) -> None:
        """Wait until this many messages may leave."""
        if not self._gap:
            return
        now = self._clock()
        start = max(self._next, now)
        self._next = start + messages * self._gap
        if start > now:
            await self._sleep(start - now)


def own(take: Take | None, per_second: float | None, sleep: Sleep) -> Take:
    """The given way of waiting, or a rate for this process alone."""
    return take or Rate(per_second, sleep=sleep).take
