"""Who keeps the interpreter busy: texts are made, or the state works, one after the other."""

from __future__ import annotations

import asyncio
from typing import Self


class Turns:
    """Taken for every few texts, and for every call of the state: `async with turns:`.

    Two threads that both run Python fight for the interpreter, and with each hand-over a core
    loses what it had at hand: side by side, a message of a batch took a tenth more CPU and no
    less time. A state on a server works elsewhere: then they are not `needed`, and texts are made
    meanwhile. Whoever asked first is next.
    """

    def __init__(self, *, needed: bool) -> None:
        self._lock = asyncio.Lock() if needed else None

    async def __aenter__(self) -> Self:
        if self._lock is not None:
            await self._lock.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()
