"""A delivery with everything faked: its parts may be changed before it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from delivery_fakes import AT, FakeEngine, FakeLinks, FakeProvider, FakeRenderer, make_workspace
from delivery_queue import FakeQueue, FakeReceipts
from relance.domain.ledger import Claimed, Outcome
from relance.domain.workspace import ChannelSpec
from relance.pipeline.deliver import Delivery, DeliveryReport
from relance.pipeline.ports import Provider

SENDER = "La Boutique <bonjour@boutique.example>"


class Room:
    """Channels email and sms, each with one provider; `second` is e-mail's fallback if asked for.

    The same delivery runs again and again, as in a worker; `fresh` starts another one.
    """

    def __init__(self, *messages: Claimed, **workspace: object) -> None:
        self.queue = FakeQueue(*messages)
        self.receipts = FakeReceipts(self.queue)
        self.engine = FakeEngine()
        self.renderer = FakeRenderer()
        self.links: FakeLinks | None = None
        self.email = FakeProvider()
        self.sms = FakeProvider()
        self.second: FakeProvider | None = None
        self.workspace = make_workspace(**workspace)
        self.pauses: list[float] = []
        self._open: Delivery | None = None

    def channel(self, name: str = "email", **changes: object) -> None:
        """Change a channel of the workspace."""
        spec = replace(self.workspace.channels[name], **changes)
        self.workspace = replace(self.workspace, channels={**self.workspace.channels, name: spec})

    def fall_back(self, name: str = "second", **changes: object) -> FakeProvider:
        """Give e-mail a second provider."""
        self.second = FakeProvider(name, **changes)
        self.channel(
            fallback=ChannelSpec(name="email", provider=name, sender="Second <2@boutique.example>")
        )
        return self.second

    def providers(self) -> dict[str, Sequence[Provider]]:
        email = [self.email] if self.second is None else [self.email, self.second]
        own = {"email": email, "sms": [self.sms]}
        return {name: own.get(name, [self.sms]) for name in self.workspace.channels}

    def delivery(self, worker: str = "w1", grace: float = 7.0) -> Delivery:
        return Delivery(
            self.workspace,
            self.queue,
            self.engine,
            self.renderer,
            self.providers(),
            worker,
            receipts=self.receipts,
            links=self.links,
            grace=grace,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def run(self, at: datetime = AT) -> DeliveryReport:
        if self._open is None:
            self._open = self.delivery()
        return await self._open.run(at)

    def outcome(self, key: str) -> Outcome:
        found = self.queue.rows[key].outcome
        assert found is not None
        return found
