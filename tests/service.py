"""`relance run` and `relance web` as processes of their own, and what can be asked of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import until


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    text: str
    headers: Mapping[str, str]


def command(root: Path, *words: str) -> list[str]:
    """A command line in a process of its own."""
    program = "from relance.cli import main; main()"
    return [sys.executable, "-c", program, *words, "--workspace", str(root)]


class Service:
    """One running process. Its log stands in a file of the workspace's folder."""

    def __init__(
        self, root: Path, *words: str, env: Mapping[str, str] | None = None, name: str = "service"
    ) -> None:
        self.path = root / f"{name}.log"
        self._log = self.path.open("w")
        self.process = subprocess.Popen(
            command(root, *words, "--port", "0"),
            stderr=self._log,
            env={**os.environ, **(env or {})},
        )

    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        whole = (line for line in self.text().splitlines(keepends=True) if line[-1] == "\n")
        return [json.loads(line) for line in whole if line[0] == "{"]

    def actions(self) -> list[str]:
        return [line["action"] for line in self.lines()]

    def wait(self, what: Callable[[], bool], seconds: float = 60) -> None:
        """Until something holds; fails with the log where it does not, or the process ends."""
        until(what, seconds=seconds, alive=lambda: self.process.poll() is None, why=self.text)

    def url(self) -> str:
        """Where it listens."""
        self.wait(lambda: "worker_started" in self.text())
        found = re.search(r"(http://127\.0\.0\.1:\d+)/healthz", self.text())
        assert found, self.text()
        return found[1]

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        request = urllib.request.Request(
            self.url() + path, data=body, method=method, headers=dict(headers or {})
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Reply(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read().decode(), dict(error.headers))

    def health(self) -> dict[str, Any]:
        return dict(json.loads(self.call("GET", "/healthz").text))

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()


@contextmanager
def running(root: Path, *words: str, **options: Any) -> Iterator[Service]:
    """A service that ends with the block, however it goes."""
    service = Service(root, *words, **options)
    try:
        yield service
    finally:
        service.end()
