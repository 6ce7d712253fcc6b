"""Decisions that need no network: statuses, Retry-After, and what may stand in a header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relance.domain.message import Email, Sms
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import wire
from relance.providers.wire import Response, encodable, judge, retry_after, screen

EMAIL = Email(
    message_id="abc123",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique <bonjour@boutique.example>",
    subject="Bonjour",
    html_parts=("<p>x</p>",),
    text="x",
    headers={"List-Unsubscribe": "<https://boutique.example/u/1>"},
)
SMS = Sms(
    message_id="abc123", trigger="winback", to="+33612345678", sender="+33700000000", text="x"
)

NOON = "Wed, 21 Oct 2015 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", None, 0.0),
        ("120", None, 120.0),
        (" 7 ", None, 7.0),
        ("1.5", None, 1.5),
        ("-5", None, 0.0),
        ("999999999", None, wire.LONGEST_WAIT),
        ("Wed, 21 Oct 2015 12:02:00 GMT", NOON, 120.0),
        ("Wednesday, 21-Oct-15 12:02:00 GMT", NOON, 120.0),
        ("Wed, 21 Oct 2015 11:59:00 GMT", NOON, 0.0),
        ("Wed, 21 Oct 2035 12:00:00 GMT", NOON, wire.LONGEST_WAIT),
        ("Wed, 21 Oct 2015 12:02:00 GMT", None, None),
        ("Wed, 21 Oct 2015 12:02:00 GMT", "yesterday", None),
        ("Wed, 21 Oct 2015 12:02:00 -0000", NOON, 120.0),
        ("soon", NOON, None),
        ("nan", None, None),
        ("inf", None, None),
        ("", None, None),
        (None, NOON, None),
    ],
)
def test_retry_after_is_read_in_both_forms(
    value: str | None, date: str | None, seconds: float | None
) -> None:
    assert retry_after(value, date) == seconds


DECISIONS: dict[type[SendError], set[int]] = {
    Paused: {301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407},
    NotSent: {408, 421, 425, 429, 503},
    Unsure: {409, 500, 501, 502, 504, 505, 520, 599},
    Refused: {400, 406, 410, 413, 415, 418, 422, 451},
}


@pytest.mark.parametrize(
    ("status", "decision"),
    [(status, decision) for decision, statuses in DECISIONS.items() for status in statuses],
)
def test_each_status_has_its_decision(status: int, decision: type[SendError]) -> None:
    error = judge(Response(status=status, body=b""))
    assert type(error) is decision
    assert str(status) in str(error)


def test_only_not_sent_carries_the_vendors_wait() -> None:
    assert judge(Response(status=429, body=b"", retry_after=9.0)).retry_after == 9.0
    assert judge(Response(status=500, body=b"", retry_after=9.0)).retry_after is None


def test_a_clean_message_passes() -> None:
    assert screen(EMAIL) is None
    assert screen(SMS) is None


BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x7f"]


@pytest.mark.parametrize("character", BREAKS, ids=ascii)
@pytest.mark.parametrize("field", ["subject", "sender", "to", "reply_to", "trigger"])
def test_a_line_break_in_a_header_stops_the_message(field: str, character: str) -> None:
    value = f"{getattr(EMAIL, field) or 'a@b.example'}{character}Bcc: everyone@example.com"
    refused = screen(replace(EMAIL, **{field: value}))
    assert refused is not None
    assert refused.reason == "invalid_header"
    assert "everyone" not in str(refused)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "x\r\nBcc: b@example.com"),
        ("X-A\r\nBcc", "b@example.com"),
        ("X A", "x"),
        ("X-A:", "x"),
        ("", "x"),
        ("Bcc", "b@example.com"),
        ("subject", "x"),
        ("Content-Type", "text/plain"),
    ],
)
def test_an_extra_header_cannot_add_another_or_replace_ours(name: str, value: str) -> None:
    refused = screen(replace(EMAIL, headers={name: value}))
    assert refused is not None
    assert refused.reason == "invalid_header"


@pytest.mark.parametrize(
    "to",
    [
        "",
        "chloe",
        "@example.com",
        "chloe@",
        "a@example.com,b@example.com",
        "a@example.com; b@example.com",
        "Chloe <a@example.com>",
        "a@b@example.com",
        "a b@example.com",
        "chloe@\N{SNOWMAN}\N{ZERO WIDTH JOINER}.example",
    ],
)
def test_a_recipient_is_exactly_one_address(to: str) -> None:
    refused = screen(replace(EMAIL, to=to))
    assert refused is not None
    assert refused.reason == "invalid_recipient"
    assert not to or to not in str(refused)


@pytest.mark.parametrize("to", ["0612345678", "+33 6 12", "33612345678", "+0612345678", "+336;1"])
def test_a_number_is_e164(to: str) -> None:
    refused = screen(replace(SMS, to=to))
    assert refused is not None
    assert refused.reason == "invalid_recipient"


@pytest.mark.parametrize("field", ["subject", "text", "html_parts", "to", "sender"])
def test_half_a_character_is_found_wherever_it_is(field: str) -> None:
    assert encodable(EMAIL)
    assert not encodable(replace(EMAIL, **{field: f"{getattr(EMAIL, field)}\ud83d"}))


def test_a_message_id_cannot_leave_the_outbox() -> None:
    refused = screen(replace(EMAIL, message_id="../../etc/passwd"))
    assert refused is not None
    assert refused.reason == "invalid_id"


def test_an_international_domain_is_written_as_mail_servers_know_it() -> None:
    assert wire.to_ascii("chloe@bücher.example") == "chloe@xn--bcher-kva.example"
    # the older standard would write to a stranger at strasse.example
    assert wire.to_ascii("chloe@straße.example") == "chloe@xn--strae-oqa.example"
    assert wire.to_ascii("chloé@example.com") == "chloé@example.com"


def test_the_message_id_header_is_below_the_senders_domain() -> None:
    assert wire.message_id_header(EMAIL) == "<abc123@boutique.example>"
    abroad = replace(EMAIL, sender="Café <a@café.example>")
    assert wire.message_id_header(abroad) == "<abc123@xn--caf-dma.example>"
