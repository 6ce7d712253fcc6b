"""One command of the real program in a process that is killed at a chosen point.

A process that has imported relance already is forked for each (multiprocessing's fork server),
so that two hundred deaths do not wait for two hundred imports. From `main()` down nothing is
replaced but what would take real time: waits are cut short, and the clock is set.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

import relance.cli
import relance.cli.show
import relance.engine.service
import relance.providers
import relance.rendering
import relance.scheduler.ticking
import relance.spec
import relance.store
import relance.web
import relance.wiring.work
from relance.pipeline import deliver, tick  # noqa: F401  imported once, before the forks
from relance.pipeline.shared_rate import SharedRate
from relance.providers import http
from relance.providers.rate import Sleep
from relance.store.driver import Driver
from relance.store.ledger import SqlLedger
from relance.store.queue import SqlQueue

_LONGEST_SLEEP = 0.02
BACK = timedelta(hours=1)

# a point is "before" or "after" a call of one of these
_CALLS: tuple[tuple[type, str], ...] = (
    (SqlLedger, "standing"),
    (SqlLedger, "commit"),
    (relance.engine.service.RelanceEngine, "picture"),
    (relance.engine.service.RelanceEngine, "ask"),
    (SqlQueue, "release_expired"),
    (SqlQueue, "claim"),
    (SqlQueue, "sending"),
    (SqlQueue, "record"),
    (http.Client, "call"),
)
POINTS = tuple(f"{side} {name}" for _, name in _CALLS for side in ("before", "after"))
STATEMENT, COMMIT, DONE = "statement", "before a commit", "after a commit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What a process is to do. It dies as `point` is reached for the `count`-th time.

    `census` is a file for the number of times that each point was reached, `waits` one for the
    seconds that somebody was told to wait. `clock` is the present when it starts, and is set back
    by an hour once `set_back` seconds have passed. `pages` is how far a SQLite state may grow,
    `quota` how many bytes any file may: full disks.
    """

    words: Sequence[str]
    log: Path
    point: str = ""
    count: int = 0
    census: Path | None = None
    waits: Path | None = None
    clock: datetime | None = None
    set_back: float | None = None
    pages: int | None = None
    quota: int | None = None


class Reaper:
    """Counts the points that a process passes, and ends it at one of them."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self.passed: Counter[str] = Counter()

    def reach(self, point: str) -> None:
        self.passed[point] += 1
        if point == self._errand.point and self.passed[point] == self._errand.count:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Lie in wait at every point."""
        for owner, name in _CALLS:
            setattr(owner, name, self._watched(getattr(owner, name), name))
        event.listen(Engine, "before_cursor_execute", lambda *_: self.reach(STATEMENT))
        for name in ("rows", "run", "many"):
            setattr(Driver, name, self._counted(getattr(Driver, name)))
        event.listen(Engine, "commit", lambda *_: self.reach(COMMIT))
        # a connection goes back once its transaction has ended
        event.listen(Pool, "checkin", lambda *_: self.reach(DONE))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: object) -> object:
            self.reach(STATEMENT)
            return call(*args)

        return counted

    def note(self, census: Path) -> None:
        """Write down how often each point was passed; the most that any command did."""
        known = json.loads(census.read_text(encoding="utf-8")) if census.exists() else {}
        census.write_text(json.dumps(self.passed | Counter(known)), encoding="utf-8")

    def _watched(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        before, after = f"before {name}", f"after {name}"

        @functools.wraps(call)
        def plain(*args: object, **kwargs: object) -> object:
            self.reach(before)
            result = call(*args, **kwargs)
            self.reach(after)
            return result

        @functools.wraps(call)
        async def waiting(*args: object, **kwargs: object) -> object:
            self.reach(before)
            result = await call(*args, **kwargs)
            self.reach(after)
            return result

        return waiting if asyncio.iscoroutinefunction(call) else plain


def run(errand: Errand) -> None:
    """Do the errand in this process, and end as the program ends."""
    out = os.open(errand.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.environ.update(TOKEN="t0ken", RELANCE_DEBUG="1", NO_COLOR="1")
    reaper = Reaper(errand)
    reaper.watch()
    _cut_sleep_short(errand.waits)
    if errand.clock is not None:
        _set_clock(errand.clock, errand.set_back)
    if errand.pages is not None:
        _fill_state(errand.pages)
    if errand.quota is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (errand.quota, errand.quota))
    sys.argv = ["relance", *errand.words]
    try:
        relance.cli.main()
    finally:
        if errand.census is not None:
            reaper.note(errand.census)
        sys.stdout.flush()
        sys.stderr.flush()


def _cut_sleep_short(waits: Path | None) -> None:
    async def nap(seconds: float) -> None:
        if waits is not None:
            with waits.open("a", encoding="utf-8") as told:
                told.write(f"{seconds}\n")
        await asyncio.sleep(min(seconds, _LONGEST_SLEEP))

    vendors: dict[str, Any] = dict(relance.providers.VENDORS)
    for name, vendor in vendors.items():
        vendors[name] = replace(vendor, open=_napping(vendor.open, nap))
    relance.providers.VENDORS = vendors
    _default(SharedRate, sleep=nap)
    relance.scheduler.ticking._RETRY = (timedelta(seconds=0.5),)


def _napping(opened: Callable[..., Any], nap: Sleep) -> Callable[..., Any]:
    return lambda *args, **kwargs: opened(*args, **{**kwargs, "sleep": nap})


def _set_clock(start: datetime, set_back: float | None) -> None:
    began = time.monotonic()

    def now() -> datetime:
        passed = time.monotonic() - began
        back = BACK if set_back is not None and passed > set_back else timedelta()
        return start + timedelta(seconds=passed) - back

    relance.wiring.work.utc_now = now
    relance.scheduler.utc_now = now
    _default(relance.scheduler.Worker, clock=now, deliver_every=0.2)


def _default(owner: Any, **values: object) -> None:
    """Change what a class is made with where nothing else is said."""
    owner.__init__.__kwdefaults__ = {**owner.__init__.__kwdefaults__, **values}


def _fill_state(pages: int) -> None:
    def limit(connection: Any, _entry: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
