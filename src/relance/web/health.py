"""`/healthz` on a loopback port: whether the worker is well, as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from socket import SO_REUSEADDR, SOL_SOCKET, socket

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from relance.errors import OutsideError

_HOST = "127.0.0.1"

Health = Callable[[], Awaitable[Mapping[str, object]]]


def health_app(health: Health) -> FastAPI:
    """An app that answers `/healthz`: 503 while the worker is stopping, else 200.

    A degraded worker still answers 200: restarting it would not bring a vendor back.
    """
    app = FastAPI(title="relance", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        answer = dict(await health())
        return JSONResponse(answer, status_code=503 if answer["status"] == "stopping" else 200)

    return app


class _Server(uvicorn.Server):
    """Leaves signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[int]:
    """Serve on 127.0.0.1 inside the running loop; yields the port (a free one for 0).

    Raises OutsideError where the port is taken.
    """
    config = uvicorn.Config(
        app, host=_HOST, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    listener = _listen(port)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()


def _listen(port: int) -> socket:
    listener = socket()
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # a restart need not wait a minute
    try:
        listener.bind((_HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise OutsideError(
            f"port {port} on {_HOST} is taken", hint="choose another with --port, or 0 for any"
        ) from error
    listener.setblocking(False)
    return listener
