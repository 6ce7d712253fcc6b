"""One delivery of everything that is due, as a program of its own: prints JSON.

With `--wait` it begins when a line comes in, so that several begin together; `started` and
`ended` are on the machine's one clock. `database` is the CPU time inside the queue's calls,
wherever they ran; `early_mb` and `late_mb` are the memory in use after a tenth and at the end,
`code_mb` the part of it that is libraries.
"""

# ruff: noqa: E402  as in the service, memory is arranged before anything large is loaded

from __future__ import annotations

from relance.memory import be_thrifty, leave_in_peace

be_thrifty()

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.queued import ENV
from relance import logs
from relance.domain.ledger import Outcome
from relance.pipeline.deliver import Delivery
from relance.wiring import open_relance


class Timed:
    """A queue whose calls are timed, each in its own thread. `recorded` counts the outcomes."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = 0.0
        self.recorded = 0
        self.in_process = inner.in_process

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self.__getattr__("record")(outcomes)
        self.recorded += len(outcomes)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._inner, name)

        def timed(*arguments: Any) -> Any:
            before = time.thread_time()
            try:
                return call(*arguments)
            finally:
                self.seconds += time.thread_time() - before

        return timed


def main(root: Path, at: str, at_most: int, *, wait: bool) -> None:
    logs.configure(json=True, level="info")
    with open_relance(root, env=ENV) as relance:
        # a worker opens these once
        pending = relance.state.queue.pending()
        relance.side_engine.forget([])
        providers = relance.open_providers()
        queue = Timed(relance.state.queue)
        relance.state.queue = queue  # type: ignore[assignment]
        delivery = relance.delivery(providers)
        leave_in_peace()
        if wait:
            print("ready", flush=True)
            sys.stdin.readline()
        started, before = time.perf_counter(), time.process_time()
        run = _deliver(delivery, queue, datetime.fromisoformat(at), at_most)
        accepted, early, late = asyncio.run(_closing(run, relance.close_providers(providers)))
        ended, cpu = time.perf_counter(), time.process_time() - before
    print(
        json.dumps(
            {
                "started": started,
                "ended": ended,
                "seconds": ended - started,
                "cpu": cpu,
                "database": queue.seconds,
                "pending": pending,
                "accepted": accepted,
                "early_mb": early,
                "late_mb": late,
                "code_mb": _resident(2),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


async def _closing(
    run: Coroutine[None, None, tuple[int, float, float]], close: Coroutine[None, None, None]
) -> tuple[int, float, float]:
    found = await run
    await close
    return found


async def _deliver(
    delivery: Delivery, queue: Timed, at: datetime, at_most: int
) -> tuple[int, float, float]:
    """Deliver as the service does, until so many are through; 0: until nothing is left."""
    stop, early = asyncio.Event(), 0.0
    running = asyncio.create_task(delivery.run(at, stop=stop))
    while at_most and not running.done():
        await asyncio.sleep(0.02)
        early = early or (_resident() if queue.recorded >= at_most / 10 else 0.0)
        if queue.recorded >= at_most:
            break
    late = _resident()  # while waves are under way, as `early`
    if at_most:
        stop.set()
    return (await running).accepted, early, late


def _resident(column: int = 1) -> float:
    """The memory in use now, in MB; of column 2, the part that is files: libraries' code."""
    pages = int(Path("/proc/self/statm").read_text().split()[column])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--wait"]
    main(
        Path(given[0]),
        given[1],
        int(given[2]) if len(given) > 2 else 0,
        wait="--wait" in sys.argv,
    )
