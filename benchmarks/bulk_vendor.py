"""A vendor on loopback that takes batches as cheaply as can be: `python -m benchmarks.bulk_vendor`.

The limit it is held against has no vendor in it, and what this one takes of the two cores is lost
to delivery. So it counts the messages of a body where it was received, and parses nothing. The
vendors of the tests (tests/loopback.py) read every byte; half a core is theirs at full speed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count, islice

_ROOM = 32 * 1024 * 1024  # bytes: a batch of 500 e-mails has twelve million
_ONE_MESSAGE = b'"relance_message"'  # once in each, whichever vendor it is written for
_ids = count(1)


def postmark(messages: int) -> bytes:
    """Accepts everything, as Postmark does."""
    answers = (f'{{"ErrorCode":0,"Message":"OK","MessageID":"pm-{i}"}}' for i in _ids)
    return f"[{','.join(islice(answers, messages))}]".encode()


def resend(messages: int) -> bytes:
    """Accepts everything, as Resend does."""
    answers = (f'{{"id":"resend-{i}"}}' for i in _ids)
    return f'{{"data":[{",".join(islice(answers, messages))}]}}'.encode()


VENDORS: Mapping[str, Callable[[int], bytes]] = {"postmark": postmark, "resend": resend}


class _Connection(asyncio.BufferedProtocol):
    """One request after the other, each into the same memory."""

    def __init__(self, answer: Callable[[int], bytes]) -> None:
        self._answer = answer
        self._room = bytearray(_ROOM)
        self._filled = 0
        self._body = self._end = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's signature
        return memoryview(self._room)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if not self._end:
            self._read_head()
        if self._end and self._filled >= self._end:
            answer = self._answer(self._room.count(_ONE_MESSAGE, self._body, self._end))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
            self._transport.write(head.encode() + answer)
            self._filled = self._end = 0

    def _read_head(self) -> None:
        head = self._room.find(b"\r\n\r\n", 0, self._filled)
        if head >= 0:
            name = bytes(self._room[:head]).lower().find(b"content-length:")
            line = bytes(self._room[name : self._room.find(b"\r\n", name)])
            self._body = head + 4
            self._end = self._body + int(line.partition(b":")[2])


async def _serve(answer: Callable[[int], bytes]) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(answer), "127.0.0.1", 0
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def process(vendor: str) -> Iterator[str]:
    """A server in a process of its own; its URL."""
    command = [sys.executable, "-m", "benchmarks.bulk_vendor", vendor]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


if __name__ == "__main__":
    asyncio.run(_serve(VENDORS[sys.argv[1]]))
