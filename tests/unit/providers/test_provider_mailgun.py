"""Mailgun's wire against its own library, and its signed reports."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from mailgun.client import Client
from mailgun.security import SecurityGuard

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.mailgun import Mailgun, Settings, build, read
from relance.providers.wire import Request, Response
from relance.settings import Secret
from reports import EMAIL, JUNK, NOW, corrupted, dumped, posted, refusal, survives

KEY = "webhook-signing-key"
TOKEN = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123"


def channel(**options: object) -> ChannelSpec:
    options = {
        "token": Secret("key-1"),
        "domain": "mg.example.com",
        "webhook_key": Secret(KEY),
        **options,
    }
    return ChannelSpec(name="email", provider="mailgun", sender="", options=options)


def provider(**options: object) -> Mailgun:
    return Mailgun.open(channel(**options), Path("/nowhere"))


def form(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """A form's fields, whichever of the two ways it is written in."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return sorted(parse_qsl(body.decode()))
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    parts: list[Message] = list(whole.iter_parts())
    return sorted(
        (str(part.get_param("name", header="content-disposition")), _text(part)) for part in parts
    )


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def fields(request: Request | Seen) -> list[tuple[str, str]]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return form(headers["content-type"], request.body)


def send_by_their_library(url: str) -> None:
    with Client(auth=("api", "key-1"), api_url=url) as client:
        client.messages.create(
            data={
                "from": "La Boutique été <bonjour@boutique.example>",
                "to": "chloe@example.com",
                "subject": EMAIL.subject,
                "text": EMAIL.text,
                "html": EMAIL.html,
                "o:tag": ["winback", "hiver", "vip"],
                "h:Reply-To": "Aide <aide@boutique.example>",
                **{f"h:{name}": value for name, value in EMAIL.headers.items()},
                "h:X-Relance-Message": "abc1",
                "h:Message-Id": "<abc1@boutique.example>",
                "v:relance_message": "abc1",
            },
            domain="mg.example.com",
        )


async def test_mailguns_own_library_sends_the_same_fields() -> None:
    async with Loopback(loopback.mailgun) as vendor:
        await asyncio.to_thread(send_by_their_library, vendor.url)
        ours = provider(base_url=vendor.url)
        (answer,) = await ours.send([EMAIL])
        await ours.close()
    theirs, mine = vendor.seen
    assert isinstance(answer, Accepted)
    assert (mine.method, mine.path) == (theirs.method, theirs.path)
    assert mine.path == "/v3/mg.example.com/messages"
    assert mine.headers["authorization"] == theirs.headers["authorization"]
    # the API's description says multipart; their library sends it only where a file is attached
    assert mine.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert fields(mine) == fields(theirs)


def test_a_text_that_holds_the_boundary_stays_one_text() -> None:
    nasty = "a\r\n--relance-abc1--\r\n--relance-abc1\r\nContent-Disposition: form-data"
    request = build([replace(EMAIL, text=nasty)], domain="mg.example.com")
    assert dict(fields(request))["text"] == nasty


def test_an_empty_text_and_a_missing_reply_address_are_left_out() -> None:
    names = [
        name
        for name, _ in fields(build([replace(EMAIL, text="", reply_to=None)], domain="d.example"))
    ]
    assert "text" not in names
    assert "h:Reply-To" not in names


def test_the_id_is_told_without_its_brackets() -> None:
    body = dumped({"id": "<2011.1@mg.example.com>", "message": "Queued. Thank you."})
    answer = read(Response(status=200, body=body), [EMAIL])
    assert answer == [Accepted(message_id="abc1", provider_id="2011.1@mg.example.com")]


@pytest.mark.parametrize(
    ("status", "text", "decision"),
    [
        (400, "'to' parameter is not a valid address. please check documentation", Refused),
        (400, "to parameter is not a valid address", Refused),
        (400, "'from' parameter is not a valid address. please check documentation", Paused),
        (400, "Need at least one of 'text' or 'html' parameters specified", Refused),
        (400, "Sandbox subdomains are for test purposes only.", Paused),
        (403, "Domain mg.example.com is not allowed to send: The domain is unverified", Paused),
        (403, "Free accounts are for test purposes only.", Paused),
        (404, "Domain not found: mg.example.com", Paused),
        (401, "Forbidden", Paused),
        (420, "Domain is not allowed to send: recipient limit exceeded", NotSent),
        (429, "Too many requests", NotSent),
        (500, "Internal Server Error: 'to' parameter", Unsure),
    ],
)
def test_each_refusal_has_its_decision(status: int, text: str, decision: type[SendError]) -> None:
    with pytest.raises(decision) as raised:
        read(Response(status=status, body=dumped({"message": text})), [EMAIL])
    assert type(raised.value) is decision
    assert "mg.example.com" not in str(raised.value)


