"""What moves the state: ticks, deliveries, and one customer at a time."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from relance.domain.workspace import ChannelSpec
from relance.errors import UsageError
from relance.wiring.opened import Opened, Progress, utc_now

if TYPE_CHECKING:
    from relance.domain.message import Rendered
    from relance.pipeline.backfill import BackfillReport
    from relance.pipeline.deliver import Delivery, DeliveryReport
    from relance.pipeline.tick import TickReport, Tools
    from relance.providers import Provider
    from relance.store import History

Providers = Mapping[str, Sequence["Provider"]]  # by channel, its own first


class Work(Opened):
    """Ticks and deliveries, and what they did with one customer."""

    def tick(
        self,
        at: datetime,
        triggers: Sequence[str] | None = None,
        progress: Progress = lambda _phase: None,
    ) -> TickReport:
        """Evaluate triggers (all by default) as of an instant."""
        from relance.pipeline.tick import tick

        return tick(self._tools(progress), at, triggers)

    def backfill(self, trigger: str, at: datetime, *, commit: bool) -> BackfillReport:
        """Let today's members of a trigger's segment enter, or only say who would."""
        from relance.pipeline.backfill import backfill

        return backfill(self._tools(), trigger, at, commit=commit)

    def _tools(self, progress: Progress = lambda _phase: None) -> Tools:
        from relance.pipeline.tick import Tools

        return Tools(
            workspace=self.workspace,
            engine=self.engine,
            ledger=self.state.ledger,
            renderer=self.templates,
            progress=progress,
        )

    def deliver(self, at: datetime) -> DeliveryReport:
        """Send every message that is due, once."""
        return asyncio.run(self._deliver(at))

    async def _deliver(self, at: datetime) -> DeliveryReport:
        providers = self.open_providers()
        try:
            return await self.delivery(providers).run(at)
        finally:
            await self.close_providers(providers)

    def open_providers(self) -> Providers:
        """Each channel's provider, and its fallback's; nothing is connected yet."""
        from relance.pipeline.outlets import specs

        return {
            name: tuple(self._open_provider(*each) for each in enumerate(specs(channel)))
            for name, channel in self.workspace.channels.items()
        }

    def _open_provider(self, place: int, spec: ChannelSpec) -> Provider:
        from relance.pipeline.outlets import place_name
        from relance.pipeline.shared_rate import SharedRate
        from relance.providers import VENDORS
        from relance.providers.options import with_callback

        vendor = VENDORS[spec.provider]
        take = None
        if spec.rate is not None:
            rate = SharedRate(self.state.queue, place_name(spec, place), spec.rate, clock=utc_now)
            take = rate.take
        reached = with_callback(spec, vendor.spec, self.workspace.web.public_url)
        return vendor.open(reached, self.workspace.root, take=take)

    async def close_providers(self, providers: Providers) -> None:
        """Let go of every provider's connections."""
        opened = [provider for several in providers.values() for provider in several]
        await asyncio.gather(*(provider.close() for provider in opened))

    def delivery(self, providers: Providers) -> Delivery:
        """The delivery pipeline over these providers, under this process's name."""
        from relance.pipeline.deliver import Delivery

        return Delivery(
            self.workspace,
            self.state.queue,
            self.side_engine,
            self.templates,
            providers,
            worker=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
            receipts=self.state.receipts,
            links=self.links,
        )

    def expire_live(self, at: datetime) -> int:
        """Let go of the live events that have been kept for long enough; how many."""
        live = self.workspace.live
        if live is None:
            return 0
        return self.state.live.expire(live.keep.before(at, self.workspace.zone))

    def history(self, customer: str, *, account: bool = False) -> History:
        """What relance did with one customer, under all of the ids that are theirs; or with the
        account of this key."""
        found = self._known(customer, account=account)
        if self.workspace.accounts is None:
            return found
        # an account may have the key of a customer; a segment's members are the one or the other
        segments = self.workspace.segments
        own = tuple(
            stay
            for stay in found.segments
            if stay.segment not in segments or segments[stay.segment].of_accounts is account
        )
        return replace(found, segments=own)

    def _known(self, customer: str, *, account: bool) -> History:
        from relance.domain.lifecycle import Stage
        from relance.store import together

        reader = self.state.reader
        if account:
            return reader.account_history(customer)
        lifecycle = self.workspace.lifecycle
        stages = [lifecycle.name(stage) for stage in Stage] if lifecycle else []
        if not self.workspace.identities:
            return reader.history(customer, stages)
        kin = self.side_engine.kin([customer], utc_now())
        known = [reader.history(each, stages) for each in kin["id"].to_pylist()]
        return together(kin["customer"][0].as_py(), known)

    def preview(
        self, template: str, customer: str | None, locale: str | None, at: datetime
    ) -> dict[str, Rendered]:
        """A template as a customer would get it, by channel; sample values for nobody."""
        channels = sorted(kind for name, kind in self.templates.texts() if name == template)
        if not channels:
            known = sorted({name for name, _ in self.templates.texts()})
            raise UsageError(
                f"there is no template {template!r}", hint=f"there are: {', '.join(known)}"
            )
        return {kind: self._preview(template, kind, customer, locale, at) for kind in channels}

    def _preview(
        self, template: str, channel: str, customer: str | None, locale: str | None, at: datetime
    ) -> Rendered:
        from relance.pipeline.sample import preview_values
        from relance.rendering.values import sample_links, sample_values

        names = sorted(self.templates.names(template, channel))
        if customer is None:
            values: Mapping[str, object] = sample_values(names)
        else:
            values, own = preview_values(self.side_engine, customer, names, at)
            locale = locale or own
        if self.workspace.web.public_url is not None:
            values = {**values, **sample_links(self.workspace.web.public_url)}
        return self.templates.render(template, channel, locale=locale, values=values)
