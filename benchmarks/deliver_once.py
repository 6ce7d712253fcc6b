"""One delivery of everything that is due, as a program of its own: prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

from relance.wiring import open_relance


def main(root: Path, at: str) -> None:
    with open_relance(root, env={"TOKEN": "benchmark"}) as relance:
        # a worker opens these once
        pending = relance.state.queue.pending()
        relance.side_engine.forget([])
        started, before = time.perf_counter(), time.process_time()
        report = relance.deliver(datetime.fromisoformat(at))
        seconds, cpu = time.perf_counter() - started, time.process_time() - before
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "pending": pending,
                "accepted": report.accepted,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