def test_mailguns_front_page_is_a_mistake_in_the_address() -> None:
    with pytest.raises(Paused, match="no_such_endpoint"):
        read(Response(status=200, body=b'"Mailgun Magnificent API"'), [EMAIL])


def signature(at: object = None, token: str = TOKEN, key: str = KEY) -> dict[str, object]:
    stamp = str(int(NOW.timestamp())) if at is None else at
    digest = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": stamp, "token": token, "signature": digest}


def event(kind: str, **more: object) -> dict[str, object]:
    return {
        "event": kind,
        "id": "ncV2XwymRUKbPek_MIM-Gw",
        "timestamp": 1795338000.5,
        "recipient": "Chloe@example.com",
        "user-variables": {"relance_message": "abc1"},
        "message": {"headers": {"message-id": "abc1@boutique.example"}},
        **more,
    }


def report(reported: object, **signing: object) -> Inbound:
    body = {"signature": signature(**signing), "event-data": reported}  # type: ignore[arg-type]
    return posted(dumped(body), {"content-type": "application/json"})


async def receipts(reported: object) -> list[Receipt]:
    return list(await provider().events(report(reported), NOW))


async def test_a_signed_report_is_read() -> None:
    made = signature()
    assert SecurityGuard.verify_webhook(
        KEY, TOKEN, str(made["timestamp"]), str(made["signature"]), max_age_seconds=0
    )
    (receipt,) = await receipts(event("delivered"))
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.message_id == "abc1"
    assert receipt.provider_id == "abc1@boutique.example"
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at is not None
    assert receipt.at.timestamp() == 1795338000.5


def failed(reason: str, severity: str = "permanent", **status: object) -> dict[str, object]:
    return event("failed", severity=severity, reason=reason, **{"delivery-status": status})


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        (event("accepted"), ReceiptKind.ACCEPTED),
        (event("rejected"), ReceiptKind.DROPPED),
        (failed("generic", "temporary"), ReceiptKind.DEFERRED),
        (failed("bounce"), ReceiptKind.HARD_BOUNCED),
        (failed("suppress-bounce"), ReceiptKind.HARD_BOUNCED),
        (failed("old"), ReceiptKind.SOFT_BOUNCED),
        (failed("generic", **{"bounce-type": "hard"}), ReceiptKind.HARD_BOUNCED),
        (failed("bounce", **{"bounce-type": "soft"}), ReceiptKind.SOFT_BOUNCED),
        (event("opened"), ReceiptKind.OPENED),
        (event("clicked"), ReceiptKind.CLICKED),
        (event("complained"), ReceiptKind.COMPLAINED),
        (event("unsubscribed"), ReceiptKind.UNSUBSCRIBED),
        (event("stored"), ReceiptKind.UNKNOWN),
    ],
)
async def test_each_event_has_its_kind(reported: dict[str, object], kind: ReceiptKind) -> None:
    assert [receipt.kind for receipt in await receipts(reported)] == [kind]


@pytest.mark.parametrize("reason", ["suppress-unsubscribe", "suppress-complaint"])
async def test_who_is_on_mailguns_list_of_the_unwilling_is_suppressed_here_too(
    reason: str,
) -> None:
    dropped, wish = await receipts(failed(reason))
    assert (dropped.kind, wish.kind) == (ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED)
    assert dropped.event_id != wish.event_id


@pytest.mark.parametrize("kind", ["opened", "clicked"])
async def test_what_a_machine_did_is_marked(kind: str) -> None:
    (by_apple,) = await receipts(event(kind, **{"client-info": {"bot": "apple"}}))
    (by_hand,) = await receipts(event(kind, **{"client-info": {"bot": ""}}))
    assert by_apple.machine
    assert not by_hand.machine


async def test_a_caught_signature_reports_nothing_new() -> None:
    """The signature does not cover the event: its token stands for whatever was reported first."""
    (genuine,) = await receipts(event("delivered"))
    (forged,) = await receipts(event("complained", recipient="other@example.com"))
    assert genuine.event_id == forged.event_id == TOKEN


