"""OVH's wire and signature, against its own SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ovh as sdk
import pytest

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Doubtful, ReceiptKind
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.ovh import Ovh, Settings, Signature, build, read
from relance.providers.wire import Request, Response
from relance.settings import Secret
from reports import NOW

SERVICE, APPLICATION, SECRET, CONSUMER = "sms-ab12345-1", "app-key", "app-s3cret", "consumer-key"
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to="+33612345678",
    sender="Boutique",
    text="Chloé, -20 % ✓\nمرحبا",
)
QUESTION = Doubtful(message_id="abc1", provider="ovh", channel="sms", sent_at=NOW, to=SMS.to)


def channel(url: str = "https://eu.api.ovh.com/1.0", **options: object) -> ChannelSpec:
    options = {
        "service_name": SERVICE,
        "application_key": Secret(APPLICATION),
        "application_secret": Secret(SECRET),
        "consumer_key": Secret(CONSUMER),
        "base_url": url,
        **options,
    }
    return ChannelSpec(name="sms", provider="ovh", sender="", options=options)


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def opened(url: str, **options: object) -> Ovh:
    return Ovh.open(channel(url, **options), Path("/nowhere"), sleep=no_nap)


def send_by_sdk(monkeypatch: pytest.MonkeyPatch, url: str, now: int, **fields: object) -> None:
    """What the SDK sends at an instant, with the time difference that it was told."""
    monkeypatch.setitem(sdk.client.ENDPOINTS, "loopback", url)
    client = sdk.Client(
        endpoint="loopback",
        application_key=APPLICATION,
        application_secret=SECRET,
        consumer_key=CONSUMER,
    )
    client._time_delta = 0
    monkeypatch.setattr(sdk.client.time, "time", lambda: now)
    client.post(f"/sms/{SERVICE}/jobs", **fields)


async def test_the_request_is_the_one_that_ovhs_sdk_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "message": SMS.text,
        "receivers": [SMS.to],
        "charset": "UTF-8",
        "noStopClause": False,
        "tag": "abc1",
        "sender": "Boutique",
    }
    async with Loopback(loopback.ovh) as vendor:
        url = f"{vendor.url}/1.0"
        provider = opened(url)
        await provider.send([SMS])
        await provider.close()
        now = int(vendor.seen[0].headers["x-ovh-timestamp"])
        await asyncio.to_thread(send_by_sdk, monkeypatch, url, now, **fields)
    ours, theirs = vendor.seen
    assert (ours.method, ours.path, ours.json()) == (theirs.method, theirs.path, theirs.json())
    for name in ("content-type", "x-ovh-application", "x-ovh-consumer", "x-ovh-timestamp"):
        assert ours.headers[name] == theirs.headers[name]
    # the SDK writes the same JSON in other bytes: each signature is held against its own
    for seen in (ours, theirs):
        signature = resigned(seen, f"{url.removesuffix('/1.0')}{seen.path}", now)
        assert signature == seen.headers["x-ovh-signature"]


def resigned(seen: Seen, url: str, now: int) -> str:
    """Our signature of the bytes that somebody sent."""
    signature = Signature(Secret(APPLICATION), Secret(SECRET), Secret(CONSUMER))
    request = Request(path="/any", method=seen.method, body=seen.body)
    return signature(request, url, NOW.fromtimestamp(now, tz=NOW.tzinfo))["X-Ovh-Signature"]


@pytest.mark.parametrize("sender", ["short_number", ""])
def test_a_short_number_sends_in_place_of_a_sender(sender: str) -> None:
    short = replace(SMS, sender=sender)
    body = json.loads(build([short], service=SERVICE, no_stop_clause=False).body)
    assert body["senderForResponse"] is True
    assert "sender" not in body


async def test_stop_is_left_out_only_where_the_yaml_says_so() -> None:
    async with Loopback(loopback.ovh) as vendor:
        provider = opened(vendor.url, no_stop_clause=True)
        await provider.send([SMS])
        await provider.close()
    assert json.loads(vendor.seen[0].body)["noStopClause"] is True


def failed(status: int, **error: object) -> Response:
    return Response(status=status, body=json.dumps(error).encode())


@pytest.mark.parametrize(
    ("response", "decision", "reason"),
    [
        (failed(403, errorCode="INVALID_CREDENTIAL", message="x"), Paused, "unauthorised"),
        (failed(403, errorCode="NOT_GRANTED_CALL"), Paused, "forbidden"),
        (failed(400, errorCode="INVALID_SIGNATURE"), Paused, "wrong_signature"),
        (failed(404, message="This service does not exist"), Paused, "no_such_endpoint"),
        (failed(460, message="This service is expired"), Paused, "service_expired"),
        (failed(400, message="Not enough credits"), Paused, "payment_required"),
        (failed(400, message="Sender Boutique does not exist"), Paused, "invalid_sender"),
        (failed(400, message="Message is too long"), Refused, "bad_request"),
        (failed(400, message=["odd"], errorCode=7), Refused, "bad_request"),
        (failed(409), Unsure, "conflict"),
        (failed(500), Unsure, "server_error"),
        (failed(429), NotSent, "rate_limited"),
        (failed(200, invalidReceivers=[SMS.to], ids=[]), Refused, "invalid_recipient"),
        (failed(200, invalidReceivers=[], ids=[]), Unsure, "unreadable_answer"),
        (failed(200, ids=["1"]), Unsure, "unreadable_answer"),
    ],
)
def test_each_error_has_its_decision(
    response: Response, decision: type[SendError], reason: str
) -> None:
    with pytest.raises(decision) as raised:
        read(response, [SMS])
    assert raised.value.reason == reason
    assert SMS.to not in str(raised.value)


AHEAD = 3600  # seconds by which OVH's clock is ahead of ours


def by_the_clock(ahead: int) -> Callable[[Seen], Answer]:
    """An OVH that takes signatures of its own minutes only."""

    def answer(request: Seen) -> Answer:
        theirs = int(asked[0]) + ahead if asked else 0
        if request.path == "/auth/time":
            return Answer(body=str(theirs).encode())
        timestamp = int(request.headers["x-ovh-timestamp"])
        asked.append(timestamp)
        if ahead and abs(timestamp - (asked[0] + ahead)) > 60:
            return Answer(status=400, body=b'{"errorCode": "INVALID_SIGNATURE"}')
        return loopback.ovh(request)

    asked: list[int] = []
    return answer


async def test_ovhs_clock_is_followed_and_asked_once() -> None:
    async with Loopback(by_the_clock(AHEAD)) as vendor:
        provider = opened(vendor.url)
        for number in (1, 2):
            (answer,) = await provider.send([replace(SMS, message_id=f"abc{number}")])
            assert isinstance(answer, Accepted)
        await provider.close()
    paths = [seen.path for seen in vendor.seen]
    jobs = f"/sms/{SERVICE}/jobs"
    assert paths == [jobs, "/auth/time", jobs, jobs]
    assert "x-ovh-consumer" not in vendor.seen[1].headers


async def test_a_right_clock_is_never_asked() -> None:
    async with Loopback(by_the_clock(0)) as vendor:
        provider = opened(vendor.url)
        await provider.send([SMS])
        await provider.close()
    assert len(vendor.seen) == 1


async def test_a_wrong_secret_pauses_after_the_clock_was_asked_once() -> None:
    def wrong(request: Seen) -> Answer:
        if request.path == "/auth/time":
            return Answer(body=b"1800000000")
        return Answer(status=400, body=b'{"errorCode": "INVALID_SIGNATURE"}')

    async with Loopback(wrong) as vendor:
        provider = opened(vendor.url)
        for _ in range(2):
            with pytest.raises(Paused, match="wrong_signature"):
                await provider.send([SMS])
        await provider.close()
    assert [seen.path for seen in vendor.seen].count("/auth/time") == 1


@pytest.mark.parametrize("time", [Answer(status=500), Answer(body=b'"noon"'), Answer(body=b"<")])
async def test_a_clock_that_cannot_be_read_leaves_the_message_unsent(time: Answer) -> None:
    def mute(request: Seen) -> Answer:
        refused = Answer(status=400, body=b'{"errorCode": "INVALID_SIGNATURE"}')
        return time if request.path == "/auth/time" else refused

    async with Loopback(mute) as vendor:
        provider = opened(vendor.url)
        with pytest.raises(NotSent, match="no_time"):
            await provider.send([SMS])
        await provider.close()


@pytest.mark.parametrize(
    ("body", "provider_id"), [(b"[27814656]", "27814656"), (b"[]", None), (b"{}", None)]
)
async def test_a_message_is_found_by_its_tag(body: bytes, provider_id: str | None) -> None:
    async with Loopback(lambda _: Answer(body=body)) as vendor:
        provider = opened(vendor.url)
        receipt = await provider.look_up(QUESTION)
        await provider.close()
    assert vendor.seen[0].path == f"/sms/{SERVICE}/outgoing?tag=abc1"
    assert vendor.seen[0].headers["x-ovh-signature"].startswith("$1$")
    assert (receipt.provider_id if receipt else None) == provider_id
    if receipt:
        assert (receipt.kind, receipt.message_id) == (ReceiptKind.ACCEPTED, "abc1")


async def test_a_question_that_may_not_be_asked_says_so() -> None:
    refused = Answer(status=403, body=b'{"errorCode": "NOT_GRANTED_CALL"}')
    async with Loopback(lambda _: refused) as vendor:
        provider = opened(vendor.url)
        with pytest.raises(Paused, match="forbidden"):
            await provider.look_up(QUESTION)
        await provider.close()


@pytest.mark.parametrize("name", ["application_key", "application_secret", "consumer_key"])
def test_each_key_is_needed_and_shown_by_nothing(name: str) -> None:
    with pytest.raises(WorkspaceError, match=name):
        Settings.of(channel(**{name: None}), Path("/nowhere"))
    shown = repr(Settings.of(channel(), Path("/nowhere")))
    assert not any(secret in shown for secret in (APPLICATION, SECRET, CONSUMER))


def test_the_account_cannot_lead_to_another_path() -> None:
    settings = Settings.of(channel(service_name="../me"), Path("/nowhere"))
    assert "/../" not in build([SMS], service=settings.service, no_stop_clause=False).path
