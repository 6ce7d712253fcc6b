"""One channel's delivery: waves are claimed, rendered and marked in groups, and led to a wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from relance import logs
from relance.domain.breaker import Gate
from relance.domain.ledger import Budget, Mark, Tried
from relance.errors import RelanceError, RenderError
from relance.logs import Action
from relance.pipeline.claims import Claims, Run
from relance.pipeline.compose import Composer, unrendered
from relance.pipeline.outcomes import held_out, put_off
from relance.pipeline.outlets import BUDGET, Outlet, Outlets
from relance.pipeline.recheck import Ready
from relance.pipeline.recorder import Sleep
from relance.pipeline.wire import Parcel, Wire, hold

_BREATH = 16  # texts rendered before the answers of the wire get their turn

T = TypeVar("T")
Pick = Callable[[datetime], Outlet | None]

log = logs.get("delivery")


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """What is behind messages that come `again`, from a provider by which they did not leave.

    Of what their marks have `spent`, they give back what is `unspent` now: that provider's own.
    """

    again: bool = False
    spent: tuple[Budget, ...] = ()
    unspent: tuple[Budget, ...] = ()
    tried: Mapping[str, tuple[Tried, ...]] = field(default_factory=dict)

    @property
    def kept(self) -> tuple[Budget, ...]:
        return tuple(budget for budget in self.spent if budget not in self.unspent)


_FIRST = Move()


class Lane:
    """Sends one channel's waves. A wave is prepared while the one before it is sent.

    What certainly did not leave by the channel's provider goes to its fallback, once; what may
    have left stays with the provider it left by.
    """

    def __init__(
        self, run: Run, outlets: Outlets, composer: Composer, *, grace: float, sleep: Sleep
    ) -> None:
        self._run = run
        self._outlets = outlets
        self._composer = composer
        self._grace = grace
        self._sleep = sleep
        self._wires = {
            outlet: Wire(run, outlet, outlets.repeats(outlet), self._instead)
            for outlet in outlets.all
        }

    async def carry(self, claims: Claims) -> None:
        """Send every wave; on return nothing of this channel is on the wire any more."""
        first = await self._next(claims)
        if first is None:
            return
        async with asyncio.TaskGroup() as tasks:
            callers = [
                tasks.create_task(wire.call())
                for wire in self._wires.values()
                for _ in range(wire.outlet.pace.calls)
            ]
            callers.append(tasks.create_task(self._hang_up(tuple(callers))))
            await self._feed(claims, first)
            for wire in self._wires.values():  # in their order: the first may hand on to the next
                await wire.idle()
            for caller in callers:
                caller.cancel()

    async def _feed(self, claims: Claims, first: list[Ready]) -> None:
        wave: list[Ready] | None = first
        while wave is not None:
            coming = asyncio.create_task(self._next(claims))
            try:
                await self._launch(wave)
                wave = await coming
            finally:
                coming.cancel()

    async def _next(self, claims: Claims) -> list[Ready] | None:
        nowhere = self._outlets.current(self._run.clock()) is None
        return None if self._run.halted or nowhere else await claims.next()

    async def _launch(self, wave: list[Ready]) -> None:
        """First what may have left already, by its own provider; then the rest."""
        bound = [ready for ready in wave if ready.message.doubtful_at is not None]
        wave[:] = [ready for ready in wave if ready.message.doubtful_at is None]
        for outlet in self._outlets.all:
            own = [ready for ready in bound if self._outlets.owner(ready.message) is outlet]
            await self._go(own, partial(_open_one, outlet))
        await self._go(wave, self._outlets.current)

    async def _go(self, ready: list[Ready], pick: Pick) -> None:
        """Lead messages to a wire, group by group, wherever the breakers let them pass. The list
        gets shorter on the way: what is sent takes no memory any more."""
        while ready:
            await self._run.recorder.room()
            at = self._run.clock()
            outlet = pick(at)
            if self._run.halted:
                self._run.release(each.message for each in ready)
                return
            if outlet is None:
                self._hold(ready)
                return
            if outlet.used_up(at):
                self._put_off(ready, outlet)
                return
            await self._go_by(outlet, ready)

    async def _go_by(self, outlet: Outlet, ready: list[Ready]) -> None:
        """Send the first group; of one request while that is still to be tried."""
        wire = self._wires[outlet]
        if outlet.gate(self._run.clock()) is Gate.CLOSED:
            size = outlet.pace.group
        else:
            await wire.idle()  # somebody may be trying it: the answer counts for the rest as well
            size = outlet.pace.batch
            if outlet.gate(self._run.clock()) is not Gate.PROBE:
                return
        await self._send(outlet, _cut(ready, size))
        if size == outlet.pace.batch and outlet.gate(self._run.clock()) is not Gate.CLOSED:
            await wire.idle()

    async def _send(self, outlet: Outlet, group: Sequence[Ready]) -> None:
        """Hand a group over; its ghosts wait where the messages beside them do."""
        real = [each for each in group if not each.message.ghost]
        over = await self._hand_over(outlet, real) if real else []
        passed, late = _ghosts(group, over)
        at = self._run.clock()
        if self._run.failure is None:
            self._run.recorder.add(held_out(each.message, at) for each in passed)
        else:
            self._run.release(each.message for each in passed)
        self._put_off([*over, *late], outlet)

    def _hold(self, ready: Sequence[Ready]) -> None:
        for each in ready:
            outlet = self._outlets.owner(each.message) or self._outlets.all[0]
            hold(self._run, outlet, [each.message])

    def _put_off(self, ready: Sequence[Ready], outlet: Outlet) -> None:
        """Until the budget is whole again: the start of the next day."""
        if not ready:
            return
        at = self._run.clock()
        until = outlet.tomorrow(at)
        self._run.recorder.add(
            put_off(each.message, at, until=until, reason=BUDGET) for each in ready
        )

    async def _hand_over(
        self, outlet: Outlet, ready: Sequence[Ready], move: Move | None = None
    ) -> list[Ready]:
        """Render, mark `sending` and put on a provider's wire; those over a budget come back.

        With a `move` they are marked already, under a provider by which they did not leave.
        """
        left = [each.message for each in ready]  # neither settled nor on the wire yet
        move = move or _FIRST
        spent = move.spent
        budgets = outlet.budgets(self._outlets.channel, self._run.clock(), again=move.again)
        try:
            parcels = await self._compose(outlet, ready, move, (*move.kept, *budgets))
            left = [parcel.message for parcel in parcels]
            ours, over = await self._mark(outlet, parcels, budgets, move.unspent)
            left, spent = [parcel.message for parcel in ours], (*move.kept, *budgets)
            for batch in _chunks(ours, outlet.pace.batch):
                await self._wires[outlet].put(batch)
                left = left[len(batch) :]
        except RelanceError as error:
            self._run.release(left, spent)
            self._run.fail(error)
            return []
        except asyncio.CancelledError:
            self._run.release(left, spent)
            raise
        return [parcel.ready for parcel in over]

    async def _compose(
        self, outlet: Outlet, group: Sequence[Ready], move: Move, spent: tuple[Budget, ...]
    ) -> list[Parcel]:
        at = self._run.clock()
        parcels: list[Parcel] = []
        for some in _chunks(list(group), _BREATH):
            await asyncio.sleep(0)
            async with self._run.turns:
                parcels += self._texts(outlet, some, move, spent, at)
        return parcels

    def _texts(
        self,
        outlet: Outlet,
        some: Sequence[Ready],
        move: Move,
        spent: tuple[Budget, ...],
        at: datetime,
    ) -> Iterator[Parcel]:
        for ready in some:
            try:
                outgoing = outlet.provider.pack(self._composer.compose(ready, outlet.spec, at))
            except RenderError as error:
                self._run.recorder.add([unrendered(ready, error, at)], move.spent)
            else:
                tried = move.tried.get(ready.message.id, ())
                yield Parcel(ready=ready, outgoing=outgoing, at=at, spent=spent, tried=tried)

    async def _mark(
        self,
        outlet: Outlet,
        parcels: list[Parcel],
        budgets: Sequence[Budget],
        unspent: Sequence[Budget],
    ) -> tuple[list[Parcel], list[Parcel]]:
        """Those that are still ours (another worker may have taken over an expired lease), and
        those over a budget."""
        run, provider = self._run, outlet.provider.name
        at = run.clock()
        marks = [
            Mark(message=p.message.id, provider=provider, recipient=p.ready.address.digest)
            for p in parcels
        ]
        async with run.turns:
            marked = await asyncio.to_thread(
                run.queue.sending, marks, at, run.worker, budgets, unspent
            )
        outlet.found(at, over=bool(marked.over))
        if len(marked.ours) == len(parcels):
            return parcels, []
        ours, over = set(marked.ours), set(marked.over)
        return (
            [parcel for parcel in parcels if parcel.message.id in ours],
            [parcel for parcel in parcels if parcel.message.id in over],
        )

    async def _instead(self, outlet: Outlet, parcels: list[Parcel], reason: str) -> list[Parcel]:
        """Fail over to the next provider; what may have left, or finds none, comes back."""
        at = self._run.clock()
        other = self._outlets.after(outlet, at)
        fresh = [parcel for parcel in parcels if parcel.message.doubtful_at is None]
        if other is None or other.used_up(at) or self._run.halted or not fresh:
            return parcels
        over = await self._hand_over(other, [p.ready for p in fresh], _move(outlet, fresh))
        kept = {ready.message.id for ready in over}
        log.info(
            "Messages go by the fallback",
            action=Action.FAILED_OVER,
            channel=self._outlets.channel.name,
            provider=outlet.provider.name,
            fallback=other.provider.name,
            reason=reason,
            messages=len(fresh) - len(kept),
        )
        return [p for p in parcels if p.message.doubtful_at is not None or p.message.id in kept]

    async def _hang_up(self, callers: tuple[asyncio.Task[None], ...]) -> None:
        """After a stop, wait the grace and cut off the calls that are still on the wire."""
        await self._run.stop.wait()
        await self._sleep(self._grace)
        for caller in callers:
            caller.cancel()
        # puts back whatever still comes
        await asyncio.gather(*(wire.call() for wire in self._wires.values()))


def _move(outlet: Outlet, parcels: Sequence[Parcel]) -> Move:
    """Away from an outlet, of parcels that were marked together."""
    spent = parcels[0].spent
    return Move(
        again=True,
        spent=spent,
        unspent=tuple(budget for budget in spent if outlet.owns(budget)),
        tried={parcel.message.id: parcel.tried for parcel in parcels},
    )


def _open_one(outlet: Outlet, at: datetime) -> Outlet | None:
    """The outlet, unless its breaker keeps everything back."""
    return None if outlet.gate(at) is Gate.OPEN else outlet


def _cut(ready: list[Ready], size: int) -> list[Ready]:
    """Take so many messages off, with the ghosts among them, which take no place."""
    real = end = 0
    while end < len(ready) and real < size:
        real += not ready[end].message.ghost
        end += 1
    cut = ready[:end]
    del ready[:end]
    return cut


def _ghosts(group: Sequence[Ready], over: Sequence[Ready]) -> tuple[list[Ready], list[Ready]]:
    """The ghosts before the first message that is over a budget, and those behind it."""
    first = over[0].message.id if over else None
    end = next((n for n, each in enumerate(group) if each.message.id == first), len(group))
    passed = [each for each in group[:end] if each.message.ghost]
    return passed, [each for each in group[end:] if each.message.ghost]


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
