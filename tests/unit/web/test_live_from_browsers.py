"""Live events as Segment's client for browsers sends them, and which pages may."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
import structlog

from front_fakes import NOW
from live_desk import KEY, LiveSide, basic, track
from relance.web.segment import BATCH_BYTES, MESSAGE_BYTES

SHOP, OTHER = "https://boutique.example", "https://elsewhere.example"
PATHS = {
    "/v1/t": "track", "/v1/i": "identify", "/v1/a": "alias", "/v1/p": "page", "/v1/s": "screen",
    "/v1/g": "group", "/v1/b": "batch",
}  # fmt: skip
ASKED = {"Access-Control-Request-Method": "POST",
         "Access-Control-Request-Headers": "authorization,content-type,x-retry-count"}  # fmt: skip


@pytest.fixture
def side() -> LiveSide:
    return LiveSide(origins=[SHOP])


def said(kind: str, **told: Any) -> dict[str, Any]:
    """A call as @segment/analytics-next 1.84 writes it, of nobody who is logged in."""
    return {
        "timestamp": NOW.isoformat(), "sentAt": NOW.isoformat(), "integrations": {},
        "userId": None, "anonymousId": "2f7a", "type": kind, "writeKey": KEY,
        "messageId": f"ajs-next-1-{kind}",
        "context": {"page": {"url": SHOP, "search": "?q=1"}, "userAgent": "Mozilla/5.0",
                    "timezone": "Europe/Paris", "library": {"name": "analytics.js"}},
        "_metadata": {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []}, **told,
    }  # fmt: skip


CALLS = {
    "/v1/t": said("track", event="Cart Abandoned", properties={"total": 89.5}),
    "/v1/i": said("identify", userId="ann", traits={"plan": "pro"}),
    "/v1/a": said("alias", userId="ann", previousId="2f7a"),
    "/v1/p": said("page", name=None, properties={"path": "/boots", "title": "Boots"}),
    "/v1/s": said("screen", name="Home", properties={}),
    "/v1/g": said("group", groupId="acme", traits={}),
    "/v1/b": {
        "writeKey": KEY,
        "sentAt": NOW.isoformat(),
        "batch": [said("track", event="Batched")],
    },
}


async def send(
    side: LiveSide, path: str, body: Any, origin: str | None = SHOP, **headers: str
) -> httpx.Response:
    """A request as the client makes it: text, the key in the header and in the body."""
    own = {"Content-Type": "text/plain", **basic(KEY), **headers}
    if origin is not None:
        own["Origin"] = origin
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return await side.call("POST", path, headers=own, body=raw)


def cors(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", PATHS)
async def test_a_letter_is_the_call_that_begins_with_it(side: LiveSide, path: str):
    answer = await send(side, path, CALLS[path])
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert answer.headers["access-control-allow-origin"] == SHOP
    stored = side.store.one
    assert stored.kind == ("track" if path == "/v1/b" else PATHS[path])
    assert stored.anonymous_id == "2f7a"
    assert (stored.at, stored.told) == (NOW, None)
    assert "Mozilla" not in str(stored)


async def test_a_browser_may_be_without_headers_and_a_repetition_is_stored_once(side: LiveSide):
    """As `sendBeacon` and older clients send: no authorization, the key in the body alone."""
    for headers in ({}, {}, {"X-Retry-Count": "1"}):
        answer = await side.call(
            "POST", "/v1/t", headers={"Content-Type": "text/plain", "Origin": SHOP, **headers},
            body=orjson.dumps(CALLS["/v1/t"]),
        )  # fmt: skip
        assert answer.status_code == 200
    again = await send(side, "/v1/track", CALLS["/v1/t"])
    assert again.status_code == 200
    assert len(side.store.messages) == 1
    assert side.inbox.figures.duplicates == 3


# -- which pages may


@pytest.mark.parametrize("path", [*PATHS, *(f"/v1/{kind}" for kind in PATHS.values())])
async def test_a_browser_that_asks_first_is_told_yes_for_a_declared_site_alone(
    side: LiveSide, path: str
):
    yes = await side.call("OPTIONS", path, headers={"Origin": SHOP, **ASKED})
    assert (yes.status_code, yes.content) == (204, b"")
    assert yes.headers["access-control-allow-origin"] == SHOP
    assert yes.headers["access-control-allow-methods"] == "POST"
    allowed = {
        one.strip() for one in yes.headers["access-control-allow-headers"].lower().split(",")
    }
    assert allowed == {"authorization", "content-type", "content-encoding", "x-retry-count"}
    assert "access-control-allow-credentials" not in yes.headers
    assert yes.headers["vary"] == "Origin"
    no = await side.call("OPTIONS", path, headers={"Origin": OTHER, **ASKED})
    assert (no.status_code, no.content, cors(no)) == (403, b"", set())


@pytest.mark.parametrize(
    "origin",
    [None, OTHER, "null", "*", "http://boutique.example", "https://boutique.example.evil.example",
     "https://BOUTIQUE.example", "https://boutique.example:8443", f"{SHOP}, {OTHER}"],
)  # fmt: skip
async def test_another_site_is_never_named(side: LiveSide, origin: str | None):
    asked = {"Origin": origin, **ASKED} if origin else ASKED
    assert cors(await side.call("OPTIONS", "/v1/t", headers=asked)) == set()
    assert cors(await send(side, "/v1/t", CALLS["/v1/t"], origin)) == set()


async def test_without_origins_nothing_is_said_of_them():
    side = LiveSide()
    asked = await side.call("OPTIONS", "/v1/t", headers={"Origin": SHOP, **ASKED})
    assert (asked.status_code, cors(asked)) == (403, set())
    answer = await send(side, "/v1/t", CALLS["/v1/t"])
    assert answer.status_code == 200
    assert not cors(answer) | ({"vary"} & set(answer.headers))


async def test_no_other_address_knows_of_origins(side: LiveSide):
    for path in (
        "/healthz",
        "/metrics",
        side.preferences_path("en"),
        "/webhooks/email/acme",
        "/v1",
    ):
        for method in ("GET", "OPTIONS", "POST"):
            answer = await side.call(method, path, headers={"Origin": SHOP, **ASKED})
            assert cors(answer) == set(), (method, path)
            assert answer.status_code != 204 or method == "POST"


async def test_what_a_declared_page_is_told_it_can_read(side: LiveSide):
    side.store.away = True
    answers = [
        await send(side, "/v1/t", CALLS["/v1/t"]),
        await send(side, "/v1/t", b"{"),
        await send(side, "/v1/t", CALLS["/v1/t"], **basic("another-key-of-somebody")),
        await send(side, "/v1/t", said("track", event="x" * 300)),
    ]
    assert [answer.status_code for answer in answers] == [503, 400, 401, 400]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
    # it would make a browser ask its user for a password
    assert "www-authenticate" not in answers[2].headers


# -- what a hostile page may do


async def test_the_key_decides_and_not_where_a_page_says_it_comes_from(side: LiveSide):
    body = {**CALLS["/v1/t"], "writeKey": "another-key-of-somebody"}
    for path in PATHS:
        answer = await side.call(
            "POST", path, headers={"Origin": SHOP, "Content-Type": "text/plain"},
            body=orjson.dumps(body),
        )  # fmt: skip
        assert answer.status_code == 401
    assert side.store.messages == {}


@pytest.mark.parametrize("path", PATHS)
async def test_too_much_is_refused_at_a_letter_too(side: LiveSide, path: str):
    huge = b'{"writeKey": "%s", "x": "%s"}' % (KEY.encode(), b"y" * BATCH_BYTES)
    assert (await send(side, path, huge)).status_code == 413
    if path != "/v1/b":
        long = {**CALLS[path], "context": {"x": "y" * MESSAGE_BYTES}}
        assert (await send(side, path, long)).status_code == 413
    assert side.store.messages == {}


async def test_under_pressure_a_page_is_asked_to_come_back():
    side = LiveSide(most_waiting=1, origins=[SHOP])
    side.store.gate.clear()
    first = asyncio.create_task(side.batch(track()))
    async with asyncio.timeout(10):
        while not side.inbox.full:
            await asyncio.sleep(0)
    for path in PATHS:
        away = await send(side, path, CALLS[path])
        assert (away.status_code, away.headers["retry-after"]) == (429, "1")
        assert away.headers["access-control-allow-origin"] == SHOP
    side.store.gate.set()
    assert (await first).status_code == 200
    assert side.inbox.figures.turned_away == len(PATHS)


async def test_what_was_not_taken_is_noted_by_its_reason_and_not_request_by_request(side: LiveSide):
    with structlog.testing.capture_logs():
        for _ in range(20):
            await send(side, "/v1/t", CALLS["/v1/t"], **basic("another-key-of-somebody"))
        await send(side, "/v1/t", b"{")
        await side.call("OPTIONS", "/v1/t", headers={"Origin": OTHER, **ASKED})
        await send(side, "/v1/b", {"batch": [track(event=""), track(), "x"]})
        assert side.store.turned_down == {}
        await side.inbox.close()
    assert side.store.turned_down == {"unauthorized": 20, "json": 1, "origin": 1, "rejected": 2}
