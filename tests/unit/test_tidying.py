"""Live events go when they were kept for long enough, by a worker, and whatever fails is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from relance.errors import StateError
from relance.scheduler.tidying import keep_tidy, tidy

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_what_went_is_logged_and_nothing_where_nothing_did():
    with structlog.testing.capture_logs() as logs:
        assert await tidy(lambda at: 7 if at == NOW else 0, NOW) is None
        assert await tidy(lambda _: 0, NOW) is None
    assert [(line["action"], line["dropped"]) for line in logs] == [("live_expired", 7)]


async def test_a_state_that_is_away_is_a_trouble_until_it_is_back():
    def away(_at: datetime) -> int:
        raise StateError("the state is away")

    def broken(_at: datetime) -> int:
        raise KeyError("ann@example.com")

    assert await tidy(away, NOW) == "the state is away"
    told = await tidy(broken, NOW)
    assert told is not None
    assert "KeyError" in told
    assert "ann" not in told
    stop, troubles = asyncio.Event(), {"live": "an old one"}
    rounds = [away, None]

    def work():
        if len(rounds) == 1:
            stop.set()
        return rounds.pop(0)

    loop = asyncio.create_task(keep_tidy(work, lambda: NOW, stop, troubles))
    while troubles["live"] != "the state is away":
        await asyncio.sleep(0)
    stop.set()
    await loop
