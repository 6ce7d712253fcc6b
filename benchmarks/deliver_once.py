"""One delivery of everything that is due, as a program of its own: prints JSON.

With `--wait` it begins when a line comes in, so that several begin together; `started` and
`ended` are on the machine's one clock. `database` is the CPU time inside the queue's calls,
wherever they ran; `early_mb` and `late_mb` are the memory in use after a tenth and at the end,
`code_mb` the part of it that is libraries.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.queued import ENV
from relance import logs
from relance.memory import be_thrifty, leave_in_peace
from relance.pipeline.deliver import Delivery
from relance.wiring import open_relance


class Timed:
    """A queue whose calls are timed, each in its own thread."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = 0.0

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
    be_thrifty()  # as the service does
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
        run = _deliver(delivery, datetime.fromisoformat(at), at_most)
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


async def _deliver(delivery: Delivery, at: datetime, at_most: int) -> tuple[int, float, float]:
    """Deliver wave by wave until enough was accepted; 0: all at once, until nothing is left."""
    accepted, early = 0, 0.0
    everything = at_most == 0
    while everything or accepted < at_most:
        report = await delivery.run(at, until_empty=everything)
        accepted += report.accepted
        early = early or (_resident() if accepted >= at_most / 10 else 0.0)
        if not report.accepted:
            break
    return accepted, early, _resident()


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
