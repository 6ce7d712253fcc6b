"""What became of messages that may have been sent: their own providers are asked, as time goes by.

What is found is recorded like any report of the provider's. That a provider knows nothing of a
message proves nothing: it stays unknown, and after a day a person decides.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from relance import logs
from relance.domain.breaker import Gate
from relance.domain.ledger import Claimed
from relance.domain.message import MessageState
from relance.domain.receipt import Doubtful, Receipt, state_after
from relance.domain.retry import look_up_after
from relance.domain.workspace import BouncePolicy
from relance.errors import Refused, SendError
from relance.logs import Action
from relance.pipeline.outlets import Outlet, Outlets
from relance.pipeline.ports import Queue, Receipts
from relance.pipeline.reasons import Address
from relance.pipeline.recheck import NOWHERE, Recheck
from relance.pipeline.settle import BUG

_MANY = 200  # messages asked about in one run
_AT_ONCE = 8  # questions in flight
_STRANGERS = 5  # messages of others that the provider may name before the right one

log = logs.get("delivery")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What a provider said of one message; `answered` is false where it could not be asked."""

    message: Claimed
    receipt: Receipt | None = None
    answered: bool = True


@dataclass(frozen=True, kw_only=True)
class LookUps:
    """Asks about the unknown messages whose time has come."""

    queue: Queue
    recheck: Recheck
    receipts: Receipts
    outlets: Mapping[str, Outlets]
    bounces: BouncePolicy

    async def run(self, clock: Callable[[], datetime], asking: asyncio.Lock) -> None:
        """One round; may be cut off at any point. Raises SourceError or StateError."""
        at = clock()
        due = await asyncio.to_thread(self.queue.doubtful, at, _MANY)
        askable, hopeless = self._sorted(due)
        if hopeless:
            await asyncio.to_thread(self.queue.look_again, [m.id for m in hopeless], None)
        askable = [(m, o) for m, o in askable if o.gate(at) is not Gate.OPEN]
        if not askable:
            return
        async with asking:
            addresses = await asyncio.to_thread(self._addresses, [m for m, _ in askable], at)
        few = asyncio.Semaphore(_AT_ONCE)
        # one after the other to the same person: their messages look alike to some providers
        alike: dict[tuple[str, str], list[tuple[Claimed, Outlet]]] = defaultdict(list)
        for message, outlet in askable:
            digest = addresses.get(message.id, NOWHERE).digest
            alike[(outlet.provider.name, digest)].append((message, outlet))
        rounds = (self._ask_all(several, addresses, clock, few) for several in alike.values())
        for end in await asyncio.gather(*rounds, return_exceptions=True):
            if end is not None:
                raise end

    def _sorted(
        self, messages: Iterable[Claimed]
    ) -> tuple[list[tuple[Claimed, Outlet]], list[Claimed]]:
        """Those whose provider can be asked, and those that only a person can settle."""
        askable: list[tuple[Claimed, Outlet]] = []
        hopeless = []
        for message in messages:
            outlets = self.outlets.get(message.channel)
            outlet = outlets.owner(message) if outlets else None
            if outlet is not None and outlet.provider.can.look_up:
                askable.append((message, outlet))
            else:
                hopeless.append(message)
        return askable, hopeless

    def _addresses(self, messages: list[Claimed], at: datetime) -> dict[str, Address]:
        found: dict[str, Address] = {}
        for channel in {message.channel for message in messages}:
            own = [message for message in messages if message.channel == channel]
            found.update(self.recheck.addresses(channel, own, at))
        return found

    async def _ask_all(
        self,
        several: list[tuple[Claimed, Outlet]],
        addresses: Mapping[str, Address],
        clock: Callable[[], datetime],
        few: asyncio.Semaphore,
    ) -> None:
        async with few:
            for message, outlet in several:
                # without an address a provider that searches by it would name anybody's message
                address = addresses.get(message.id)
                answer = _Answer(message=message)
                if address is not None:
                    answer = await self._ask(message, outlet, address)
                await asyncio.to_thread(self._settle, answer, outlet, clock())

    async def _ask(self, message: Claimed, outlet: Outlet, address: Address) -> _Answer:
        taken: frozenset[str] = frozenset()
        try:
            for _ in range(_STRANGERS):
                receipt = await outlet.provider.look_up(_doubtful(message, address, taken))
                if receipt is None or not await self._taken(receipt):
                    return _Answer(message=message, receipt=receipt)
                taken |= {receipt.provider_id or ""}
        except SendError as error:
            _tell_unasked(message, error.reason)
            return _Answer(message=message, answered=isinstance(error, Refused))
        except Exception as error:  # noqa: BLE001  a provider's bug must not stop the delivery
            _tell_unasked(message, f"{BUG}: {type(error).__name__} at {logs.where(error)}")
        return _Answer(message=message)

    async def _taken(self, receipt: Receipt) -> bool:
        """Whether what the provider named is another message of ours."""
        if receipt.provider_id is None or receipt.message_id is not None:
            return False
        ids = [receipt.provider_id]
        return bool(await asyncio.to_thread(self.queue.taken, receipt.provider, ids))

    def _settle(self, answer: _Answer, outlet: Outlet, at: datetime) -> None:
        message, receipt = answer.message, answer.receipt
        if receipt is not None and state_after(receipt.kind, MessageState.UNKNOWN) is not None:
            named = replace(receipt, message_id=message.id)
            self.receipts.record(message.channel, [named], at, self.bounces)
            _tell_found(message, outlet, receipt.kind)
            return
        if answer.answered:
            _tell_nothing(message, outlet)
        since = message.doubtful_at or at
        again = look_up_after(since, at, answered=answer.answered)
        self.queue.look_again([message.id], again)


def _doubtful(message: Claimed, address: Address, taken: frozenset[str]) -> Doubtful:
    return Doubtful(
        message_id=message.id,
        provider=message.provider,
        channel=message.channel,
        sent_at=message.doubtful_at or message.due_at,
        to=address.text,
        taken=taken,
    )


def _tell_found(message: Claimed, outlet: Outlet, found: str) -> None:
    log.info(
        "The provider knows what became of a message",
        action=Action.LOOKED_UP,
        message=message.id,
        provider=outlet.provider.name,
        found=str(found),
    )


def _tell_nothing(message: Claimed, outlet: Outlet) -> None:
    log.debug(
        "The provider knows nothing of a message, which proves nothing",
        action=Action.LOOKED_UP,
        message=message.id,
        provider=outlet.provider.name,
    )


def _tell_unasked(message: Claimed, reason: str) -> None:
    log.warning(
        "The provider could not be asked about a message",
        action=Action.LOOKED_UP,
        message=message.id,
        provider=message.provider,
        reason=reason,
    )
