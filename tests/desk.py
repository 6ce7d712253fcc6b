"""A stage whose relance is the command line; every answer is checked for what must never show."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

from relance.cli import app
from relance.pipeline.addresses import to_e164
from stage import Stage

DAYS = [f"2026-03-{day:02}T09:00" for day in range(1, 10)]
BOUGHT = "{event: order, count: {at_least: 1}}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # whatever the document holds
        return json.loads(self.out)

    def errors(self) -> str:
        """stderr without the log lines."""
        return "\n".join(line for line in self.err.splitlines() if not line.startswith("{"))


class Desk(Stage):
    """Ann has ordered before the first tick, Bob after it: the second tick writes to Bob."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.secrets: list[str] = []
        self.trigger(segment=BOUGHT)
        self.arrive("ann", "bob")
        self.order("ann")
        self.publish()

    # -- the world

    def publish(self) -> None:
        """Write the customers and the orders down as CSV files."""
        self._write_data()

    def data(self, name: str, content: str | bytes) -> None:
        """A table's file as somebody else's program may have left it."""
        raw = content.encode() if isinstance(content, str) else content
        (self.root / f"data/{name}.csv").write_bytes(raw)

    def opened(self) -> Desk:
        """After the first tick, and after Bob's order."""
        answer = self.call("tick", "--at", DAYS[0])
        assert answer.code == 0, answer.err
        self.order("bob")
        self.publish()
        return self

    # -- the command line

    def call(self, *words: str, env: Mapping[str, str] | None = None, says: bool = False) -> Answer:
        """A command in this process, with its log; `says` where it may show a customer's text."""
        done = CliRunner().invoke(app, self._command(*words), env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return self._seen(Answer(done.exit_code, done.stdout, done.stderr), says=says)

    def start(self, *words: str, prelude: str = "", **options: Any) -> subprocess.Popen[str]:
        """A command in a process of its own; `prelude` is Python that runs before it."""
        program = f"{prelude}\nfrom relance.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, *self._command(*words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> Answer:
        """Wait for its answer."""
        out, err = process.communicate(timeout=120)
        return self._seen(Answer(process.returncode, out, err))

    def outside(self, *words: str, prelude: str = "", **options: Any) -> Answer:
        """A command in a process of its own, to its end."""
        return self.finish(self.start(*words, prelude=prelude, **options))

    def _command(self, *words: str) -> list[str]:
        return ["-v", *words, "--workspace", str(self.root)]

    def _seen(self, answer: Answer, *, says: bool = False) -> Answer:
        text = answer.out + answer.err
        assert answer.code in (0, 1, 2, 3), (answer.code, text)
        for sign in ("Traceback", 'File "', "failed where it should not", "Error("):
            assert sign not in text, text
        for private in self.secrets if says else [*self.secrets, *self._personal()]:
            assert not _shows(text, private), f"{private!r} is shown:\n{text}"
        return answer

    def _personal(self) -> Iterator[str]:
        """Everybody's addresses, numbers and names."""
        for row in self.customers.values():
            shown = [row["email"], row["mobile"], row["first_name"]]
            yield from (text for text in shown if len(text.strip()) > 2)
            if number := to_e164(row["mobile"], "FR"):
                yield number

    # -- what came of it

    def state(self) -> str | None:
        """Everything in the state database as SQL; None where there is none."""
        path = self.root / "state/relance.db"
        if not path.exists():
            return None
        connection = sqlite3.connect(path)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()

    def mails(self) -> dict[str, EmailMessage]:
        """The letters in the outbox by the address they go to; nobody has two."""
        found: dict[str, EmailMessage] = {}
        for path in self.outbox():
            if path.suffix == ".eml":
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                assert mail["To"] not in found
                found[str(mail["To"])] = mail
        return found

    def texts(self) -> list[str]:
        """The text messages in the outbox."""
        return [path.read_text() for path in self.outbox() if path.suffix == ".txt"]

    def fails_whole(self, sentence: str, at: str = DAYS[1]) -> None:
        """The tick ends with 3, says why in one line, and leaves the state as it was."""
        before = self.state()
        answer = self.call("tick", "--at", at)
        assert answer.code == 3
        assert answer.out == ""
        assert answer.errors().startswith("error: ")
        assert sentence in answer.errors()
        assert len(answer.errors().splitlines()) == 1
        assert self.state() == before

    def catches_up(self, at: str = DAYS[4]) -> None:
        """Once the world is well again, Bob and nobody else gets his one letter."""
        for _ in range(2):
            ticked = self.call("tick", "--at", at)
            assert ticked.code == 0, ticked.err
            delivered = self.call("deliver", "--at", at)
            assert delivered.code == 0, delivered.err
        assert list(self.mails()) == ["bob@example.com"]


def at_desk(tmp_path: Path) -> Iterator[Desk]:
    """A fixture for the tests that want it: `desk = pytest.fixture(at_desk)`."""
    yield Desk(tmp_path)
    structlog.reset_defaults()  # the log went where the command's stderr was


def _shows(text: str, private: str) -> bool:
    """Whether it stands there; a short one by itself, for ids and instants are full of digits."""
    if len(private) > 6:
        return private in text
    return re.search(rf"(?<!\w){re.escape(private)}(?!\w)", text) is not None
