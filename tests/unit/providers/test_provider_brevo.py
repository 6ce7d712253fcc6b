"""Brevo's e-mail, against its own package; its answers and its events."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from brevo import Brevo as Sdk
from brevo.transactional_emails import (
    SendTransacEmailRequestReplyTo,
    SendTransacEmailRequestSender,
    SendTransacEmailRequestToItem,
)
from hypothesis import given, settings

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.receipt import Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, Unverified, WorkspaceError
from relance.providers.brevo import Brevo, Settings, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import heard, junk, login, posted, survives

LOGIN = login("relance", "hook-password")
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour</p>",),
    text="Bonjour",
    reply_to="Aide <aide@boutique.example>",
    headers={
        "List-Unsubscribe": "<https://relance.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=("lifecycle",),
)


def channel(url: str = "https://api.brevo.com", **options: object) -> ChannelSpec:
    options = {
        "token": Secret("xkeysib-1"), "base_url": url, "webhook_user": "relance",
        "webhook_password": Secret("hook-password"), **options,
    }  # fmt: skip
    return ChannelSpec(
        name="email", provider="brevo", sender="", options=options, path="relance.yaml:3:1"
    )


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def opened(url: str = "http://127.0.0.1:1", **options: object) -> Brevo:
    return Brevo.open(channel(url, **options), Path("/nowhere"), sleep=no_nap)


def spoken(seen: Seen) -> tuple[str, str, object, str, str]:
    headers = seen.headers
    return seen.method, seen.path, seen.json(), headers["api-key"], headers["content-type"]


async def test_the_request_is_what_brevos_own_package_sends() -> None:
    def send(url: str) -> None:
        with httpx.Client() as client:
            sdk = Sdk(api_key="xkeysib-1", base_url=f"{url}/v3", httpx_client=client)
            sdk.transactional_emails.send_transac_email(
                sender=SendTransacEmailRequestSender(
                    email="bonjour@boutique.example", name="La Boutique"
                ),
                to=[SendTransacEmailRequestToItem(email="chloe@example.com")],
                reply_to=SendTransacEmailRequestReplyTo(email="aide@boutique.example", name="Aide"),
                subject=EMAIL.subject,
                html_content=EMAIL.html,
                text_content=EMAIL.text,
                headers={
                    **EMAIL.headers,
                    "X-Relance-Message": "abc1",
                    "X-Mailin-custom": "abc1",
                    "idempotencyKey": str(uuid.uuid5(uuid.NAMESPACE_OID, "abc1")),
                },
                tags=["winback", "lifecycle"],
            )

    async with Loopback(loopback.brevo) as vendor:
        await asyncio.to_thread(send, vendor.url)
        provider = opened(vendor.url)
        await provider.send([EMAIL])
        await provider.close()
    theirs, ours = vendor.seen
    assert spoken(ours) == spoken(theirs)


def key_of(message: Email) -> str:
    body = json.loads(build([message]).body)
    return str(body["headers"]["idempotencyKey"])


def test_the_same_message_has_the_same_key_and_no_other_has() -> None:
    assert key_of(EMAIL) == key_of(replace(EMAIL, subject="Autre"))
    assert key_of(EMAIL) != key_of(replace(EMAIL, message_id="abc2"))
    assert uuid.UUID(key_of(EMAIL))


def test_a_repetition_is_sent_once_for_the_shorter_of_the_documented_times() -> None:
    assert opened().can.idempotent_for == timedelta(minutes=15)
    assert opened().idempotent


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Mailin-Custom": "mine"}, "brevo does not let X-Mailin-Custom be set"),
        ({"X-Shop": "été"}, "X-Shop: brevo takes ASCII values only"),
    ],
)
def test_a_header_that_brevo_cannot_carry_is_refused_by_name(
    headers: dict[str, str], message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message):
        Settings.of(replace(channel(), headers=headers), Path("/nowhere"))


def response(status: int, body: object) -> Response:
    return Response(status=status, body=json.dumps(body).encode())


def test_an_accepted_message_carries_brevos_id() -> None:
    (answer,) = read(response(201, {"messageId": "<1@smtp-relay.mailin.fr>"}), [EMAIL])
    assert answer == Accepted(message_id="abc1", provider_id="<1@smtp-relay.mailin.fr>")


def test_a_key_that_was_used_means_that_the_message_is_out() -> None:
    body = {"code": "duplicate_parameter", "message": "idempotencyKey"}
    (answer,) = read(response(400, body), [EMAIL])
    assert answer == Accepted(message_id="abc1", provider_id=None)


@pytest.mark.parametrize(
    ("status", "code", "message", "decision"),
    [
        (400, "invalid_parameter", "email is not valid in to", Refused),
        (400, "missing_parameter", "htmlContent is missing", Refused),
        (400, "invalid_parameter", "Sender is invalid / inactive", Paused),
        (400, "not_enough_credits", "", Paused),
        (401, "unauthorized", "Key not found", Paused),
        (402, "not_enough_credits", "", Paused),
        (403, "permission_denied", "", Paused),
        (403, "account_under_validation", "", Paused),
        (429, "", "", NotSent),
        (500, "unauthorized", "", Unsure),
    ],
)
def test_each_error_has_its_decision(
    status: int, code: str, message: str, decision: type[SendError]
) -> None:
    body = {"code": code, "message": f"{message} chloe@example.com"}
    with pytest.raises(decision) as raised:
        read(response(status, body), [EMAIL])
    assert "chloe" not in str(raised.value)


def event(name: str, **fields: object) -> dict[str, object]:
    return {
        "event": name, "email": "Chloe@example.com", "id": 26224, "date": "2026-11-22 10:59:58",
        "ts": 1795337990, "message-id": "<1@smtp-relay.mailin.fr>", "ts_event": 1795337990,
        "X-Mailin-custom": "abc1", "ts_epoch": 1795337998126, "tags": ["winback"], **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("request", ReceiptKind.ACCEPTED, ""),
        ("deferred", ReceiptKind.DEFERRED, ""),
        ("delivered", ReceiptKind.DELIVERED, ""),
        ("soft_bounce", ReceiptKind.SOFT_BOUNCED, ""),
        ("hard_bounce", ReceiptKind.HARD_BOUNCED, ""),
        ("invalid_email", ReceiptKind.HARD_BOUNCED, "invalid_email"),
        ("blocked", ReceiptKind.DROPPED, "blocked"),
        ("error", ReceiptKind.DROPPED, "error"),
        ("spam", ReceiptKind.COMPLAINED, ""),
        ("unsubscribed", ReceiptKind.UNSUBSCRIBED, ""),
        ("opened", ReceiptKind.OPENED, ""),
        ("unique_opened", ReceiptKind.OPENED, ""),
        ("click", ReceiptKind.CLICKED, ""),
        ("teleported", ReceiptKind.UNKNOWN, ""),
    ],
)
async def test_each_event_says_what_happened_to_the_message(
    name: str, kind: ReceiptKind, reason: str
) -> None:
    (receipt,) = await heard(opened(), event(name), LOGIN)
    assert receipt == Receipt(
        provider="brevo",
        event_id=receipt.event_id,
        kind=kind,
        at=datetime(2026, 11, 22, 8, 59, 58, 126000, tzinfo=UTC),
        message_id="abc1",
        provider_id="<1@smtp-relay.mailin.fr>",
        recipient=recipient_digest("chloe@example.com"),
        reason=reason,
        raw=receipt.raw,
    )
    assert bool(receipt.raw) is (kind is ReceiptKind.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "machine"), [("proxy_open", True), ("unique_proxy_open", True), ("opened", False)]
)
async def test_an_open_by_a_proxy_is_a_machines(name: str, machine: bool) -> None:
    (receipt,) = await heard(opened(), event(name), LOGIN)
    assert (receipt.kind, receipt.machine) == (ReceiptKind.OPENED, machine)


async def test_the_same_event_has_the_same_id_however_often_it_comes() -> None:
    batched = [event("opened"), event("opened", ts_epoch=1795337999000)]
    (one, other) = await heard(opened(), batched, LOGIN)
    (again,) = await heard(opened(), event("opened"), LOGIN)
    assert one.event_id == again.event_id
    assert one.event_id != other.event_id


async def test_an_instant_without_milliseconds_is_read_too() -> None:
    (receipt,) = await heard(opened(), event("opened", ts_epoch=None), LOGIN)
    assert receipt.at == datetime(2026, 11, 22, 8, 59, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    "headers",
    [{}, login("relance", "other"), {"authorization": "Bearer hook-password"}],
)
async def test_who_does_not_log_in_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        await heard(opened(), event("spam"), headers)


@pytest.mark.parametrize("alone", [True, False])
async def test_a_bearer_token_proves_brevo_as_well(alone: bool) -> None:
    both = {} if not alone else {"webhook_user": None, "webhook_password": None}
    provider = opened(webhook_key=Secret("client-token"), **both)
    assert len(await heard(provider, event("spam"), {"authorization": "Bearer client-token"})) == 1
    for wrong in ({"authorization": "Bearer other"}, {"authorization": "Bearer "}, {}):
        with pytest.raises(Unverified):
            await heard(provider, event("spam"), wrong)


async def test_without_a_password_or_a_token_nothing_is_believed() -> None:
    provider = opened(webhook_user=None, webhook_password=None)
    for headers in (login("", ""), {"authorization": "Bearer "}):
        with pytest.raises(Unverified, match="no_webhook_key"):
            await heard(provider, event("spam"), headers)


@settings(max_examples=100, deadline=None)
@given(junk("event", "email", "ts_epoch", "ts_event", "message-id", "X-Mailin-custom", "tags"))
def test_no_junk_breaks_anything(body: bytes) -> None:
    survives(opened(), posted(body, LOGIN))
