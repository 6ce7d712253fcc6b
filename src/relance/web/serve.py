"""A server inside the running loop, which leaves signals to the worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket

import uvicorn
from fastapi import FastAPI

from relance.errors import OutsideError

_MOST_AT_ONCE = 500  # requests; beyond, a 503 that asks the vendor to come back


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, host: str, port: int) -> AsyncIterator[int]:
    """Serve on an address inside the running loop; yields the port (a free one for 0).

    Nothing is logged of a request: a path may hold a customer's token. Raises OutsideError where
    the address cannot be had.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # whoever asks for the health is looked at by the address that really connected
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=1,
    )
    listener = _listen(host, port)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()


def _listen(host: str, port: int) -> socket:
    listener = socket(AF_INET6 if ":" in host else AF_INET)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # a restart need not wait a minute
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise OutsideError(
            f"cannot listen on {host} port {port}: {error.strerror or type(error).__name__}",
            hint="choose another with --host and --port; port 0 is any",
        ) from error
    listener.setblocking(False)
    return listener
