"""The tick's budgets: against hand-written SQL, 50 triggers against one, and peak memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, median, run_json
from benchmarks.shop import FIRST_TICK, SECOND_TICK, write_workspace

ROUNDS = 3


def prepare(root: Path, data: Path, triggers: int, named: str | None = None) -> dict[str, Any]:
    """A workspace whose baseline is taken; its state is kept aside for every round. `named` is
    what its segments.yaml says."""
    shutil.rmtree(root, ignore_errors=True)
    write_workspace(root, triggers=triggers)
    if named is not None:
        (root / "config/segments.yaml").write_text(named, encoding="utf-8")
    (root / "data").symlink_to(data)
    baseline = run_json("benchmarks.tick_once", str(root), FIRST_TICK)
    shutil.copytree(root / "state", root / "state.baseline")
    return baseline


def second_tick(root: Path) -> dict[str, Any]:
    """The second day's tick, always from the same baseline."""
    shutil.rmtree(root / "state")
    shutil.copytree(root / "state.baseline", root / "state")
    return run_json("benchmarks.tick_once", str(root), SECOND_TICK)


def against_handwritten(folder: Path, data: Path) -> list[Result]:
    """20 triggers, 1 million customers, 10 million orders, the second run."""
    root = folder / "twenty"
    baseline = prepare(root, data, 20)
    rounds = [
        (second_tick(root), run_json("benchmarks.handwritten", str(data))) for _ in range(ROUNDS)
    ]
    for ours, limit in rounds:
        if ours["moves"] != limit["moves"]:
            raise SystemExit(f"the two do not agree: {ours['moves']} against {limit['moves']}")
    ours = rounds[0][0]
    ratio = median([float(one["seconds"]) / float(two["seconds"]) for one, two in rounds])
    seconds = median([float(one["seconds"]) for one, _ in rounds])
    hand = median([float(two["seconds"]) for _, two in rounds])
    peak = max(float(one["peak_mb"]) for one, _ in rounds)
    return [
        Result(
            work="daily tick, 20 triggers, 1 M customers, 10 M orders, second run",
            measured=f"{seconds:.2f} s",
            limit=f"{hand:.2f} s (hand-written SQL, nothing written)",
            ratio=f"{ratio:.2f} ×",
            budget="at most 1.2 ×",
            held=ratio <= 1.2,
            note=f"{ours['entries']:,} entries; {_phases(ours)}; the baseline before it took"
            f" {baseline['seconds']:.1f} s and {baseline['peak_mb']:,.0f} MB",
        ),
        Result(
            work="peak memory of that tick",
            measured=f"{peak:,.0f} MB",
            limit="",
            ratio="",
            budget="at most 1,500 MB",
            held=peak <= 1500,
        ),
    ]


def _phases(tick: dict[str, Any]) -> str:
    return ", ".join(f"{name} from {begin:.1f} s" for name, begin in tick["phases"])


def _spans(tick: dict[str, Any]) -> dict[str, float]:
    """Seconds that each part of a tick takes."""
    begins = dict(tick["phases"])
    return {
        "evaluating": begins["enter"],  # opening, the profile, every segment
        "comparing, gates and arms": begins["commit"] - begins["enter"],
        "the commit": tick["seconds"] - begins["commit"],
    }


def _admitted(tick: dict[str, Any]) -> str:
    spells = sum(entered + left for entered, left in tick["moves"].values())
    return f"{tick['entries']:,} entries with their messages and {spells:,} changes of spells"


def _composition(rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """What the seconds between the two are made of."""
    spans = [(_spans(a), _spans(b)) for a, b in rounds]
    more = {part: median([a[part] - b[part] for a, b in spans]) for part in spans[0][0]}
    evaluated = median([a["evaluating"] / b["evaluating"] for a, b in spans])
    parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in more.items())
    fifty, one = rounds[0]
    return (
        f"evaluating alone is {evaluated:.2f} ×; the seconds more are: {parts}. The commit is"
        f" that of {_admitted(fifty)}, against {_admitted(one)}. Measured by hand (2026-11-22):"
        " evaluating grows with the different aggregates (13 against 3; each costs 0.14 to 0.26 s"
        " of CPU over 10 million orders, however it is written), not with the 50 conditions over"
        " them; more than four fifths of the commit's CPU are SQLite's own, about 6 µs a spell"
        " and 8 µs a message with its indexes: it writes 200 MB to the log (49,000 pages of 4 kB,"
        " of a state of 245 MB), for who moved is spread over nearly every page of the spells"
    )


def fifty_against_one(folder: Path, data: Path) -> list[Result]:
    """50 triggers on the same data instead of one."""
    one, fifty = folder / "one", folder / "fifty"
    prepare(one, data, 1)
    prepare(fifty, data, 50)
    rounds = [(second_tick(fifty), second_tick(one)) for _ in range(ROUNDS)]
    ratio = median([float(a["seconds"]) / float(b["seconds"]) for a, b in rounds])
    return [
        Result(
            work="50 triggers instead of 1 on the same data",
            measured=f"{median([float(a['seconds']) for a, _ in rounds]):.2f} s",
            limit=f"{median([float(b['seconds']) for _, b in rounds]):.2f} s",
            ratio=f"{ratio:.2f} ×",
            budget="at most 2 ×",
            held=ratio <= 2,
            note=_composition(rounds),
        )
    ]
