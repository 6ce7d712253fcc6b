"""Vonage's wire and its signed reports, against its own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from vonage_http_client import Auth, HttpClient, HttpClientOptions
from vonage_jwt import verify_signature
from vonage_messages import Messages
from vonage_messages.models import Sms as SdkSms

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Sms
from relance.domain.receipt import Receipt, ReceiptKind, recipient_digest
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
from relance.providers.vonage import Settings, Vonage, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, junk, posted, survives

SECRET = "a signature secret of the account's"
CUSTOMER = "+33612345678"
CALLBACK = "https://relance.example/webhooks/sms/vonage"
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to=CUSTOMER,
    sender="+33700000000",
    text="Chloé, -20 % ✓\nمرحبا",
)
STATUS = {
    "message_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "to": "33612345678",
    "from": "33700000000",
    "timestamp": "2026-11-22T08:59:58.000Z",
    "status": "delivered",
    "client_ref": "abc1",
    "channel": "sms",
}
ANSWER = {
    "channel": "sms",
    "message_uuid": "inbound-1",
    "to": "33700000000",
    "from": "33612345678",
    "timestamp": "2026-11-22T08:59:58Z",
    "text": "STOP",
    "message_type": "text",
}


@cache
def pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def channel(url: str = "https://api.nexmo.com", **options: object) -> ChannelSpec:
    login = {} if "application_id" in options else {"api_key": "abcd1234", "api_secret": "s3cret"}
    options = {"base_url": url, "webhook_key": Secret(SECRET), **login, **options}
    return ChannelSpec(name="sms", provider="vonage", sender="", options=options)


def opened(url: str = "https://api.nexmo.com", **options: object) -> Vonage:
    return Vonage.open(channel(url, **options), Path("/nowhere"))


class ToLoopback(HttpClient):  # type: ignore[misc]  # the SDK only speaks https
    """The SDK's client, but for where it goes."""

    def __init__(self, auth: Auth, url: str) -> None:
        super().__init__(auth, HttpClientOptions(api_host="vendor", max_retries=0))
        request = self._session.request
        self._session.request = lambda **call: request(
            **{**call, "url": call["url"].replace("https://vendor", url)}
        )


def send_by_sdk(url: str, auth: Auth) -> None:
    Messages(ToLoopback(auth, url)).send(
        SdkSms(
            to="33612345678",
            from_="33700000000",
            text=SMS.text,
            client_ref="abc1",
            webhook_url=CALLBACK,
            webhook_version="v1",
        )
    )


async def both(auth: Auth, **options: object) -> tuple[Seen, Seen]:
    """Our request and the SDK's."""
    async with Loopback(loopback.vonage) as vendor:
        vonage = opened(vendor.url, callback_url=CALLBACK, **options)
        await vonage.send([SMS])
        await vonage.close()
        await asyncio.to_thread(send_by_sdk, vendor.url, auth)
    ours, theirs = vendor.seen
    assert (ours.method, ours.path, ours.json()) == (theirs.method, theirs.path, theirs.json())
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    return ours, theirs


async def test_the_request_is_the_one_that_vonages_sdk_makes_with_an_accounts_key() -> None:
    ours, theirs = await both(Auth(api_key="abcd1234", api_secret="s3cret"))
    assert ours.headers["authorization"] == theirs.headers["authorization"]


async def test_the_request_is_the_one_that_vonages_sdk_makes_for_an_application(
    tmp_path: Path,
) -> None:
    (tmp_path / "private.key").write_bytes(pem())
    auth = Auth(application_id="app-1", private_key=pem().decode())
    ours, theirs = await both(
        auth, application_id="app-1", private_key_file=str(tmp_path / "private.key")
    )
    said, meant = (
        jwt.decode(
            seen.headers["authorization"].removeprefix("Bearer "),
            options={"verify_signature": False},
        )
        for seen in (ours, theirs)
    )
    assert said.keys() == meant.keys()
    assert said["application_id"] == meant["application_id"]
    assert said["exp"] - said["iat"] == meant["exp"] - meant["iat"]


