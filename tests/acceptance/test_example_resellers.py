"""A manufacturer and its resellers: who is told, and who is written to, account by account."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from relance.cli import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "resellers"
BASELINE, LATER = "2026-01-12T08:00", "2026-03-02T08:00"
CATEGORIES = ("perceuses", "peinture", "échelles")
SLOWING = [f"R{number:03}" for number in range(7, 120, 10)]  # twelve of them
NOBODY, SILENT, OWNER_ONLY = "R007", "R017", "R027"


@dataclass
class Slack:
    """An incoming webhook on this machine, and what it was told."""

    url: str = ""
    said: list[str] = field(default_factory=list)


@pytest.fixture
def slack() -> Iterator[Slack]:
    told = Slack()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.said.append(json.loads(body)["text"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    told.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()
    structlog.reset_defaults()


def category_of(number: int) -> str:
    return CATEGORIES[number % 3]


def make_data(root: Path) -> None:
    """Three years: a hundred resellers order every month or so, twelve stop in December."""
    resellers, contacts, orders, visits = [], [], [], []
    for number in range(120):
        key = f"R{number:03}"
        manager = ("lea", "max", "nour")[number % 3]
        resellers.append([key, f"Quincaillerie {number}", ("Nord", "Sud")[number % 2], manager])
        if key != NOBODY:
            for job in ("buyer", "buyer2", "owner"):
                if key == OWNER_ONLY and job != "owner":
                    continue
                contact = f"{key}-{job}"
                says = "no" if key == SILENT else "yes"
                language = "en" if number == 47 else "fr"
                plain = job.removesuffix("2")
                contacts.append(
                    [contact, key, plain, f"{contact.lower()}@shop.example", says, language, job]
                )
                seen = 5 if job == "buyer2" else 20
                visits.append([contact, f"2026-02-{seen:02}T10:00:00"])
        rare = number % 10 == 3  # orders three times a year, and always has
        day, last = date(2023, 1, 3 + number % 20), date(2026, 2, 28)
        if key in SLOWING:
            last = date(2025, 12, 31)
        while day <= last:
            other = CATEGORIES[(number + 1) % 3]
            bought = category_of(number) if day.month % 4 else other
            orders.append([key, f"{day}T11:00:00", 400 + number, bought])
            if day.month == 6:
                orders.append([key, f"{day}T12:00:00", -50, bought])  # a return
            day += timedelta(days=120 if rare else 28)
    write(root, "resellers", ["reseller_id", "name", "region", "manager"], resellers)
    write(root, "contacts", CONTACT_COLUMNS, contacts)
    write(root, "transactions", ["reseller_id", "invoiced_at", "total", "category"], orders)
    write(root, "portal_visits", ["contact_id", "seen_at"], visits)


CONTACT_COLUMNS = [
    "contact_id",
    "reseller_id",
    "job",
    "email",
    "email_optin",
    "language",
    "first_name",
]


def write(root: Path, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with (root / "data" / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def call(root: Path, slack: Slack, *words: str) -> str:
    """A command that succeeds, and what it prints."""
    done = CliRunner().invoke(app, [*words, "--workspace", str(root)], env={"SLACK_URL": slack.url})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_resellers_who_slow_down_are_told_of_and_written_to_once(
    tmp_path: Path, slack: Slack
) -> None:
    root = tmp_path / "resellers"
    shutil.copytree(EXAMPLE, root)
    (root / "data").mkdir()
    make_data(root)

    checked = call(root, slack, "check")
    assert "1 row without a contact in contacts" in checked

    call(root, slack, "tick", "--at", BASELINE)
    call(root, slack, "deliver", "--at", BASELINE)
    assert slack.said == []
    ticked = json.loads(call(root, slack, "tick", "--at", LATER, "--json"))
    runs = {run["name"]: run for run in ticked["triggers"]}
    assert runs["slowing_offer"]["entered"] == runs["slowing_told"]["entered"] == len(SLOWING)
    assert runs["slowing_told"]["refused"] == {}
    assert runs["slowing_offer"]["refused"] == {"no_contact": 1, "no_consent": 1}
    for _ in range(2):  # a second delivery finds nothing left to do
        call(root, slack, "deliver", "--at", LATER)

    # the account manager of each, and whom to call: the owner
    told = sorted(text for text in slack.said)
    assert len(told) == len(SLOWING)
    for key in SLOWING:
        number = int(key[1:])
        lines = [text for text in told if f"*Quincaillerie {number}*" in text]
        assert len(lines) == 1
        for line in lines:
            assert line.startswith(f"@{('lea', 'max', 'nour')[number % 3]}: ")
            assert f"mostly {category_of(number)}" in line
            whom = "Nobody to call yet." if key == NOBODY else "Call owner (owner)."
            assert line.endswith(whom)

    # the buyer who was in the portal last, unless the reseller is held out
    letters = {}
    for path in (root / "outbox").rglob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert mail["To"] not in letters
        letters[str(mail["To"])] = str(mail["Subject"])
    for key in SLOWING:
        why = json.loads(call(root, slack, "why", key, "--account", "--json"))
        entries = [e for e in why["entries"] if e["trigger"] == "slowing_offer"]
        if key in (NOBODY, SILENT):
            assert entries == []
            continue
        (entry,) = entries
        assert entry["unit"] == f"account:{key}"
        job = "owner" if key == OWNER_ONLY else "buyer"
        # of two buyers, the one whom the portal saw last
        wanted = f"{key.lower()}-{job}@shop.example"
        subject = letters.pop(wanted, None)
        if entry["arm"] == "holdout":
            assert subject is None
            continue
        number = int(key[1:])
        assert subject is not None
        assert f"Quincaillerie {number}" in subject
        assert category_of(number) in subject
        assert ("off everything" in subject) == (number == 47)
    assert letters == {}  # and nobody else

    # a colleague who joins changes nothing, nor does another tick
    with (root / "data/contacts.csv").open("a", newline="", encoding="utf-8") as file:
        row = ["R037-new", "R037", "buyer", "new@shop.example", "yes", "fr", "new"]
        csv.writer(file).writerow(row)
    ticked = json.loads(call(root, slack, "tick", "--at", "2026-03-09T08:00", "--json"))
    assert [run["entered"] for run in ticked["triggers"]] == [0, 0]
    assert "did not enter slowing_offer: no_contact" in call(
        root, slack, "why", NOBODY, "--account"
    )
    silent = call(root, slack, "why", f"{SILENT}-buyer")
    assert f"did not enter slowing_offer: no_consent (for the account {SILENT})" in silent


def test_segments_of_accounts_are_described_and_looked_after(tmp_path: Path, slack: Slack) -> None:
    root = tmp_path / "resellers"
    shutil.copytree(EXAMPLE, root)
    (root / "data").mkdir()
    make_data(root)
    call(root, slack, "tick", "--at", LATER)

    # three contacts of each, but for the one without any and the one with an owner alone
    told = call(root, slack, "describe", "slowing_down")
    assert f"{3 * (len(SLOWING) - 2) + 1} customers" in told
    assert "How often and for how much they had the event order is not told" in told
    assert "By job" in told
    document = json.loads(call(root, slack, "describe", "slowing_down", "--json"))
    assert (document["event"], document["features"]) == (None, [])

    # what the reseller bought is what each of its contacts is held to have come back for
    found = json.loads(call(root, slack, "health", "--json"))
    regular = {one["segment"]: one for one in found["segments"]}["regular"]
    assert found["window"]["nothing"] is None
    assert regular["cohort"]["rate"] > found["window"]["rate"] > 0.7

    refused = CliRunner().invoke(
        app, ["rfm", "--workspace", str(root)], env={"SLACK_URL": slack.url}
    )
    assert refused.exit_code == 2
    assert "order, which `rfm` scores, names accounts and no customer" in refused.stderr
