"""An example's workspace with data of its own, walked through by the command line."""

from __future__ import annotations

import csv
import email
import email.policy
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newcomer import call

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True, order=True)
class Mail:
    """What somebody got: to whom, and under which subject (the text of an SMS)."""

    to: str
    subject: str


@dataclass(frozen=True)
class Example:
    """A copy of an example, so that its data and state stay apart."""

    root: Path

    @classmethod
    def of(cls, name: str, root: Path) -> Example:
        for part in ("config", "triggers", "templates"):
            shutil.copytree(EXAMPLES / name / part, root / part)
        (root / "data").mkdir()
        return cls(root)

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        with (self.root / f"data/{table}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])

    def json(self, *words: str) -> Any:
        return call(*words, "--json", "--workspace", str(self.root)).json()

    def day(self, date: str) -> dict[str, dict[str, Any]]:
        """A tick at nine and a delivery after it; what became of each trigger."""
        told = self.json("tick", "--at", f"{date}T09:00", "--ahead")
        self.json("deliver", "--at", f"{date}T09:30", "--ahead")
        return {trigger["name"]: trigger for trigger in told["triggers"]}

    def mails(self) -> list[Mail]:
        """Everything in the outbox."""
        return sorted(self._read(path) for path in (self.root / "outbox").rglob("*.*"))

    def _read(self, path: Path) -> Mail:
        if path.suffix == ".txt":
            head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
            to = re.search(r"^To: (.*)$", head, re.M)
            assert to, head
            return Mail(to[1].strip(), text.strip())
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        return Mail(str(message["To"]), str(message["Subject"]))

    def subject(self, template: str, variant: str = "email.html") -> str:
        """The subject that a template's file says."""
        text = (self.root / "templates" / template / variant).read_text(encoding="utf-8")
        found = re.search(r"^subject: (.*)$", text, re.M)
        assert found, template
        return found[1]
