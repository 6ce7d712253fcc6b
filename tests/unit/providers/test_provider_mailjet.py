"""Mailjet's wire, against its own package; its answers, its events, its look-up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from mailjet_rest import Client
from mailjet_rest.builders import MessageBuilder

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, Unverified, WorkspaceError
from relance.providers.mailjet import Mailjet, Settings, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, heard, junk, login, posted, survives

LOGIN = login("relance", "hook-password")
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour {{name}}</p>",),
    text="Bonjour",
    reply_to="Aide <aide@boutique.example>",
    headers={
        "List-Unsubscribe": "<https://relance.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)


def channel(url: str = "https://api.mailjet.com", **options: object) -> ChannelSpec:
    options = {
        "key": "public", "token": Secret("private"), "base_url": url, "webhook_user": "relance",
        "webhook_password": Secret("hook-password"), **options,
    }  # fmt: skip
    return ChannelSpec(
        name="email", provider="mailjet", sender="", options=options, path="relance.yaml:3:1"
    )


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def opened(url: str = "http://127.0.0.1:1", **options: object) -> Mailjet:
    return Mailjet.open(channel(url, **options), Path("/nowhere"), sleep=no_nap)


def spoken(seen: Seen) -> tuple[str, str, object, str, str]:
    headers = seen.headers
    return (
        seen.method, seen.path, seen.json(), headers["authorization"], headers["content-type"],
    )  # fmt: skip


async def test_the_request_is_what_mailjets_own_package_sends() -> None:
    theirs = MessageBuilder().set_sender("bonjour@boutique.example", "La Boutique")
    theirs.add_recipient("chloe@example.com").set_reply_to("aide@boutique.example", "Aide")
    theirs.set_subject(EMAIL.subject).set_content(text=EMAIL.text, html=EMAIL.html)
    ours_alone = {  # the builder has no methods for these properties of the Send API
        "CustomID": "abc1",
        "CustomCampaign": "winback",
        "Headers": {**EMAIL.headers, "X-Relance-Message": "abc1"},
    }
    message = {**theirs.build(), **ours_alone}

    def send(url: str) -> None:
        with Client(auth=("public", "private"), version="v3.1", api_url=url) as client:
            client.send.create(data={"Messages": [message]})

    async with Loopback(loopback.mailjet) as vendor:
        await asyncio.to_thread(send, vendor.url)
        provider = opened(vendor.url)
        await provider.send([EMAIL])
        await provider.close()
    sdk, ours = vendor.seen
    assert spoken(ours) == spoken(sdk)


def test_the_sandbox_is_asked_for_beside_the_messages() -> None:
    body = json.loads(build([EMAIL], sandbox=True).body)
    assert body["SandboxMode"] is True
    assert "SandboxMode" not in json.loads(build([EMAIL], sandbox=False).body)


@pytest.mark.parametrize("name", ["List-Id", "User-Agent", "X-Mailjet-Campaign"])
def test_a_header_that_mailjet_keeps_for_itself_is_refused_by_name(name: str) -> None:
    spec = replace(channel(), headers={name: "x"})
    with pytest.raises(WorkspaceError, match=f"mailjet does not let {name} be set"):
        Settings.of(spec, Path("/nowhere"))


def test_a_webhook_user_without_a_password_is_a_mistake() -> None:
    with pytest.raises(WorkspaceError, match="go together"):
        Settings.of(channel(webhook_password=None), Path("/nowhere"))


def emails(count: int) -> list[Email]:
    return [replace(EMAIL, message_id=f"id{n}", to=f"c{n}@example.com") for n in range(count)]


def success(number: int) -> dict[str, object]:
    return {"Status": "success", "To": [{"MessageID": number, "MessageUUID": "u"}]}


def failure(code: str, status: int = 400) -> dict[str, object]:
    error = {"ErrorCode": code, "StatusCode": status, "ErrorMessage": "c1@example.com is bad"}
    return {"Status": "error", "Errors": [error]}


def response(status: int, *messages: object) -> Response:
    return Response(status=status, body=json.dumps({"Messages": messages}).encode())


@pytest.mark.parametrize("status", [200, 400])
def test_one_bad_address_does_not_fail_its_neighbours(status: int) -> None:
    answers = read(response(status, success(1), failure("mj-0013"), success(3)), emails(3))
    assert answers[0] == Accepted(message_id="id0", provider_id="1")
    assert answers[2] == Accepted(message_id="id2", provider_id="3")
    assert isinstance(answers[1], Refused)
    assert "example.com" not in str(answers[1])


@pytest.mark.parametrize(
    ("code", "status", "decision"),
    [
        ("send-0003", 400, Refused),
        ("mj-0006", 400, Refused),
        ("mj-0013", 400, Refused),
        ("send-0006", 403, Paused),
        ("send-0007", 403, Paused),
        ("send-0008", 403, Paused),
        ("mj-0001", 401, Paused),
        ("new-0001", 403, Paused),
        ("new-0002", 429, NotSent),
        ("new-0003", 500, Unsure),
    ],
)
def test_each_error_of_a_message_has_its_decision(
    code: str, status: int, decision: type[SendError]
) -> None:
    (answer, _) = read(response(200, failure(code, status), success(2)), emails(2))
    assert type(answer) is decision
    assert code in str(answer)


@pytest.mark.parametrize(
    ("status", "body", "decision"),
    [
        (400, {"ErrorCode": "mj-0002", "StatusCode": 400}, Refused),
        (400, {"ErrorCode": "mj-0008", "StatusCode": 400}, Refused),
        (401, {"ErrorCode": "mj-0015", "StatusCode": 401}, Paused),
        (401, {"ErrorMessage": "API key authentication/authorization failure"}, Paused),
        (403, {}, Paused),
        (413, {}, Refused),
        (429, {}, NotSent),
        (500, {"ErrorIdentifier": "x", "StatusCode": 500}, Unsure),
    ],
)
def test_each_error_of_a_call_has_its_decision(
    status: int, body: object, decision: type[SendError]
) -> None:
    with pytest.raises(decision):
        read(Response(status=status, body=json.dumps(body).encode()), emails(2))


def test_an_answer_of_the_wrong_length_leaves_all_unsure() -> None:
    with pytest.raises(Unsure):
        read(response(200, success(1)), emails(2))


def test_a_hole_in_the_answer_is_unsure_for_that_message_only() -> None:
    (known, unknown) = read(response(200, success(1), None), emails(2))
    assert isinstance(known, Accepted)
    assert isinstance(unknown, Unsure)


def test_a_message_in_the_sandbox_has_no_id_at_mailjet() -> None:
    (answer,) = read(response(200, success(0)), [EMAIL])
    assert answer == Accepted(message_id="abc1", provider_id=None)


def event(name: str, **fields: object) -> dict[str, object]:
    return {
        "event": name, "time": 1795337998, "MessageID": 19421777835146490,
        "email": "Chloe@example.com", "CustomID": "abc1", "Payload": "", **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "fields", "kind", "reason"),
    [
        ("sent", {}, ReceiptKind.DELIVERED, ""),
        ("open", {"agent": "Mozilla"}, ReceiptKind.OPENED, ""),
        ("click", {"url": "https://x"}, ReceiptKind.CLICKED, ""),
        ("bounce", {"hard_bounce": True, "error": "user unknown"}, ReceiptKind.HARD_BOUNCED,
         "user unknown"),
        ("bounce", {"hard_bounce": False, "error": "quota exceeded"}, ReceiptKind.SOFT_BOUNCED,
         "quota exceeded"),
        ("bounce", {"hard_bounce": False, "error": "greylisted"}, ReceiptKind.DEFERRED,
         "greylisted"),
        ("bounce", {"error": "chloe@example.com is full"}, ReceiptKind.SOFT_BOUNCED, ""),
        ("blocked", {"error": "preblocked"}, ReceiptKind.DROPPED, "preblocked"),
        ("spam", {"source": "JMRPP"}, ReceiptKind.COMPLAINED, ""),
        ("unsub", {"mj_list_id": 1}, ReceiptKind.UNSUBSCRIBED, ""),
    ],
)  # fmt: skip
async def test_each_event_says_what_happened_to_the_message(
    name: str, fields: dict[str, object], kind: ReceiptKind, reason: str
) -> None:
    (receipt,) = await heard(opened(), event(name, **fields), LOGIN)
    assert (receipt.kind, receipt.reason) == (kind, reason)
    assert (receipt.message_id, receipt.provider_id) == ("abc1", "19421777835146490")
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at == datetime(2026, 11, 22, 8, 59, 58, tzinfo=UTC)


async def test_many_events_come_in_one_call_and_keep_their_ids() -> None:
    body = [event("sent"), event("open"), event("open", time=1795338000)]
    first = await heard(opened(), body, LOGIN)
    again = await heard(opened(), [dict(reversed(each.items())) for each in body], LOGIN)
    assert len({receipt.event_id for receipt in first}) == 3
    assert [receipt.event_id for receipt in first] == [receipt.event_id for receipt in again]


@pytest.mark.parametrize("error", ["spam reporter", "blacklisted"])
async def test_an_address_that_mailjet_keeps_from_us_is_unsubscribed_here_too(error: str) -> None:
    receipts = await heard(opened(), event("blocked", error=error), LOGIN)
    assert [each.kind for each in receipts] == [ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED]


async def test_an_event_that_nobody_knows_keeps_its_form() -> None:
    (receipt,) = await heard(opened(), event("teleported"), LOGIN)
    assert receipt.kind is ReceiptKind.UNKNOWN
    assert json.loads(receipt.raw) == event("teleported")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no_credentials"),
        ({"authorization": "Basic ?"}, "no_credentials"),
        ({"authorization": "Bearer hook-password"}, "no_credentials"),
        (login("relance", "other"), "wrong_credentials"),
        (login("other", "hook-password"), "wrong_credentials"),
    ],
)
async def test_who_does_not_log_in_is_not_believed(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Unverified, match=reason):
        await heard(opened(), event("spam"), headers)


async def test_without_a_password_nothing_is_believed() -> None:
    provider = opened(webhook_user=None, webhook_password=None)
    with pytest.raises(Unverified, match="no_webhook_key"):
        await heard(provider, event("spam"), login("", ""))


@settings(max_examples=100, deadline=None)
@given(junk("event", "time", "MessageID", "email", "CustomID", "hard_bounce", "error"))
def test_no_junk_breaks_anything(body: bytes) -> None:
    survives(opened(), posted(body, LOGIN))


DOUBTFUL = Doubtful(
    message_id="abc1", provider="mailjet", channel="email", sent_at=NOW, to="chloe@example.com"
)


async def looked_up(answer: Answer) -> tuple[object, Seen]:
    async with Loopback(lambda _: answer) as vendor:
        provider = opened(vendor.url)
        try:
            found = await provider.look_up(DOUBTFUL)
        finally:
            await provider.close()
    return found, vendor.seen[0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("queued", ReceiptKind.ACCEPTED),
        ("sent", ReceiptKind.DELIVERED),
        ("hardbounced", ReceiptKind.HARD_BOUNCED),
        ("something new", ReceiptKind.ACCEPTED),
    ],
)
async def test_a_doubtful_message_is_found_by_our_id(status: str, kind: ReceiptKind) -> None:
    entry = {"ID": 456, "Status": status, "ArrivedAt": "2026-11-22T09:00:01Z"}
    body = json.dumps({"Count": 1, "Data": [entry]}).encode()
    found, seen = await looked_up(Answer(body=body))
    assert getattr(found, "kind", None) is kind
    assert getattr(found, "event_id", None) == f"look-up:abc1:{kind}"
    assert getattr(found, "provider_id", None) == "456"
    assert (seen.method, seen.path) == ("GET", "/v3/REST/message?CustomID=abc1&FromTS=1795334400")


async def test_a_message_that_mailjet_never_had_is_not_found() -> None:
    found, _ = await looked_up(Answer(body=b'{"Count": 0, "Data": [], "Total": 0}'))
    assert found is None


async def test_a_look_up_that_cannot_be_read_says_nothing() -> None:
    with pytest.raises(Unsure):
        await looked_up(Answer(body=b"{}"))
