"""How much `relance --help` adds to importing Typer."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Result, median

ROUNDS = 7


def _seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


def help_time() -> list[Result]:
    relance = str(Path(sys.executable).with_name("relance"))
    pairs = [
        (_seconds(relance, "--help"), _seconds(sys.executable, "-c", "import typer"))
        for _ in range(ROUNDS)
    ]
    extra = median([a - b for a, b in pairs])
    return [
        Result(
            work="`relance --help`",
            measured=f"{median([a for a, _ in pairs]):.2f} s",
            limit=f"{median([b for _, b in pairs]):.2f} s (`import typer`)",
            ratio=f"+{extra:.2f} s",
            budget="at most 0.5 s more",
            held=extra <= 0.5,
        )
    ]