async def test_a_token_is_used_again_for_some_minutes_and_then_made_anew(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(pem())
    settings = Settings.of(channel(application_id="a", private_key_file="k.pem"), tmp_path)
    sign = settings.endpoint.sign
    assert sign is not None
    request = opened().build([SMS])
    at = [sign(request, "u", NOW + timedelta(minutes=m))["Authorization"] for m in (0, 9, 11, -1)]
    assert at[0] == at[1]
    assert len(set(at)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"application_id": "a", "api_key": "b", "api_secret": "c"}, "not both"),
        ({"application_id": "a"}, "is needed with application_id"),
        ({"application_id": "a", "private_key_file": "no.key"}, "there is no file"),
        ({"application_id": "a", "private_key_file": "."}, "there is no file"),
        ({"api_key": "", "api_secret": ""}, "give this or api_key"),
        ({"api_key": "b", "api_secret": ""}, "api_secret"),
        ({"callback_url": "http://shop.example"}, "must be https"),
    ],
)
def test_who_sends_must_be_clear(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=message):
        Settings.of(channel(**options), tmp_path)


def test_a_file_that_holds_no_key_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text("s3cret")
    with pytest.raises(WorkspaceError, match="holds no private key") as raised:
        Settings.of(channel(application_id="a", private_key_file="k.pem"), tmp_path)
    assert "s3cret" not in str(raised.value)


async def test_a_broken_key_pauses_and_refuses_nobody(tmp_path: Path) -> None:
    broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    (tmp_path / "k.pem").write_text(broken)
    vonage = Vonage.open(channel(application_id="a", private_key_file="k.pem"), tmp_path)
    with pytest.raises(Paused, match="bad_private_key"):
        await vonage.send([SMS])
    await vonage.close()


def failed(status: int, **problem: object) -> Response:
    return Response(status=status, body=json.dumps(problem).encode())


@pytest.mark.parametrize(
    ("response", "decision"),
    [
        (failed(422, title="1170", type="https://…#1170"), Refused),
        (failed(422, title="Illegal number", type="https://x/messages#1240"), Refused),
        (failed(422, title="Invalid", invalid_parameters=[{"name": "to"}]), Refused),
        (failed(422, title="Invalid", invalid_parameters=[{"name": "from"}]), Paused),
        (failed(422, title=1120), Paused),
        (failed(402, title="Low balance", type="https://x#low-balance"), Paused),
        (failed(401, title="Unauthorized"), Paused),
        (failed(429, type="https://x#1000"), NotSent),
        (failed(500, title="Internal"), Unsure),
        (failed(422, title=["odd"], type=7, invalid_parameters=3), Refused),
        (Response(status=202, body=b"{}"), Unsure),
    ],
)
def test_each_problem_has_its_decision(response: Response, decision: type[SendError]) -> None:
    with pytest.raises(decision) as raised:
        read(response, [SMS])
    assert type(raised.value) is decision


def test_who_answered_stop_is_unsubscribed_and_nobody_else() -> None:
    with pytest.raises(Refused) as stop:
        read(failed(422, type="https://x#1240"), [SMS])
    with pytest.raises(Refused) as wrong:
        read(failed(422, type="https://x#1170"), [SMS])
    assert stop.value.unsubscribe
    assert not wrong.value.unsubscribe


def bearer(
    body: bytes, *, key: str = SECRET, at: datetime = NOW, **claims: object
) -> dict[str, str]:
    """The header that Vonage sends."""
    said = {
        "iss": "Vonage",
        "jti": "1",
        "api_key": "abcd1234",
        "iat": int(at.timestamp()),
        "payload_hash": sha256(body).hexdigest(),
        **claims,
    }
    return {"authorization": f"Bearer {jwt.encode(said, key, algorithm='HS256')}"}


async def heard(event: Mapping[str, object]) -> Sequence[Receipt]:
    body = json.dumps(event).encode()
    return await opened().events(posted(body, bearer(body)), NOW)


async def test_a_delivery_is_believed_and_tells_our_message() -> None:
    (receipt,) = await heard(STATUS)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert (receipt.message_id, receipt.provider_id) == ("abc1", STATUS["message_uuid"])
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert receipt.at == datetime(2026, 11, 22, 8, 59, 58, tzinfo=UTC)


