"""Our own webhook, read by the receivers' library of the scheme."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

import loopback
from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Notice
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.webhook import Settings, Webhook, read
from relance.providers.wire import Response
from relance.settings import Secret

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four+ bytes").decode()
NOTICE = Notice(
    message_id="abc1",
    trigger="vip_slipping",
    customer="c42",
    text="Chloé slips away ✓",
    entered_at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
    at=datetime(2026, 11, 22, 9, 5, tzinfo=UTC),
)


def channel(url: str = "https://crm.example/hooks?tenant=7", **options: object) -> ChannelSpec:
    options = {"url": Secret(url), "secret": Secret(SECRET), **options}
    return ChannelSpec(name="webhook", provider="webhook", sender="", options=options)


async def sent(notice: Notice, path: str = "/hooks?tenant=7") -> Seen:
    async with Loopback(loopback.receiver) as vendor:
        webhook = Webhook.open(channel(vendor.url + path), Path("/nowhere"))
        (answer,) = await webhook.send([notice])
        await webhook.close()
    assert isinstance(answer, Accepted)
    return vendor.seen[0]


async def test_a_receiver_verifies_the_notice_with_its_library() -> None:
    seen = await sent(NOTICE)
    assert Receiver(SECRET).verify(seen.body, dict(seen.headers)) == {
        "type": "relance.notice",
        "timestamp": "2026-11-22T09:00:00+00:00",
        "data": {
            "message": "abc1",
            "trigger": "vip_slipping",
            "customer": "c42",
            "entered_at": "2026-11-22T09:00:00+00:00",
            "text": "Chloé slips away ✓",
        },
    }
    assert (seen.method, seen.path) == ("POST", "/hooks?tenant=7")
    assert seen.headers["content-type"] == "application/json"


async def test_a_receiver_refuses_another_body_and_another_secret() -> None:
    seen = await sent(NOTICE)
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(seen.body + b" ", dict(seen.headers))
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET[:-8] + "AAAAAAA=").verify(seen.body, dict(seen.headers))


async def test_the_same_notice_sent_again_has_the_same_id_and_body() -> None:
    first = await sent(NOTICE)
    again = await sent(replace(NOTICE, at=datetime(2026, 11, 23, tzinfo=UTC)))
    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "abc1"


def test_a_repeat_is_promised_to_be_harmless_for_as_long_as_delivery_repeats() -> None:
    webhook = Webhook.open(channel(), Path("/nowhere"))
    assert webhook.idempotent
    assert webhook.can.idempotent_for is not None
    assert webhook.can.idempotent_for > timedelta(days=3)


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (301, Paused),
        (400, Refused),
        (401, Paused),
        (410, Paused),
        (404, Paused),
        (422, Refused),
        (429, NotSent),
        (503, NotSent),
        (500, Unsure),
    ],
)
def test_each_status_has_its_decision(status: int, decision: type[SendError]) -> None:
    with pytest.raises(decision):
        read(Response(status=status, body=b""), [NOTICE])


async def test_any_success_is_taken_whatever_it_says() -> None:
    for answer in (Answer(status=200, body=b"<html>"), Answer(status=204, body=b"")):
        async with Loopback(lambda _, answer=answer: answer) as vendor:
            webhook = Webhook.open(channel(vendor.url), Path("/nowhere"))
            (taken,) = await webhook.send([NOTICE])
            await webhook.close()
        assert isinstance(taken, Accepted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "http://crm.example/hooks"}, "url: must be https"),
        ({"url": "https://user:pass@crm.example/"}, "url: must hold no credentials"),
        ({"url": "crm.example"}, "url: is not a web address"),
        ({"url": "https://[::1"}, "url: is not a web address"),
        ({"url": "https://crm.example:99999999/"}, "url: is not a web address"),
        ({"secret": "not base64!"}, "secret: must be whsec_"),
        ({"secret": "whsec_c2hvcnQ="}, "secret: must be whsec_"),
        ({"secret": None}, "secret"),
    ],
)
def test_what_cannot_work_is_found_before_anything_is_sent(
    options: Mapping[str, object], message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(channel(**options), Path("/nowhere"))
    assert "c2hvcnQ" not in str(raised.value)


def test_settings_show_neither_the_secret_nor_the_address() -> None:
    shown = repr(Settings.of(channel(), Path("/nowhere")))
    assert SECRET not in shown
    assert "tenant" not in shown
