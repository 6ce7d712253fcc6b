"""What Twilio reports and is asked: its own request validator is the oracle of the signature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from loopback import Answer, Loopback, Seen
from relance.domain.message import Sms
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, Refused, Unverified
from relance.providers.options import with_callback
from relance.providers.twilio import SPEC, Twilio, build
from relance.settings import Secret
from reports import NOW, survives

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "t0ken-of-the-account"
CUSTOMER, SHOP = "+33612345678", "+33700000000"
URL = "https://relance.example/webhooks/sms/twilio"
SMS = Sms(message_id="abc1", trigger="winback", to=CUSTOMER, sender=SHOP, text="Bonjour")
STATUS = {
    "MessageSid": "SM1",
    "MessageStatus": "delivered",
    "To": CUSTOMER,
    "From": SHOP,
    "AccountSid": ACCOUNT,
}
ANSWER = {
    "MessageSid": "SM2",
    "From": CUSTOMER,
    "To": SHOP,
    "Body": "STOP",
    "SmsStatus": "received",
}


def opened(url: str = "https://api.twilio.com", **options: object) -> Twilio:
    options = {"account": ACCOUNT, "token": Secret(TOKEN), "base_url": url, **options}
    channel = ChannelSpec(name="sms", provider="twilio", sender=SHOP, options=options)
    return Twilio.open(channel, Path("/nowhere"))


def call(
    form: Mapping[str, str],
    *,
    url: str = f"{URL}?message=abc1",
    token: str = TOKEN,
    signed: Mapping[str, str] | None = None,
    signed_url: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Inbound:
    """A call as Twilio makes it, signed by Twilio's own code."""
    signature = RequestValidator(token).compute_signature(
        signed_url or url, dict(form if signed is None else signed)
    )
    return Inbound(
        method="POST",
        url=url,
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": signature,
            **(headers or {}),
        },
        query={name: values[0] for name, values in parse_qs(urlsplit(url).query).items()},
        body=urlencode(form).encode(),
    )


async def heard(form: Mapping[str, str], **options: str) -> Sequence[Receipt]:
    return await opened().events(call(form, **options), NOW)


async def test_a_delivery_is_believed_and_tells_our_message() -> None:
    (receipt,) = await heard(STATUS)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.message_id == "abc1"
    assert receipt.provider_id == "SM1"
    assert receipt.recipient == recipient_digest(CUSTOMER)


async def test_the_same_report_has_the_same_id_and_another_status_another() -> None:
    (first,), (again,) = await heard(STATUS), await heard(STATUS)
    (other,) = await heard({**STATUS, "MessageStatus": "sent"})
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("queued", "", ReceiptKind.ACCEPTED),
        ("sent", "", ReceiptKind.ACCEPTED),
        ("read", "", ReceiptKind.OPENED),
        ("canceled", "", ReceiptKind.DROPPED),
        ("undelivered", "30005", ReceiptKind.HARD_BOUNCED),
        ("undelivered", "30006", ReceiptKind.HARD_BOUNCED),
        ("undelivered", "30003", ReceiptKind.SOFT_BOUNCED),
        ("failed", "", ReceiptKind.SOFT_BOUNCED),
        ("failed", "30007", ReceiptKind.DROPPED),
        ("failed", "63016", ReceiptKind.DROPPED),
        ("partially_delivered", "", ReceiptKind.UNKNOWN),
    ],
)
async def test_each_status_has_its_meaning(status: str, code: str, kind: ReceiptKind) -> None:
    (receipt,) = await heard({**STATUS, "MessageStatus": status, "ErrorCode": code})
    assert receipt.kind is kind
    assert bool(receipt.raw) is (kind is ReceiptKind.UNKNOWN)


@pytest.mark.parametrize("code", ["21610", "63014"])
async def test_a_number_that_twilio_keeps_as_unsubscribed_is_unsubscribed_here(code: str) -> None:
    dropped, wish = await heard({**STATUS, "MessageStatus": "failed", "ErrorCode": code})
    assert dropped.kind is ReceiptKind.DROPPED
    assert wish.kind is ReceiptKind.UNSUBSCRIBED
    assert wish.recipient == recipient_digest(CUSTOMER)
    assert wish.event_id != dropped.event_id


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ({"Body": "Stop !"}, ReceiptKind.UNSUBSCRIBED),
        ({"Body": "arrêtez"}, ReceiptKind.UNSUBSCRIBED),
        ({"Body": "START"}, ReceiptKind.RESUBSCRIBED),
        ({"Body": "je veux plus", "OptOutType": "STOP"}, ReceiptKind.UNSUBSCRIBED),
        ({"Body": "oui", "OptOutType": "START"}, ReceiptKind.RESUBSCRIBED),
        ({"Body": "STOP", "From": f"whatsapp:{CUSTOMER}"}, ReceiptKind.UNSUBSCRIBED),
    ],
)
async def test_an_answer_that_asks_for_an_end_or_a_start_is_one(
    form: dict[str, str], kind: ReceiptKind
) -> None:
    (receipt,) = await heard({**ANSWER, **form})
    assert receipt.kind is kind
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert receipt.event_id == "SM2"
    assert receipt.at == NOW


