"""What Amazon SNS brings from SES: believed for its certificate, its topic and its host only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given

from loopback import Answer, Loopback
from relance.domain.receipt import Inbound, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused
from relance.providers.ses import Ses, Settings, fetch
from relance.settings import Secret
from reports import JUNK, NOW, corrupted, dumped, posted, refusal, survives

TOPIC = "arn:aws:sns:eu-west-1:123456789012:crm"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-56e67fcb41f6fec09b0196692625d385.pem"


@cache
def private_key(number: int = 1) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    begins: datetime = NOW - timedelta(days=30),
    ends: datetime = NOW + timedelta(days=30),
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    """What stands behind Amazon's addresses, and which were asked for."""

    def __init__(self, pem: bytes | None = None) -> None:
        self.pem = certificate(private_key()) if pem is None else pem
        self.asked: list[str] = []
        self.down = False

    async def get(self, url: str) -> bytes:
        self.asked.append(url)
        if self.down:
            raise NotSent("connect")
        return self.pem if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


async def no_wait(messages: int) -> None:
    """No rate here."""


def ses(amazon: Amazon | None = None, topic: str | None = TOPIC) -> Ses:
    options = {
        "region": "eu-west-1",
        "access_key": "AKIDEXAMPLE",
        "secret_key": Secret("x"),
        "topic_arn": topic,
    }
    channel = ChannelSpec(name="email", provider="ses", sender="", options=options)
    settings = Settings.of(channel, Path("/nowhere"))
    return Ses(settings, no_nap, no_wait, (amazon or Amazon()).get)


def envelope(kind: str = "Notification", **more: str) -> dict[str, str]:
    confirming = {
        "Token": "2336412f37fb687f5d51e6e2425",
        "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336",
    }
    return {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": "hello",
        "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
        **({} if kind == "Notification" else confirming),
        **more,
    }


_NAMES = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Subject",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


def signed(fields: Mapping[str, str], key: rsa.RSAPrivateKey | None = None) -> dict[str, str]:
    """The envelope with the signature that its SignatureVersion says."""
    text = "".join(f"{name}\n{fields[name]}\n" for name in _NAMES if name in fields)
    algorithm = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()
    signature = (key or private_key()).sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def post(fields: Mapping[str, str]) -> Inbound:
    return posted(dumped(fields), {"content-type": "text/plain; charset=UTF-8"})


def event(kind: str, **more: object) -> dict[str, object]:
    return {
        "eventType": kind,
        "mail": {
            "timestamp": "2026-11-22T08:59:00.000Z",
            "messageId": "0100-ses",
            "destination": ["Chloe@example.com"],
            "headers": [{"name": "X-Relance-Message", "value": "abc1"}],
            "tags": {"ses:configuration-set": ["crm"], "relance_message": ["abc1"]},
        },
        **more,
    }


def notice(reported: object, **more: str) -> Inbound:
    return post(signed(envelope(Message=json.dumps(reported), **more)))


async def receipts(reported: object) -> list[Receipt]:
    return list(await ses().events(notice(reported), NOW))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES Email Event Notification"}])
async def test_a_signed_report_is_read(version: str, subject: dict[str, str]) -> None:
    delivered = event("Delivery", delivery={"timestamp": "2026-11-22T08:59:30.000Z"})
    request = notice(delivered, SignatureVersion=version, **subject)
    (receipt,) = await ses().events(request, NOW)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.event_id == "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
    assert receipt.message_id == "abc1"
    assert receipt.provider_id == "0100-ses"
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at is not None
    assert receipt.at.isoformat() == "2026-11-22T08:59:30+00:00"


