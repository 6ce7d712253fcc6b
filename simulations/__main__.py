"""`make simulate`: every promise of the method, with its seeds; writes docs/measurement.md."""

from __future__ import annotations

import sys
import time

from simulations import coverage, rows
from simulations.table import table, write
from simulations.workers import crew


def main() -> int:
    started = time.perf_counter()
    with crew() as workers:
        found = [
            *(row for base in (0.02, 0.05, 0.2) for row in rows.without_effect(workers, base)),
            *rows.power(workers, 0.05, 0.075),
            *rows.power(workers, 0.20, 0.26),
            *rows.power(workers, 0.20, 0.14),
            *(rows.interval_coverage(workers, *sizes) for sizes in coverage.SIZES),
            *(row for size in (500, 2_000) for row in rows.revenue(workers, size)),
            *(row for size in (5_000, 10_000) for row in rows.revenue(workers, size, listed=False)),
            rows.preview(workers),
            *rows.pooled(workers),
            *rows.shop(workers),
        ]
    write(found)
    print(table(found))
    print(f"{time.perf_counter() - started:.0f} s")
    return 1 if any(row.held is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
