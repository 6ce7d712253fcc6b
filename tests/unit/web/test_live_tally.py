"""What was not taken is noted now and then, and kept while the state is away."""

from __future__ import annotations

import asyncio

from front_fakes import NOW
from live_desk import MemoryStore
from relance.web.tally import Tally


async def test_counts_that_the_state_did_not_take_go_with_the_next():
    store = MemoryStore()
    tally = Tally(store, lambda: NOW, every=0)
    store.away = True
    tally.add("json", 2)
    await _tried(store)
    store.away = False
    tally.add("json")
    tally.add("unauthorized")
    async with asyncio.timeout(10):
        while not store.turned_down:
            await asyncio.sleep(0)
    assert store.turned_down == {"json": 3, "unauthorized": 1}
    tally.add("json")
    await tally.close()
    assert store.turned_down == {"json": 4, "unauthorized": 1}


async def _tried(store: MemoryStore) -> None:
    async with asyncio.timeout(10):
        while not store.failures:
            await asyncio.sleep(0)
