"""Live events by the Segment protocol: what is taken, what is refused, and when it is said."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog

from front_fakes import NOW, PublicSide
from live_desk import KEY, OLD_KEY, LiveSide, basic, track
from relance.web.segment import BATCH_BYTES, MESSAGE_BYTES

YEAR = timedelta(days=365)


@pytest.fixture
def side() -> LiveSide:
    return LiveSide()


# -- what is taken


async def test_each_call_of_the_protocol_is_stored(side: LiveSide):
    who = {"userId": "ann", "anonymousId": "a-1"}
    told = {
        "track": {"event": "Cart Abandoned", "properties": {"total": 12.5}},
        "identify": {"traits": {"plan": "pro"}},
        "alias": {"previousId": "a-0"},
        "page": {"name": "Boots", "properties": {"url": "/boots"}},
        "screen": {"name": "Home"},
        "group": {"groupId": "acme", "traits": {"size": 7}},
    }
    for kind, body in told.items():
        answer = await side.post(f"/v1/{kind}", {**who, **body})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    found = {
        m.kind: (m.event, m.previous_id, orjson.loads(m.body)) for m in side.store.messages.values()
    }
    assert found == {
        "track": ("Cart Abandoned", None, {"total": 12.5}),
        "identify": ("", None, {"plan": "pro"}),
        "alias": ("", "a-0", {}),
        "page": ("$page", None, {"name": "Boots", "url": "/boots"}),
        "screen": ("$screen", None, {"name": "Home"}),
        "group": ("$group", None, {"groupId": "acme", "size": 7}),
    }
    assert {(m.user_id, m.anonymous_id) for m in side.store.messages.values()} == {("ann", "a-1")}


async def test_a_context_is_not_stored(side: LiveSide):
    await side.batch(track(context={"ip": "203.0.113.9"}, integrations={"All": True}))
    assert "203.0.113.9" not in str(side.store.one)


async def test_a_batch_is_stored_whole_and_what_is_wrong_in_it_is_told_by_its_place(side: LiveSide):
    with structlog.testing.capture_logs() as logs:
        answer = await side.batch(
            track(messageId="1"),
            track(event=""),
            {"type": "track", "event": "Nobody's"},
            {"type": "poke", "userId": "ann"},
            "track",
            {"type": "alias", "userId": "ann"},
            track(properties=["a list"]),
            track(messageId="2", userId=None, anonymousId="a-1"),
        )
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [1, 2, 3, 4, 5, 6]
    assert set(side.store.messages) == {"1", "2"}
    [line] = logs
    assert (line["action"], line["rejected"], line["stored"]) == ("live_rejected", 6, 2)
    assert "ann" not in str(line)


async def test_a_batch_without_anything_good_is_refused_and_an_empty_one_is_not(side: LiveSide):
    answer = await side.batch(track(event=None))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "`event` must be a name" in answer.json()["message"]
    assert (await side.batch()).status_code == 200
    assert side.store.messages == {}


async def test_a_message_that_comes_again_is_counted_and_stored_once(side: LiveSide):
    for _ in range(2):
        answer = await side.batch(track(messageId="1"), track(messageId="1"))
        assert answer.status_code == 200
    assert len(side.store.messages) == 1
    assert side.inbox.figures.shown() == {
        "waiting": 0, "stored": 1, "duplicates": 3, "rejected": 0, "turned_away": 0,
    }  # fmt: skip


async def test_a_message_id_that_is_too_long_still_tells_a_repetition(side: LiveSide):
    for _ in range(2):
        await side.batch(track(messageId="m" * 300))
    assert len(side.store.messages) == 1


async def test_numbers_are_ids_too_and_python_s_own_json_is_read(side: LiveSide):
    written = json.dumps(
        {"batch": [track(userId=42, properties={"x": float("nan"), "y": "\ud83d"})]}
    )
    answer = await side.post("/v1/batch", written.encode())
    assert answer.status_code == 200
    assert side.store.one.user_id == "42"
    assert orjson.loads(side.store.one.body) == {"x": None, "y": "?"}


# -- clocks


@pytest.mark.parametrize(
    ("told", "sent", "happened"),
    [
        (None, None, NOW),
        (NOW - timedelta(hours=1), None, NOW - timedelta(hours=1)),
        (NOW - timedelta(hours=1), NOW, NOW - timedelta(hours=1)),
        (NOW - YEAR - timedelta(hours=1), NOW - YEAR, NOW - timedelta(hours=1)),  # a year slow
        (NOW + YEAR - timedelta(hours=1), NOW + YEAR, NOW - timedelta(hours=1)),  # a year fast
        (NOW - 3 * YEAR, NOW, NOW - 3 * YEAR),  # what was imported
    ],
)
async def test_a_clock_that_is_wrong_is_corrected_by_what_it_says_of_the_sending(
    side: LiveSide, told: datetime | None, sent: datetime | None, happened: datetime
):
    more = {"sentAt": sent.isoformat()} if sent else {}
    await side.batch(track(timestamp=told.isoformat() if told else None), **more)
    assert (side.store.one.at, side.store.one.told) == (happened, None)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ((NOW + YEAR).isoformat(), (NOW + YEAR).isoformat()),
        ("yesterday", "yesterday"),
        (1772442000000, "1772442000000"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("1700-01-01T00:00:00Z", "1700-01-01T00:00:00+00:00"),
    ],
)
async def test_an_instant_that_cannot_be_is_that_of_the_arrival_and_is_kept_as_told(
    side: LiveSide, told: object, kept: str
):
    answer = await side.batch(track(timestamp=told))
    assert answer.status_code == 200
    assert (side.store.one.at, side.store.one.told) == (NOW, kept)


async def test_the_original_timestamp_goes_before_and_a_message_s_own_sending_too(side: LiveSide):
    early, late = NOW - timedelta(days=2), NOW - timedelta(days=1)
    await side.batch(
        track(
            originalTimestamp=early.isoformat(), timestamp=late.isoformat(), sentAt=late.isoformat()
        ),
        sentAt=NOW.isoformat(),
    )
    assert side.store.one.at == NOW - timedelta(days=1)


async def test_an_instant_without_a_zone_is_in_utc(side: LiveSide):
    await side.batch(track(timestamp="2026-03-02T08:00:00"))
    assert side.store.one.at == datetime(2026, 3, 2, 8, tzinfo=UTC)


# -- who may


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
async def test_any_write_key_opens_by_the_header_or_in_the_body(side: LiveSide, key: str):
    assert (await side.post("/v1/track", track(), key=key)).status_code == 200
    inside = await side.post("/v1/track", track(writeKey=key), key=None)
    assert inside.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("another-key-of-somebody"),
        basic(""),
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ====é".encode("latin-1")},
        {"Authorization": f"Basic {KEY}"},
    ],
)
async def test_without_a_key_nothing_is_stored(side: LiveSide, headers: dict[str, Any]):
    bodies = (track(), track(writeKey=KEY[:-1]), track(writeKey=None), track(writeKey=[KEY]))
    for body in bodies:
        answer = await side.post("/v1/track", body, key=None, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert side.store.messages == {}


async def test_a_wrong_key_in_the_header_is_not_made_good_by_the_body(side: LiveSide):
    answer = await side.post("/v1/track", track(writeKey=KEY), key="another-key-of-somebody")
    assert answer.status_code == 401


async def test_a_workspace_that_takes_none_has_no_such_address():
    answer = await PublicSide().call("POST", "/v1/track", headers=basic(KEY), body=b"{}")
    assert (answer.status_code, answer.content) == (404, b"")


async def test_while_the_workspace_is_opened_anew_the_client_is_asked_to_come_back(side: LiveSide):
    side.front = None
    answer = await side.batch(track())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


# -- how much


async def test_a_gzipped_body_is_read(side: LiveSide):
    body = gzip.compress(orjson.dumps({"batch": [track()]}))
    answer = await side.post("/v1/batch", body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert len(side.store.messages) == 1


async def test_a_body_over_the_limit_is_refused_also_where_it_is_small_on_the_way(side: LiveSide):
    message = track(properties={"x": "y" * 20_000})
    body = orjson.dumps({"batch": [message] * 30})
    assert len(body) > BATCH_BYTES
    plain = await side.post("/v1/batch", body)
    zipped = await side.post("/v1/batch", gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert (plain.status_code, zipped.status_code) == (413, 413)
    assert plain.json()["code"] == zipped.json()["code"] == "too_large"
    assert side.store.messages == {}


async def test_a_message_over_the_limit_is_refused_and_its_companions_are_taken(side: LiveSide):
    long = track(properties={"x": "y" * MESSAGE_BYTES})
    alone = await side.post("/v1/track", long)
    assert alone.status_code == 413
    together = await side.batch(long, track())
    assert together.json()["rejected"] == [{"index": 0, "reason": "is longer than 32 kB"}]
    assert len(side.store.messages) == 1


async def test_requests_that_come_together_share_a_commit(side: LiveSide):
    side.store.gate.clear()
    first = asyncio.create_task(side.batch(track()))
    await waits(side, 1)
    others = [asyncio.create_task(side.batch(track(), track())) for _ in range(10)]
    await waits(side, 21)
    assert not first.done()
    side.store.gate.set()
    answers = await asyncio.gather(first, *others)
    assert {answer.status_code for answer in answers} == {200}
    assert side.store.commits == [1, 20]


async def test_under_pressure_clients_are_asked_to_come_back_and_nothing_is_lost():
    side = LiveSide(most_waiting=10)
    side.store.gate.clear()
    taken = [asyncio.create_task(side.batch(*[track()] * 5)) for _ in range(2)]
    await waits(side, 10)
    with structlog.testing.capture_logs() as logs:
        away = await side.batch(track(messageId="late"))
    assert (away.status_code, away.headers["retry-after"]) == (429, "1")
    assert away.json()["code"] == "too_many"
    assert logs == []
    side.store.gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*taken)} == {200}
    assert (await side.batch(track(messageId="late"))).status_code == 200
    assert len(side.store.messages) == 11
    assert side.inbox.figures.turned_away == 1


async def test_nothing_is_acknowledged_that_the_state_did_not_take(side: LiveSide):
    side.store.away = True
    with structlog.testing.capture_logs() as logs:
        answer = await side.batch(track(messageId="1"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert [line["action"] for line in logs] == ["live_failed"]
    side.store.away = False
    assert (await side.batch(track(messageId="1"))).status_code == 200
    assert side.inbox.figures.waiting == 0


async def test_what_waits_is_stored_when_the_workspace_is_closed(side: LiveSide):
    side.store.gate.clear()
    waiting = asyncio.create_task(side.batch(track()))
    await waits(side, 1)
    closing = asyncio.create_task(side.inbox.close())
    await asyncio.sleep(0)
    late = await side.batch(track())
    assert (late.status_code, late.json()["code"]) == (503, "restarting")
    side.store.gate.set()
    await closing
    assert (await waiting).status_code == 200


async def waits(side: LiveSide, messages: int) -> None:
    """Until so many messages wait in the inbox."""
    async with asyncio.timeout(10):
        while side.inbox.figures.waiting < messages:
            await asyncio.sleep(0)


# -- whatever comes


async def test_no_broken_request_is_an_error_of_ours_or_stores_anything_without_a_key():
    side, chance = LiveSide(), random.Random(5)
    keys = ["wrong-key-of-somebody", "", "é", KEY[:-1], KEY.upper()]
    for _ in range(1_500):
        path = chance.choice(["/v1/batch", "/v1/track", "/v1/identify", "/v1/alias", "/v1/x"])
        headers = {"Content-Encoding": chance.choice(["gzip", "br", "identity", "", "GZIP"])}
        if chance.random() < 0.5:
            headers["Authorization"] = chance.choice(
                [
                    f"Basic {spoilt(KEY.encode(), chance)!r}",
                    *(basic(k)["Authorization"] for k in keys),
                ]
            )
        answer = await side.call("POST", path, headers=headers, body=nonsense(chance))
        assert answer.status_code in (400, 401, 404, 413, 415), answer.status_code
    assert side.store.messages == {}


async def test_whatever_a_key_holder_sends_is_stored_or_refused():
    side, chance = LiveSide(), random.Random(6)
    with structlog.testing.capture_logs():
        for _ in range(1_500):
            path = chance.choice(["/v1/batch", "/v1/track", "/v1/identify", "/v1/alias"])
            headers = {"Content-Encoding": chance.choice(["gzip", "", ""])}
            answer = await side.post(path, nonsense(chance), headers=headers)
            assert answer.status_code in (200, 400, 413, 415), answer.status_code
    for message in side.store.messages.values():
        assert message.user_id or message.anonymous_id
        assert message.at.tzinfo is not None
        assert isinstance(orjson.loads(message.body), dict)
        assert "\0" not in f"{message.event}{message.user_id}{message.message_id}"


def nonsense(chance: random.Random) -> bytes:
    """A body that is more or less broken."""
    whole = {
        "batch": [track(**{chance.choice(KEYS): chance.choice(VALUES)}) for _ in range(3)],
        **track(**{chance.choice(KEYS): chance.choice(VALUES)}),
        chance.choice(KEYS): chance.choice(VALUES),
    }
    body = json.dumps(whole).encode()
    for spoil in chance.sample([spoilt, zipped, deep], chance.randint(0, 2)):
        body = spoil(body, chance)
    return body


KEYS = ("type", "userId", "anonymousId", "event", "properties", "traits", "timestamp", "sentAt",
        "messageId", "previousId", "batch", "originalTimestamp", "context")  # fmt: skip
VALUES = (None, True, 0, -1, 2**70, 1e308, float("nan"), "", " ", "\0", "\ud800", "x" * 300, [], {},
          {"a": {"b": [1]}}, [[]], "2026-13-40", "9999-12-31T23:59:59-12:00", "track")  # fmt: skip


def spoilt(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.randbytes(chance.randint(0, 3)) + body[at + chance.randint(0, 9) :]


def zipped(body: bytes, chance: random.Random) -> bytes:
    packed = gzip.compress(body)
    return packed if chance.random() < 0.5 else packed[: chance.randrange(len(packed))]


def deep(body: bytes, chance: random.Random) -> bytes:
    levels = chance.choice([300, 2_000, 100_000])
    return b'{"userId":"a","event":"e","properties":{"x":' + b"[" * levels + b"]" * levels + b"}}"