@pytest.mark.parametrize("text", ["Merci beaucoup", "nonstop", "HELP"])
async def test_any_other_answer_leaves_no_trace(text: str) -> None:
    assert await heard({**ANSWER, "Body": text}) == []


async def test_twilio_hears_an_empty_response() -> None:
    reply = opened().reply(call(STATUS))
    assert (reply.body, reply.media_type) == (b"<Response/>", "text/xml")


@pytest.mark.parametrize(
    "forged",
    [
        call(STATUS, token="another key"),
        call({**STATUS, "MessageStatus": "failed"}, signed=STATUS),
        call({**STATUS, "ErrorCode": "21610"}, signed=STATUS),
        call(STATUS, url=f"{URL}?message=other", signed_url=f"{URL}?message=abc1"),
        call(STATUS, headers={"x-twilio-signature": ""}),
        call(STATUS, headers={"x-twilio-signature": "é"}),
        call(STATUS, headers={"content-type": "application/json"}),
        call({}, signed={}, headers={"content-type": "text/plain"}),
    ],
)
async def test_what_is_forged_or_tampered_with_is_not_believed(forged: Inbound) -> None:
    with pytest.raises(Unverified):
        await opened().events(forged, NOW)


@pytest.mark.parametrize(
    ("seen_by_us", "signed_url"),
    [
        ("https://relance.example/w", "https://relance.example:443/w"),
        ("https://relance.example:8443/w?a=1", "https://relance.example/w?a=1"),
        ("http://127.0.0.1/w", "http://127.0.0.1:80/w"),
        ("https://[2001:db8::1]/w", "https://[2001:db8::1]:443/w"),
    ],
)
async def test_the_signature_may_leave_the_port_out_or_name_it(
    seen_by_us: str, signed_url: str
) -> None:
    assert await heard(STATUS, url=seen_by_us, signed_url=signed_url)


async def test_a_shared_keys_signature_is_believed() -> None:
    validator = RequestValidator(TOKEN)
    headers = {
        "x-twilio-signature": validator.compute_signature(URL, STATUS, "HMAC_SHA256"),
        "x-twilio-webhooks-signature-settings": "key=shared, algorithm=HMAC_SHA256",
    }
    assert await opened().events(call(STATUS, url=URL, headers=headers), NOW)


async def test_a_body_that_is_no_form_is_covered_by_its_hash() -> None:
    body = json.dumps({"type": "com.twilio.messaging"}).encode()
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    genuine = call({}, url=url, headers={"content-type": "application/json"})
    (receipt,) = await opened().events(replace(genuine, body=body), NOW)
    assert receipt.kind is ReceiptKind.UNKNOWN
    with pytest.raises(Unverified):
        await opened().events(replace(genuine, body=body + b" "), NOW)


async def test_without_the_accounts_token_nothing_is_believed() -> None:
    with pytest.raises(Unverified, match="no_webhook_key"):
        await opened(key="SK1").events(call(STATUS), NOW)
    own = opened(key="SK1", webhook_key=Secret(TOKEN))
    assert await own.events(call(STATUS), NOW)


NAMES = st.sampled_from(["MessageSid", "MessageStatus", "ErrorCode", "From", "Body", "OptOutType"])
FORMS = st.dictionaries(NAMES | st.text(max_size=5), st.text(max_size=20), max_size=6)


@given(FORMS)
def test_no_signed_form_breaks_the_reader(form: dict[str, str]) -> None:
    utf8 = {n.encode(errors="replace").decode(): v.encode(errors="replace").decode()
            for n, v in form.items() if n}  # fmt: skip
    survives(opened(), call(utf8))


@given(st.binary(max_size=60), st.text(max_size=30), st.text(max_size=40))
def test_no_junk_breaks_the_reader(body: bytes, signature: str, query: str) -> None:
    junk = call(STATUS, headers={"x-twilio-signature": signature})
    survives(opened(), replace(junk, body=body, url=f"{URL}?{query}"))


def test_each_message_says_where_its_reports_go_and_whose_they_are() -> None:
    channel = ChannelSpec(name="sms", provider="twilio", sender=SHOP)
    filled = with_callback(channel, SPEC, "https://relance.example/")
    assert filled.options == {"callback_url": URL}
    form = parse_qs(build([SMS], account=ACCOUNT, callback_url=URL).body.decode())
    assert form["StatusCallback"] == [f"{URL}?message=abc1"]


