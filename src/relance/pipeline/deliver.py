"""Delivery: what is due leaves once, or stays where it is and says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from relance import logs
from relance.domain.workspace import Workspace
from relance.logs import Action
from relance.pipeline.claims import Claims, Run
from relance.pipeline.pace import pace
from relance.pipeline.ports import Engine, Provider, Queue, Renderer
from relance.pipeline.recheck import Recheck
from relance.pipeline.recorder import DeliveryReport, Recorder, Sleep, Tally
from relance.pipeline.wire import Wire

__all__ = ["Clock", "Delivery", "DeliveryReport"]

Clock = Callable[[], datetime]

# messages of a channel that left the YAML still have to be taken from the queue
_CHANNELS = frozenset({"email", "sms"})
_GRACE = 7.0  # seconds for the wire after a stop; the worker has promised to be gone in ten

log = logs.get("delivery")


class Delivery:
    """Takes due messages through the second look, the templates and the providers.

    `providers` are by channel, one for each channel of the workspace. `worker` names this
    process on the messages that it claims. One run at a time.
    """

    def __init__(
        self,
        workspace: Workspace,
        queue: Queue,
        engine: Engine,
        renderer: Renderer,
        providers: Mapping[str, Provider],
        worker: str,
        *,
        grace: float = _GRACE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._workspace = workspace
        self._queue = queue
        self._renderer = renderer
        self._providers = {name: providers[name] for name in workspace.channels}
        self._worker = worker
        self._recheck = Recheck(workspace, queue, engine, renderer)
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
        async with Recorder(self._queue, tally, self._worker, sleep=self._sleep) as recorder:
            run = Run(
                queue=self._queue,
                recheck=self._recheck,
                recorder=recorder,
                tally=tally,
                clock=clock,
                worker=self._worker,
                stop=stop,
                asking=asyncio.Lock(),
            )
            channels = sorted(_CHANNELS | self._workspace.channels.keys())
            lanes = (self._carry(run, channel, only_one=only_one) for channel in channels)
            ends = await asyncio.gather(*lanes, return_exceptions=True)
        for failure in (run.failure, recorder.failure, *ends):
            if failure is not None:
                raise failure
        return _finished(tally.report())

    async def _release_expired(self, at: datetime, tally: Tally) -> None:
        queued, unknown = await asyncio.to_thread(self._queue.release_expired, at)
        if queued or unknown:
            tally.expired(unknown)
            log.warning(
                "A worker ended without finishing its messages",
                action=Action.CLAIMS_EXPIRED,
                queued=queued,
                unknown=unknown,
            )

    async def _carry(self, run: Run, channel: str, *, only_one: bool) -> None:
        provider = self._providers.get(channel)
        if provider is None:
            claims = Claims(run, channel, pace(1, None).wave, only_one=only_one)
            while await claims.next() is not None:
                await run.recorder.room()
            return
        spec = self._workspace.channels[channel]
        sizes = pace(provider.batch_size, spec.rate)
        wire = Wire(
            run, spec, provider, self._renderer, sizes, grace=self._grace, sleep=self._sleep
        )
        await wire.carry(Claims(run, channel, sizes.wave, only_one=only_one))


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