def bounce(kind: str, subkind: str = "General") -> dict[str, object]:
    return event("Bounce", bounce={"bounceType": kind, "bounceSubType": subkind})


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        (event("Send", send={}), ReceiptKind.ACCEPTED),
        (event("DeliveryDelay", deliveryDelay={"delayType": "MailboxFull"}), ReceiptKind.DEFERRED),
        (bounce("Permanent"), ReceiptKind.HARD_BOUNCED),
        (bounce("Permanent", "OnAccountSuppressionList"), ReceiptKind.HARD_BOUNCED),
        (bounce("Transient", "MailboxFull"), ReceiptKind.SOFT_BOUNCED),
        (bounce("Undetermined", "Undetermined"), ReceiptKind.SOFT_BOUNCED),
        (event("Complaint", complaint={"complaintFeedbackType": "abuse"}), ReceiptKind.COMPLAINED),
        (event("Complaint", complaint={}), ReceiptKind.COMPLAINED),
        (event("Complaint", complaint={"complaintFeedbackType": "not-spam"}), ReceiptKind.UNKNOWN),
        (event("Reject", reject={"reason": "Bad content"}), ReceiptKind.DROPPED),
        (event("Rendering Failure", failure={}), ReceiptKind.DROPPED),
        (event("Open", open={}), ReceiptKind.OPENED),
        (event("Click", click={"link": "https://boutique.example"}), ReceiptKind.CLICKED),
        (event("Subscription", subscription={}), ReceiptKind.UNKNOWN),
        (event("Teleport"), ReceiptKind.UNKNOWN),
    ],
)
async def test_each_event_has_its_kind(reported: dict[str, object], kind: ReceiptKind) -> None:
    (receipt,) = await receipts(reported)
    assert receipt.kind is kind
    assert bool(receipt.raw) is (kind is ReceiptKind.UNKNOWN)


async def test_an_identitys_own_notification_is_read_by_its_headers() -> None:
    """Without a configuration set there are no tags, and the type is called differently."""
    reported = bounce("Permanent")
    reported["notificationType"] = reported.pop("eventType")
    mail = reported["mail"]
    assert isinstance(mail, dict)
    del mail["tags"]
    (receipt,) = await receipts(reported)
    assert (receipt.kind, receipt.message_id) == (ReceiptKind.HARD_BOUNCED, "abc1")


async def test_sess_greeting_to_a_new_topic_reports_nothing() -> None:
    text = "Successfully validated SNS topic for Amazon SES event publishing."
    assert await ses().events(post(signed(envelope(Message=text))), NOW) == []


async def test_the_certificate_is_fetched_once() -> None:
    amazon = Amazon()
    provider = ses(amazon)
    for _ in range(3):
        assert await provider.events(notice(event("Open")), NOW)
    assert amazon.asked == [CERTIFICATE]


async def test_a_subscription_is_confirmed_once_it_is_verified() -> None:
    amazon, fields = Amazon(), envelope("SubscriptionConfirmation")
    assert await ses(amazon).events(post(signed(fields)), NOW) == []
    assert amazon.asked == [CERTIFICATE, fields["SubscribeURL"]]


async def test_the_end_of_a_subscription_is_not_taken_back() -> None:
    amazon = Amazon()
    request = post(signed(envelope("UnsubscribeConfirmation")))
    assert await ses(amazon).events(request, NOW) == []
    assert amazon.asked == [CERTIFICATE]


@pytest.mark.parametrize("name", ["TopicArn", "Token", "SubscribeURL", "Message", "Timestamp"])
async def test_no_subscription_is_confirmed_on_a_changed_word(name: str) -> None:
    amazon, fields = Amazon(), signed(envelope("SubscriptionConfirmation"))
    fields[name] = fields[name].replace("2", "3") + "x"
    assert await refusal(ses(amazon).events(post(fields), NOW))
    assert [url for url in amazon.asked if not url.endswith(".pem")] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://boutique.example/",
    ],
)
async def test_no_subscription_is_confirmed_at_a_strangers_address(url: str) -> None:
    amazon = Amazon()
    request = post(signed(envelope("SubscriptionConfirmation", SubscribeURL=url)))
    assert await refusal(ses(amazon).events(request, NOW)) == "wrong_host"
    assert url not in amazon.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://user@sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/x.pem",
        "https://xsns.eu-west-1.amazonaws.com/x.pem",
        "https://sns..amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com\n/x.pem\n",
        "https://sns.eu-west-1.amazonaws.com/x.pem?redirect=evil",
        "https://sns.eu-west-1.amazonaws.com/?Action=GetPem",
        "https://[::1/x.pem",
        "file:///etc/x.pem",
        "",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(url: str) -> None:
    amazon = Amazon()
    request = post(signed(envelope(SigningCertURL=url)))
    reason = await refusal(ses(amazon).events(request, NOW))
    assert reason in {"wrong_host", "wrong_certificate_url"}
    assert amazon.asked == []


