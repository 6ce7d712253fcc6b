"""The report's budget: against the same sums hand-written in DuckDB SQL."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, median, run_json
from benchmarks.shop import CUSTOMERS, SECOND_TICK, write_workspace

ROUNDS = 3
ENTRIES = 1_000_800  # as many on each of 120 days, for each of 20 triggers
TRIGGERS = 20


def report_against_handwritten(
    folder: Path, data: Path, entries: int = ENTRIES, customers: int = CUSTOMERS
) -> list[Result]:
    """20 triggers, 1 million entries over 120 days, 10 million orders."""
    root = folder / "report"
    prepare(root, data, entries, customers)
    rounds = [_round(root, data) for _ in range(ROUNDS)]
    ratio = median([ours["seconds"] / hand["seconds"] for ours, hand in rounds])
    seconds = median([ours["seconds"] for ours, _ in rounds])
    limit = median([hand["seconds"] for _, hand in rounds])
    return [
        Result(
            work=f"report over {entries:,} entries, {TRIGGERS} triggers and 10 M orders",
            measured=f"{seconds:.2f} s",
            limit=f"{limit:.2f} s (the same sums in hand-written SQL, nothing judged)",
            ratio=f"{ratio:.2f} ×",
            budget="at most 2 ×",
            held=ratio <= 2,
            note=_parts([ours for ours, _ in rounds], limit),
        )
    ]


def prepare(root: Path, data: Path, entries: int, customers: int) -> None:
    """A workspace whose state has so many entries."""
    shutil.rmtree(root, ignore_errors=True)
    write_workspace(root, triggers=TRIGGERS)
    (root / "data").symlink_to(data)
    made = run_json("benchmarks.entered", str(root), str(entries), str(customers))
    if made["entries"] != entries:
        raise SystemExit(f"{made['entries']} entries instead of {entries}")


def _round(root: Path, data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    ours = run_json("benchmarks.report_once", str(root), SECOND_TICK)
    hand = run_json("benchmarks.report_by_hand", str(root), str(data), SECOND_TICK)
    alike = math.isclose(float(str(ours["revenue"])), float(str(hand["revenue"])), rel_tol=1e-9)
    if ours["sums"] != hand["sums"] or not alike:
        raise SystemExit(f"the two do not agree: {ours} against {hand}")
    return ours, hand


def _parts(rounds: list[dict[str, Any]], limit: float) -> str:
    """What the seconds are made of; the entries are read while the database counts messages."""
    parts = {part: median([one["parts"][part] for one in rounds]) for part in rounds[0]["parts"]}
    told = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in parts.items())
    peak = max(one["peak_mb"] for one in rounds)
    return (
        f"{told}; reading and counting run at the same time; the engine alone is"
        f" {parts['engine'] / limit:.2f} ×; the sums by hand count no messages; peak {peak:,.0f} MB"
    )
