"""Resend's wire, against its own package; its answers; its events, against Svix's package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import resend as sdk
from hypothesis import given, settings
from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.receipt import ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import (
    NotSent,
    Paused,
    Refused,
    SendError,
    Unreadable,
    Unsure,
    Unverified,
    WorkspaceError,
)
from relance.providers import hooks
from relance.providers.resend import Resend, Settings, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, junk, posted, survives

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour</p>",),
    text="Bonjour",
    reply_to="aide@boutique.example",
    headers={
        "List-Unsubscribe": "<https://relance.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=("lifecycle",),
)


def channel(url: str = "https://api.resend.com", **options: object) -> ChannelSpec:
    options = {"token": Secret("re_123"), "base_url": url, "webhook_key": Secret(KEY), **options}
    return ChannelSpec(
        name="email", provider="resend", sender="", options=options, path="relance.yaml:3:1"
    )


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def opened(url: str = "http://127.0.0.1:1", **options: object) -> Resend:
    return Resend.open(channel(url, **options), Path("/nowhere"), sleep=no_nap)


def spoken(seen: Seen) -> tuple[str, str, object, dict[str, str]]:
    """What a request says, but for how its client is called."""
    names = ("authorization", "content-type", "accept", "idempotency-key", "x-batch-validation")
    said = {name: seen.headers[name] for name in names if name in seen.headers}
    return seen.method, seen.path, seen.json(), said


def sdk_params(message: Email) -> sdk.Emails.SendParams:
    return {
        "from": message.sender,
        "to": [message.to],
        "subject": message.subject,
        "html": message.html,
        "text": message.text,
        "reply_to": message.reply_to or "",
        "headers": {**message.headers, "X-Relance-Message": message.message_id},
        "tags": [
            {"name": "relance_message", "value": message.message_id},
            {"name": "relance_trigger", "value": message.trigger},
            {"name": "lifecycle", "value": "lifecycle"},
        ],
    }


def json_answer(request: Seen) -> Answer:
    return replace(loopback.resend(request), headers={"Content-Type": "application/json"})


async def test_a_single_message_is_what_resends_own_package_sends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Loopback(json_answer) as vendor:
        monkeypatch.setattr(sdk, "api_url", vendor.url)
        monkeypatch.setattr(sdk, "api_key", "re_123")
        options: sdk.Emails.SendOptions = {"idempotency_key": "abc1"}
        await asyncio.to_thread(sdk.Emails.send, sdk_params(EMAIL), options)
        provider = opened(vendor.url)
        await provider.send([EMAIL])
        await provider.close()
    theirs, ours = vendor.seen
    assert spoken(ours) == spoken(theirs)


async def test_a_batch_is_what_resends_own_package_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(EMAIL, message_id="abc2", to="paul@example.com")
    async with Loopback(json_answer) as vendor:
        monkeypatch.setattr(sdk, "api_url", vendor.url)
        monkeypatch.setattr(sdk, "api_key", "re_123")
        options: sdk.Batch.SendOptions = {"batch_validation": "permissive"}
        await asyncio.to_thread(sdk.Batch.send, [sdk_params(EMAIL), sdk_params(other)], options)
        provider = opened(vendor.url, batch=True)
        await provider.send([EMAIL, other])
        await provider.close()
    theirs, ours = vendor.seen
    assert spoken(ours) == spoken(theirs)


def test_only_single_messages_are_sent_once_whatever_is_repeated() -> None:
    single, batch = opened(), opened(batch=True)
    assert (single.idempotent, single.batch_size) == (True, 1)
    assert (batch.idempotent, batch.batch_size) == (False, 100)
    assert single.can.idempotent_for == timedelta(hours=24)
    assert "Idempotency-Key" not in build([EMAIL], batch=True).headers


def test_a_tag_with_other_characters_is_refused_by_name() -> None:
    spec = replace(channel(), tags=("été",))
    with pytest.raises(WorkspaceError, match="été: resend takes letters"):
        Settings.of(spec, Path("/nowhere"))


def test_a_webhook_key_that_is_none_is_refused() -> None:
    with pytest.raises(WorkspaceError, match="no signing secret"):
        Settings.of(channel(webhook_key=Secret("whsec_é")), Path("/nowhere"))


def response(status: int, body: object) -> Response:
    return Response(status=status, body=json.dumps(body).encode())


def test_an_invalid_message_in_a_batch_does_not_fail_its_neighbours() -> None:
    batch = [replace(EMAIL, message_id=f"id{n}") for n in range(3)]
    body = {"data": [{"id": "a"}, {"id": "c"}], "errors": [{"index": 1, "message": "chloe@…"}]}
    first, second, third = read(response(200, body), batch, batch=True)
    assert first == Accepted(message_id="id0", provider_id="a")
    assert isinstance(second, Refused)
    assert "chloe" not in str(second)
    assert third == Accepted(message_id="id2", provider_id="c")


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"id": "a"}]},
        {"data": [{"id": "a"}, {"id": "b"}, {"id": "c"}]},
        {"data": [{"id": "a"}], "errors": [{"index": 7}]},
        {"data": [{"id": "a"}], "errors": [{"index": None}]},
        {"data": {"id": "a"}, "errors": "many"},
    ],
)
def test_a_batch_answer_that_does_not_add_up_leaves_all_unsure(body: object) -> None:
    batch = [EMAIL, replace(EMAIL, message_id="id1")]
    with pytest.raises(Unsure):
        read(response(200, body), batch, batch=True)


@pytest.mark.parametrize(
    ("status", "name", "decision"),
    [
        (400, "validation_error", Refused),
        (400, "invalid_idempotency_key", Refused),
        (401, "missing_api_key", Paused),
        (401, "restricted_api_key", Paused),
        (403, "invalid_api_key", Paused),
        (403, "validation_error", Paused),
        (404, "not_found", Paused),
        (409, "concurrent_idempotent_requests", Unsure),
        (422, "missing_required_field", Refused),
        (422, "invalid_from_address", Paused),
        (422, "invalid_attachment", Refused),
        (429, "rate_limit_exceeded", NotSent),
        (429, "daily_quota_exceeded", Paused),
        (429, "monthly_quota_exceeded", Paused),
        (451, "security_error", Refused),
        (500, "application_error", Unsure),
        (500, "internal_server_error", Unsure),
    ],
)
def test_each_error_has_its_decision(status: int, name: str, decision: type[SendError]) -> None:
    with pytest.raises(decision):
        read(response(status, {"name": name, "message": "chloe@"}), [EMAIL], batch=False)


def test_a_key_that_was_used_with_another_text_means_that_the_message_is_out() -> None:
    body = {"name": "invalid_idempotent_request", "message": "…"}
    (answer,) = read(response(409, body), [EMAIL], batch=False)
    assert answer == Accepted(message_id="abc1", provider_id=None)


def signed(body: bytes, key: str = KEY, at: datetime = NOW, event: str = "msg_1") -> dict[str, str]:
    """Svix's headers, made by its own package."""
    naive = at.replace(tzinfo=None)  # it takes the clock's face for UTC
    return {
        "svix-id": event,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": SvixWebhook(key).sign(event, naive, body.decode()),
    }


