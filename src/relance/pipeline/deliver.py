"""Delivery: what is due leaves once, or stays where it is and says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from relance import logs
from relance.domain.channel import CHANNELS
from relance.domain.workspace import Workspace
from relance.logs import Action
from relance.pipeline.claims import Claims, Run
from relance.pipeline.compose import Composer
from relance.pipeline.lane import Lane
from relance.pipeline.look_up import LookUps
from relance.pipeline.outlets import open_outlets, repeatable
from relance.pipeline.pace import pace
from relance.pipeline.ports import Engine, Links, Provider, Queue, Receipts, Renderer
from relance.pipeline.recheck import Recheck
from relance.pipeline.recorder import DeliveryReport, Recorder, Sleep, Tally
from relance.pipeline.turns import Turns

__all__ = ["Clock", "Delivery", "DeliveryReport"]

Clock = Callable[[], datetime]

_GRACE = 7.0  # seconds for the wire after a stop; the worker has promised to be gone in ten

log = logs.get("delivery")


class Delivery:
    """Takes due messages through the second look, the templates and the providers.

    `providers` are by channel, one for each channel of the workspace and one more where it has a
    fallback. `receipts` takes what providers answer to look-ups. `worker` names this process on
    the messages that it claims. One run at a time; the providers' breakers outlive the runs.
    """

    def __init__(
        self,
        workspace: Workspace,
        queue: Queue,
        engine: Engine,
        renderer: Renderer,
        providers: Mapping[str, Sequence[Provider]],
        worker: str,
        *,
        receipts: Receipts,
        links: Links | None = None,
        grace: float = _GRACE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._outlets = open_outlets(workspace, providers)
        self._queue = queue
        self._worker = worker
        self._composer = Composer(renderer, links)
        self._recheck = Recheck(workspace, queue, engine, renderer)
        self._look_ups = LookUps(
            queue=queue,
            recheck=self._recheck,
            receipts=receipts,
            outlets=self._outlets,
            bounces=workspace.bounces,
        )
        self._grace = grace
        self._sleep = sleep

    async def run(
        self,
        at: Clock | datetime,
        *,
        until_empty: bool = True,
        stop: asyncio.Event | None = None,
    ) -> DeliveryReport:
        """Send what is due at `at` (or by a clock), until nothing is left or for one wave.

        Once `stop` is set nothing new goes on the wire, what is there may finish within the
        grace, and the rest is put back; cancelling does the same. Raises SourceError or
        StateError after having finished in the same way.
        """
        stop = stop or asyncio.Event()
        clock = at if callable(at) else lambda: at
        flow = asyncio.create_task(self._deliver(clock, stop, only_one=not until_empty))
        try:
            return await asyncio.shield(flow)
        except asyncio.CancelledError:
            stop.set()
            await flow
            raise

    async def _deliver(
        self, clock: Clock, stop: asyncio.Event, *, only_one: bool
    ) -> DeliveryReport:
        tally = Tally()
        await self._release_expired(clock(), tally)
        turns = Turns(needed=self._queue.in_process)
        recorder = Recorder(self._queue, tally, self._worker, turns, sleep=self._sleep)
        async with recorder:
            run = Run(
                queue=self._queue,
                recheck=self._recheck,
                recorder=recorder,
                tally=tally,
                clock=clock,
                worker=self._worker,
                stop=stop,
                asking=asyncio.Lock(),
                turns=turns,
            )
            # messages of a channel that left the YAML still have to be taken from the queue
            channels = sorted(CHANNELS.keys() | self._outlets.keys())
            lanes = (self._carry(run, channel, only_one=only_one) for channel in channels)
            ends = await asyncio.gather(self._look_up(run), *lanes, return_exceptions=True)
        for failure in (run.failure, recorder.failure, *ends):
            if failure is not None:
                raise failure
        tally.paused = self._paused(clock())
        return _finished(tally.report())

    def _paused(self, at: datetime) -> dict[str, str]:
        """Why nothing leaves by a channel, for each by which nothing does."""
        troubles = {name: outlets.trouble(at) for name, outlets in self._outlets.items()}
        return {name: trouble for name, trouble in troubles.items() if trouble is not None}

    async def _release_expired(self, at: datetime, tally: Tally) -> None:
        windows = repeatable(self._outlets.values())
        queued, unknown = await asyncio.to_thread(self._queue.release_expired, at, windows)
        if queued or unknown:
            tally.expired(unknown)
            log.warning(
                "A worker ended without finishing its messages",
                action=Action.CLAIMS_EXPIRED,
                queued=queued,
                unknown=unknown,
            )

    async def _look_up(self, run: Run) -> None:
        """One round of look-ups beside the sending; a stop cuts it off, for it changes nothing
        that the next one would not."""
        asked = asyncio.create_task(self._look_ups.run(run.clock, run.asking))
        stopped = asyncio.create_task(run.stop.wait())
        await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not asked.done():
            asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked

    async def _carry(self, run: Run, channel: str, *, only_one: bool) -> None:
        outlets = self._outlets.get(channel)
        if outlets is None:
            claims = Claims(run, channel, pace(1, None).wave, None, only_one=only_one)
            while await claims.next() is not None:
                await run.recorder.room()
            return
        lane = Lane(run, outlets, self._composer, grace=self._grace, sleep=self._sleep)
        await lane.carry(Claims(run, channel, outlets.wave, outlets, only_one=only_one))


def _finished(report: DeliveryReport) -> DeliveryReport:
    if not report.empty:
        log.info(
            "Delivery finished",
            action=Action.DELIVERY_FINISHED,
            accepted=report.accepted,
            failed=report.failed,
            unknown=report.unknown,
            skipped=dict(report.skipped),
            retried=report.retried,
            ghosts=report.ghosts,
            postponed=report.postponed,
        )
    return report
