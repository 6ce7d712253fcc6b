"""The one app: vendors' webhooks, customers' pages, live events, the health, and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, HTTPException, Request, Response
from starlette.exceptions import HTTPException as Fault
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relance import logs
from relance.errors import StateError
from relance.logs import Action
from relance.web.front import Front
from relance.web.health import Health, HealthCheck
from relance.web.hooks import Hooks
from relance.web.live import Live
from relance.web.metrics import Measure, Metrics
from relance.web.pages import Pages

_LATER = {"Retry-After": "10"}
_EVERYWHERE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

log = logs.get("web")


def web_app(
    health: Health,
    measure: Measure,
    front: Callable[[], Front | None],
    clock: Callable[[], datetime],
) -> FastAPI:
    """The app over whatever workspace is open at the moment of a request.

    While none is (a reload) everything but `/healthz` and `/metrics` answers 503. A workspace
    without a public URL shows nothing but these, and takes live events where it says so. What
    does not exist is a bare 404.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    def open_front() -> Front:
        found = front()
        if found is None:
            raise HTTPException(503, headers=_LATER)
        return found

    hooks, pages = Hooks(open_front, clock), Pages(open_front, clock)
    app.add_api_route("/healthz", HealthCheck(health).answer, methods=["GET", "HEAD"])
    app.add_api_route("/metrics", Metrics(measure).answer, methods=["GET", "HEAD"])
    app.add_api_route("/webhooks/{channel}/{vendor}", hooks.take, methods=["POST", "GET", "HEAD"])
    app.add_api_route("/u/{token}", pages.ask, methods=["GET", "HEAD"])
    app.add_api_route("/u/{token}", pages.unsubscribe, methods=["POST"])
    app.add_api_route("/u/{token}/undo", pages.undo, methods=["POST"])
    app.add_api_route("/p/{token}", pages.choices, methods=["GET", "HEAD"])
    app.add_api_route("/p/{token}", pages.choose, methods=["POST"])
    Live(open_front, clock).add_to(app)
    app.add_exception_handler(Fault, _bare)
    app.add_exception_handler(StateError, pages.away)
    app.add_middleware(_Guard)
    return app


async def _bare(_request: Request, error: Exception) -> Response:
    """A status and nothing else: what we run on is nobody's business."""
    status, headers = (error.status_code, error.headers) if isinstance(error, Fault) else (500, {})
    return Response(status_code=status, headers=headers)


class _Guard:
    """The headers of every answer, and the last word on what nobody foresaw: it is logged by its
    place, never by its text, which may hold an address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": [*message.get("headers", ()), *_EVERYWHERE]}
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001  a bug must not show the outside a traceback
            log.error(
                "A request failed where it should not",
                action=Action.PAGE_FAILED,
                error=f"{type(error).__name__} at {logs.where(error)}",
            )
            if not begun:
                await Response(status_code=500)(scope, receive, guarded)