def event(name: str, **data: object) -> bytes:
    common = {
        "email_id": "56761188",
        "to": ["Chloe@example.com"],
        "tags": {"relance_message": "abc1", "relance_trigger": "winback"},
    }
    body = {"type": name, "created_at": "2026-11-22T08:59:58.126Z", "data": {**common, **data}}
    return json.dumps(body).encode()


EVENTS: list[tuple[str, Mapping[str, object], ReceiptKind, str]] = [
    ("email.sent", {}, ReceiptKind.ACCEPTED, ""),
    ("email.delivered", {}, ReceiptKind.DELIVERED, ""),
    ("email.delivery_delayed", {}, ReceiptKind.DEFERRED, ""),
    ("email.complained", {}, ReceiptKind.COMPLAINED, ""),
    ("email.opened", {}, ReceiptKind.OPENED, ""),
    ("email.clicked", {"click": {"link": "https://x"}}, ReceiptKind.CLICKED, ""),
    ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, ReceiptKind.DROPPED,
     "reached_daily_quota"),
    ("email.suppressed", {"suppressed": {"reason": "previous_bounce"}}, ReceiptKind.DROPPED,
     "previous_bounce"),
    ("email.bounced", {"bounce": {"type": "Permanent", "subType": "NoEmail"}},
     ReceiptKind.HARD_BOUNCED, "NoEmail"),
    ("email.bounced", {"bounce": {"type": "Transient", "subType": "MailboxFull"}},
     ReceiptKind.SOFT_BOUNCED, "MailboxFull"),
    ("email.bounced", {"bounce": {"message": "chloe@example.com is full"}},
     ReceiptKind.SOFT_BOUNCED, ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "kind", "reason"), EVENTS)
