"""One tick as a program of its own, so that its peak memory is its own: prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.queued import ENV
from relance.wiring import open_relance


def main(root: Path, at: str) -> None:
    phases: list[tuple[str, float]] = []
    with open_relance(root, env=ENV) as relance:
        cpu = time.process_time()
        started = time.perf_counter()
        report = relance.tick(
            datetime.fromisoformat(at),
            progress=lambda phase: phases.append((phase, time.perf_counter() - started)),
        )
        seconds = time.perf_counter() - started
        cpu = time.process_time() - cpu
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "phases": phases,
                "moves": {run.trigger: [run.entered, run.left] for run in report.runs},
                "entries": sum(run.treated + run.held_out for run in report.runs),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
