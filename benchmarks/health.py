"""A check-up of 20 segments beside the tick that evaluates them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Result, median, run_json
from benchmarks.shop import SECOND_TICK, SEGMENTS
from benchmarks.tick import ROUNDS, prepare, second_tick


def health_within_a_tick(folder: Path, data: Path) -> list[Result]:
    """20 segments over 1 million customers and 10 million orders: the tick is the limit."""
    root = folder / "health"
    prepare(root, data, len(SEGMENTS))
    rounds = [
        (second_tick(root), run_json("benchmarks.health_once", str(root), SECOND_TICK))
        for _ in range(ROUNDS)
    ]
    ratio = median([float(ours["seconds"]) / float(tick["seconds"]) for tick, ours in rounds])
    ours = rounds[0][1]
    phases = ", ".join(f"{name} until {end:.1f} s" for name, end in _ends(ours))
    return [
        Result(
            work=f"health of {len(SEGMENTS)} segments, 1 M customers, 10 M orders",
            measured=f"{median([float(one['seconds']) for _, one in rounds]):.2f} s",
            limit=f"{median([float(tick['seconds']) for tick, _ in rounds]):.2f} s (a tick's own)",
            ratio=f"{ratio:.2f} ×",
            budget="at most 1 ×",
            held=ratio <= 1,
            note=f"{phases}; {ours['mistakes']} mistakes found; peak {ours['peak_mb']:,.0f} MB;"
            " every segment is evaluated at two instants, with one pass over the orders",
        )
    ]


def _ends(ours: dict[str, object]) -> list[tuple[str, float]]:
    """When each part was over; they are told by their beginnings."""
    phases = ours["phases"]
    assert isinstance(phases, list)
    ends = [begin for _, begin in phases[1:]] + [ours["seconds"]]
    return [(name, float(end)) for (name, _), end in zip(phases, ends, strict=True)]
