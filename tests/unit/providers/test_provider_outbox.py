"""Messages as files, and e-mails as RFC 5322 says."""

from __future__ import annotations

import email.policy
import errno
import os
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relance.domain.message import Accepted, Email, Outgoing, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Refused
from relance.providers.mime import to_bytes
from relance.providers.outbox import Outbox

AT = datetime(2026, 3, 14, 9, 30, tzinfo=ZoneInfo("Europe/Paris"))
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique été <bonjour@boutique.example>",
    subject="Vous nous manquez, Chloé 💌 — revenez nous voir avant la fin du mois de mars",
    html_parts=("<p>Bonjour Chloé</p>\n" * 3,),
    text="Bonjour Chloé\n.\nFrom nobody\n",
    reply_to="Aide <aide@boutique.example>",
    headers={"List-Unsubscribe": "<https://boutique.example/u/" + "x" * 90 + ">"},
    at=AT,
)
SMS = Sms(
    message_id="def2",
    trigger="winback",
    to="+33612345678",
    sender="Boutique",
    text="مرحبا 🎁",
    at=AT,
)


def outbox(root: Path, **options: object) -> Outbox:
    return Outbox.open(
        ChannelSpec(name="email", provider="outbox", sender="", options=options), root
    )


async def sent(provider: Outbox, *messages: Outgoing) -> list[object]:
    return list(await provider.send(messages))


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


async def test_an_email_becomes_a_file_under_its_day(tmp_path: Path) -> None:
    (answer,) = await sent(outbox(tmp_path), EMAIL)
    assert answer == Accepted(message_id="abc1", provider_id="2026-03-14/abc1.eml")
    raw = (tmp_path / "outbox/2026-03-14/abc1.eml").read_bytes()
    assert parsed(raw)["Subject"] == EMAIL.subject


async def test_a_text_message_becomes_a_text_file(tmp_path: Path) -> None:
    await sent(outbox(tmp_path, folder="out"), SMS)
    text = (tmp_path / "out/2026-03-14/def2.txt").read_text()
    assert text == (
        "From: Boutique\nTo: +33612345678\nDate: Sat, 14 Mar 2026 09:30:00 +0100\n\nمرحبا 🎁\n"
    )


async def test_the_same_message_twice_is_one_file(tmp_path: Path) -> None:
    provider = outbox(tmp_path)
    await sent(provider, EMAIL)
    first = (tmp_path / "outbox/2026-03-14/abc1.eml").read_bytes()
    await sent(provider, EMAIL)
    assert provider.idempotent
    assert [p.name for p in (tmp_path / "outbox/2026-03-14").iterdir()] == ["abc1.eml"]
    assert (tmp_path / "outbox/2026-03-14/abc1.eml").read_bytes() == first


async def test_a_message_without_an_instant_has_no_date(tmp_path: Path) -> None:
    await sent(outbox(tmp_path), replace(EMAIL, at=None))
    assert parsed((tmp_path / "outbox/undated/abc1.eml").read_bytes())["Date"] is None


async def test_an_absolute_folder_stays_where_it_is(tmp_path: Path) -> None:
    await sent(outbox(Path("/nowhere"), folder=tmp_path / "else"), SMS)
    assert (tmp_path / "else/2026-03-14/def2.txt").exists()


async def test_a_full_disk_is_not_sent_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    (tmp_path / "outbox/2026-03-14").mkdir(parents=True)
    monkeypatch.setattr(Path, "write_bytes", full)
    (answer,) = await sent(outbox(tmp_path), EMAIL)
    assert isinstance(answer, NotSent)
    assert str(answer) == "disk_full: No space left on device"
    assert list((tmp_path / "outbox/2026-03-14").iterdir()) == []


async def test_a_folder_that_is_a_file_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    (answer,) = await sent(outbox(tmp_path), EMAIL)
    assert isinstance(answer, NotSent)
    assert answer.reason == "not_written"


async def test_a_line_break_in_a_subject_reaches_no_file(tmp_path: Path) -> None:
    (answer,) = await sent(outbox(tmp_path), replace(EMAIL, subject="a\r\nBcc: b@c.example"))
    assert isinstance(answer, Refused)
    assert list(tmp_path.rglob("*.eml")) == []


