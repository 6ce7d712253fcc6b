"""SendGrid's wire against its own SDK, and its signed reports."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
import sendgrid as sdk
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from sendgrid.helpers import mail
from sendgrid.helpers.eventwebhook import EventWebhook

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted
from relance.domain.receipt import Doubtful, Inbound, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.sendgrid import Sendgrid, Settings, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import EMAIL, JUNK, NOW, corrupted, dumped, posted, refusal, survives

PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = base64.b64encode(
    PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


def channel(**options: object) -> ChannelSpec:
    return ChannelSpec(
        name="email",
        provider="sendgrid",
        sender="",
        options={"token": Secret("SG.tok"), "webhook_key": KEY, **options},
    )


def provider(**options: object) -> Sendgrid:
    return Sendgrid.open(channel(**options), Path("/nowhere"))


def by_the_sdk() -> mail.Mail:
    """The same e-mail, put together with SendGrid's own classes."""
    theirs = mail.Mail(
        from_email=mail.From("bonjour@boutique.example", "La Boutique été"),
        subject=EMAIL.subject,
        plain_text_content=EMAIL.text,
        html_content=EMAIL.html,
    )
    to = mail.Personalization()
    to.add_to(mail.To("chloe@example.com"))
    to.add_custom_arg(mail.CustomArg("relance_message", "abc1"))
    theirs.add_personalization(to)
    theirs.reply_to = mail.ReplyTo("aide@boutique.example", "Aide")
    for name, value in EMAIL.headers.items():
        theirs.add_header(mail.Header(name, value))
    theirs.add_header(mail.Header("X-Relance-Message", "abc1"))
    theirs.add_header(mail.Header("Message-ID", "<abc1@boutique.example>"))
    for tag in ("winback", "hiver", "vip"):
        theirs.add_category(mail.Category(tag))
    theirs.mail_settings = mail.MailSettings(sandbox_mode=mail.SandBoxMode(enable=True))
    return theirs


def comparable(request: Seen) -> dict[str, object]:
    """The body; their library turns the order of categories around."""
    body = json.loads(request.body)
    return {**body, "categories": sorted(body["categories"])}


async def test_sendgrids_own_library_sends_the_same_request() -> None:
    async with Loopback(loopback.sendgrid) as vendor:
        client = sdk.SendGridAPIClient("SG.tok", host=vendor.url)
        await asyncio.to_thread(client.send, by_the_sdk())
        ours = provider(base_url=vendor.url, sandbox=True)
        (answer,) = await ours.send([EMAIL])
        await ours.close()
    theirs, mine = vendor.seen
    assert isinstance(answer, Accepted)
    assert (mine.method, mine.path) == (theirs.method, theirs.path) == ("POST", "/v3/mail/send")
    for name in ("authorization", "content-type"):
        assert mine.headers[name] == theirs.headers[name]
    assert comparable(mine) == comparable(theirs)


def test_without_the_sandbox_nothing_is_said_of_it() -> None:
    assert "mail_settings" not in json.loads(build([EMAIL]).body)


def test_an_empty_text_and_a_missing_reply_address_are_left_out() -> None:
    body = json.loads(build([replace(EMAIL, text="", reply_to=None, tags=("winback",))]).body)
    assert [part["type"] for part in body["content"]] == ["text/html"]
    assert "reply_to" not in body
    assert body["categories"] == ["winback"]


def answered(status: int, body: object = None, **headers: str) -> Response:
    return Response(status=status, body=dumped(body), headers=headers)


def test_the_id_stands_in_the_header() -> None:
    response = Response(status=202, body=b"", headers={"x-message-id": "LRzXl"})
    assert read(response, [EMAIL]) == [Accepted(message_id="abc1", provider_id="LRzXl")]


def test_an_acceptance_without_an_id_is_unsure() -> None:
    for status in (200, 202, 204):
        with pytest.raises(Unsure):
            read(Response(status=status, body=b""), [EMAIL])


def test_the_sandbox_accepts_without_an_id() -> None:
    answer = read(Response(status=200, body=b""), [EMAIL], sandbox=True)
    assert answer == [Accepted(message_id="abc1", provider_id=None)]


