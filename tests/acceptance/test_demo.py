"""`relance demo`, small: what it leaves behind, and the page as a browser shows it."""

from __future__ import annotations

import email
import email.policy
import json
import re
import shlex
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import browser
from relance.cli import app

pytestmark = pytest.mark.xdist_group("demo")  # played twice in all

TRIGGERS = [
    "back_on_their_own", "best_customers_leaving", "big_spender_thanks", "birthday",
    "new_customers_slow", "replenishment", "welcome", "win_back",
]  # fmt: skip
END = "2026-01-10T09:00"


@dataclass(frozen=True, slots=True)
class Played:
    """A demo that was played, what it said, and the numbers of its report."""

    folder: Path
    said: str
    reports: list[dict[str, Any]]

    def letters(self) -> Iterator[EmailMessage]:
        for path in sorted((self.folder / "outbox").rglob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            yield message

    def suggestions(self) -> list[str]:
        return re.findall(r"^  (relance .*)$", self.said.rpartition("try next:")[2], re.M)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def play(folder: Path, seed: int) -> Played:
    words = ["demo", str(folder), "--days", "5", "--customers", "800", "--seed", str(seed)]
    said = run(*words)
    report = run("report", "--workspace", str(folder), "--at", END, "--json")
    return Played(folder, said, json.loads(report))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("demo") / "shop", seed=7)


def test_every_message_is_a_letter_that_a_mail_program_opens(demo: Played):
    letters = list(demo.letters())
    assert len(letters) > 5
    for letter in letters:
        assert letter.defects == []
        assert letter["Subject"]
        assert letter["From"] == "La Boutique <bonjour@boutique.example>"
        assert re.fullmatch(r"\S+@clients\.example", letter["To"])
        assert re.fullmatch(r"<\w{24}@boutique\.example>", letter["Message-ID"])
        html, text = letter.get_body(("html",)), letter.get_body(("plain",))
        assert html is not None
        assert text is not None
        for content in (letter["Subject"], html.get_content(), text.get_content()):
            assert content.strip()
            assert not re.search(r"\{\{|\{%|None", content)


def test_each_customer_gets_their_own_letter(demo: Played):
    identities = [letter["Message-ID"] for letter in demo.letters()]
    assert len(identities) == len(set(identities))
    told = re.search(r"([\d,]+) messages are files under", demo.said)
    assert told
    files = [path for path in (demo.folder / "outbox").rglob("*") if path.is_file()]
    assert int(told[1].replace(",", "")) == len(files)


def test_the_report_names_every_trigger_and_adds_up(demo: Played):
    assert [report["trigger"] for report in demo.reports] == TRIGGERS
    for report in demo.reports:
        people = report["treated"] + report["held_out"] + sum(report["refused"].values())
        assert report["entered"] == people
    assert sum(report["sent"] for report in demo.reports) > 5


def test_the_page_is_one_file_that_loads_nothing(demo: Played):
    page = (demo.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<iframe|<link|@import", page, re.I)
    assert not re.search(r"""(src|srcset|data|poster)\s*=\s*["']?(?!data:)[\w./]*\w""", page, re.I)
    assert not re.search(r"url\(\s*[\"']?(?!data:|#)", page)
    assert not re.search(r"https?://(?!www\.w3\.org/)", page)
    for trigger in TRIGGERS:
        assert trigger in page


def test_its_trajectories_say_where_everybody_went(demo: Played):
    where = ["--workspace", str(demo.folder), "--at", END]
    found = json.loads(run("trajectories", *where, "--json"))
    assert found["segments"] == ["prospect", "new", "back", "active", "at_risk", "lapsed"]
    assert [event["name"] for event in found["events"]] == ["Winter sales"]
    there = [move for move in found["moves"] if not move["from"].startswith("(")]
    assert sum(move["customers"] for move in there) == 800
    assert {trigger["trigger"] for trigger in found["triggers"]} <= set(TRIGGERS)
    said = run("trajectories", *where, "--html", str(demo.folder / "paths.html"))
    assert "Where they stood at the start" in said
    page = (demo.folder / "paths.html").read_text(encoding="utf-8")
    assert "Où vont les clients" in page  # the workspace's language
    assert "Where customers went" in (demo.folder / "report.html").read_text(encoding="utf-8")


def test_what_to_try_next_can_be_tried(demo: Played):
    suggestions = demo.suggestions()
    assert len(suggestions) >= 2
    for suggestion in suggestions:
        assert run(*shlex.split(suggestion)[1:]).strip()


def test_the_same_seed_gives_the_same_report_and_another_seed_another(demo: Played, tmp_path: Path):
    again = play(tmp_path / "again", seed=7)
    assert again.reports == demo.reports
    assert {one["Message-ID"] for one in again.letters()} == {
        one["Message-ID"] for one in demo.letters()
    }
    other = play(tmp_path / "again", seed=8)
    assert other.reports != demo.reports


def test_after_make_demo_the_suggestions_can_be_typed_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", [".venv/bin/relance"])
    monkeypatch.setenv("PATH", str(tmp_path))  # no relance on it
    said = run("demo", str(tmp_path / "shop"), "--days", "1", "--customers", "100")
    assert ".venv/bin/relance report --workspace" in said.rpartition("try next:")[2]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    result = CliRunner().invoke(app, ["demo", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not an earlier demo" in result.stderr
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


# -- in a browser


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser made of a page: its document, its complaints, its picture's size."""

    document: str
    complaints: list[str]
    width: int
    height: int


def show(chromium: str, page: Path, folder: Path, width: int) -> Shown:
    picture = folder / "page.png"
    done = browser.run(
        chromium, page.as_uri(), folder, "--hide-scrollbars", f"--window-size={width},2000",
        f"--screenshot={picture}", "--dump-dom",
    )  # fmt: skip
    size = struct.unpack(">II", picture.read_bytes()[16:24])  # of the PNG's header
    return Shown(done.stdout, browser.complaints(done), *size)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_the_page_without_a_complaint(
    chromium: str, demo: Played, tmp_path: Path, width: int
):
    shown = show(chromium, demo.folder / "report.html", tmp_path, width)
    assert shown.complaints == []
    assert (shown.width, shown.height) == (width, 2000)
    text = re.sub(r"<[^>]+>", " ", shown.document)
    assert [trigger for trigger in TRIGGERS if trigger not in text] == []


@pytest.mark.browser
def test_the_page_fits_a_telephone(chromium: str, demo: Played, tmp_path: Path):
    page = tmp_path / "measured.html"
    measure = "<script>document.title = document.documentElement.scrollWidth</script>"
    text = (demo.folder / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<meta http-equiv=[^>]*>", "", text)  # it forbids scripts
    page.write_text(text.replace("</body>", measure + "</body>"), encoding="utf-8")
    shown = show(chromium, page, tmp_path, 500)  # Chromium makes no window smaller
    title = re.search(r"<title>(\d+)</title>", shown.document)
    assert title
    assert int(title[1]) <= 500


@pytest.mark.browser
def test_a_complaint_of_the_browser_would_be_noticed(chromium: str, tmp_path: Path):
    page = tmp_path / "broken.html"
    page.write_text("<p>Hello<script>missing()</script>", encoding="utf-8")
    assert "missing is not defined" in show(chromium, page, tmp_path, 500).complaints[0]
