"""Brevo's text messages, against its own package; their events and what customers answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from brevo import Brevo as Sdk
from hypothesis import given, settings

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Sms
from relance.domain.receipt import Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import Unverified, WorkspaceError
from relance.providers.brevo import Brevo, Settings
from relance.providers.brevo_sms import build
from relance.settings import Secret
from reports import heard, junk, login, posted, survives

LOGIN = login("relance", "hook-password")
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to="+33612345678",
    sender="Boutique",
    text="Vous nous manquez à tous. STOP au 36111",
    tags=("lifecycle",),
)


def channel(url: str = "https://api.brevo.com", **options: object) -> ChannelSpec:
    options = {
        "token": Secret("xkeysib-1"), "base_url": url, "webhook_user": "relance",
        "webhook_password": Secret("hook-password"), **options,
    }  # fmt: skip
    return ChannelSpec(
        name="sms", provider="brevo", sender="Boutique", options=options, path="relance.yaml:3:1"
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
            sdk.transactional_sms.send_transac_sms(
                sender="Boutique",
                recipient="+33612345678",
                content=SMS.text,
                type="marketing",
                tag=["relance_message:abc1", "winback", "lifecycle"],
                unicode_enabled=False,
            )

    async with Loopback(loopback.brevo) as vendor:
        await asyncio.to_thread(send, vendor.url)
        provider = opened(vendor.url)
        (answer,) = await provider.send([SMS])
        await provider.close()
    theirs, ours = vendor.seen
    assert spoken(ours) == spoken(theirs)
    assert str(getattr(answer, "provider_id", "")).isdigit()


def sent(message: Sms, sms_type: str = "marketing") -> dict[str, object]:
    body = json.loads(build([message], sms_type=sms_type).body)
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize(("text", "unicode"), [("déjà 5€ [x]", False), ("ça", True), ("💌", True)])
def test_what_the_plain_alphabet_lacks_goes_as_unicode(text: str, unicode: bool) -> None:
    assert sent(replace(SMS, text=text))["unicodeEnabled"] is unicode


def test_a_number_as_sender_goes_without_its_plus() -> None:
    assert sent(replace(SMS, sender="+33700000000"))["sender"] == "33700000000"


def test_a_transactional_message_is_the_workspaces_choice() -> None:
    assert sent(SMS, "transactional")["type"] == "transactional"
    with pytest.raises(WorkspaceError, match="one of marketing, transactional"):
        Settings.of(channel(sms_type="urgent"), Path("/nowhere"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sender": "La Boutique"}, "11 letters and digits"),
        ({"sender": "LaBelleBoutique"}, "11 letters and digits"),
        ({"reply_to": "a@b.example"}, "reply_to: is for e-mail only"),
        ({"headers": {"X": "y"}}, "headers: is for e-mail only"),
        ({"tags": tuple(f"t{n}" for n in range(9))}, "at most 8"),
    ],
)
def test_what_a_text_message_cannot_have_is_refused_by_name(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message):
        Settings.of(replace(channel(), **change), Path("/nowhere"))


def test_a_text_message_is_never_repeated() -> None:
    assert not opened().idempotent
    assert opened().can.events
    assert not opened().can.reply_to


def event(status: str, **fields: object) -> dict[str, object]:
    return {
        "id": 26570, "to": "33612345678", "sms_count": 1, "messageId": 123,
        "msg_status": status, "date": "2026-11-22 10:59:58", "ts_event": 1795337998,
        "tag": ["relance_message:abc1", "winback"], **fields,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("sent", ReceiptKind.ACCEPTED, ""),
        ("accepted", ReceiptKind.ACCEPTED, ""),
        ("delivered", ReceiptKind.DELIVERED, ""),
        ("soft_bounce", ReceiptKind.SOFT_BOUNCED, ""),
        ("hard_bounce", ReceiptKind.HARD_BOUNCED, ""),
        ("rejected", ReceiptKind.DROPPED, "rejected"),
        ("skip", ReceiptKind.DROPPED, "skip"),
        ("unsubscribe", ReceiptKind.UNSUBSCRIBED, ""),
        ("subscribe", ReceiptKind.RESUBSCRIBED, ""),
        ("teleported", ReceiptKind.UNKNOWN, ""),
    ],
)
async def test_each_event_says_what_happened_to_the_message(
    status: str, kind: ReceiptKind, reason: str
) -> None:
    (receipt,) = await heard(opened(), event(status), LOGIN)
    assert receipt == Receipt(
        provider="brevo",
        event_id=receipt.event_id,
        kind=kind,
        at=datetime(2026, 11, 22, 8, 59, 58, tzinfo=UTC),
        message_id="abc1",
        provider_id="123",
        recipient=recipient_digest("+33612345678"),
        reason=reason,
        raw=receipt.raw,
    )


async def test_a_number_on_brevos_block_list_is_unsubscribed_here_too() -> None:
    receipts = await heard(opened(), event("blacklisted"), LOGIN)
    assert [each.kind for each in receipts] == [ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED]


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        ("STOP", [ReceiptKind.UNSUBSCRIBED]),
        ("Arrêt !", [ReceiptKind.UNSUBSCRIBED]),
        ("start", [ReceiptKind.RESUBSCRIBED]),
        ("nonstop génial", []),
        ("", []),
    ],
)
async def test_what_a_customer_answers(reply: str, kinds: list[ReceiptKind]) -> None:
    receipts = await heard(opened(), event("replied", reply=reply), LOGIN)
    assert [receipt.kind for receipt in receipts] == kinds
    assert all(receipt.recipient == recipient_digest("+33612345678") for receipt in receipts)
    assert all(receipt.raw == "" for receipt in receipts)


@pytest.mark.parametrize("tag", ["relance_message:abc1", ["winback", "relance_message:abc1"]])
async def test_our_id_is_found_in_one_tag_or_many(tag: object) -> None:
    (receipt,) = await heard(opened(), event("delivered", tag=tag), LOGIN)
    assert receipt.message_id == "abc1"


@pytest.mark.parametrize("tag", [None, "winback", [1, None], "relance_message:"])
async def test_without_our_tag_brevos_own_id_is_left(tag: object) -> None:
    (receipt,) = await heard(opened(), event("delivered", tag=tag), LOGIN)
    assert (receipt.message_id, receipt.provider_id) == (None, "123")


async def test_who_does_not_log_in_is_not_believed() -> None:
    with pytest.raises(Unverified):
        await heard(opened(), event("replied", reply="STOP"), login("relance", "other"))


@settings(max_examples=100, deadline=None)
@given(junk("msg_status", "event", "to", "messageId", "reply", "tag", "ts_event"))
def test_no_junk_breaks_anything(body: bytes) -> None:
    survives(opened(), posted(body, LOGIN))