async def test_the_rate_is_kept(tmp_path: Path) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    spec = ChannelSpec(name="sms", provider="outbox", sender="", rate=0.001)
    provider = Outbox.open(spec, tmp_path, sleep=nap)
    await provider.send([SMS, SMS])
    await provider.send([SMS])
    assert naps == [pytest.approx(2000.0, abs=60)]


def test_an_email_reads_back_as_it_was_written() -> None:
    message = parsed(to_bytes(EMAIL))
    assert message.defects == []
    assert message["From"] == EMAIL.sender
    assert message["To"] == EMAIL.to
    assert message["Subject"] == EMAIL.subject
    assert message["Reply-To"] == EMAIL.reply_to
    assert message["Message-ID"] == "<abc1@boutique.example>"
    assert message["X-Relance-Message"] == "abc1"
    assert message["Date"].datetime == AT
    assert message["List-Unsubscribe"] == EMAIL.headers["List-Unsubscribe"]
    assert message.get_content_type() == "multipart/alternative"
    assert part(message, "plain").splitlines() == EMAIL.text.splitlines()
    assert part(message, "html").splitlines() == EMAIL.html.splitlines()


def test_the_wire_is_ascii_with_short_lines_ended_by_crlf() -> None:
    raw = to_bytes(EMAIL)
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_an_address_in_a_header_is_never_broken_or_encoded() -> None:
    """RFC 2369, 2: who follows List-Unsubscribe reads it as it stands."""
    link = f"<https://boutique.example/u/{'x' * 300}>"
    message = replace(EMAIL, headers={"List-Unsubscribe": link, "X-Words": "word " * 40 + "end"})
    raw = to_bytes(message)
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in raw
    words = raw.partition(b"X-Words:")[2].partition(b"\r\nMIME")[0].decode()
    assert words.replace("\r\n", "") == " " + "word " * 40 + "end"
    assert max(map(len, words.split("\r\n"))) <= 78
    assert b"=?" not in raw.partition(b"List-Unsubscribe")[2]


def test_the_best_part_comes_last() -> None:
    kinds = [part.get_content_type() for part in parsed(to_bytes(EMAIL)).iter_parts()]
    assert kinds == ["text/plain", "text/html"]


def test_an_email_with_text_only_has_one_part() -> None:
    message = parsed(to_bytes(replace(EMAIL, html_parts=("",))))
    assert message.get_content_type() == "text/plain"
    assert "Chloé" in str(message.get_content())


def test_an_international_domain_travels_in_ascii() -> None:
    message = replace(EMAIL, to="chloe@bücher.example", sender="Été <a@été.example>")
    read_back = parsed(to_bytes(message))
    assert read_back["To"] == "chloe@xn--bcher-kva.example"
    assert read_back["From"] == "Été <a@xn--t-9fab.example>"


def test_the_same_message_is_the_same_bytes() -> None:
    assert to_bytes(EMAIL) == to_bytes(replace(EMAIL))


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t =."), max_size=200
)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=150)


@given(text=TEXT, html=TEXT)
@settings(max_examples=100, deadline=None)
def test_any_text_reads_back_as_it_was_written(text: str, html: str) -> None:
    message = parsed(to_bytes(replace(EMAIL, text=text or "x", html_parts=(html or "x",))))
    assert part(message, "plain").replace("\r\n", "\n") == (text or "x")
    assert part(message, "html").replace("\r\n", "\n") == (html or "x")


@given(subject=LINE)
@settings(max_examples=100, deadline=None)
def test_any_subject_stays_one_header(subject: str) -> None:
    message = parsed(to_bytes(replace(EMAIL, subject=subject)))
    assert set(message.keys()) == set(parsed(to_bytes(EMAIL)).keys())
    assert message["Message-ID"] == "<abc1@boutique.example>"


async def test_a_whole_batch_is_written_and_answered_in_order(tmp_path: Path) -> None:
    messages = [replace(EMAIL, message_id=f"id{n}") for n in range(100)]
    answers = await outbox(tmp_path).send(messages)
    assert [a.message_id for a in answers if isinstance(a, Accepted)] == [
        f"id{n}" for n in range(100)
    ]
    assert len(list(tmp_path.rglob("*.eml"))) == 100
