"""No network error may pass the door without a decision somebody has thought about."""

from __future__ import annotations

import asyncio
import inspect
from types import ModuleType

import aiohttp
import httpx
import pytest

import loopback
from loopback import Answer, Fault, Loopback
from relance.errors import NotSent, Paused, SendError, Unsure
from relance.providers import http
from relance.providers.base import Endpoint
from relance.providers.wire import Request
from relance.settings import Secret

HTTPX: dict[str, type[SendError]] = {
    # nothing left
    "ConnectError": NotSent,
    "ConnectTimeout": NotSent,
    "PoolTimeout": NotSent,
    "ProxyError": NotSent,
    # our own mistake
    "InvalidURL": Paused,
    "LocalProtocolError": Paused,
    "TooManyRedirects": Paused,
    "UnsupportedProtocol": Paused,
    # it may have left
    "CloseError": Unsure,
    "CookieConflict": Unsure,
    "DecodingError": Unsure,
    "HTTPError": Unsure,
    "HTTPStatusError": Unsure,
    "NetworkError": Unsure,
    "ProtocolError": Unsure,
    "ReadError": Unsure,
    "ReadTimeout": Unsure,
    "RemoteProtocolError": Unsure,
    "RequestError": Unsure,
    "RequestNotRead": Unsure,
    "ResponseNotRead": Unsure,
    "StreamClosed": Unsure,
    "StreamConsumed": Unsure,
    "StreamError": Unsure,
    "TimeoutException": Unsure,
    "TransportError": Unsure,
    "WriteError": Unsure,
    "WriteTimeout": Unsure,
}

AIOHTTP: dict[str, type[SendError]] = {
    # nothing left
    "ClientConnectorDNSError": NotSent,
    "ClientConnectorError": NotSent,
    "ClientHttpProxyError": NotSent,
    "ClientProxyConnectionError": NotSent,
    "ConnectionTimeoutError": NotSent,
    "UnixClientConnectorError": NotSent,
    # our own mistake, or the counterpart is not who it should be
    "ClientConnectorCertificateError": Paused,
    "ClientConnectorSSLError": Paused,
    "ClientSSLError": Paused,
    "InvalidURL": Paused,
    "InvalidUrlClientError": Paused,
    "InvalidUrlRedirectClientError": Paused,
    "NonHttpUrlClientError": Paused,
    "NonHttpUrlRedirectClientError": Paused,
    "RedirectClientError": Paused,
    "ServerFingerprintMismatch": Paused,
    "TooManyRedirects": Paused,
    # it may have left
    "ClientConnectionError": Unsure,
    "ClientConnectionResetError": Unsure,
    "ClientError": Unsure,
    "ClientOSError": Unsure,
    "ClientPayloadError": Unsure,
    "ClientResponseError": Unsure,
    "ContentTypeError": Unsure,
    "ServerConnectionError": Unsure,
    "ServerDisconnectedError": Unsure,
    "ServerTimeoutError": Unsure,
    "SocketTimeoutError": Unsure,
    "UploadAbortedError": Unsure,
    "WSServerHandshakeError": Unsure,
}

# raised only for websockets, which nothing here speaks
ELSEWHERE = {"WSMessageTypeError"}


def errors_of(module: ModuleType) -> dict[str, type[Exception]]:
    """The error classes that a library shows in public."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Exception) and name not in ELSEWHERE
    }


def bare(kind: type[Exception]) -> Exception:
    """An instance without the constructor's arguments, which differ from class to class."""
    return kind.__new__(kind)


@pytest.mark.parametrize(("name", "kind"), sorted(errors_of(httpx).items()))
def test_each_error_of_httpx_has_its_decision(name: str, kind: type[Exception]) -> None:
    assert name in HTTPX, f"httpx.{name} is new: decide what it means for a message"
    assert type(http.decide(bare(kind))) is HTTPX[name]


@pytest.mark.parametrize(("name", "kind"), sorted(errors_of(aiohttp.client_exceptions).items()))
def test_each_error_of_aiohttp_has_its_decision(name: str, kind: type[Exception]) -> None:
    assert name in AIOHTTP, f"aiohttp.{name} is new: decide what it means for a message"
    assert type(http.decide(bare(kind))) is AIOHTTP[name]


def test_the_libraries_still_have_the_errors_we_decided_about() -> None:
    assert set(HTTPX) == set(errors_of(httpx))
    assert set(AIOHTTP) == set(errors_of(aiohttp.client_exceptions))


def test_each_error_is_caught_at_the_door() -> None:
    kinds = [*errors_of(httpx).values(), *errors_of(aiohttp.client_exceptions).values()]
    assert [kind for kind in kinds if not issubclass(kind, http._CAUGHT)] == []


def test_a_specific_line_is_never_hidden_behind_a_general_one() -> None:
    kinds = [kind for kind, _, _ in http._FAULTS]
    hidden = [
        (earlier.__name__, later.__name__)
        for place, later in enumerate(kinds)
        for earlier in kinds[:place]
        if issubclass(later, earlier)
    ]
    assert hidden == []


def test_a_hang_up_that_the_transport_calls_a_connect_timeout_stays_unsure() -> None:
    renamed = httpx.ConnectTimeout("Server disconnected")
    renamed.__cause__ = aiohttp.ServerDisconnectedError()
    assert isinstance(http.decide(renamed), Unsure)


def client(url: str, timeout: float = 5.0) -> http.Client:
    return http.Client(
        Endpoint(base_url=url, credentials={"X-Token": Secret("t0ken")}, timeout=timeout)
    )


async def test_a_server_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_POOL_SECONDS", 0.3)
    async with Loopback(lambda _: Answer(fault=Fault.DRIP)) as vendor:
        slow = client(vendor.url, timeout=0.3)
        with pytest.raises(Unsure, match="read_timeout"):
            await asyncio.wait_for(slow.call(Request(path="/", body=b"x")), timeout=30)
        await slow.close()


async def test_an_unknown_host_means_not_sent() -> None:
    nowhere = client("https://api.vendor.invalid", timeout=2.0)
    with pytest.raises(NotSent):
        await nowhere.call(Request(path="/", body=b"x"))
    await nowhere.close()


async def test_the_request_arrives_as_it_was_built() -> None:
    async with Loopback(loopback.postmark) as vendor:
        sender = client(f"{vendor.url}/proxy")
        await sender.call(Request(path="/email", body=b"[1]", headers={"Content-Type": "a/b"}))
        await sender.close()
    (seen,) = vendor.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/proxy/email", b"[1]")
    assert seen.headers["x-token"] == "t0ken"
    assert seen.headers["content-type"] == "a/b"
    assert seen.headers["user-agent"].startswith("relance/")


async def test_connections_are_kept_between_requests() -> None:
    async with Loopback(loopback.postmark) as vendor:
        sender = client(vendor.url)
        for _ in range(5):
            await sender.call(Request(path="/email", body=b"{}"))
        assert len(vendor._transports) == 1
        await sender.close()
