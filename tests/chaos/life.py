"""One life of the shop: days of ticks and deliveries by one or several workers, who are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from chaos import evidence
from chaos.evidence import Evidence
from chaos.shop import BASELINE, Shop
from chaos.victim import BACK, STATEMENT, Errand
from chaos.yard import VendorProcess, ended_within, finish, start
from waiting import until

LEASE = timedelta(minutes=20)  # after so long, what a dead worker held is free (15 minutes)
LATER = tuple(timedelta(hours=h) for h in (0.75, 1.5, 3, 5, 9, 13, 17))  # looks at the queue
DRAIN = (*LATER, *(timedelta(hours=h) for h in (30, 60, 100, 150, 200)))
_TIMEOUT = 0.5  # seconds that the program waits for an answer
_PATIENCE = 120.0  # seconds after which workers that are not at rest never will be
_LOOK = 0.1  # seconds between two looks
_RESTING = 6  # looks at which nothing moved
_ANOTHER = "another worker was faster"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """How a process dies: at the `count`-th time of a point, at the vendor's or after `seconds`."""

    point: str = ""
    count: int = 0
    moment: str = ""  # at the vendor's: read, recorded, answered
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"after {self.seconds * 1000:.0f} ms"
        return f"{self.moment or self.point} {self.count}"

    @property
    def kind(self) -> str:
        """What it is called in the table."""
        if self.seconds is not None:
            return "at any moment"
        return f"request {self.moment}" if self.moment else self.point


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a life is tried with."""

    database: str  # sqlite, postgresql
    workers: int
    email: str
    seed: int
    days: int = 4
    killed: bool = True
    point: str = ""  # where each command of the first worker dies at the first time; else anywhere
    health: float = 1.0  # the share of requests that the vendor answers as it should
    as_service: bool = False  # `relance run` instead of `relance tick` and `relance deliver`

    def __str__(self) -> str:
        where = f"-{self.point.replace(' ', '-')}" if self.point else ""
        return f"{self.database}-{self.workers}-{self.email}-seed{self.seed}{where}"


Census = Mapping[str, Mapping[str, int]]
"""How often each point is reached, by command, in a life in which nothing happens."""


@dataclass
class Life:
    """A shop with its vendor. `live` goes through the days; `evidence` is what is left."""

    setting: Setting
    folder: Path
    state: str
    vendor: VendorProcess
    census: Census = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)  # for the person who replays it

    def __post_init__(self) -> None:
        self._random = random.Random(str(self.setting))
        self.shop = Shop(folder=self.folder / "shop", state=self.state, email=self.setting.email)
        self.shop.write(vendor=self.vendor.url, workers=self.setting.workers, timeout=_TIMEOUT)

    # -- the days

    def live(self) -> None:
        """Baseline, then a tick and its deliveries a day, then until everything is through."""
        self.alone("tick", BASELINE)
        for day in range(1, self.setting.days + 1):
            self.day(BASELINE + timedelta(days=day))
        self.drain(self.last)

    @property
    def last(self) -> datetime:
        """The instant of the last tick."""
        return BASELINE + timedelta(days=self.setting.days)

    def day(self, at: datetime) -> None:
        """One day: the workers die in the tick and while they deliver, and are started again."""
        if self.setting.as_service:
            self.serve(at + timedelta(seconds=1))
            self.alone("tick", at)
        else:
            self.crowd("tick", at)
            self.alone("tick", at)
            self.crowd("deliver", at)
        self.crowd("deliver", at + LEASE)
        self.look(at, LATER)

    def look(self, at: datetime, offsets: Sequence[timedelta]) -> None:
        """Deliver what falls due later, undisturbed."""
        for offset in offsets:
            if evidence.due(self.state, at + offset):
                self.alone("deliver", at + offset)

    def drain(self, at: datetime) -> None:
        """Until nothing is on its way any more, with a vendor that is well again."""
        self.vendor.order({"health": 1.0})
        for offset in DRAIN:
            if not evidence.pending(self.state):
                return
            self.alone("deliver", at + timedelta(days=1) + offset)

    # -- commands

    def alone(self, command: str, at: datetime) -> None:
        """One command that nobody disturbs. It must succeed."""
        process = self._begin(0, command, at, None)
        finish([process])
        assert process.exitcode == 0, self.told(0)

    def attempt(self, command: str, at: datetime, **trouble: Any) -> tuple[int | None, str]:
        """One command in trouble, as an Errand says it: its exit code, and what it said."""
        process = self._begin(0, command, at, None, **trouble)
        finish([process])
        return process.exitcode, self.told(0)

    def crowd(self, command: str, at: datetime) -> None:
        """All workers at once; one or more of them die."""
        kills = [self._fate(command, worker) for worker in range(self.setting.workers)]
        processes = [self._begin(n, command, at, kill) for n, kill in enumerate(kills)]
        self._strike(processes, kills)
        finish(processes)
        self.vendor.order({"spare": True})  # its number may be another process's soon
        for worker, (process, kill) in enumerate(zip(processes, kills, strict=True)):
            self._bury(worker, command, process.exitcode, kill)

    def serve(
        self, at: datetime, meanwhile: Callable[[], object] | None = None, **trouble: Any
    ) -> None:
        """All workers as services, by a clock that was set; those who live are stopped.

        `meanwhile` is called once they have started.
        """
        kills = [self._fate("run", worker) for worker in range(self.setting.workers)]
        processes = [self._begin(n, "run", at, kill, **trouble) for n, kill in enumerate(kills)]
        self._strike(processes, kills)
        if meanwhile is not None:
            _wait(lambda: self._all(processes, "worker_started"))
            meanwhile()
        self._until_quiet(at, processes, trouble.get("set_back"))
        for process in processes:
            if process.exitcode is None:
                process.terminate()  # SIGTERM: a clean stop
        finish(processes)
        self.vendor.order({"spare": True})
        for worker, (process, kill) in enumerate(zip(processes, kills, strict=True)):
            self._bury(worker, "run", process.exitcode, kill)

    def _until_quiet(
        self, at: datetime, processes: Sequence[ForkServerProcess], set_back: float | None
    ) -> None:
        """Until the living have nothing more to do: what the dead hold stays held."""
        quiet, before = 0, -1
        began = time.monotonic()
        if set_back is not None:
            at -= BACK

        def resting() -> bool:
            nonlocal quiet, before
            if all(process.exitcode is not None for process in processes):
                return True
            early = time.monotonic() < began + (set_back or 0.0)
            busy = early or not self._settled(processes) or evidence.due(self.state, at)
            now = evidence.held(self.state) + len(self.vendor.record())
            quiet = quiet + 1 if not busy and now == before else 0
            before = now
            return quiet >= _RESTING

        _wait(resting)

    def _settled(self, processes: Sequence[ForkServerProcess]) -> bool:
        """Whether all who live have started, and no tick of theirs is running."""
        return self._all(processes, "worker_started") and not any(
            self.told(worker).count("tick_started") > _ended_ticks(self.told(worker))
            for worker, process in enumerate(processes)
            if process.exitcode is None
        )

    def _all(self, processes: Sequence[ForkServerProcess], action: str) -> bool:
        """Whether all who live have logged an action."""
        return all(
            process.exitcode is not None or action in self.told(worker)
            for worker, process in enumerate(processes)
        )

    def _begin(
        self, worker: int, command: str, at: datetime, kill: Kill | None, **trouble: Any
    ) -> ForkServerProcess:
        self.vendor.order({"now": at.isoformat()})
        when = ["--port", "0"] if command == "run" else ["--at", at.isoformat()]
        told = kill or trouble or "undisturbed"
        self.story.append(f"{command} {at:%d %H:%M} worker {worker}: {told}")
        log = self._log(worker)
        log.write_text("", encoding="utf-8")
        errand = Errand(
            words=[command, *when, "--workspace", str(self.shop.workspace(worker))],
            log=log,
            point=kill.point if kill else "",
            count=kill.count if kill else 0,
            census=None if self.census else self.folder / f"census-{command}",
            waits=self.folder / "waits",
            clock=at,
            **trouble,
        )
        return start(errand)

    def _strike(self, processes: Sequence[ForkServerProcess], kills: Sequence[Kill | None]) -> None:
        """Kill those who do not do it themselves: by the vendor, or after so many seconds."""
        for process, kill in zip(processes, kills, strict=True):
            if kill and kill.moment:
                self.vendor.order(
                    {"kill": process.pid, "request": kill.count, "moment": kill.moment}
                )
        began = time.monotonic()
        timed = [(k.seconds, p) for p, k in zip(processes, kills, strict=True) if k and k.seconds]
        for seconds, process in sorted(timed, key=lambda each: each[0]):
            if not ended_within(process, max(0.0, began + seconds - time.monotonic())):
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)

    def _bury(self, worker: int, command: str, code: int | None, kill: Kill | None) -> None:
        if code == -signal.SIGKILL:
            assert kill is not None
            self.deaths[f"{command}: {kill.kind}"] += 1
            return
        faster = command == "tick" and code == 3 and _ANOTHER in self.told(worker)
        assert code == 0 or faster, self.told(worker)

    # -- fate

    def _fate(self, command: str, worker: int) -> Kill | None:
        """How a worker dies in a command; None where it is spared."""
        draw = self._random
        if self.setting.point:
            return Kill(point=self.setting.point, count=1) if worker == 0 else None
        if not self.setting.killed or (worker > 0 and draw.random() < 0.3):
            return None
        known = {p: n for each in self._known(command) for p, n in self.census[each].items()}
        match draw.randrange(10):
            case 0 | 1 | 2 | 3:
                point = draw.choice(sorted(known))
                return Kill(point=point, count=draw.randint(1, known[point]))
            case 4 | 5:
                return Kill(point=STATEMENT, count=draw.randint(1, known[STATEMENT]))
            case 6 | 7 if command != "tick":
                moment = draw.choice(["read", "recorded", "answered"])
                return Kill(moment=moment, count=draw.randint(1, 30))
            case _:
                return Kill(seconds=draw.uniform(0.05, 0.8))

    @staticmethod
    def _known(command: str) -> Sequence[str]:
        return ("tick", "deliver") if command == "run" else (command,)

    # -- what is left

    def told(self, worker: int) -> str:
        """What a worker's last command said."""
        return self._log(worker).read_text(encoding="utf-8", errors="replace")

    def _log(self, worker: int) -> Path:
        return self.folder / f"worker-{worker}.log"

    @property
    def longest_wait(self) -> float:
        """The seconds that a worker would have waited for its turn or for a vendor, at most."""
        waits = (self.folder / "waits").read_text(encoding="utf-8")
        return max(map(float, waits.split()))

    def counted(self) -> Census:
        """The points that this life's commands passed."""
        return {
            command: json.loads((self.folder / f"census-{command}").read_text(encoding="utf-8"))
            for command in ("tick", "deliver")
        }

    def evidence(self) -> Evidence:
        """Everything known once it is over."""
        book = self.vendor.record()
        return Evidence.of(self.state, book, self._listed())

    def _listed(self) -> frozenset[str]:
        log = self.folder / "unknown.json"
        words = ["unknown", "list", "--json", "--workspace", str(self.shop.workspace(0))]
        process = start(Errand(words=words, log=log))
        finish([process])
        text = log.read_text(encoding="utf-8")
        assert process.exitcode == 0, text
        return frozenset(each["id"] for each in json.loads(text))


def _wait(reached: Callable[[], bool]) -> None:
    """Wait for something that the workers do by their own clocks."""
    until(reached, seconds=_PATIENCE, every=_LOOK, why=lambda: "the workers do not come to rest")


def _ended_ticks(said: str) -> int:
    """How many ticks a worker's log tells the end of."""
    return sum(said.count(f"tick_{end}") for end in ("finished", "failed", "skipped"))
