"""`make bench`: every budget, side by side, written to benchmarks/results.md."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.batches import batch_calls, memory_over_a_backlog
from benchmarks.cli import help_time
from benchmarks.delivery import single_requests
from benchmarks.health import health_within_a_tick
from benchmarks.lifecycle import stages_and_cells
from benchmarks.live import live_events
from benchmarks.measure import Result, table, write
from benchmarks.reporting import report_against_handwritten
from benchmarks.scoring import scores_beside_the_tick
from benchmarks.shop import CUSTOMERS, ORDERS, generate
from benchmarks.tick import against_handwritten, fifty_against_one


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="relance-bench-"))
    try:
        results = _run(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write(Path(__file__).with_name("results.md"), results)
    print(table(results))
    return 0


def _run(folder: Path) -> list[Result]:
    data = folder / "data"
    started = time.perf_counter()
    generate(data)
    seconds = time.perf_counter() - started
    made = Result(
        work=f"making {CUSTOMERS:,} customers and {ORDERS:,} orders",
        measured=f"{seconds:.1f} s",
        limit="",
        ratio="",
        budget="under 60 s",
        held=seconds < 60,
    )
    return [
        made,
        *against_handwritten(folder, data),
        *fifty_against_one(folder, data),
        *scores_beside_the_tick(folder, data),
        *stages_and_cells(folder, data),
        *report_against_handwritten(folder, data),
        *health_within_a_tick(folder, data),
        *single_requests(folder),
        *batch_calls(folder),
        *memory_over_a_backlog(folder, data),
        *live_events(folder),
        *help_time(),
    ]


if __name__ == "__main__":
    sys.exit(main())