async def test_each_event_says_what_happened_to_the_message(
    name: str, data: Mapping[str, object], kind: ReceiptKind, reason: str
) -> None:
    body = event(name, **data)
    (receipt,) = await opened().events(posted(body, signed(body)), NOW)
    assert (receipt.kind, receipt.reason) == (kind, reason)
    assert (receipt.event_id, receipt.message_id, receipt.provider_id) == (
        "msg_1", "abc1", "56761188",
    )  # fmt: skip
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at is not None
    assert receipt.at.isoformat() == "2026-11-22T08:59:58.126000+00:00"
    assert receipt.raw == ""


@pytest.mark.parametrize(
    "data",
    [
        {
            "tags": [
                {"name": "category", "value": "x"},
                {"name": "relance_message", "value": "abc1"},
            ]
        },
        {"tags": {}, "headers": [{"name": "X-Relance-Message", "value": "abc1"}]},
    ],
)
async def test_our_id_is_found_in_either_form_of_tags_and_in_the_headers(
    data: Mapping[str, object],
) -> None:
    body = event("email.delivered", **data)
    (receipt,) = await opened().events(posted(body, signed(body)), NOW)
    assert receipt.message_id == "abc1"


async def test_an_earlier_complaint_unsubscribes() -> None:
    body = event("email.suppressed", suppressed={"reason": "previous_complaint"})
    receipts = await opened().events(posted(body, signed(body)), NOW)
    assert [receipt.kind for receipt in receipts] == [
        ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED,
    ]  # fmt: skip


async def test_an_event_that_nobody_knows_keeps_its_form() -> None:
    body = event("email.teleported")
    (receipt,) = await opened().events(posted(body, signed(body)), NOW)
    assert receipt.kind is ReceiptKind.UNKNOWN
    assert json.loads(receipt.raw) == json.loads(body)


async def test_the_same_event_has_the_same_id_however_often_it_comes() -> None:
    body = event("email.opened")
    later = NOW + timedelta(minutes=30)
    (first,) = await opened().events(posted(body, signed(body)), NOW)
    (again,) = await opened().events(posted(body, signed(body, at=later)), later)
    assert first.event_id == again.event_id


async def refusal(body: bytes, headers: dict[str, str], at: datetime = NOW) -> str:
    with pytest.raises(Unverified) as raised:
        await opened().events(posted(body, headers), at)
    return raised.value.reason


async def test_what_is_not_signed_by_resend_is_not_believed() -> None:
    body = event("email.opened")
    other = "whsec_" + "A" * 32
    assert await refusal(event("email.bounced"), signed(body)) == "wrong_signature"
    assert await refusal(body, signed(body, key=other)) == "wrong_signature"
    assert await refusal(body, {**signed(body), "svix-id": "msg_2"}) == "wrong_signature"
    assert await refusal(body, {}) == "no_signature"
    assert await refusal(body, {**signed(body), "svix-signature": "v1"}) == "wrong_signature"


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_signature_of_another_time_is_not_believed(minutes: int) -> None:
    body = event("email.opened")
    at = NOW + timedelta(minutes=minutes)
    assert await refusal(body, signed(body), at) == "stale"


async def test_during_a_change_of_keys_one_of_several_signatures_is_enough() -> None:
    body = event("email.opened")
    headers = signed(body)
    headers["svix-signature"] = f"v1,AAAA {headers['svix-signature']} v2,BBBB"
    assert len(await opened().events(posted(body, headers), NOW)) == 1


async def test_without_a_key_nothing_is_believed() -> None:
    body = event("email.opened")
    with pytest.raises(Unverified, match="no_webhook_key"):
        await opened(webhook_key=None).events(posted(body, signed(body)), NOW)


async def test_a_signed_body_that_is_no_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        await opened().events(posted(b"<html>", signed(b"<html>")), NOW)


def test_our_signature_is_the_one_of_both_packages() -> None:
    key = hooks.standard_key(Secret(KEY))
    assert key is not None
    ours = hooks.standard_signature(key, "msg_1", str(int(NOW.timestamp())), b"{}")
    assert ours == Webhook(KEY).sign("msg_1", NOW, "{}")
    assert ours == SvixWebhook(KEY).sign("msg_1", NOW, "{}")


@settings(max_examples=150, deadline=None)
@given(junk("type", "data", "bounce", "tags", "to", "created_at", "failed", "relance_message"))
def test_no_signed_junk_breaks_anything(body: bytes) -> None:
    key = hooks.standard_key(Secret(KEY))
    assert key is not None
    stamp = str(int(NOW.timestamp()))
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": stamp,
        "svix-signature": hooks.standard_signature(key, "msg_1", stamp, body),
    }
    survives(opened(), posted(body, headers))
