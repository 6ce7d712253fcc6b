"""Waiting for another process: the one place where tests let real time pass.

A process that is really there works by its own clock. It cannot be told the time, and it tells
nobody that it is ready, so it is looked at again and again: a wait ends with what it waits for,
and the seconds only say when it never will be.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def until(
    holds: Callable[[], bool],
    *,
    seconds: float,
    every: float = 0.02,
    alive: Callable[[], bool] = lambda: True,
    why: Callable[[], object] = lambda: "it never came",
) -> None:
    """Until something holds, looked at `every` so many seconds, while those who bring it live;
    fails with `why` otherwise."""
    end = time.monotonic() + seconds
    while not holds():
        assert alive(), why()
        assert time.monotonic() < end, why()
        time.sleep(every)
