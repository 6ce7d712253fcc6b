"""One check-up of all segments as a program of its own: prints JSON."""

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
        started, spent = time.perf_counter(), time.process_time()
        found = relance.health(
            datetime.fromisoformat(at),
            progress=lambda phase: phases.append((phase, time.perf_counter() - started)),
        )
        seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "phases": phases,
                "customers": found.customers,
                "members": {one.name: one.members for one in found.segments},
                "mistakes": found.mistakes,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
