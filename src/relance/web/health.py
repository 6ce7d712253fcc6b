"""`/healthz`: whether the worker is well, as JSON. The whole of it for this machine only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

Health = Callable[[], Awaitable[Mapping[str, object]]]

_HERE = frozenset({"127.0.0.1", "::1"})
# what a proxy adds to a request that it passes on; without one, somebody of this machine asks
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class HealthCheck:
    """Answers 503 while the worker is stopping, else 200.

    A degraded worker still answers 200: restarting it would not bring a vendor back. Others than
    this machine are told the status alone: troubles name hosts and triggers.
    """

    def __init__(self, health: Health) -> None:
        self._health = health

    async def answer(self, request: Request) -> JSONResponse:
        """The health, in as many words as the asker may hear."""
        full = dict(await self._health())
        shown = full if from_here(request) else {"status": full["status"]}
        return JSONResponse(shown, status_code=503 if full["status"] == "stopping" else 200)


def from_here(request: Request) -> bool:
    """Whether somebody of this machine asks, and not through a proxy that says so."""
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return not passed_on and request.client is not None and request.client.host in _HERE
