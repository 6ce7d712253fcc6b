"""Segment's own client, unchanged, against relance: what it is told of, relance has; also when the
server is full, away, or killed."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from desk import Desk, at_desk
from json_page import differences, documented
from live_desk import KEY, LiveSide, basic, track
from relance.store import State, open_state
from relance.web import serving
from service import Service, running
from waiting import until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from segment.analytics.client import Client

desk = pytest.fixture(at_desk)
ENV = {"SHOP_WRITE_KEY": KEY}
LIVE = 'live: {write_keys: ["${SHOP_WRITE_KEY}"]}\n'


@contextmanager
def client(host: str, *, key: str = KEY, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """The client, and what it says went wrong."""
    told: list[str] = []
    made = Client(
        key, host=host, upload_interval=0.05, on_error=lambda error, _: told.append(str(error)),
        **options,
    )  # fmt: skip
    try:
        yield made, told
    finally:
        made.flush()
        made.join()


def visits(made: Any) -> None:
    made.identify("ann", {"plan": "pro", "email": "ann@example.com"}, anonymous_id="a-1")
    for total in range(120):
        made.track("ann", "Cart Abandoned", {"total": total})
    made.alias("a-0", "ann")
    made.page("ann", "docs", "Boots", {"url": "/boots"})
    made.screen("ann", "app", "Home")
    made.group("ann", "acme", {"size": 7})


@contextmanager
def state_of(desk: Desk) -> Iterator[State]:
    state = open_state(f"sqlite:///{desk.root}/state/relance.db", workspace="stage")
    try:
        yield state
    finally:
        state.close()


@pytest.mark.parametrize("zipped", [False, True])
def test_what_the_client_tells_is_stored(desk: Desk, zipped: bool):
    desk.settings(LIVE)
    began = datetime.now(UTC)
    with running(desk.root, "web", env=ENV) as service:
        with client(service.url(), key="another-key-of-somebody") as (made, refused):
            made.track("eve", "Cart Abandoned")
        with client(service.url(), gzip=zipped) as (made, told):
            visits(made)
        assert "unauthorized" in refused[0]
        assert told == []
        health = service.health()
        metrics = service.call("GET", "/metrics").text
        assert service.stop() == 0
        assert not {"ann", "eve", KEY} & set(re.findall(r"[\w-]+", service.text()))
    assert health["live"]["stored"] == 125
    assert "relance_live_stored 125.0" in metrics
    with state_of(desk) as state:
        rows = [row for batch in state.live.after(0) for row in batch.to_pylist()]
    assert sorted({row["kind"] for row in rows}) == sorted(
        ["alias", "group", "identify", "page", "screen", "track"]
    )
    totals = [json.loads(row["body"])["total"] for row in rows if row["kind"] == "track"]
    assert totals == list(range(120))
    assert all(began <= row["at"] <= row["received_at"] for row in rows)
    counted = desk.call("live", "status", "--json", env=ENV).json()
    assert (counted["messages"], counted["by_event"]) == (125, {"Cart Abandoned": 120})
    assert counted["not_taken"] == {"unauthorized": 1}
    assert list(differences(counted, *documented("live status"))) == []
    assert "requests without a write key" in desk.call("live", "status", env=ENV).out
    assert desk.call("live", "forget", "ann", "--json", env=ENV).json() == {"deleted": 125}
    assert "no live event" in desk.call("live", "status", env=ENV).out


async def test_the_client_comes_back_when_too_much_waits_and_when_the_state_is_away():
    side = LiveSide(most_waiting=1)
    side.store.gate.clear()
    async with serving(side.app, "127.0.0.1", 0) as port:
        waiting = asyncio.create_task(side.batch(track()))
        while not side.inbox.figures.waiting:
            await asyncio.sleep(0)

        def through_it_all() -> list[str]:
            with client(f"http://127.0.0.1:{port}") as (made, told):
                made.track("bob", "Order Completed")
                until(lambda: side.inbox.figures.turned_away > 0, seconds=30)
                side.store.away = True
                side.store.gate.set()
                until(lambda: side.store.failures == 2, seconds=30)
                side.store.away = False
            return told

        with structlog.testing.capture_logs():
            task = asyncio.create_task(asyncio.to_thread(through_it_all))
            assert (await waiting).status_code == 503
            assert await task == []
    assert [m.user_id for m in side.store.messages.values()] == ["bob"]


def send(service: Service, batch: list[dict[str, Any]]) -> bool:
    """Whether a batch was acknowledged."""
    request = urllib.request.Request(
        service.url() + "/v1/batch", data=json.dumps({"batch": batch}).encode(), method="POST",
        headers=basic(KEY),
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_loses_nothing_acknowledged_and_stores_nothing_twice(
    desk: Desk, database: str, request: pytest.FixtureRequest
):
    url = f"sqlite:///{desk.root}/state/relance.db"
    more = ""
    if database == "postgresql":
        url = str(request.getfixturevalue("postgres_database"))
        more = f"state: {url}\n"
    desk.settings(LIVE + more)
    chance, acknowledged = random.Random(7), set[str]()
    batches = [[track(messageId=f"{b}-{n}") for n in range(50)] for b in range(12)]
    for life in range(2 if database == "sqlite" else 1):
        with running(desk.root, "web", env=ENV, name=f"life{life}") as service:
            _live_and_die(service, batches, acknowledged, chance)
            stored = stored_ids(url)
            assert acknowledged <= set(stored)
            assert len(stored) == len(set(stored))
    with running(desk.root, "web", env=ENV, name="last") as service:
        assert all(send(service, batch) for batch in batches)
    assert sorted(stored_ids(url)) == sorted(m["messageId"] for batch in batches for m in batch)


def _live_and_die(
    service: Service,
    batches: list[list[dict[str, Any]]],
    acknowledged: set[str],
    chance: random.Random,
) -> None:
    """Send at random, old ones again too, and kill the server while a batch is on its way."""
    for batch in chance.sample(batches, 4):
        assert send(service, batch)
        acknowledged.update(message["messageId"] for message in batch)
    with _in_flight(service, chance.choice(batches)):
        service.kill()


@contextmanager
def _in_flight(service: Service, batch: list[dict[str, Any]]) -> Iterator[None]:
    thread = threading.Thread(target=send, args=(service, batch))
    thread.start()
    yield
    thread.join()


def stored_ids(url: str) -> list[str]:
    state = open_state(url, workspace="stage")
    try:
        return [mid for batch in state.live.after(0) for mid in batch["message_id"].to_pylist()]
    finally:
        state.close()
