"""Sinch's wire and its signed reports; the signature is held against an example of Sinch's."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given

import loopback
from loopback import Loopback
from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unreadable, Unsure, Unverified
from relance.providers.sinch import Sinch, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, junk, login, posted, survives

KEY = "foo_secret1234"
CUSTOMER = "+33612345678"
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to=CUSTOMER,
    sender="+33700000000",
    text="Chloé, -20 % ✓\nمرحبا",
)
REPORT = {
    "type": "recipient_delivery_report_sms",
    "batch_id": "01FC66621VHDBN119Z8PMV1QPQ",
    "recipient": "33612345678",
    "code": 0,
    "status": "Delivered",
    "at": "2026-11-22T08:59:58.210Z",
    "client_reference": "abc1",
}
ANSWER = {
    "type": "mo_text",
    "id": "01FC-inbound",
    "from": "33612345678",
    "to": "33700000000",
    "body": "STOP",
    "received_at": "2026-11-22T08:59:58Z",
}


def opened(url: str = "https://eu.sms.api.sinch.com", **options: object) -> Sinch:
    options = {"service_plan_id": "plan/1", "token": Secret("t0ken"), "base_url": url, **options}
    channel = ChannelSpec(name="sms", provider="sinch", sender="", options=options)
    return Sinch.open(channel, Path("/nowhere"))


async def test_the_request_holds_what_sinch_documents() -> None:
    async with Loopback(loopback.sinch) as vendor:
        sinch = opened(vendor.url)
        (answer,) = await sinch.send([SMS])
        await sinch.close()
    (seen,) = vendor.seen
    assert isinstance(answer, Accepted)
    assert (seen.method, seen.path) == ("POST", "/xms/v1/plan%2F1/batches")
    assert seen.headers["authorization"] == "Bearer t0ken"
    assert seen.headers["content-type"] == "application/json"
    assert seen.json() == {
        "type": "mt_text",
        "to": [CUSTOMER],
        "from": "+33700000000",
        "body": SMS.text,
        "delivery_report": "per_recipient",
        "client_reference": "abc1",
    }


@pytest.mark.parametrize(
    ("status", "body", "decision"),
    [
        (400, {"code": "syntax_invalid_parameter_format", "text": CUSTOMER}, Refused),
        (400, {"code": "missing_from", "text": "no sender"}, Paused),
        (400, {"code": ["odd"]}, Refused),
        (401, {}, Paused),
        (403, {"code": "unauthorized"}, Paused),
        (429, {}, NotSent),
        (500, {}, Unsure),
        (201, {"id": ""}, Unsure),
    ],
)
def test_each_answer_has_its_decision(status: int, body: object, decision: type[SendError]) -> None:
    with pytest.raises(decision) as raised:
        read(Response(status=status, body=json.dumps(body).encode()), [SMS])
    assert CUSTOMER not in str(raised.value)


def signed(
    body: bytes, *, key: str = KEY, at: datetime = NOW, nonce: str = "01FJA8B4"
) -> dict[str, str]:
    """Sinch's headers, as its documentation makes them."""
    timestamp = str(int(at.timestamp()))
    data = body + f".{nonce}.{timestamp}".encode()
    digest = base64.b64encode(hmac.digest(key.encode(), data, "sha256")).decode()
    return {
        "x-sinch-webhook-signature": digest,
        "x-sinch-webhook-signature-nonce": nonce,
        "x-sinch-webhook-signature-timestamp": timestamp,
    }


async def heard(event: Mapping[str, object]) -> Sequence[Receipt]:
    body = json.dumps(event).encode()
    return await opened(webhook_key=Secret(KEY)).events(posted(body, signed(body)), NOW)


async def test_a_delivery_is_believed_and_tells_our_message() -> None:
    (receipt,) = await heard(REPORT)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert (receipt.message_id, receipt.provider_id) == ("abc1", REPORT["batch_id"])
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert receipt.at == datetime(2026, 11, 22, 8, 59, 58, 210000, tzinfo=UTC)


async def test_the_same_report_has_the_same_id_and_another_status_another() -> None:
    (first,), (again,) = await heard(REPORT), await heard(dict(reversed(REPORT.items())))
    (other,) = await heard({**REPORT, "status": "Dispatched"})
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("Queued", ReceiptKind.ACCEPTED),
        ("Dispatched", ReceiptKind.ACCEPTED),
        ("DELIVERED", ReceiptKind.DELIVERED),
        ("Failed", ReceiptKind.SOFT_BOUNCED),
        ("Expired", ReceiptKind.SOFT_BOUNCED),
        ("Rejected", ReceiptKind.DROPPED),
        ("Teleported", ReceiptKind.UNKNOWN),
    ],
)
async def test_each_status_has_its_meaning(status: str, kind: ReceiptKind) -> None:
    (receipt,) = await heard({**REPORT, "status": status})
    assert receipt.kind is kind


async def test_stop_is_understood_and_other_answers_leave_no_trace() -> None:
    (receipt,) = await heard({**ANSWER, "client_reference": "abc1"})
    assert receipt.kind is ReceiptKind.UNSUBSCRIBED
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert (receipt.event_id, receipt.message_id) == ("01FC-inbound", "abc1")
    assert await heard({**ANSWER, "body": "Merci"}) == []


async def test_an_event_of_another_type_is_kept_as_it_came() -> None:
    (receipt,) = await heard({"type": "mo_binary", "body": "AA=="})
    assert receipt.kind is ReceiptKind.UNKNOWN
    assert json.loads(receipt.raw) == {"type": "mo_binary", "body": "AA=="}


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (signed(b"{}", key="another"), "wrong_signature"),
        (signed(b"tampered"), "wrong_signature"),
        (signed(b"{}") | {"x-sinch-webhook-signature-nonce": "other"}, "wrong_signature"),
        (signed(b"{}", at=NOW - timedelta(minutes=6)), "stale"),
        (signed(b"{}") | {"x-sinch-webhook-signature-timestamp": "noon"}, "wrong_signature"),
        ({}, "no_signature"),
        (login("sinch", "right"), "no_signature"),
    ],
)
async def test_what_is_forged_tampered_with_or_old_is_not_believed(
    headers: dict[str, str], why: str
) -> None:
    sinch = opened(webhook_key=Secret(KEY), webhook_user="sinch", webhook_password="right")
    with pytest.raises(Unverified, match=why):
        await sinch.events(posted(b"{}", headers), NOW)


async def test_a_login_is_believed_where_there_is_no_key() -> None:
    sinch = opened(webhook_user="sinch", webhook_password=Secret("right"))
    assert await sinch.events(posted(REPORT, login("sinch", "right")), NOW)
    with pytest.raises(Unverified, match="wrong_credentials"):
        await sinch.events(posted(REPORT, login("sinch", "wrong")), NOW)


async def test_without_a_key_or_a_login_nothing_is_believed() -> None:
    with pytest.raises(Unverified, match="no_webhook_key"):
        await opened().events(posted(REPORT, login("", "")), NOW)


async def test_a_genuine_call_that_is_no_json_says_so() -> None:
    with pytest.raises(Unreadable):
        await opened(webhook_key=Secret(KEY)).events(posted(b"<xml>", signed(b"<xml>")), NOW)


@given(junk(*REPORT, *ANSWER))
def test_no_signed_junk_breaks_the_reader(body: bytes) -> None:
    survives(opened(webhook_key=Secret(KEY)), posted(body, signed(body)))
