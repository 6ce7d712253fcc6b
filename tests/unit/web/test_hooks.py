"""Webhooks: believed once verified, written down once, and the vendor hears what it wants."""

from __future__ import annotations

import pytest
import structlog

from front_fakes import PUBLIC, PublicSide, Reporter
from relance.errors import NotSent
from relance.logs import Action

PATH = "/webhooks/email/acme"
GENUINE = {"X-Password": "open sesame"}


async def test_a_genuine_report_is_written_down_and_the_vendor_gets_its_own_answer():
    side = PublicSide()
    answer = await side.call("POST", PATH, headers=GENUINE, body=b"m1\nm2")
    assert (answer.status_code, answer.text) == (202, "<thanks/>")
    assert answer.headers["content-type"].startswith("text/xml")
    assert [(c, r.event_id) for c, r in side.state.receipts] == [("email", "m1"), ("email", "m2")]


async def test_a_report_that_comes_twice_is_written_down_once():
    side = PublicSide()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            await side.call("POST", PATH, headers=GENUINE, body=b"m1")
    assert len(side.state.receipts) == 1
    assert [(line["events"], line["new"]) for line in lines] == [(1, 1), (1, 0), (1, 0)]


async def test_a_report_that_does_not_prove_its_sender_changes_nothing_and_may_try_again():
    side = PublicSide()
    with structlog.testing.capture_logs() as lines:
        answer = await side.call("POST", PATH, headers={"X-Password": "guess"}, body=b"m1")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "www-authenticate" in answer.headers
    assert side.state.receipts == []
    assert [(line["action"], line["reason"]) for line in lines] == [
        (Action.HOOK_REFUSED, "wrong_password")
    ]


async def test_a_genuine_report_that_cannot_be_read_is_refused():
    side = PublicSide()
    answer = await side.call("POST", PATH, headers=GENUINE, body=b"m1\n\nm2")
    assert (answer.status_code, answer.content) == (400, b"")
    assert side.state.receipts == []


@pytest.mark.parametrize("path", ["/webhooks/sms/acme", "/webhooks/email/other", "/webhooks/x/y"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_channel_or_vendor_that_is_not_in_the_workspace_does_not_exist(
    path: str, method: str
):
    assert (await PublicSide().call(method, path, headers=GENUINE)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_vendor_that_looks_whether_the_address_exists_finds_it(method: str):
    side = PublicSide()
    assert (await side.call(method, PATH)).status_code == 200
    assert side.providers[0].calls == []


async def test_a_report_by_get_is_verified_like_any_other():
    side = PublicSide()
    assert (await side.call("GET", PATH + "?id=1")).status_code == 401
    assert (await side.call("GET", PATH + "?id=1&id=2", headers=GENUINE)).status_code == 202
    assert side.providers[0].calls[-1].query == {"id": "2"}


async def test_the_address_is_the_public_one_whatever_the_host_header_says():
    side = PublicSide()
    headers = {**GENUINE, "Host": "attacker.example", "X-Forwarded-Host": "attacker.example"}
    await side.call("POST", PATH + "?a=1%202&b=%C3%A9", headers=headers, body=b"m1")
    call = side.providers[0].calls[0]
    assert call.url == f"{PUBLIC}{PATH}?a=1%202&b=%C3%A9"
    assert call.query == {"a": "1 2", "b": "é"}
    assert call.headers["x-password"] == "open sesame"
    assert call.body == b"m1"


async def test_a_header_that_comes_twice_is_not_the_header_that_was_signed():
    import httpx

    side = PublicSide()
    transport = httpx.ASGITransport(side.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://any.example") as client:
        answer = await client.post(
            PATH, headers=[("X-Password", "open sesame"), ("X-Password", "open sesame")]
        )
    assert answer.status_code == 401


async def test_the_fallback_reports_to_the_same_address_under_its_own_key():
    side = PublicSide(Reporter("first"), Reporter("second"))
    for password, status in (("first", 202), ("second", 202), ("third", 401)):
        answer = await side.call("POST", PATH, headers={"X-Password": password}, body=b"m1")
        assert answer.status_code == status


async def test_while_the_state_is_away_the_vendor_is_asked_to_repeat_and_then_heard():
    side = PublicSide()
    side.state.away = True
    with structlog.testing.capture_logs() as lines:
        answer = await side.call("POST", PATH, headers=GENUINE, body=b"m1")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert [line["action"] for line in lines] == [Action.HOOK_FAILED]
    side.state.away = False
    assert (await side.call("POST", PATH, headers=GENUINE, body=b"m1")).status_code == 202
    assert len(side.state.receipts) == 1


async def test_while_a_proof_cannot_be_had_the_vendor_is_asked_to_repeat():
    side = PublicSide()
    side.providers[0].fault = NotSent("dns")
    assert (await side.call("POST", PATH, headers=GENUINE)).status_code == 503


async def test_an_unforeseen_error_shows_nothing_and_is_logged_by_its_place():
    side = PublicSide()
    side.providers[0].fault = KeyError("camille@shop.example")
    with structlog.testing.capture_logs() as lines:
        answer = await side.call("POST", PATH, headers=GENUINE)
    assert (answer.status_code, answer.content) == (500, b"")
    assert "camille" not in str(lines)
    assert "front_fakes.py" in str(lines)


async def test_a_body_beyond_five_megabytes_is_refused_announced_or_not():
    side = PublicSide()
    body = b"x" * 5_000_001
    assert (await side.call("POST", PATH, headers=GENUINE, body=body)).status_code == 413
    chunked = {**GENUINE, "Transfer-Encoding": "chunked", "Content-Length": "1"}
    assert (await side.call("POST", PATH, headers=chunked, body=body)).status_code == 413
    assert side.providers[0].calls == []
    fits = await side.call("POST", PATH, headers=GENUINE, body=b"x" * 4_999_999)
    assert fits.status_code == 202


async def test_no_log_line_holds_what_a_report_says():
    side = PublicSide()
    with structlog.testing.capture_logs() as lines:
        for headers in (GENUINE, {}):
            for body in (b"camille@shop.example", b"camille@shop.example\n\n"):
                path = PATH + "?to=camille@shop.example"
                await side.call("POST", path, headers=headers, body=body)
    assert len(lines) == 4
    assert "camille" not in str(lines)
    assert "sesame" not in str(lines)
