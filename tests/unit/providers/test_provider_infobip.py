"""Infobip's wire, answers and reports, against its own SDK's models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from infobip_api_client.api.sms_api import SmsApi
from infobip_api_client.api_client import ApiClient, Configuration
from infobip_api_client.models import (
    SmsDestination,
    SmsMessage,
    SmsMessageContent,
    SmsRequest,
    SmsTextContent,
)

import loopback
from loopback import Answer, Loopback
from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Doubtful, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unreadable, Unsure, Unverified
from relance.providers.infobip import Infobip, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, junk, login, posted, survives

CUSTOMER = "+33612345678"
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to=CUSTOMER,
    sender="Boutique",
    text="Chloé, -20 % ✓\nمرحبا",
)
OTHER = replace(SMS, message_id="abc2", to="+33699999999")
LOGIN = login("infobip", "right")
QUESTION = Doubtful(message_id="abc1", provider="infobip", channel="sms", sent_at=NOW, to=CUSTOMER)


def status(group: int, code: int) -> dict[str, object]:
    return {"groupId": group, "groupName": "G", "id": code, "name": "N", "description": CUSTOMER}


REPORT = {
    "bulkId": "b",
    "messageId": "abc1",
    "to": "33612345678",
    "sentAt": "2026-11-22T08:59:50.000+0000",
    "doneAt": "2026-11-22T08:59:58.000+0000",
    "status": status(3, 5),
    "error": {"groupId": 0, "id": 0, "name": "NO_ERROR", "permanent": False},
}
ANSWER = {
    "messageId": "817790313235066447",
    "from": "33612345678",
    "to": "33700000000",
    "text": "STOP",
    "receivedAt": "2026-11-22T08:59:58.000+0000",
}


def opened(url: str = "https://api.infobip.com", **options: object) -> Infobip:
    options = {
        "api_key": Secret("k3y"),
        "base_url": url,
        "webhook_user": "infobip",
        "webhook_password": Secret("right"),
        **options,
    }
    channel = ChannelSpec(name="sms", provider="infobip", sender="", options=options)
    return Infobip.open(channel, Path("/nowhere"))


def by_the_sdk(message: Sms) -> SmsMessage:
    return SmsMessage(
        sender=message.sender,
        destinations=[
            SmsDestination(to=message.to.removeprefix("+"), message_id=message.message_id)
        ],
        content=SmsMessageContent(actual_instance=SmsTextContent(text=message.text)),
    )


def send_by_sdk(url: str, messages: Sequence[Sms]) -> None:
    config = Configuration(host=url, api_key="k3y")
    request = SmsRequest(messages=[by_the_sdk(message) for message in messages])
    SmsApi(ApiClient(config)).send_sms_messages(sms_request=request)


async def test_the_request_is_the_one_that_infobips_sdk_makes() -> None:
    async with Loopback(loopback.infobip) as vendor:
        infobip = opened(vendor.url)
        answers = await infobip.send([SMS, OTHER])
        await infobip.close()
        await asyncio.to_thread(send_by_sdk, vendor.url, [SMS, OTHER])
    assert [type(answer) for answer in answers] == [Accepted, Accepted]
    ours, theirs = vendor.seen
    assert (ours.method, ours.path, ours.json()) == (theirs.method, theirs.path, theirs.json())
    for name in ("authorization", "content-type", "accept"):
        assert ours.headers[name] == theirs.headers[name]


def answered(*results: tuple[str, object]) -> Response:
    messages = [{"messageId": name, "status": said} for name, said in results]
    return Response(status=200, body=json.dumps({"bulkId": "b", "messages": messages}).encode())


def test_one_refused_number_fails_no_neighbour_whatever_the_order() -> None:
    response = answered(("abc2", status(5, 52)), ("abc1", status(1, 26)))
    first, second = read(response, [SMS, OTHER])
    assert first == Accepted(message_id="abc1", provider_id="abc1")
    assert isinstance(second, Refused)


def test_a_message_that_the_answer_leaves_out_may_have_been_sent() -> None:
    first, second = read(answered(("abc1", status(1, 26))), [SMS, OTHER])
    assert isinstance(first, Accepted)
    assert isinstance(second, Unsure)


@pytest.mark.parametrize(
    ("said", "decision", "reason"),
    [
        (status(5, 52), Refused, "invalid_recipient"),
        (status(5, 10), Refused, "do_not_disturb"),
        (status(5, 14), Refused, "blocked_recipient"),
        (status(5, 12), Paused, "payment_required"),
        (status(5, 11), Paused, "invalid_sender"),
        (status(5, 20), NotSent, "flooding"),
        (status(5, 21), NotSent, "system_error"),
        (status(5, 23), Unsure, "duplicate_id"),
        (status(5, 999), Refused, "refused"),
        (status(2, 9), Refused, "refused"),
        (status(9, 1), Unsure, "unreadable_answer"),
        ({"groupId": ["odd"], "id": {}}, Unsure, "unreadable_answer"),
        ("odd", Unsure, "unreadable_answer"),
    ],
)
def test_each_status_has_its_decision(said: object, decision: type[SendError], reason: str) -> None:
    (answer,) = read(answered(("abc1", said)), [SMS])
    assert type(answer) is decision
    assert answer.reason == reason
    assert CUSTOMER not in str(answer)


@pytest.mark.parametrize(("code", "unsubscribe"), [(14, True), (10, True), (52, False), (6, False)])
def test_who_is_on_a_list_is_unsubscribed_and_nobody_else(code: int, unsubscribe: bool) -> None:
    (answer,) = read(answered(("abc1", status(5, code))), [SMS])
    assert isinstance(answer, Refused)
    assert answer.unsubscribe is unsubscribe


@pytest.mark.parametrize(
    ("code", "body", "decision"),
    [
        (400, {"errorCode": "E400", "violations": [{"property": "messages[0].sender"}]}, Paused),
        (400, {"errorCode": "E400", "violations": [{"property": "messages[0].content"}]}, Refused),
        (400, {"violations": "odd"}, Refused),
        (401, {"requestError": {}}, Paused),
        (403, {}, Paused),
        (500, {}, Unsure),
        (200, {"messages": []}, Unsure),
    ],
)
def test_each_http_answer_has_its_decision(
    code: int, body: object, decision: type[SendError]
) -> None:
    with pytest.raises(decision):
        read(Response(status=code, body=json.dumps(body).encode()), [SMS])


async def heard(*events: Mapping[str, object]) -> Sequence[Receipt]:
    return await opened().events(posted({"results": events}, LOGIN), NOW)


async def test_deliveries_are_believed_and_tell_our_messages() -> None:
    first, second = await heard(REPORT, {**REPORT, "messageId": "abc2"})
    assert (first.kind, first.message_id) == (ReceiptKind.DELIVERED, "abc1")
    assert second.message_id == "abc2"
    assert first.recipient == recipient_digest(CUSTOMER)
    assert first.at == datetime(2026, 11, 22, 8, 59, 58, tzinfo=UTC)


async def test_the_same_report_has_the_same_id_and_another_status_another() -> None:
    (first,), (again,) = await heard(REPORT), await heard(dict(reversed(REPORT.items())))
    (other,) = await heard({**REPORT, "status": status(3, 2)})
    assert first.event_id == again.event_id != other.event_id


def error(code: int, *, permanent: bool) -> dict[str, object]:
    return {"groupId": 1, "id": code, "name": "EC_SOME_ERROR", "permanent": permanent}


@pytest.mark.parametrize(
    ("said", "why", "kind"),
    [
        (status(1, 7), None, ReceiptKind.ACCEPTED),
        (status(3, 2), None, ReceiptKind.ACCEPTED),
        (status(3, 5), None, ReceiptKind.DELIVERED),
        (status(4, 15), None, ReceiptKind.SOFT_BOUNCED),
        (status(2, 9), error(1, permanent=True), ReceiptKind.HARD_BOUNCED),
        (status(2, 9), error(27, permanent=False), ReceiptKind.SOFT_BOUNCED),
        (status(2, 4), error(603, permanent=True), ReceiptKind.DROPPED),
        (status(5, 52), None, ReceiptKind.HARD_BOUNCED),
        (status(5, 12), error(0, permanent=False), ReceiptKind.DROPPED),
        (status(7, 1), None, ReceiptKind.UNKNOWN),
        ({"groupId": [1]}, None, ReceiptKind.UNKNOWN),
    ],
)
async def test_each_status_has_its_meaning(said: object, why: object, kind: ReceiptKind) -> None:
    (receipt,) = await heard({**REPORT, "status": said, "error": why})
    assert receipt.kind is kind


@pytest.mark.parametrize(
    "event",
    [
        {"status": status(5, 14)},
        {"status": status(5, 10)},
        {"status": status(2, 4), "error": error(573, permanent=True)},
    ],
)
async def test_a_number_that_wants_no_more_is_unsubscribed_here(event: dict[str, object]) -> None:
    dropped, wish = await heard({**REPORT, **event})
    assert (dropped.kind, wish.kind) == (ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED)
    assert wish.recipient == recipient_digest(CUSTOMER)


async def test_stop_is_understood_and_other_answers_leave_no_trace() -> None:
    (receipt,) = await heard(ANSWER, {**ANSWER, "text": "Merci", "messageId": "2"})
    assert receipt.kind is ReceiptKind.UNSUBSCRIBED
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert receipt.event_id == ANSWER["messageId"]


async def test_a_body_of_another_form_is_kept_as_it_came() -> None:
    (receipt,) = await opened().events(posted({"ping": 1}, LOGIN), NOW)
    assert (receipt.kind, receipt.raw) == (ReceiptKind.UNKNOWN, '{"ping":1}')


@pytest.mark.parametrize(
    "headers", [{}, login("infobip", "wrong"), login("other", "right"), {"authorization": "App k"}]
)
async def test_who_does_not_know_the_login_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        await opened().events(posted({"results": [REPORT]}, headers), NOW)


async def test_without_a_login_nothing_is_believed() -> None:
    infobip = opened(webhook_user=None, webhook_password=None)
    with pytest.raises(Unverified, match="no_webhook_key"):
        await infobip.events(posted({"results": [REPORT]}, login("", "")), NOW)


async def test_a_genuine_call_that_is_no_json_says_so() -> None:
    with pytest.raises(Unreadable):
        await opened().events(posted(b"<xml>", LOGIN), NOW)


@given(junk("results", "groupId", "id", *REPORT, *ANSWER))
def test_no_junk_breaks_the_reader(body: bytes) -> None:
    survives(opened(), posted(body, LOGIN))


@pytest.mark.parametrize(
    ("logs", "kind"),
    [
        ([{**REPORT, "destination": "33612345678"}], ReceiptKind.DELIVERED),
        ([{**REPORT, "status": status(1, 7)}], ReceiptKind.ACCEPTED),
        ([{**REPORT, "status": status(5, 52)}], ReceiptKind.HARD_BOUNCED),
        ([{**REPORT, "messageId": "another"}], None),
        ([], None),
        (["odd"], None),
        ([{**REPORT, "status": status(9, 9)}], None),
    ],
)
async def test_a_message_is_found_in_the_log_by_its_id(
    logs: list[object], kind: ReceiptKind | None
) -> None:
    body = json.dumps({"results": logs}).encode()
    async with Loopback(lambda _: Answer(body=body)) as vendor:
        infobip = opened(vendor.url)
        receipt = await infobip.look_up(QUESTION)
        await infobip.close()
    assert (vendor.seen[0].method, vendor.seen[0].path) == ("GET", "/sms/3/logs?messageId=abc1")
    assert (receipt.kind if receipt else None) is kind
    if receipt:
        assert receipt.event_id == f"look-up:abc1:{kind}"
