"""Twilio's wire, with its own SDK as the oracle."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as SdkResponse
from twilio.rest import Client as SdkClient

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Accepted, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.twilio import Settings, Twilio, build, read
from relance.providers.wire import Response
from relance.settings import Secret

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "t0ken:with/signs+="
CALLBACK = "https://relance.example/webhooks/sms/twilio"
SERVICE = "MG0123456789abcdef0123456789abcdef"
SMS = Sms(
    message_id="abc1",
    trigger="winback",
    to="+33612345678",
    sender="+33700000000",
    text="Chloé, -20 % & more = 100% ✓ +plus+\nمرحبا",
)


def channel(url: str, **options: object) -> ChannelSpec:
    options = {"account": ACCOUNT, "token": Secret(TOKEN), "base_url": url, **options}
    return ChannelSpec(name="sms", provider="twilio", sender="", options=options)


class ToLoopback(TwilioHttpClient):  # type: ignore[misc]  # the SDK is untyped here
    """The SDK's HTTP client, sent to the loopback server instead of api.twilio.com."""

    def __init__(self, url: str) -> None:
        super().__init__(pool_connections=False)
        self._url = url

    def request(self, method: str, url: str, *args: object, **kwargs: object) -> SdkResponse:
        return super().request(method, self._url + urlsplit(url).path, *args, **kwargs)


def send_by_sdk(url: str, message: Sms) -> str:
    client = SdkClient(ACCOUNT, TOKEN, http_client=ToLoopback(url))
    prefix = "whatsapp:" if message.channel == "whatsapp" else ""
    what = {"from_": prefix + message.sender, "body": message.text}
    if message.sender == SERVICE:
        what = {"messaging_service_sid": message.sender, "body": message.text}
    if message.content:
        del what["body"]
        what |= {"content_sid": message.content, "content_variables": '{"1":"Chloé"}'}
    what["status_callback"] = f"{CALLBACK}?message={message.message_id}"
    return str(client.messages.create(to=prefix + message.to, **what).sid)


def essence(seen: Seen) -> tuple[object, ...]:
    """What Twilio acts upon."""
    return (
        seen.method,
        seen.path,
        sorted(parse_qsl(seen.body.decode(), strict_parsing=True)),
        seen.headers["content-type"],
        seen.headers["authorization"],
        seen.headers["accept"],
    )


@pytest.mark.parametrize(
    "message",
    [
        SMS,
        replace(SMS, sender="Boutique"),
        replace(SMS, sender="MG Paris"),  # a name, and no messaging service
        replace(SMS, sender=SERVICE),
        replace(SMS, channel="whatsapp"),
        replace(SMS, channel="whatsapp", content="HX1", text="1: Chloé"),
        replace(SMS, channel="whatsapp", content="HX1", text="1: Chloé", sender=SERVICE),
    ],
)
async def test_the_request_is_the_one_that_twilios_sdk_makes(message: Sms) -> None:
    async with Loopback(loopback.twilio) as vendor:
        provider = Twilio.open(channel(vendor.url, callback_url=CALLBACK), Path("/nowhere"))
        (answer,) = await provider.send([message])
        await provider.close()
        await asyncio.to_thread(send_by_sdk, vendor.url, message)
    assert isinstance(answer, Accepted)
    ours, theirs = vendor.seen
    assert essence(ours) == essence(theirs)


async def test_an_api_key_logs_in_for_the_account() -> None:
    async with Loopback(loopback.twilio) as vendor:
        provider = Twilio.open(channel(vendor.url, key="SK1"), Path("/nowhere"))
        await provider.send([SMS])
        await provider.close()
    import base64

    login = vendor.seen[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(login).decode() == f"SK1:{TOKEN}"
    assert ACCOUNT in vendor.seen[0].path


def test_the_account_cannot_lead_to_another_path() -> None:
    assert "/../" not in build([SMS], account="AC/../x").path


def failed(code: object, status: int = 400, retry_after: float | None = None) -> Response:
    body = json.dumps({"code": code, "message": f"about {SMS.to}", "status": status}).encode()
    return Response(status=status, body=body, retry_after=retry_after)


@pytest.mark.parametrize(
    ("code", "status", "decision"),
    [
        (21211, 400, Refused),
        (21610, 400, Refused),
        (21614, 400, Refused),
        (21408, 400, Refused),
        (21617, 400, Refused),
        (21606, 400, Paused),
        (21703, 400, Paused),
        (20003, 401, Paused),
        (20404, 404, Paused),
        (20429, 429, NotSent),
        (21611, 400, NotSent),
        (21730, 400, NotSent),
        (20500, 500, Unsure),
        (99999, 400, Refused),
        ("21211", 400, Refused),
        (None, 503, NotSent),
    ],
)
def test_each_error_code_has_its_decision(
    code: object, status: int, decision: type[SendError]
) -> None:
    with pytest.raises(decision) as raised:
        read(failed(code, status), [SMS])
    assert SMS.to not in str(raised.value)


def test_who_answered_stop_is_unsubscribed_and_nobody_else() -> None:
    with pytest.raises(Refused) as stop:
        read(failed(21610), [SMS])
    with pytest.raises(Refused) as wrong:
        read(failed(21211), [SMS])
    assert stop.value.unsubscribe
    assert not wrong.value.unsubscribe


def test_the_wait_twilio_asks_for_is_passed_on() -> None:
    with pytest.raises(NotSent) as raised:
        read(failed(20429, 429, retry_after=30.0), [SMS])
    assert raised.value.retry_after == 30.0


def test_a_swapped_account_and_token_are_found_before_anything_is_sent() -> None:
    with pytest.raises(WorkspaceError, match="account SID") as raised:
        Settings.of(channel("https://api.twilio.com", account="s3cret"), Path("/nowhere"))
    assert "s3cret" not in str(raised.value)


def test_settings_show_no_token() -> None:
    settings = Settings.of(channel("https://api.twilio.com"), Path("/nowhere"))
    assert TOKEN not in repr(settings)
    assert "Basic" not in repr(settings)
