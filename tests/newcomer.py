"""A newcomer's way through the command line, walked once: what each command said."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from relance.cli import app

BASELINE, MORNING = "2026-03-01T09:00", "2026-03-04T09:00"
NEXT_DAY, SPRING = "2026-03-05T10:30", "2026-04-10T09:00"
NEW = [f"C{number:03}" for number in range(10, 20)]  # first orders between the two ticks
BACK = "C011"  # orders again before the letter is due
BORN = "1990-04-11"  # a birthday on the day after SPRING
REFUSED = ["C010", "C015"]  # no consent

TRIGGER = """\
version: 1
name: {name}
{segment}
on: {on}
steps:
  - send: {{channel: email, template: welcome}}
holdout: 20%
"""
OTHERS = {
    "hello": ("segment: prospect", "enter"),
    "lost": ("segment: active", "exit"),
    "slipping": ("", "{from: active, to: at_risk}"),
    "birthday": ("", "{date: birth_date}"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left: its exit code and both its streams."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # whatever the document holds
        assert self.code == 0, self.err
        return json.loads(self.out)


def call(*words: str, answer: str | None = None) -> Answer:
    """A command in this process."""
    result = CliRunner().invoke(app, list(words), input=answer)
    return Answer(result.exit_code, result.stdout, result.stderr)


def call_apart(*words: str) -> Answer:
    """A command in a process of its own, as a person or a script runs it."""
    program = "from relance.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, timeout=120, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(kw_only=True)
class Walk:
    """A new workspace, and what each command said on the way."""

    root: Path
    orders: list[tuple[str, str]]
    said: dict[str, Answer] = field(default_factory=dict)

    def run(self, name: str, *words: str, answer: str | None = None) -> Answer:
        self.said[name] = self(*words, answer=answer)
        return self.said[name]

    def __call__(self, *words: str, answer: str | None = None) -> Answer:
        return call(*words, "--workspace", str(self.root), answer=answer)

    def write_data(self) -> None:
        people = [
            (
                f"C{n:03}",
                f"c{n}@shop.example",
                "no" if n % 5 == 0 else "yes",
                "Camille",
                BORN if n >= 20 else "",
            )
            for n in range(30)
        ]
        columns = ("customer_id", "email", "email_optin", "first_name", "birth_date")
        self._write("customers", columns, people)
        orders = [(customer, at, "19.90") for customer, at in self.orders]
        self._write("orders", ("customer_id", "ordered_at", "total"), orders)

    def _write(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        path = self.root / f"data/{name}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])

    def add_triggers(self) -> None:
        config = self.root / "config/relance.yaml"
        text = config.read_text(encoding="utf-8")
        text = text.replace("attributes: [first_name]", "attributes: [first_name, birth_date]")
        config.write_text(text, encoding="utf-8")
        for name, (segment, on) in OTHERS.items():
            path = self.root / f"triggers/{name}.yaml"
            path.write_text(TRIGGER.format(name=name, segment=segment, on=on), encoding="utf-8")


def walk_through(root: Path) -> Walk:
    """init, data, check, the baseline, changed data, a tick, two deliveries, a report."""
    walk = Walk(root=root, orders=[(f"C{n:03}", "2026-02-01 10:00:00") for n in range(10)])
    walk.said["init"] = call("init", str(root))
    walk.run("check without data", "check")
    walk.write_data()
    walk.run("check", "check", "--json")
    walk.run("baseline", "tick", "--at", BASELINE, "--json")
    walk.orders += [(customer, "2026-03-03 10:00:00") for customer in NEW]
    walk.write_data()
    walk.run("tick", "tick", "--at", MORNING, "--json")
    walk.run("again", "tick", "--at", MORNING, "--json")
    walk.run("again for people", "tick", "--at", MORNING)
    walk.orders.append((BACK, "2026-03-04 12:00:00"))
    walk.write_data()
    walk.run("not due", "deliver", "--at", "2026-03-04T10:00", "--json")
    walk.run("delivery", "deliver", "--at", NEXT_DAY, "--json")
    walk.run("report", "report", "--at", SPRING, "--json", "--html", str(root / "r.html"))
    walk.add_triggers()
    walk.run("second baseline", "tick", "--at", SPRING, "--json")
    walk.run("no back-fill", "backfill", "hello", "--at", SPRING, answer="n\n")
    walk.run("no answer", "backfill", "hello", "--at", SPRING, "--json")
    walk.run("before the back-fill", "why", "C021", "--json")
    walk.run("back-fill", "backfill", "hello", "--at", SPRING, "--yes", "--json")
    walk.run("after the back-fill", "deliver", "--at", SPRING, "--json")
    last = ["-v", "tick", "--workspace", str(root), "--at", "2026-04-11T09:00", "--json"]
    walk.said["apart"] = call_apart(*last)
    return walk
