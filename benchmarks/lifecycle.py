"""What lifecycle stages and the RFM grid cost a tick: the same tick with them and without."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measure import Result, median, table
from benchmarks.tick import ROUNDS, prepare, second_tick

STAGES_AND_CELLS = """\
version: 1
lifecycle: {refit: 365 days}
rfm: {refit: 365 days, segments: true}
segments: {}
"""


def stages_and_cells(folder: Path, data: Path, rounds: int = ROUNDS) -> list[Result]:
    """20 triggers over 1 million customers and 10 million orders, with 17 segments more.

    Processor time beside the wall's: other work on the machine disturbs it less.
    """
    bare, full = folder / "bare", folder / "staged"
    prepare(bare, data, 20)
    fitted = prepare(full, data, 20, named=STAGES_AND_CELLS)
    pairs = [(second_tick(full), second_tick(bare)) for _ in range(rounds)]
    ours, theirs = (median([float(pair[n]["seconds"]) for pair in pairs]) for n in (0, 1))
    cpu, cpu_bare = (median([float(pair[n]["cpu"]) for pair in pairs]) for n in (0, 1))
    ratio = median([a["seconds"] / b["seconds"] for a, b in pairs]) - 1
    return [
        Result(
            work="stages and the RFM grid as 17 segments beside 20 triggers, second run",
            measured=f"{ours - theirs:.2f} s more",
            limit=f"{theirs:.2f} s (the tick without them)",
            ratio=f"{ratio:.2f} ×",
            budget="at most 0.5 ×, with scores",
            held=ratio <= 0.5,
            note=f"processor time {cpu:.1f} s against {cpu_bare:.1f} s; the baseline, which fits"
            f" both, took {float(fitted['seconds']):.1f} s;"
            f" peak memory {max(float(pair[0]['peak_mb']) for pair in pairs):,.0f} MB",
        )
    ]


def main(folder: Path) -> int:
    """By hand, over data that `benchmarks.shop.generate` made in `folder/data`."""
    print(table(stages_and_cells(folder, folder / "data", rounds=1)))
    for name in ("bare", "staged"):
        shutil.rmtree(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