async def test_vonages_own_verifier_believes_the_same_tokens() -> None:
    then, body = datetime(2020, 1, 1, tzinfo=UTC), json.dumps(STATUS).encode()
    headers = bearer(body, at=then)
    token = headers["authorization"].removeprefix("Bearer ")
    assert verify_signature(token, SECRET)
    assert not verify_signature(token, "another secret of thirty-two bytes!")
    assert await opened().events(posted(body, headers), then)


async def test_the_same_report_has_the_same_id_and_another_status_another() -> None:
    (first,), (again,) = await heard(STATUS), await heard(STATUS)
    (other,) = await heard({**STATUS, "status": "submitted"})
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("submitted", None, ReceiptKind.ACCEPTED),
        ("read", None, ReceiptKind.OPENED),
        ("undeliverable", None, ReceiptKind.SOFT_BOUNCED),
        ("rejected", {"title": "1190"}, ReceiptKind.HARD_BOUNCED),
        ("rejected", {"title": 1180}, ReceiptKind.SOFT_BOUNCED),
        ("rejected", {"type": "https://x/messages#1210"}, ReceiptKind.DROPPED),
        ("rejected", None, ReceiptKind.SOFT_BOUNCED),
        ("rejected", ["odd"], ReceiptKind.SOFT_BOUNCED),
        ("teleported", None, ReceiptKind.UNKNOWN),
    ],
)
async def test_each_status_has_its_meaning(status: str, error: object, kind: ReceiptKind) -> None:
    (receipt,) = await heard({**STATUS, "status": status, "error": error})
    assert receipt.kind is kind


async def test_a_number_that_vonage_keeps_as_unsubscribed_is_unsubscribed_here() -> None:
    dropped, wish = await heard({**STATUS, "status": "rejected", "error": {"title": "1240"}})
    assert (dropped.kind, wish.kind) == (ReceiptKind.DROPPED, ReceiptKind.UNSUBSCRIBED)
    assert wish.recipient == recipient_digest(CUSTOMER)


async def test_stop_is_understood_and_other_answers_leave_no_trace() -> None:
    (receipt,) = await heard(ANSWER)
    assert receipt.kind is ReceiptKind.UNSUBSCRIBED
    assert receipt.recipient == recipient_digest(CUSTOMER)
    assert await heard({**ANSWER, "text": "Merci"}) == []


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (bearer(b"{}", key="another secret of thirty-two bytes!"), "wrong_signature"),
        (bearer(b"tampered"), "wrong_body"),
        (bearer(b"{}", payload_hash=None), "wrong_body"),
        (bearer(b"{}", at=NOW - timedelta(minutes=6)), "stale"),
        (bearer(b"{}", at=NOW + timedelta(minutes=6)), "stale"),
        (bearer(b"{}", iat=None), "wrong_signature|no_timestamp"),
        ({}, "no_signature"),
        ({"authorization": "Basic eDp5"}, "no_signature"),
        ({"authorization": "Bearer é.b.c"}, "wrong_signature"),
        ({"authorization": "Bearer " + jwt.encode({}, None, algorithm="none")}, "wrong_signature"),
    ],
)
async def test_what_is_forged_tampered_with_or_old_is_not_believed(
    headers: dict[str, str], why: str
) -> None:
    with pytest.raises(Unverified, match=why):
        await opened().events(posted(b"{}", headers), NOW)


async def test_without_a_signature_secret_nothing_is_believed() -> None:
    with pytest.raises(Unverified, match="no_webhook_key"):
        await opened(webhook_key=None).events(posted(b"{}", bearer(b"{}")), NOW)


async def test_a_genuine_call_that_is_no_json_says_so() -> None:
    with pytest.raises(Unreadable):
        await opened().events(posted(b"<xml>", bearer(b"<xml>")), NOW)


@given(junk(*STATUS, *ANSWER, "error", "title", "type"))
def test_no_signed_junk_breaks_the_reader(body: bytes) -> None:
    survives(opened(), posted(body, bearer(body)))


@given(junk("a"))
def test_no_junk_of_a_token_breaks_the_reader(token: bytes) -> None:
    headers = {"authorization": f"Bearer {token.decode('latin-1')}"}
    survives(opened(), posted(b"{}", headers))