def test_an_address_of_ones_own_is_kept() -> None:
    own = ChannelSpec(
        name="sms", provider="twilio", sender="", options={"callback_url": "https://x"}
    )
    assert with_callback(own, SPEC, "https://relance.example") is own


def test_nobody_outside_is_told_of_an_address_on_this_machine() -> None:
    channel = ChannelSpec(name="sms", provider="twilio", sender=SHOP)
    assert with_callback(channel, SPEC, "http://localhost:8377") is channel
    assert with_callback(channel, SPEC, None) is channel


def whatsapp(text: str = "1: Chloé\nvoucher: A:B", content: str | None = "HX1") -> Sms:
    return replace(SMS, channel="whatsapp", text=text, content=content)


def test_a_whatsapp_message_names_its_approved_text_and_variables() -> None:
    form = parse_qs(build([whatsapp()], account=ACCOUNT).body.decode())
    assert form["To"] == [f"whatsapp:{CUSTOMER}"]
    assert form["From"] == [f"whatsapp:{SHOP}"]
    assert form["ContentSid"] == ["HX1"]
    assert json.loads(form["ContentVariables"][0]) == {"1": "Chloé", "voucher": "A:B"}
    assert "Body" not in form


def test_a_whatsapp_message_without_an_approved_text_is_a_text() -> None:
    form = parse_qs(build([whatsapp("Bonjour", None)], account=ACCOUNT).body.decode())
    assert form["Body"] == ["Bonjour"]
    assert "ContentSid" not in form


def test_a_variable_without_a_name_is_refused() -> None:
    with pytest.raises(Refused, match="name: value"):
        build([whatsapp("Bonjour Chloé")], account=ACCOUNT)


SENT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
QUESTION = Doubtful(
    message_id="abc1", provider="twilio", channel="sms", sent_at=SENT, to=CUSTOMER,
    taken=frozenset({"SM-taken"}),
)  # fmt: skip


def made(sid: str, minutes: float, status: str = "delivered", **more: object) -> dict[str, object]:
    when = SENT + timedelta(minutes=minutes)
    written = when.strftime("%a, %d %b %Y %H:%M:%S +0000")
    return {"sid": sid, "date_created": written, "status": status, "error_code": None, **more}


async def asked(*messages: object, more: object = None) -> tuple[Receipt | None, Seen]:
    body = json.dumps({"messages": messages, "next_page_uri": more}).encode()
    async with Loopback(lambda _: Answer(body=body)) as vendor:
        twilio = opened(vendor.url)
        receipt = await twilio.look_up(QUESTION)
        await twilio.close()
    return receipt, vendor.seen[0]


async def test_the_only_message_of_those_minutes_is_ours() -> None:
    receipt, seen = await asked(made("SM1", 0.1), made("SM-taken", 0.2), made("SM-old", -30))
    assert receipt is not None
    assert (receipt.kind, receipt.provider_id) == (ReceiptKind.DELIVERED, "SM1")
    assert receipt.message_id == "abc1"
    assert receipt.event_id == "look-up:abc1:delivered"
    query = parse_qs(urlsplit(seen.path).query)
    assert seen.method == "GET"
    assert (query["To"], query["From"]) == ([CUSTOMER], [SHOP])


async def test_a_message_that_failed_is_found_as_failed() -> None:
    receipt, _ = await asked(made("SM1", 0, "undelivered", error_code=30005))
    assert receipt is not None
    assert receipt.kind is ReceiptKind.HARD_BOUNCED


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [made("SM-taken", 0)],
        [made("SM1", 0), made("SM2", 1)],
        [made("SM1", -2)],
        [made("SM1", 16)],
        [{"sid": "SM1", "date_created": "yesterday"}],
        [{"sid": 7, "date_created": None}],
        ["junk", None],
    ],
)
async def test_none_or_more_than_one_is_no_answer(messages: list[object]) -> None:
    receipt, _ = await asked(*messages)
    assert receipt is None


async def test_the_only_one_of_a_page_that_does_not_reach_back_is_no_answer() -> None:
    receipt, _ = await asked(made("SM1", 0), more="/next")
    assert receipt is None
    receipt, _ = await asked(made("SM1", 0), made("SM-old", -5), more="/next")
    assert receipt is not None


async def test_a_refused_question_says_so() -> None:
    async with Loopback(lambda _: Answer(status=401, body=b'{"code": 20003}')) as vendor:
        twilio = opened(vendor.url)
        with pytest.raises(Paused):
            await twilio.look_up(QUESTION)
        await twilio.close()
