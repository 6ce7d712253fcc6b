"""`relance suppress`: who is named there is not written to, and no address is kept or shown."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from desk import BOUGHT, DAYS, Desk, at_desk

desk = pytest.fixture(at_desk)

SMS = "[{send: {channel: sms, template: hello}}]"


def written_to(desk: Desk) -> set[str]:
    """Tick and deliver; who got a letter."""
    assert desk.call("tick", "--at", DAYS[1], "--ahead").code == 0
    assert desk.call("deliver", "--at", DAYS[1], "--ahead").code == 0
    return set(desk.mails())


def crowd(desk: Desk, *names: str) -> None:
    """More people who order after the first tick."""
    desk.opened()
    desk.arrive(*names)
    desk.order(*names)
    desk.publish()


def listed(desk: Desk) -> list[dict[str, str]]:
    return list(desk.call("suppress", "list", "--json").json())


@pytest.mark.parametrize("who", ["--customer=bob", "--email= Bob@EXAMPLE.com "])
def test_who_is_suppressed_is_not_written_to(desk: Desk, who: str):
    crowd(desk, "cid")
    assert desk.call("suppress", "add", who, "--reason", "asked us").code == 0
    assert written_to(desk) == {"cid@example.com"}
    assert desk.call("suppress", "remove", who, "--json").json()["removed"] > 0
    assert listed(desk) == []
    assert desk.call("suppress", "remove", who).out == "none was suppressed\n"


def test_a_message_that_waits_is_held_up_at_the_moment_of_sending(desk: Desk):
    crowd(desk, "cid")
    assert desk.call("tick", "--at", DAYS[1], "--ahead").code == 0
    desk.call("suppress", "add", "--email", "bob@example.com")
    desk.call("suppress", "add", "--customer", "cid")
    report = desk.call("deliver", "--at", DAYS[1], "--ahead", "--json").json()
    assert report["accepted"] == 0
    assert report["skipped"] == {"suppressed": 2}


@pytest.mark.parametrize("number", ["+33612345678", "06 12 34 56 78", "0033 6 12 34 56 78"])
def test_a_number_is_the_same_however_it_is_written(desk: Desk, number: str):
    desk.secrets += [number, "612345678"]
    desk.trigger(segment=BOUGHT, steps=SMS)
    desk.opened()
    done = desk.call("suppress", "add", "--phone", number, "--json").json()
    assert done == {"added": 2, "already": 0}
    assert {row["channel"] for row in listed(desk)} == {"sms", "whatsapp"}
    assert desk.call("tick", "--at", DAYS[1], "--ahead").code == 0
    assert desk.call("deliver", "--at", DAYS[1], "--ahead", "--json").json()["accepted"] == 0
    assert desk.outbox() == []


def test_a_customer_is_suppressed_on_every_channel_or_on_the_one_that_is_named(desk: Desk):
    desk.call("suppress", "add", "--customer", "ann", "--channel", "sms")
    desk.call("suppress", "add", "--customer", "bob")
    found = {(row["customer"], row["channel"]) for row in listed(desk)}
    assert found == {("ann", "sms"), ("bob", "email"), ("bob", "sms"), ("bob", "whatsapp")}


def test_once_more_changes_nothing_and_the_first_reason_stays(desk: Desk):
    desk.call("suppress", "add", "--email", "bob@example.com", "--reason", "first")
    again = desk.call("suppress", "add", "--email", "BOB@example.com", "--reason", "second")
    assert "0 suppressed, 1 already were" in again.out
    assert [row["reason"] for row in listed(desk)] == ["first"]


def test_no_address_reaches_the_state(desk: Desk):
    desk.call("suppress", "add", "--email", "eve@example.com")
    desk.call("suppress", "add", "--phone", "+33698765432")
    state = desk.state()
    assert state is not None
    assert "eve@" not in state
    assert "98765432" not in state


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("add", "say who"),
        ("add --customer ann --email ann@example.com", "say who"),
        ("add --email nobody-at-all", "--email: not one e-mail address"),
        ("add --email a@x.example,b@x.example", "--email: not one e-mail address"),
        ("add --phone 12", "--phone: not a valid phone number"),
        ("add --customer ann --channel emial", "did you mean email?"),
        ("add --customer ann --channel slack", "no channel of that name reaches customers"),
        ("add --email x@y.example --channel sms", "--email: sms does not go to such an address"),
        ("add --customer ann --reason ann@x.example", "--reason: a reason is shown to anybody"),
        ("list --channel letter", "--channel: no channel of that name"),
    ],
)
def test_what_is_unclear_is_refused_in_a_sentence_and_nothing_is_stored(
    desk: Desk, words: str, sentence: str
):
    desk.secrets += ["nobody-at-all", "x@y.example"]
    answer = desk.call("suppress", *words.split())
    assert answer.code == 2
    assert sentence in answer.errors()
    assert listed(desk) == []


# -- files


def imported(desk: Desk, text: str | bytes, *words: str):
    file = desk.root / "people.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return desk.call("suppress", "import", str(file), *words)


def test_a_file_is_imported_with_its_own_channels_reasons_and_instants(desk: Desk):
    answer = imported(
        desk,
        "customer,email,phone,channel,reason,at\n"
        "ann,,,email,old list,2025-05-01\n"
        ",bob@example.com,,,,\n"
        ",,06 12 34 56 78,sms,,2025-05-01T10:00+00:00\n"
        "\n",
        "--reason",
        "moved",
        "--json",
    )
    assert answer.json() == {"added": 3, "already": 0, "bad": []}
    found = [(row["channel"], row["customer"], row["reason"]) for row in listed(desk)]
    assert sorted(found, key=str) == [
        ("email", "ann", "old list"),
        ("email", None, "moved"),
        ("sms", None, "moved"),
    ]
    ann = next(row for row in listed(desk) if row["customer"] == "ann")
    assert ann["at"] == "2025-04-30T22:00:00+00:00"  # midnight in Paris


def test_every_bad_line_is_named_at_once_and_nothing_is_imported(desk: Desk):
    desk.secrets += ["carol", "no-number"]
    text = (
        "email,phone,channel,at\n"
        "ann@example.com,,,\n"
        "carol.example.com,,,\n"
        ",no-number,,\n"
        ",,,2025-01-01\n"
        "bob@example.com,+33612345678,,\n"
        "bob@example.com,,letter,\n"
        "bob@example.com,,,someday\n"
        "bob@example.com,,,,,\n"
        'bob@example.com,,"ema"il,\n'
    )
    answer = imported(desk, text)
    assert answer.code == 2
    lines = [line.partition(".csv:")[2].partition(":")[0] for line in answer.errors().splitlines()]
    assert lines[:-1] == ["3", "4", "5", "6", "7", "8", "9", "10"]
    assert "8 bad lines; nothing was imported" in answer.errors()
    assert listed(desk) == []
    skipped = imported(desk, text, "--skip-bad", "--json")
    assert skipped.json()["added"] == 1
    assert [bad["line"] for bad in skipped.json()["bad"]] == [3, 4, 5, 6, 7, 8, 9, 10]


def test_what_a_spreadsheet_saves_is_read(desk: Desk):
    text = "\ufeffEmail;Reason\r\nann@example.com;parti\r\nbob@example.com;fâché\r\n"
    assert imported(desk, text).code == 0
    assert {row["reason"] for row in listed(desk)} == {"parti", "fâché"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann@example.com\n",
        "email,emial\nx,y\n",
        "reason\nspam\n",
        "email,email\n",
        b"\x00\xff\n",
    ],
)
def test_a_file_without_a_header_is_refused_whole(desk: Desk, text: str | bytes):
    answer = imported(desk, text)
    assert answer.code == 2
    assert "the first line is no header" in answer.errors()


@pytest.mark.parametrize("text", [b"email\n\xff\xfe@example.com\n", "email\n" + "x" * 200_000])
def test_bytes_that_mean_nothing_are_a_bad_line(desk: Desk, text: bytes | str):
    answer = imported(desk, text)
    assert answer.code == 2
    assert "people.csv:2: " in answer.errors()


def test_a_file_that_is_not_there_is_something_outside(desk: Desk):
    assert desk.call("suppress", "import", str(desk.root / "none.csv")).code == 3


def test_an_export_can_be_imported_into_another_state(desk: Desk, tmp_path: Path):
    desk.call("suppress", "add", "--email", "bob@example.com", "--reason", "first, and last")
    desk.call("suppress", "add", "--customer", "ann")
    before = listed(desk)
    file = tmp_path / "out/list.csv"
    assert "4 suppressed" in desk.call("suppress", "export", "--out", str(file)).out
    text = file.read_text(encoding="utf-8")
    assert desk.call("suppress", "export").out == text
    (desk.root / "state/relance.db").unlink()
    assert imported(desk, text, "--json").json() == {"added": 4, "already": 0, "bad": []}
    assert listed(desk) == before


def test_an_export_of_one_channel_holds_that_channel(desk: Desk):
    desk.call("suppress", "add", "--customer", "ann")
    out = desk.call("suppress", "export", "--channel", "sms").out
    assert [row["channel"] for row in csv.DictReader(out.splitlines())] == ["sms"]