@pytest.mark.parametrize(
    ("status", "field", "decision"),
    [
        (400, "from.email", Paused),
        (400, "from", Paused),
        (400, "reply_to.email", Paused),
        (400, "personalizations.0.to.0.email", Refused),
        (400, "content.0.value", Refused),
        (400, None, Refused),
        (401, None, Paused),  # also where the month's credits are used up
        (403, "from", Paused),
        (413, None, Refused),
        (429, None, NotSent),
        (500, None, Unsure),
        (503, None, NotSent),
    ],
)
def test_each_refusal_has_its_decision(
    status: int, field: str | None, decision: type[SendError]
) -> None:
    with pytest.raises(decision) as raised:
        read(
            answered(status, {"errors": [{"message": "chloe@example.com", "field": field}]}),
            [EMAIL],
        )
    assert type(raised.value) is decision
    assert "chloe" not in str(raised.value)


def signed(body: bytes, at: object = None, key: ec.EllipticCurvePrivateKey = PRIVATE) -> Inbound:
    stamp = str(int(NOW.timestamp())) if at is None else str(at)
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return posted(
        body,
        {
            "x-twilio-email-event-webhook-timestamp": stamp,
            "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        },
    )


def event(kind: str, **more: object) -> dict[str, object]:
    return {
        "email": "Chloe@example.com",
        "timestamp": 1795338000,
        "smtp-id": "<abc1@boutique.example>",
        "event": kind,
        "sg_event_id": "sgev1",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-5f54b5d587-p4ddd-18-5F5E.0",
        "relance_message": "abc1",
        **more,
    }


async def kinds(*events: object) -> list[ReceiptKind]:
    return [r.kind for r in await provider().events(signed(dumped(list(events))), NOW)]


async def test_a_signed_report_is_read() -> None:
    request = signed(dumped([event("delivered", response="250 OK")]))
    headers = request.headers
    assert EventWebhook(KEY).verify_signature(
        request.body.decode(),
        headers["x-twilio-email-event-webhook-signature"],
        headers["x-twilio-email-event-webhook-timestamp"],
    )
    (receipt,) = await provider().events(request, NOW)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.event_id == "sgev1"
    assert receipt.message_id == "abc1"
    assert receipt.provider_id == "LRzXl_NHStOGhQ4kofSm_A"
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at is not None
    assert receipt.at.timestamp() == 1795338000
    assert receipt.raw == ""


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        (event("processed"), ReceiptKind.ACCEPTED),
        (event("deferred"), ReceiptKind.DEFERRED),
        (event("bounce", type="bounce", reason="550 no such user"), ReceiptKind.HARD_BOUNCED),
        (event("bounce", type="blocked"), ReceiptKind.SOFT_BOUNCED),
        (event("bounce", type="expired"), ReceiptKind.SOFT_BOUNCED),
        (event("dropped", reason="Bounced Address"), ReceiptKind.HARD_BOUNCED),
        (event("dropped", reason="Invalid"), ReceiptKind.HARD_BOUNCED),
        (event("dropped", reason="Spam Content"), ReceiptKind.DROPPED),
        (event("open"), ReceiptKind.OPENED),
        (event("click"), ReceiptKind.CLICKED),
        (event("spamreport"), ReceiptKind.COMPLAINED),
        (event("unsubscribe"), ReceiptKind.UNSUBSCRIBED),
        (event("group_unsubscribe"), ReceiptKind.UNSUBSCRIBED),
        (event("group_resubscribe"), ReceiptKind.RESUBSCRIBED),
        (event("account_status_change"), ReceiptKind.UNKNOWN),
    ],
)
async def test_each_event_has_its_kind(reported: dict[str, object], kind: ReceiptKind) -> None:
    assert await kinds(reported) == [kind]


@pytest.mark.parametrize("reason", ["Unsubscribed Address", "Spam Reporting Address"])
async def test_who_is_on_sendgrids_list_of_the_unwilling_is_suppressed_here_too(
    reason: str,
) -> None:
    dropped, wish = await provider().events(signed(dumped([event("dropped", reason=reason)])), NOW)
    assert (dropped.kind, wish.kind) == (ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED)
    assert dropped.event_id != wish.event_id


async def test_a_machines_open_is_marked() -> None:
    opens = [event("open", sg_machine_open=True), event("open", sg_machine_open=False)]
    receipts = await provider().events(signed(dumped(opens)), NOW)
    assert [receipt.machine for receipt in receipts] == [True, False]


async def test_an_unknown_event_keeps_its_raw_form() -> None:
    (receipt,) = await provider().events(signed(dumped([event("teleported", to="mars")])), NOW)
    assert receipt.kind is ReceiptKind.UNKNOWN
    assert json.loads(receipt.raw)["to"] == "mars"


