"""The one HTTP client, and the one door through which network errors pass.

httpx speaks through aiohttp's transport: measured at 2,900 requests a second and core, against
300 to 1,000 with its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from relance import __version__
from relance.errors import NotSent, Paused, SendError, Unsure
from relance.providers.base import Endpoint
from relance.providers.wire import Request, Response, retry_after

_CONNECT_SECONDS = 10.0
_POOL_SECONDS = 30.0  # for a free connection and connecting, together
_CONNECTIONS = 100
_PORTION = 128 * 1024  # bytes; a body of 500 e-mails in one would be copied twice more
# servers close idle connections after 5 s (Node, uvicorn) or more; a request written into a
# closing connection is Unsure, so we let go first
_KEEP_ALIVE_SECONDS = 4.0

# The first line that fits decides. The transport renames aiohttp's errors, and wrongly for us: a
# server that hangs up after the request becomes httpx.ConnectTimeout. So aiohttp's own name is
# asked first, httpx's only where there is none.
_FAULTS: tuple[tuple[type[BaseException], type[SendError], str], ...] = (
    # no connection: nothing can have left
    (aiohttp.ClientConnectorDNSError, NotSent, "dns"),
    (aiohttp.ClientSSLError, Paused, "tls"),
    (ssl.SSLCertVerificationError, Paused, "tls"),
    (aiohttp.ServerFingerprintMismatch, Paused, "tls"),
    (aiohttp.ClientHttpProxyError, NotSent, "proxy"),
    (aiohttp.ClientProxyConnectionError, NotSent, "proxy"),
    (aiohttp.ClientConnectorError, NotSent, "connect"),
    (aiohttp.ConnectionTimeoutError, NotSent, "connect_timeout"),
    # our own mistake in an address or a header: nothing left, nothing ever will
    (aiohttp.RedirectClientError, Paused, "redirected"),
    (aiohttp.TooManyRedirects, Paused, "redirected"),
    (aiohttp.InvalidURL, Paused, "bad_address"),
    (aiohttp.NonHttpUrlClientError, Paused, "bad_address"),
    # after the request, or nobody knows when
    (aiohttp.ServerTimeoutError, Unsure, "read_timeout"),
    (aiohttp.ServerDisconnectedError, Unsure, "disconnected"),
    (aiohttp.ClientPayloadError, Unsure, "truncated_answer"),
    (aiohttp.ClientResponseError, Unsure, "protocol"),
    (aiohttp.ClientConnectionError, Unsure, "disconnected"),
    (aiohttp.ClientError, Unsure, "protocol"),
    # httpx itself
    (httpx.PoolTimeout, NotSent, "pool_timeout"),
    (httpx.ConnectTimeout, NotSent, "connect_timeout"),
    (httpx.ConnectError, NotSent, "connect"),
    (httpx.ProxyError, NotSent, "proxy"),
    (httpx.UnsupportedProtocol, Paused, "bad_address"),
    (httpx.InvalidURL, Paused, "bad_address"),
    (httpx.LocalProtocolError, Paused, "bad_request"),
    (httpx.TooManyRedirects, Paused, "redirected"),
    (httpx.ReadTimeout, Unsure, "read_timeout"),
    (httpx.WriteTimeout, Unsure, "write_timeout"),  # the vendor may have read all it needed
    (httpx.TimeoutException, Unsure, "timeout"),
    (httpx.DecodingError, Unsure, "unreadable_answer"),
    (httpx.RemoteProtocolError, Unsure, "protocol"),
    (httpx.NetworkError, Unsure, "disconnected"),
    (httpx.HTTPError, Unsure, "protocol"),
    (httpx.CookieConflict, Unsure, "protocol"),
    (httpx.StreamError, Unsure, "truncated_answer"),
    # neither: the deadline over everything, and the operating system
    (TimeoutError, Unsure, "read_timeout"),
    (OSError, Unsure, "disconnected"),
)
_CAUGHT = tuple(kind for kind, _, _ in _FAULTS)


def decide(error: BaseException) -> SendError:
    """What a network error means for the message. Only the error's class is told, never its text:
    texts hold addresses."""
    origin = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    for kind, decision, reason in _FAULTS:
        if isinstance(origin, kind):
            return decision(reason, detail=type(origin).__name__)
    return Unsure("unexpected", detail=type(origin).__name__)


class Client:
    """One vendor's connections. Every error that leaves `call` is a SendError.

    `clock` is what signatures are dated with.
    """

    def __init__(
        self, endpoint: Endpoint, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._deadline = _POOL_SECONDS + 2 * endpoint.timeout  # over a server that drips
        self._extensions = {"timeout": _timeouts(endpoint).as_dict()}
        # client.post() would parse and merge the address anew for each message: a fifth of a send
        self._address = lru_cache(maxsize=64)(lambda path: httpx.URL(endpoint.base_url + path))
        self._open: AiohttpTransport | None = None

    async def call(self, request: Request) -> Response:
        """Send one request, once. Raises NotSent, Unsure or Paused; any status is an answer."""
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._answer(self._wrapped(request))
        except _CAUGHT as error:
            raise decide(error) from error
        return Response(
            status=answer.status_code,
            body=answer.content,
            retry_after=retry_after(answer.headers.get("retry-after"), answer.headers.get("date")),
            headers=answer.headers,
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        """The whole answer, read. httpx.AsyncClient adds redirects, cookies and hooks, none of
        which a vendor's API wants, and half the time of a send."""
        answer = await self._transport().handle_async_request(request)
        try:
            await answer.aread()
        except BaseException:
            await answer.aclose()
            raise
        return answer

    def _wrapped(self, request: Request) -> httpx.Request:
        endpoint, address = self._endpoint, self._address(request.path)
        headers = {
            "User-Agent": f"relance/{__version__}",
            **request.headers,
            **{name: secret.reveal() for name, secret in endpoint.credentials.items()},
        }
        if endpoint.sign is not None:
            headers |= endpoint.sign(request, str(address), self._clock())
        if request.pieces:
            headers["Content-Length"] = str(sum(map(len, request.pieces)))
        return httpx.Request(
            request.method,
            address,
            headers=headers,
            content=_portions(request.pieces) if request.pieces else request.body,
            extensions=self._extensions,
        )

    def _transport(self) -> AiohttpTransport:
        if self._open is None:
            limits = httpx.Limits(
                max_connections=_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_SECONDS
            )
            self._open = AiohttpTransport(limits=limits)
        return self._open

    async def close(self) -> None:
        """Close the connections; the next `call` opens new ones."""
        transport, self._open = self._open, None
        if transport is not None:
            await transport.aclose()


async def _portions(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    """A body as it goes to the socket: each step on the way costs time of its own."""
    portion: list[bytes] = []
    size = 0
    for piece in pieces:
        portion.append(piece)
        size += len(piece)
        if size >= _PORTION:
            yield b"".join(portion)
            portion, size = [], 0
    yield b"".join(portion)


def _timeouts(endpoint: Endpoint) -> httpx.Timeout:
    connect = min(_CONNECT_SECONDS, endpoint.timeout)
    return httpx.Timeout(endpoint.timeout, connect=connect, pool=_POOL_SECONDS)
