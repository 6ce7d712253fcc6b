"""`make chaos`: runs every chaos test and prints what was tried, how often, and what held.

`python tests/chaos/table.py [PYTEST ARGUMENTS]` also writes the table into docs/chaos.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOTES = "RELANCE_CHAOS_NOTES"
"""The folder into which each test process writes what it tried; nothing is noted without it."""

_TESTS = Path(__file__).parent
_PAGE = _TESTS.parents[1] / "docs" / "chaos.md"
_FINISHED = {0, 1}  # pytest's exit codes for all passed, and some failed
_BEGIN, _END = "<!-- the last table -->\n", "<!-- end of the table -->\n"


@dataclass
class Row:
    """One thing that was tried. `figures` are numbers of what happened, by name."""

    what: str
    promise: str
    figures: Counter[str] = field(default_factory=Counter)

    def write(self, *, held: bool) -> None:
        """Note it, where the notes are wanted."""
        folder = os.environ.get(NOTES)
        if folder is None:
            return
        line = {"what": self.what, "promise": self.promise, "figures": self.figures, "held": held}
        with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as notes:
            notes.write(json.dumps(line) + "\n")


def markdown(notes: Sequence[Mapping[str, Any]]) -> str:
    """The table, one line per thing tried, in the order of their names."""
    lines = ["| tried | what happened | what had to hold | held |", "| --- | --- | --- | --- |"]
    for what, promise in sorted({(note["what"], note["promise"]) for note in notes}):
        mine = [note for note in notes if (note["what"], note["promise"]) == (what, promise)]
        held = sum(note["held"] for note in mine)
        figures = sum((Counter(note["figures"]) for note in mine), Counter[str]())
        told = ", ".join(f"{number:,} {name}" for name, number in sorted(figures.items()) if number)
        verdict = "yes" if held == len(mine) else f"**no: {len(mine) - held} of {len(mine)}**"
        lines.append(f"| {what} | {told} | {promise} | {verdict} |")
    return "\n".join(lines) + "\n"


def _read(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def _write(table: str) -> None:
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    when = (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores\n"
    )
    text = f"{before}{_BEGIN}\n{when}\n{table}\n{_END}{after}"
    _PAGE.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Run the tests; print and write the table. Pytest's exit code."""
    words = ["-m", "pytest", str(_TESTS), "-m", "slow or not slow", "-n", "2", *arguments]
    with tempfile.TemporaryDirectory(prefix="relance-chaos-") as folder:
        done = subprocess.run(
            [sys.executable, *words], env={**os.environ, NOTES: folder}, check=False
        )
        notes = _read(Path(folder))
    table = markdown(notes)
    print(table)
    if arguments or done.returncode not in _FINISHED:
        print("This is not the whole table; docs/chaos.md stays as it is.")
    else:
        _write(table)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
