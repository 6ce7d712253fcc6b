"""`/webhooks/<channel>/<vendor>`: what vendors report, believed once it is verified."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import HTTPException, Request, Response

from relance import logs
from relance.domain.receipt import Inbound, Receipt
from relance.errors import SendError, StateError, Unreadable, Unverified
from relance.logs import Action
from relance.providers import Provider
from relance.web.front import Front
from relance.web.requests import inbound_of

_LATER = {"Retry-After": "60"}
# 401, not 403: some vendors ask with credentials only then, and one never comes back after a 403
_WHO = {"WWW-Authenticate": 'Basic realm="webhooks"'}

log = logs.get("web")


class Hooks:
    """Takes vendors' reports and writes them down, once each."""

    def __init__(self, front: Callable[[], Front], clock: Callable[[], datetime]) -> None:
        self._front = front
        self._clock = clock

    async def take(self, request: Request) -> Response:
        """Answer a report: the vendor's own answer once it is written down, and not before."""
        front = self._front()
        channel, vendor = request.path_params["channel"], request.path_params["vendor"]
        providers = front.reporting(channel, vendor)
        if front.public_url is None or not providers:
            raise HTTPException(404)
        if request.method == "HEAD" or (request.method == "GET" and not request.url.query):
            return Response()  # a vendor looks whether the address exists
        call = await inbound_of(request, front.public_url)
        at = self._clock()
        provider, receipts = await self._read(channel, providers, call, at)
        await self._record(front, channel, vendor, receipts, at)
        reply = provider.reply(call)
        return Response(reply.body, status_code=reply.status, media_type=reply.media_type)

    async def _read(
        self, channel: str, providers: Sequence[Provider], call: Inbound, at: datetime
    ) -> tuple[Provider, Sequence[Receipt]]:
        """What the first of these providers that knows the sender makes of it."""
        refused: Unverified | None = None
        for provider in providers:
            try:
                return provider, await provider.events(call, at)
            except Unverified as error:
                refused = error
            except Unreadable as error:
                _refuse(channel, provider.name, error.reason)
                raise HTTPException(400) from error
            except SendError as error:  # what proves it (a certificate) cannot be had now
                _refuse(channel, provider.name, error.reason)
                raise HTTPException(503, headers=_LATER) from error
        _refuse(channel, providers[0].name, refused.reason if refused else "")
        raise HTTPException(401, headers=_WHO) from refused

    async def _record(
        self,
        front: Front,
        channel: str,
        vendor: str,
        receipts: Sequence[Receipt],
        at: datetime,
    ) -> None:
        try:
            new = await asyncio.to_thread(
                front.receipts.record, channel, receipts, at, front.workspace.bounces
            )
        except StateError as error:
            log.error(
                "A report could not be written down; the vendor is asked to repeat it",
                action=Action.HOOK_FAILED,
                channel=channel,
                provider=vendor,
                error=str(error),
            )
            raise HTTPException(503, headers=_LATER) from error
        log.info(
            "A provider reported",
            action=Action.HOOK_RECEIVED,
            channel=channel,
            provider=vendor,
            events=len(receipts),
            new=new,
        )


def _refuse(channel: str, vendor: str, reason: str) -> None:
    log.warning(
        "A report was not believed, or not understood",
        action=Action.HOOK_REFUSED,
        channel=channel,
        provider=vendor,
        reason=reason,
    )
