"""Live events: `relance web` on one core, against a bare endpoint that parses the same bodies."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from benchmarks.measure import Result, median

BATCHES = 600
EVENTS = 100  # in a batch
AT_ONCE = 8  # connections
ROUNDS = 3
BUDGET = 5_000  # events a second
KEY = "the-write-key-of-the-bench"
SERVER = "benchmarks.live_server"


def live_events(folder: Path) -> list[Result]:
    """Events a second stored for good on SQLite, by one process on one core."""
    stored, bare = [], []
    for round_ in range(ROUNDS):
        root = folder / f"live{round_}"
        stored.append(_rate("relance", root, round_))
        bare.append(_rate("bare", root, round_))
    rate, limit = median([each[0] for each in stored]), median([each[0] for each in bare])
    cpu = median([each[1] for each in stored])
    return [
        Result(
            work=f"live events in batches of {EVENTS}, stored on SQLite, one core",
            measured=f"{rate:,.0f} events/s",
            limit=f"a bare endpoint that parses the bodies: {limit:,.0f} events/s",
            ratio=f"{rate / limit:.2f}",
            budget=f"at least {BUDGET:,} events/s",
            held=rate >= BUDGET,
            note=f"{cpu * 1e6:,.0f} µs of CPU an event; every answer after its commit (fsync)",
        )
    ]


def _rate(kind: str, root: Path, round_: int) -> tuple[float, float]:
    """Events a second, and seconds of CPU that each took the server."""
    bodies = [_body(round_, number) for number in range(BATCHES)]
    cores = sorted(os.sched_getaffinity(0))
    with _server(kind, root, cores[0]) as (process, url):
        os.sched_setaffinity(0, set(cores[1:] or cores))
        try:
            asyncio.run(_post(url, [_body(round_, BATCHES + n) for n in range(20)]))  # warm
            before, began = _cpu(process.pid), time.perf_counter()
            asyncio.run(_post(url, bodies))
            seconds = time.perf_counter() - began
            cpu = _cpu(process.pid) - before
        finally:
            os.sched_setaffinity(0, set(cores))
    events = BATCHES * EVENTS
    return events / seconds, cpu / events


def _body(round_: int, number: int) -> bytes:
    """As segment-analytics-python writes one."""
    return json.dumps(
        {
            "batch": [_event(f"{round_}-{number}-{place}", place) for place in range(EVENTS)],
            "sentAt": "2026-03-01T09:00:00.250000+00:00",
            "writeKey": KEY,
        }
    ).encode()


def _event(message_id: str, place: int) -> dict[str, object]:
    return {
        "integrations": {},
        "anonymousId": None,
        "properties": {"total": 12.5 + place, "category": "shoes", "items": [{"sku": f"s{place}"}]},
        "timestamp": "2026-03-01T09:00:00.125000+00:00",
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "userId": f"C{place:06}",
        "type": "track",
        "event": "Cart Abandoned",
        "messageId": f"bench-message-{message_id}",
    }


async def _post(url: str, bodies: list[bytes]) -> None:
    left = iter(bodies)
    key = base64.b64encode(f"{KEY}:".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def work() -> None:
            for body in left:
                async with session.post(url, data=body) as answer:
                    if answer.status != 200:
                        raise SystemExit(f"{answer.status}: {await answer.text()}")
                    await answer.read()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


@contextmanager
def _server(kind: str, root: Path, core: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", SERVER, kind, str(root), str(core)]
    env = {**os.environ, "BENCH_WRITE_KEY": KEY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    import tempfile

    from benchmarks.measure import table

    with tempfile.TemporaryDirectory(prefix="relance-live-") as temporary:
        print(table(live_events(Path(temporary))))
