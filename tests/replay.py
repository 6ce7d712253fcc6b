"""Replays a workspace over real history through the command line, and tells what it recorded.

The command line runs in this process, or as a process of its own where that is asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from typer.testing import CliRunner

from relance.cli import app

Members = Mapping[str, set[str]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Which segment a trigger counts, and whom its transition lets through."""

    trigger: str
    segment: str
    on: str  # enter | exit | the segment that is left for this one

    def candidates(self, before: Members, now: Members) -> set[str]:
        if self.on == "enter":
            return now[self.segment] - before[self.segment]
        if self.on == "exit":
            return before[self.segment] - now[self.segment]
        return (before[self.on] - before[self.segment]) & now[self.segment]


@dataclass(kw_only=True)
class Replay:
    """A copy of a workspace in a folder of its own, driven by the command line."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Path, folder: Path, environment: Mapping[str, str]) -> Replay:
        """Copy a workspace, so that its state is this test's own."""
        root = folder / workspace.name
        shutil.copytree(workspace, root)
        return cls(root=root, environment=environment)

    def run(self, *arguments: str, apart: bool = False) -> Any:  # whatever the document holds
        """One command; its JSON document."""
        line = [*arguments, "--workspace", str(self.root), "--json"]
        return json.loads(self._apart(line) if apart else self._here(line))

    def _here(self, line: Sequence[str]) -> str:
        # with RELANCE_DEBUG an unforeseen error comes out as itself, with its traceback
        runner = CliRunner(env={**self.environment, "RELANCE_DEBUG": "1"})
        result = runner.invoke(app, line, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def _apart(self, line: Sequence[str]) -> str:
        program = "from relance.cli import main; main()"
        result = subprocess.run(
            [sys.executable, "-c", program, *line],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def spells(self) -> pd.DataFrame:
        """Every spell in the state database: segment, customer, entered, left, baseline."""
        query = """
            SELECT segment, customer, entered_at AS entered, left_at AS "left", baseline
            FROM membership JOIN segment_state ON segment_state.id = membership.reign
        """
        with closing(sqlite3.connect(self.root / "state" / "relance.db")) as connection:
            return pd.read_sql_query(query, connection)


def microseconds(instant: pd.Timestamp) -> int:
    """An instant as the state database writes it."""
    return int((instant.to_pydatetime() - EPOCH) // timedelta(microseconds=1))


def check_ticks(
    ticks: Mapping[pd.Timestamp, Mapping[str, Any]],
    expected: Mapping[pd.Timestamp, Members],
    watches: Iterable[Watch],
) -> None:
    """What `tick --json` counted is what the sets say, for every trigger and instant."""
    before: Members | None = None
    for at, now in expected.items():
        runs = {run["name"]: run for run in ticks[at]["triggers"]}
        for watch in watches:
            found = _figures(runs[watch.trigger])
            assert found == _wanted(watch, before, now), f"{watch.trigger} at {at}"
        before = now


def _figures(run: Mapping[str, Any]) -> dict[str, object]:
    arrived = run["treated"] + run["held_out"] + sum(run["refused"].values())
    kept = ("baseline", "members", "entered", "left")
    return {**{name: run[name] for name in kept}, "candidates": arrived}


def _wanted(watch: Watch, before: Members | None, now: Members) -> dict[str, object]:
    mine = now[watch.segment]
    if before is None:
        first = {"baseline": True, "members": len(mine)}
        return {**first, "entered": 0, "left": 0, "candidates": 0}
    return {
        "baseline": False,
        "members": len(mine),
        "entered": len(mine - before[watch.segment]),
        "left": len(before[watch.segment] - mine),
        "candidates": len(watch.candidates(before, now)),
    }


def check_spells(spells: pd.DataFrame, expected: Mapping[pd.Timestamp, Members]) -> None:
    """Who was in, who entered and who left, by name, at every instant and in every segment."""
    by_segment = dict(iter(spells.groupby("segment")))
    before: Members | None = None
    for at, now in expected.items():
        stamp = microseconds(at)
        for name, members in now.items():
            mine = by_segment[name]
            inside = mine[(mine["entered"] <= stamp) & (mine["left"] > stamp)]
            _same(inside, members, f"members of {name} at {at}")
            earlier = set() if before is None else before[name]
            _same(mine[mine["entered"] == stamp], members - earlier, f"entered {name} at {at}")
            _same(mine[mine["left"] == stamp], earlier - members, f"left {name} at {at}")
        before = now


def _same(rows: pd.DataFrame, wanted: set[str], what: str) -> None:
    found = set(rows["customer"])
    assert len(found) == len(rows), f"{what}: somebody is there twice"
    assert found == wanted, f"{what}: {sorted(found ^ wanted)[:10]}"