async def test_a_repeated_event_has_the_same_id_even_without_one_of_sendgrids() -> None:
    one, again = (
        event("open", sg_event_id=""),
        dict(reversed(event("open", sg_event_id="").items())),
    )
    first, second = await provider().events(signed(dumped([one, again])), NOW)
    assert first.event_id == second.event_id


async def test_a_report_that_proves_nothing_is_not_believed() -> None:
    body = dumped([event("spamreport")])
    good, stamp = signed(body), int(NOW.timestamp())
    other = ec.generate_private_key(ec.SECP256R1())
    hooked = provider().events
    assert await refusal(hooked(posted(body), NOW)) == "no_signature"
    assert await refusal(hooked(replace(good, body=body + b" "), NOW)) == "wrong_signature"
    assert await refusal(hooked(signed(body, key=other), NOW)) == "wrong_signature"
    late = NOW + timedelta(minutes=5, seconds=1)
    assert await refusal(hooked(good, late)) == "stale"
    assert await refusal(hooked(signed(body, stamp + 301), NOW)) == "stale"
    assert await refusal(hooked(signed(body, "soon"), NOW)) == "no_timestamp"
    assert await refusal(provider(webhook_key=None).events(good, NOW)) == "no_webhook_key"
    assert len(await hooked(good, NOW + timedelta(minutes=4))) == 1


async def test_a_genuine_body_that_is_no_json_is_unreadable() -> None:
    assert await refusal(provider().events(signed(b"[{"), NOW)) == "not_json"


@given(JUNK | corrupted(event("dropped", reason="Invalid")).map(lambda one: [one]))
def test_no_genuine_junk_breaks_the_reader(junk: object) -> None:
    hooked = provider()
    survives(hooked, signed(dumped(junk)))


DOUBTFUL = Doubtful(
    message_id="abc1", provider="sendgrid", channel="email", sent_at=NOW, to="chloe@example.com"
)


async def looked_up(answer: Answer) -> tuple[object, str]:
    async with Loopback(lambda _: answer) as vendor:
        asked = provider(base_url=vendor.url)
        try:
            return await asked.look_up(DOUBTFUL), vendor.seen[0].path
        finally:
            await asked.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("processed", ReceiptKind.ACCEPTED),
        ("delivered", ReceiptKind.DELIVERED),
        ("not_delivered", ReceiptKind.DROPPED),
    ],
)
async def test_a_message_is_found_by_our_id(status: str, kind: ReceiptKind) -> None:
    messages = [{"msg_id": "LRzXl.recvd-1.0", "status": status, "to_email": "chloe@example.com"}]
    receipt, path = await looked_up(Answer(body=dumped({"messages": messages})))
    assert unquote(path) == "/v3/messages?limit=10&query=(unique_args['relance_message']=\"abc1\")"
    assert receipt is not None
    assert receipt.kind is kind
    assert receipt.event_id == f"look-up:abc1:{kind}"
    assert (receipt.message_id, receipt.provider_id) == ("abc1", "LRzXl")


@pytest.mark.parametrize(
    "answer", [Answer(body=b'{"messages": []}'), Answer(status=403), Answer(status=401)]
)
async def test_nothing_found_and_no_such_add_on_are_both_no_answer(answer: Answer) -> None:
    receipt, _ = await looked_up(answer)
    assert receipt is None


async def test_a_failed_look_up_says_so() -> None:
    with pytest.raises(Unsure):
        await looked_up(Answer(status=500))


@pytest.mark.parametrize(
    ("spec", "where", "message"),
    [
        (channel(webhook_key="MFkw"), "webhook_key", "no ECDSA public key"),
        (replace(channel(), tags=tuple("abcdefghij")), "tags", "at most 9"),
        (replace(channel(), tags=("été",)), "tags", "ASCII"),
        (replace(channel(), headers={"X-SG-EID": "1"}), "headers", "does not let X-SG-EID"),
        (replace(channel(), headers={"X-Shop": "été"}), "headers", "ASCII values only"),
        (channel(token=Secret("")), "token", "empty"),
    ],
)
def test_what_sendgrid_cannot_do_is_refused_by_name(
    spec: ChannelSpec, where: str, message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(spec, Path("/nowhere"))
    assert [p.where for p in raised.value.problems] == [f"channels.email.{where}"]


def test_the_verification_key_may_stand_in_pem() -> None:
    pem = f"-----BEGIN PUBLIC KEY-----\n{KEY[:64]}\n{KEY[64:]}\n-----END PUBLIC KEY-----\n"
    assert Settings.of(channel(webhook_key=pem), Path("/nowhere")).webhook_key == KEY
