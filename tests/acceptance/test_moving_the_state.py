"""The script of docs/running.md takes a state from SQLite to PostgreSQL, and it goes on there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from relance.wiring import open_relance
from stage import Stage

ROOT = Path(__file__).parents[2]


def move(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the one program that the page shows."""
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=120
    )


def test_a_moved_state_remembers_everything_and_goes_on(tmp_path: Path, postgres_database: str):
    stage = Stage(tmp_path)
    stage.trigger("thanks", segment="{event: order, count: {at_least: 1}}")
    stage.arrive("Ada", "Ben", "Cleo")
    stage.tick()
    stage.order("Ada", "Ben")
    stage.wait(days=1)
    stage.tick()
    assert stage.deliver().accepted == 2

    words = (f"sqlite:///{tmp_path}/state/relance.db", postgres_database, "stage")
    done = move(*words)
    assert done.returncode == 0, done.stderr
    again = move(*words)
    assert again.returncode != 0
    assert "StateError" in again.stderr  # a state that is there is not added to
    stage.settings(f"state: {postgres_database}\n")

    assert stage.members("trigger/thanks") == {"Ada", "Ben"}
    stage.order("Cleo")
    stage.wait(days=1)
    assert stage.entered() == {"thanks": 1}  # nobody twice, and new rows find free numbers
    assert stage.deliver().accepted == 1
    assert len(stage.outbox()) == 3
    with open_relance(tmp_path, env={}) as relance:
        assert [message.state for message in relance.history("Ada").messages] == ["accepted"]
