"""A vendor on 127.0.0.1: records every request, answers as a script says, fails on demand.

In a test: `async with Loopback(answer) as vendor: ... vendor.url, vendor.seen`.
As a process of its own, for benchmarks (some 20,000 requests a second on one core):
`with loopback.process("postmark") as url:` or `python tests/loopback.py postmark`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from types import TracebackType
from typing import Self


class Fault(Enum):
    """How a server can fail below HTTP."""

    HANG = auto()  # takes the request, never answers
    DRIP = auto()  # answers one byte now and then, without end
    CLOSE = auto()  # takes the request, closes the connection
    RESET = auto()  # takes the request, resets the connection
    RESET_MID_ANSWER = auto()  # resets after the head of the answer
    TRUNCATE = auto()  # promises more bytes than it sends
    GIBBERISH = auto()  # answers something that is not HTTP


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What to answer: after `delay` seconds, in so many `pieces`. With a `fault`, the answer is
    what would have been said."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    delay: float = 0.0
    pieces: int = 1

    def bytes(self) -> bytes:
        head = [f"HTTP/1.1 {self.status} Loopback", f"Content-Length: {len(self.body)}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(head) + "\r\n\r\n").encode() + self.body


Script = Callable[[Seen], Answer]


class Loopback:
    """A scripted vendor in the running loop. `greet` says whether to take a connection: one that
    is not taken is reset before anything of it is read."""

    def __init__(
        self, script: Script, greet: Callable[[], bool] = lambda: True, port: int = 0
    ) -> None:
        self.script = script
        self.greet = greet
        self._port = port
        self.seen: list[Seen] = []
        self._transports: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self._drips: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for drip in self._drips:
            drip.cancel()
        for transport in list(self._transports):
            transport.abort()
        await self._server.wait_closed()

    def drip(self, transport: asyncio.Transport) -> None:
        async def endless() -> None:
            transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                transport.write(b" ")
                await asyncio.sleep(0.01)

        self._keep(endless())

    def dribble(self, transport: asyncio.Transport, whole: bytes, pieces: int) -> None:
        async def in_pieces() -> None:
            size = -(-len(whole) // pieces)
            for start in range(0, len(whole), size):
                transport.write(whole[start : start + size])
                await asyncio.sleep(0.005)

        self._keep(in_pieces())

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._drips.add(task)
        task.add_done_callback(self._drips.discard)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length bodies, keep-alive and pipelining; no more is needed here."""

    def __init__(self, vendor: Loopback) -> None:
        self._vendor = vendor
        self._buffer = bytearray()
        self._wanted = 0  # of a large request: not looked at again before it is there
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._vendor._transports.add(transport)
        if not self._vendor.greet():
            _reset(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._vendor._transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < self._wanted:
            return
        while (request := self._next()) is not None:
            self._vendor.seen.append(request)
            answer = self._vendor.script(request)
            if answer.delay:
                asyncio.get_running_loop().call_later(answer.delay, self._reply, answer)
            else:
                self._reply(answer)

    def _next(self) -> Seen | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head, start = bytes(self._buffer[:end]), end + 4
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        self._wanted = start + int(headers.get("content-length", "0"))
        if len(self._buffer) < self._wanted:
            return None
        body = bytes(memoryview(self._buffer)[start : self._wanted])
        del self._buffer[: self._wanted]
        self._wanted = 0
        method, path, _ = first.split(" ", 2)
        return Seen(method=method, path=path, headers=headers, body=body)

    def _reply(self, answer: Answer) -> None:
        transport, whole = self._transport, answer.bytes()
        match answer.fault:
            case None if answer.pieces > 1:
                self._vendor.dribble(transport, whole, answer.pieces)
            case None:
                transport.write(whole)
            case Fault.HANG:
                pass
            case Fault.DRIP:
                self._vendor.drip(transport)
            case Fault.CLOSE:
                transport.close()
            case Fault.RESET:
                _reset(transport)
            case Fault.RESET_MID_ANSWER:
                transport.write(whole[: whole.index(b"\r\n\r\n") + 5])
                asyncio.get_running_loop().call_soon(_reset, transport)
            case Fault.TRUNCATE:
                transport.write(whole[:-3])
                transport.close()
            case Fault.GIBBERISH:
                transport.write(b"220 this is a mail server\r\n\r\n")
                transport.close()


def _reset(transport: asyncio.Transport) -> None:
    """Close with RST instead of FIN: a linger time of zero."""
    import socket
    import struct

    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


_ids = count(1)


def postmark(request: Seen) -> Answer:
    """Accepts everything, as Postmark does."""
    if request.path.endswith("/batch"):
        results = [_postmark_ok() for _ in json.loads(request.body)]
        return Answer(body=json.dumps(results).encode())
    return Answer(body=json.dumps(_postmark_ok()).encode())


def _postmark_ok() -> dict[str, object]:
    return {"ErrorCode": 0, "Message": "OK", "MessageID": f"pm-{next(_ids)}"}


def sendgrid(request: Seen) -> Answer:
    """Accepts everything, as SendGrid does: nothing but a header."""
    return Answer(status=202, body=b"", headers={"X-Message-Id": f"sg-{next(_ids)}"})


def mailgun(request: Seen) -> Answer:
    """Accepts everything, as Mailgun does."""
    body = {"id": f"<mg-{next(_ids)}@mg.example.com>", "message": "Queued. Thank you."}
    return Answer(body=json.dumps(body).encode())


def ses(request: Seen) -> Answer:
    """Accepts everything, as Amazon SES does."""
    return Answer(body=json.dumps({"MessageId": f"ses-{next(_ids)}"}).encode())


def brevo(request: Seen) -> Answer:
    """Accepts everything, as Brevo does: e-mail with a text for an id, SMS with a number."""
    number = next(_ids)
    given = number if "SMS" in request.path else f"<{number}@smtp-relay.mailin.fr>"
    return Answer(status=201, body=json.dumps({"messageId": given}).encode())


def mailjet(request: Seen) -> Answer:
    """Accepts everything, as Mailjet does."""
    results = [
        {"Status": "success", "To": [{"MessageUUID": "u", "MessageID": 576460752303423488 + i}]}
        for i, _ in zip(_ids, json.loads(request.body)["Messages"], strict=False)
    ]
    return Answer(body=json.dumps({"Messages": results}).encode())


def resend(request: Seen) -> Answer:
    """Accepts everything, as Resend does."""
    body = json.loads(request.body)
    if isinstance(body, list):
        ids = [{"id": f"resend-{next(_ids)}"} for _ in body]
        return Answer(body=json.dumps({"data": ids}).encode())
    return Answer(body=json.dumps({"id": f"resend-{next(_ids)}"}).encode())


def sparkpost(request: Seen) -> Answer:
    """Accepts everything, as SparkPost does."""
    results = {"id": str(next(_ids)), "total_accepted_recipients": 1}
    return Answer(body=json.dumps({"results": results}).encode())


def twilio(request: Seen) -> Answer:
    """Accepts everything, as Twilio does."""
    return Answer(status=201, body=b'{"sid": "SM%032x", "status": "queued"}' % next(_ids))


def vonage(request: Seen) -> Answer:
    """Accepts everything, as Vonage does."""
    return Answer(status=202, body=b'{"message_uuid": "uuid-%d"}' % next(_ids))


def ovh(request: Seen) -> Answer:
    """Accepts everything, as OVH does."""
    body = {
        "totalCreditsRemoved": 1,
        "invalidReceivers": [],
        "ids": [27814656 + next(_ids)],
        "validReceivers": json.loads(request.body)["receivers"],
    }
    return Answer(body=json.dumps(body).encode())


def sinch(request: Seen) -> Answer:
    """Accepts everything, as Sinch does."""
    return Answer(status=201, body=b'{"id": "01FC%d", "type": "mt_text"}' % next(_ids))


def infobip(request: Seen) -> Answer:
    """Accepts everything, as Infobip does: under the ids that it is given."""
    status = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"}
    to = [each["destinations"][0] for each in json.loads(request.body)["messages"]]
    results = [
        {"messageId": each["messageId"], "status": status, "destination": each["to"]} for each in to
    ]
    return Answer(body=json.dumps({"bulkId": "b", "messages": results}).encode())


def receiver(request: Seen) -> Answer:
    """Accepts everything, as a company's own system does."""
    return Answer(status=202, body=b"thank you")


def slack(request: Seen) -> Answer:
    """Accepts everything, as chat.postMessage does, and an incoming webhook."""
    if not request.path.endswith("/chat.postMessage"):
        return Answer(body=b"ok")
    return Answer(body=b'{"ok": true, "channel": "C1", "ts": "1763800000.%06d"}' % next(_ids))


SCRIPTS: Mapping[str, Script] = {"postmark": postmark, "resend": resend, "twilio": twilio}


class _Forgetful(list[Seen]):
    """Keeps nothing: a benchmark's server must not grow."""

    def append(self, item: Seen, /) -> None:
        return


async def _serve(script: Script) -> None:
    vendor = Loopback(script)
    vendor.seen = _Forgetful()
    async with vendor:
        print(vendor.url, flush=True)
        await asyncio.Event().wait()


@contextmanager
def process(vendor: str) -> Iterator[str]:
    """A server in a process of its own, so that it does not share the client's core."""
    command = [sys.executable, __file__, vendor]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(SCRIPTS[sys.argv[1]]))
    except KeyboardInterrupt:
        sys.exit(0)