async def test_a_report_that_proves_nothing_is_not_believed() -> None:
    good, hooked = report(event("complained")), provider().events
    body = json.loads(good.body)
    body["signature"]["token"] = "another"
    stamp = int(NOW.timestamp())
    assert await refusal(hooked(posted(b"junk"), NOW)) == "no_signature"
    assert await refusal(hooked(posted(dumped({"event-data": {}})), NOW)) == "no_signature"
    assert await refusal(hooked(posted(dumped(body)), NOW)) == "wrong_signature"
    assert await refusal(hooked(report(event("opened"), key="other"), NOW)) == "wrong_signature"
    assert await refusal(hooked(good, NOW + timedelta(hours=9, seconds=1))) == "stale"
    assert await refusal(hooked(report(event("opened"), at=stamp + 301), NOW)) == "stale"
    assert await refusal(hooked(report(event("opened"), at="soon"), NOW)) == "no_timestamp"
    assert await refusal(provider(webhook_key=None).events(good, NOW)) == "no_webhook_key"
    assert len(await hooked(report(event("opened"), at=stamp - 299), NOW)) == 1


async def test_mailguns_last_repetition_is_believed_under_the_first_signature() -> None:
    """After 10, 10, 15 and 30 minutes, 1, 2 and 4 hours, with the signature of the first time."""
    last = NOW + timedelta(hours=8, minutes=5)
    (first,) = await receipts(event("failed", severity="permanent"))
    (again,) = await provider().events(report(event("failed", severity="permanent")), last)
    assert again == first


async def test_a_subaccounts_report_may_be_proved_by_its_parents_key() -> None:
    body = json.loads(report(event("delivered"), key="the subaccount's").body)
    by_parent = json.loads(report(event("delivered")).body)["signature"]["signature"]
    body["signature"]["parent-signature"] = by_parent
    assert len(await provider().events(posted(dumped(body)), NOW)) == 1


async def test_a_signature_without_an_event_is_unreadable() -> None:
    assert await refusal(provider().events(report("nothing"), NOW)) == "no_event"


@given(JUNK | corrupted(failed("bounce", **{"bounce-type": "hard"})))
def test_no_genuine_junk_breaks_the_reader(junk: object) -> None:
    hooked = provider()
    survives(hooked, report(junk))


@given(JUNK | corrupted({"signature": signature(), "event-data": event("opened")}))
def test_no_junk_around_the_signature_breaks_the_reader(junk: object) -> None:
    hooked = provider()
    survives(hooked, posted(dumped(junk)))


DOUBTFUL = Doubtful(
    message_id="abc1", provider="mailgun", channel="email", sent_at=NOW, to="chloe@bücher.example"
)


async def looked_up(answer: Answer) -> tuple[Receipt | None, str]:
    async with Loopback(lambda _: answer) as vendor:
        asked = provider(base_url=vendor.url)
        try:
            return await asked.look_up(DOUBTFUL), vendor.seen[0].path
        finally:
            await asked.close()


async def test_a_message_is_found_by_our_id_among_what_happened_to_the_address() -> None:
    another = event("complained", **{"user-variables": {"relance_message": "abc2"}})
    items = [event("accepted"), another, event("delivered"), event("accepted")]
    receipt, path = await looked_up(Answer(body=dumped({"items": items, "paging": {}})))
    asked = urlsplit(path)
    assert asked.path == "/v3/mg.example.com/events"
    assert dict(parse_qsl(asked.query)) == {
        "recipient": "chloe@xn--bcher-kva.example",
        "begin": str(int(NOW.timestamp()) - 600),
        "ascending": "yes",
        "limit": "300",
    }
    assert receipt is not None
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.event_id == "look-up:abc1:delivered"
    assert (receipt.message_id, receipt.provider_id) == ("abc1", "abc1@boutique.example")


@pytest.mark.parametrize(
    "answer", [Answer(body=b'{"items": []}'), Answer(status=401), Answer(status=403)]
)
async def test_nothing_found_and_a_key_that_may_only_send_are_both_no_answer(
    answer: Answer,
) -> None:
    receipt, _ = await looked_up(answer)
    assert receipt is None


async def test_a_failed_look_up_says_so() -> None:
    with pytest.raises(Unsure):
        await looked_up(Answer(status=502))


@pytest.mark.parametrize(
    ("spec", "where", "message"),
    [
        (channel(domain="mg.example.com/../x"), "domain", "is not a domain"),
        (channel(domain=None), "domain", "needs domain"),
        (replace(channel(), tags=tuple("abcdefghij")), "tags", "at most 9"),
        (replace(channel(), tags=("x" * 129,)), "tags", "128"),
    ],
)
def test_what_mailgun_cannot_do_is_refused_by_name(
    spec: ChannelSpec, where: str, message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(spec, Path("/nowhere"))
    assert [p.where for p in raised.value.problems] == [f"channels.email.{where}"]
