"""The endpoint for live events over a store in memory, which can be slow, full or away."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import orjson

from front_fakes import NOW, PublicSide
from relance.domain.live import LiveMessage
from relance.errors import StateError
from relance.settings import Secret
from relance.web import Desk, Inbox

KEY = "a-write-key-of-the-shop"
OLD_KEY = "the-write-key-before-it"


class MemoryStore:
    """What was stored, and how often it was asked. `gate` holds it up while it is closed."""

    def __init__(self) -> None:
        self.messages: dict[str, LiveMessage] = {}
        self.commits: list[int] = []
        self.away = False
        self.failures = 0
        self.turned_down: Counter[str] = Counter()
        self.gate = threading.Event()
        self.gate.set()

    def record(self, messages: Sequence[LiveMessage], clock: Callable[[], datetime]) -> int:
        assert self.gate.wait(30)
        if self.away:
            self.failures += 1
            raise StateError("the state is away")
        new = {m.message_id: m for m in messages if m.message_id not in self.messages}
        self.messages.update(new)
        self.commits.append(len(messages))
        return len(new)

    def turn_down(self, counts: Mapping[str, int], at: datetime) -> None:
        if self.away:
            self.failures += 1
            raise StateError("the state is away")
        self.turned_down.update(counts)

    @property
    def one(self) -> LiveMessage:
        [message] = self.messages.values()
        return message


class LiveSide(PublicSide):
    """The app with live events, and a client that speaks the protocol."""

    def __init__(self, *, most_waiting: int = 20_000, origins: Sequence[str] = ()) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.inbox = Inbox(self.store, lambda: NOW, most_waiting=most_waiting)
        assert self.front is not None
        desk = Desk([Secret(KEY), Secret(OLD_KEY)], self.inbox, origins=origins)
        self.front = replace(self.front, live=desk)

    async def post(
        self,
        path: str,
        body: Any,
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        own = basic(key) if key is not None else {}
        return await self.call("POST", path, headers={**own, **(headers or {})}, body=raw)

    async def batch(self, *messages: Any, **beside: Any) -> httpx.Response:
        return await self.post("/v1/batch", {"batch": list(messages), **beside})


def basic(key: str) -> dict[str, str]:
    """The header by which the clients show their write key."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def track(**told: Any) -> dict[str, Any]:
    """A track call as it stands in a batch."""
    return {"type": "track", "userId": "ann", "event": "Cart Abandoned", **told}
