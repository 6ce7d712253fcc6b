"""What a life happens in: the vendor's process, and the processes that are forked and killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from chaos import vendor
from chaos.victim import Errand, run

_TESTS = Path(__file__).parents[1]
_PATIENCE = 120.0  # seconds after which a process hangs


@cache
def _context() -> ForkServerContext:
    """A process that has imported everything once, from which the others are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chaos.victim"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_TESTS), *([before] if before else [])])
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def start(errand: Errand) -> ForkServerProcess:
    """Begin an errand in a process of its own."""
    process = _context().Process(target=run, args=(errand,), daemon=True)
    process.start()
    return process


def finish(processes: Sequence[ForkServerProcess], seconds: float = _PATIENCE) -> None:
    """Wait until all have ended. A process that hangs is a failure."""
    for process in processes:
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError("a process hangs")


def ended_within(process: ForkServerProcess, seconds: float) -> bool:
    """Whether a process ends by itself within so many seconds."""
    return bool(wait([process.sentinel], seconds))


class VendorProcess:
    """The vendor, started and stopped at will; it keeps its port and what it wrote down."""

    def __init__(self, record: Path, seed: int, health: float) -> None:
        self._record = record
        self._seed = seed
        self._health = health
        self._port = "0"
        self.url = ""
        record.touch()
        self.start()

    def start(self) -> None:
        words = [str(self._record), str(self._seed), str(self._health), self._port]
        self._process = subprocess.Popen(
            [sys.executable, vendor.__file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._port = self.url.rpartition(":")[2]

    def order(self, order: Mapping[str, object]) -> None:
        """Tell the vendor something; on return it knows. One that is down hears nothing."""
        if self._process.poll() is not None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdout.readline()

    def stop(self) -> None:
        """As if a cable were pulled: connections to it are refused from now on."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def record(self) -> list[dict[str, object]]:
        """Everything that the vendor wrote down, in order."""
        return vendor.read(self._record)


@contextmanager
def open_vendor(record: Path, *, seed: int, health: float) -> Iterator[VendorProcess]:
    """A vendor for the time of a life."""
    process = VendorProcess(record, seed, health)
    try:
        yield process
    finally:
        process.stop()
