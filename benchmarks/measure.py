"""Running things in turn and comparing them: ratios within one run, medians, a Markdown table."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One budget: what was measured, beside its limit, and whether it holds."""

    work: str
    measured: str
    limit: str
    ratio: str
    budget: str
    held: bool
    note: str = ""


def run_json(*arguments: str) -> dict[str, object]:
    """Run `python -m <arguments>` and read the JSON document on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    document: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return document


def run_together(count: int, *arguments: str) -> list[dict[str, object]]:
    """Run `python -m <arguments> --wait` so many times at once, and read each one's document.

    Each says that it is ready and waits for a line, so that all begin in the same instant.
    """
    programs = [
        subprocess.Popen(
            [sys.executable, "-m", *arguments, "--wait"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for program in programs:
        assert program.stdout is not None
        program.stdout.readline()
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    documents = []
    for program in programs:
        out, errors = program.communicate()
        if program.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{errors[-2000:]}")
        documents.append(json.loads(out.splitlines()[-1]))
    return documents


def number(document: dict[str, object], name: str) -> float:
    """A number out of a program's JSON document."""
    return float(str(document[name]))


def shares(document: dict[str, object], messages: int) -> str:
    """Where a delivery's CPU time went, per message."""
    database, cpu = number(document, "database"), number(document, "cpu")
    return (
        f"{cpu / messages * 1e6:,.0f} µs of CPU a message, of them the database"
        f" {database / messages * 1e6:,.0f} µs ({database / cpu:.0%})"
    )


def median(values: list[float]) -> float:
    return statistics.median(values)


def machine() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB,"
        f" Python {platform.python_version()}"
    )


def table(results: list[Result]) -> str:
    """A Markdown table of the budgets."""
    lines = [
        "| work | measured | limit in the same run | ratio | budget | held |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for r in results:
        held = "yes" if r.held else "**no**"
        lines.append(f"| {r.work} | {r.measured} | {r.limit} | {r.ratio} | {r.budget} | {held} |")
    notes = [f"- {r.work}: {r.note}" for r in results if r.note]
    return "\n".join([*lines, "", *notes]) + "\n"


def write(path: Path, results: list[Result]) -> None:
    path.write_text(
        "# Benchmarks\n\n"
        "Written by `make bench`. Each figure stands beside its limit in the same run: the ratio\n"
        "is what counts, the seconds depend on the machine.\n\n"
        f"Machine: {machine()}.\n\n{table(results)}",
        encoding="utf-8",
    )