async def test_chinas_amazon_is_amazon() -> None:
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem"
    request = notice(event("Open"), SigningCertURL=url)
    assert len(await ses().events(request, NOW)) == 1


async def test_a_report_that_proves_nothing_is_not_believed() -> None:
    good = signed(envelope(Message=json.dumps(event("Complaint", complaint={}))))
    hooked = ses().events
    other = "arn:aws:sns:eu-west-1:999999999999:evil"
    forged = signed(envelope(), key=private_key(2))
    assert await refusal(hooked(posted(b"junk"), NOW)) == "no_signature"
    assert await refusal(hooked(post({**good, "Type": "Greeting"}), NOW)) == "no_signature"
    assert await refusal(hooked(post({**good, "Signature": "?"}), NOW)) == "no_signature"
    assert await refusal(hooked(post({**good, "SignatureVersion": "3"}), NOW)) == "no_signature"
    assert await refusal(hooked(post({**good, "SignatureVersion": "1"}), NOW)) == "wrong_signature"
    assert await refusal(hooked(post({**good, "Message": "{}"}), NOW)) == "wrong_signature"
    assert await refusal(hooked(post(forged), NOW)) == "wrong_signature"
    assert await refusal(hooked(post(signed(envelope(TopicArn=other))), NOW)) == "wrong_topic"
    assert await refusal(hooked(post(good), NOW + timedelta(hours=1, seconds=1))) == "stale"
    assert await refusal(ses(topic=None).events(post(good), NOW)) == "no_webhook_key"
    # a retry keeps the first instant
    assert len(await hooked(post(good), NOW + timedelta(minutes=50))) == 1


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (certificate(private_key(), ends=NOW - timedelta(days=1)), "expired_certificate"),
        (certificate(private_key(), begins=NOW + timedelta(days=1)), "expired_certificate"),
        (certificate(ec.generate_private_key(ec.SECP256R1())), "wrong_certificate"),
        (b"<html>", "wrong_certificate"),
    ],
)
async def test_a_certificate_that_is_none_proves_nothing(pem: bytes, reason: str) -> None:
    assert await refusal(ses(Amazon(pem)).events(notice(event("Open")), NOW)) == reason


async def test_an_amazon_that_cannot_be_asked_is_asked_again_with_the_next_report() -> None:
    amazon = Amazon()
    provider = ses(amazon)
    amazon.down = True
    with pytest.raises(NotSent):
        await provider.events(notice(event("Open")), NOW)
    amazon.down = False
    assert len(await provider.events(notice(event("Open")), NOW)) == 1


async def test_what_is_behind_an_address_is_fetched_whole_and_only_from_there() -> None:
    async with Loopback(lambda _: Answer(body=b"PEM")) as amazon:
        assert await fetch(f"{amazon.url}/x.pem?a=b") == b"PEM"
        amazon.script = lambda _: Answer(status=302, headers={"Location": "http://evil.example/"})
        with pytest.raises(Paused, match="redirected"):
            await fetch(f"{amazon.url}/x.pem")
    assert (amazon.seen[0].method, amazon.seen[0].path) == ("GET", "/x.pem?a=b")
    assert "authorization" not in amazon.seen[0].headers


@given(JUNK | corrupted(bounce("Permanent")))
def test_no_genuine_junk_breaks_the_reader(junk: object) -> None:
    provider = ses()
    survives(provider, notice(junk))


@given(JUNK | corrupted({**signed(envelope())}))
def test_no_junk_envelope_breaks_the_reader(junk: object) -> None:
    provider = ses()
    survives(provider, posted(dumped(junk)))
