"""Slack's two ways in, its escaping, and what its words mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import loopback
from loopback import Answer, Loopback
from relance.domain.message import Accepted, Notice, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.slack import Settings, Slack, build, read
from relance.providers.wire import Response
from relance.settings import Secret

NOTICE = Notice(
    message_id="abc1",
    trigger="vip_slipping",
    customer="c42",
    text="R&D <!channel> *Chloé* slips away",
    entered_at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
)


def channel(**options: object) -> ChannelSpec:
    return ChannelSpec(name="slack", provider="slack", sender="", options=options)


async def test_a_bot_posts_to_its_channel_and_takes_our_id_along() -> None:
    async with Loopback(loopback.slack) as vendor:
        spec = channel(token=Secret("xoxb-1"), channel="C0123456789", base_url=f"{vendor.url}/api")
        slack = Slack.open(spec, Path("/nowhere"))
        (answer,) = await slack.send([NOTICE])
        await slack.close()
    (seen,) = vendor.seen
    assert isinstance(answer, Accepted)
    assert answer.provider_id
    assert answer.provider_id.startswith("1763800000.")
    assert (seen.method, seen.path) == ("POST", "/api/chat.postMessage")
    assert seen.headers["authorization"] == "Bearer xoxb-1"
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    assert seen.json() == {
        "channel": "C0123456789",
        "text": "R&amp;D &lt;!channel&gt; *Chloé* slips away",
        "metadata": {
            "event_type": "relance_notice",
            "event_payload": {"message": "abc1", "trigger": "vip_slipping"},
        },
    }


async def test_an_incoming_webhook_is_posted_to_by_its_address_alone() -> None:
    async with Loopback(loopback.slack) as vendor:
        url = f"{vendor.url}/services/T000/B000/q7Zk2"
        slack = Slack.open(channel(url=Secret(url)), Path("/nowhere"))
        (answer,) = await slack.send([NOTICE])
        await slack.close()
    (seen,) = vendor.seen
    assert isinstance(answer, Accepted)
    assert seen.path == "/services/T000/B000/q7Zk2"
    assert "authorization" not in seen.headers
    assert seen.json() == {"text": "R&amp;D &lt;!channel&gt; *Chloé* slips away"}


def said(status: int, word: str) -> Response:
    return Response(status=status, body=word.encode(), retry_after=30.0)


def denied(word: object) -> Response:
    return Response(status=200, body=json.dumps({"ok": False, "error": word}).encode())


@pytest.mark.parametrize(
    ("response", "decision", "reason"),
    [
        (said(400, "invalid_payload"), Refused, "invalid_payload"),
        (said(403, "action_prohibited"), Paused, "action_prohibited"),
        (said(404, "channel_not_found"), Paused, "channel_not_found"),
        (said(404, "no_service"), Paused, "no_service"),
        (said(410, "channel_is_archived"), Paused, "channel_is_archived"),
        (said(500, "rollup_error"), Unsure, "rollup_error"),
        (said(429, "rate_limited"), NotSent, "rate_limited"),
        (said(503, "<html>"), NotSent, "unavailable"),
        (said(502, "<html>"), Unsure, "bad_gateway"),
        (said(200, "<html>"), Unsure, "unreadable_answer"),
        (denied("invalid_auth"), Paused, "invalid_auth"),
        (denied("not_in_channel"), Paused, "not_in_channel"),
        (denied("ratelimited"), NotSent, "ratelimited"),
        (denied("msg_too_long"), Refused, "msg_too_long"),
        (denied("fatal_error"), Unsure, "fatal_error"),
        (denied("a new word"), Refused, "refused"),
        (denied(["odd"]), Refused, "refused"),
    ],
)
def test_each_word_has_its_decision(
    response: Response, decision: type[SendError], reason: str
) -> None:
    with pytest.raises(decision) as raised:
        read(response, [NOTICE])
    assert raised.value.reason == reason
    assert "new word" not in str(raised.value)


async def test_the_wait_that_slack_asks_for_is_kept() -> None:
    limited = Answer(status=429, headers={"Retry-After": "30"})
    async with Loopback(lambda _: limited) as vendor:
        slack = Slack.open(channel(url=vendor.url), Path("/nowhere"))
        with pytest.raises(NotSent) as raised:
            await slack.send([NOTICE])
        await slack.close()
    assert raised.value.retry_after == 30.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give url, or token and channel"),
        ({"token": "xoxb-1"}, "give url, or token and channel"),
        ({"channel": "C1"}, "give url, or token and channel"),
        ({"url": "https://hooks.slack.com/x", "token": "xoxb-1"}, "is for itself"),
        ({"url": "http://hooks.slack.com/services/T/B/s3cret"}, "must be https"),
    ],
)
def test_one_way_in_is_chosen_and_safe(options: Mapping[str, object], message: str) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(channel(**options), Path("/nowhere"))
    assert "s3cret" not in str(raised.value)


def test_settings_show_no_credential() -> None:
    incoming = Settings.of(channel(url="https://hooks.slack.com/s3cret"), Path("/nowhere"))
    bot = Settings.of(channel(token="s3cret", channel="C1"), Path("/nowhere"))
    assert "s3cret" not in repr(incoming) + repr(bot)


async def test_a_message_to_a_customer_is_not_posted_to_the_team() -> None:
    sms = Sms(message_id="abc1", trigger="t", to="+33612345678", sender="x", text="x")
    slack = Slack.open(channel(url="http://127.0.0.1:1/"), Path("/nowhere"))
    (answer,) = await slack.send([sms])
    assert isinstance(answer, Refused)
    assert answer.reason == "wrong_channel"


def test_only_text_that_slack_reads_is_escaped() -> None:
    body = json.loads(build([replace(NOTICE, text="a & b 'c' \"d\"")], channel="").body)
    assert body["text"] == "a &amp; b 'c' \"d\""
