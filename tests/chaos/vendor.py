"""A vendor as a process of its own: it writes down whatever it takes before it answers.

`python vendor.py RECORD SEED HEALTH PORT` serves Postmark, Twilio and Resend on 127.0.0.1 and
prints its address. Each line on stdin is an order as JSON, answered by an empty line:

    {"kill": PID, "request": N, "moment": "read"}   SIGKILL at the N-th request from now:
                                                     when read, recorded or answered
    {"spare": true}                                  the victim has ended; kill nobody
    {"now": "2026-03-01T09:00:00+00:00"}             idempotency keys older than a day are forgotten
    {"health": 1.0}                                  no more mishaps
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos.mishaps import UNREAD, Mishap, Script
from loopback import Answer, Loopback, Seen

_KEY_LIFE = timedelta(hours=24)  # Resend's (resend.com/docs, idempotency keys, read 2026-11)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request understood. `messages` are named by what the test knows them by: their text.

    `marks` are what the vendor finds each of them by later.
    """

    vendor: str
    messages: Sequence[str]
    marks: Sequence[str]
    key: str | None = None  # Idempotency-Key


class Book:
    """Where the vendor writes down what it took: lines of JSON, each in the file before the next
    thing happens."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, line: Mapping[str, object]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Everything that was written down."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def understand(request: Seen) -> Asked:
    """Which vendor is meant, and which messages the request carries."""
    if request.path.endswith("/Messages.json"):
        form = parse_qs(request.body.decode())
        names = [f"sms {form['Body'][0].strip()}"]
        return Asked(vendor="twilio", messages=names, marks=[form["To"][0]])
    body = json.loads(request.body)
    emails = body if isinstance(body, list) else [body]
    if "/emails" in request.path:
        names = [f"email {each['subject']}" for each in emails]
        key = request.headers.get("idempotency-key")
        return Asked(vendor="resend", messages=names, marks=names, key=key)
    marks = [each["Metadata"]["relance_message"] for each in emails]
    names = [f"email {each['Subject']}" for each in emails]
    return Asked(vendor="postmark", messages=names, marks=marks)


def thanks(asked: Asked, batch: bool, ids: Sequence[str]) -> Answer:
    """What each vendor says when all is well."""
    match asked.vendor:
        case "twilio":
            body: object = {"sid": ids[0], "status": "queued"}
        case "postmark":
            each = [{"ErrorCode": 0, "Message": "OK", "MessageID": id_} for id_ in ids]
            body = each if batch else each[0]
        case _:
            each_id = [{"id": id_} for id_ in ids]
            body = {"data": each_id} if batch else each_id[0]
    status = 201 if asked.vendor == "twilio" else 200
    return Answer(status=status, body=json.dumps(body).encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    """A message that was taken: where it can be looked up, and when it came."""

    vendor: str
    mark: str
    id: str
    at: datetime


def found(request: Seen, sent: Sequence[_Sent]) -> Answer:
    """The answer to a look-up: by recipient at Twilio, by metadata at Postmark."""
    query = parse_qs(urlsplit(request.path).query)
    if "To" in query:
        vendor, mark = "twilio", query["To"][0]
    else:
        vendor, mark = "postmark", query["metadata_relance_message"][0]
    mine = [each for each in sent if (each.vendor, each.mark) == (vendor, mark)]
    if vendor == "twilio":
        made = [(each.id, format_datetime(each.at)) for each in mine]
        messages = [{"sid": id_, "status": "sent", "date_created": at} for id_, at in made]
        return Answer(body=json.dumps({"messages": messages}).encode())
    known = [{"MessageID": each.id, "Metadata": {"relance_message": mark}} for each in mine]
    return Answer(body=json.dumps({"TotalCount": len(known), "Messages": known}).encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    """What was answered under an idempotency key."""

    digest: str
    answer: Answer
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kill:
    pid: int
    request: int
    moment: str


class Vendor:
    """The three vendors in one, taking or spoiling each request as the script says."""

    def __init__(self, book: Book, script: Script) -> None:
        self._book = book
        self._script = script
        self._number = 0
        self._ids = count(1)
        self._kill: _Kill | None = None
        self._now = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        self._keys: dict[str, _Kept] = {}
        self._sent: list[_Sent] = []

    def remember(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Take over what an earlier process wrote down."""
        for line in lines:
            if "now" not in line:
                continue
            self._now = datetime.fromisoformat(line["now"])
            if line["key"]:
                answer = Answer(body=line["answer"].encode())
                kept = _Kept(digest=line["digest"], answer=answer, at=self._now)
                self._keys[line["key"]] = kept
            for mark, id_ in line["sent"].items():
                self._sent.append(_Sent(vendor=line["vendor"], mark=mark, id=id_, at=self._now))
        self._ids = count(len(lines) * 1000)

    def order(self, order: Mapping[str, Any]) -> None:
        """Do as the test says."""
        if "kill" in order:
            at = self._number + order["request"]
            self._kill = _Kill(pid=order["kill"], request=at, moment=order["moment"])
        elif "spare" in order:
            self._kill = None
        elif "now" in order:
            self._now = datetime.fromisoformat(order["now"])
        else:
            self._script = Script(0, order["health"])

    def greet(self) -> bool:
        """Whether a connection is taken."""
        welcome = self._script.greet()
        if not welcome:
            self._book.write({"messages": [], "refused": [], "mishap": UNREAD, "key": None})
        return welcome

    def answer(self, request: Seen) -> Answer:
        """Take the request, or not; write it down; answer, or not."""
        self._number += 1
        self._reach("read")
        if request.method == "GET":
            mishap = self._script.next(request.path)
            vendor, answer = "", found(request, self._sent)
        else:
            asked = understand(request)
            mishap = self._script.next(asked.messages[0])
            vendor, answer = asked.vendor, self._answer(request, asked, mishap)
        self._reach("recorded")
        if self._kill and self._kill.moment == "answered":
            asyncio.get_running_loop().call_later(answer.delay, self._reach, "answered")
        return mishap.spoil(answer, vendor) if mishap else answer

    def _answer(self, request: Seen, asked: Asked, mishap: Mishap | None) -> Answer:
        kept = self._keys.get(asked.key) if asked.key else None
        if kept and self._now - kept.at < _KEY_LIFE:
            same = kept.digest == _digest(request.body)
            return kept.answer if same else Answer(status=409, body=_OTHER_BODY)
        batch = request.body.startswith(b"[")
        ids = [f"{asked.vendor}-{next(self._ids)}" for _ in asked.messages]
        answer = thanks(asked, batch, ids)
        taken = mishap is None or mishap.taken
        if taken and asked.key:
            self._keys[asked.key] = _Kept(digest=_digest(request.body), answer=answer, at=self._now)
        sent = dict(zip(asked.marks, ids, strict=True)) if taken else {}
        for mark, id_ in sent.items():
            self._sent.append(_Sent(vendor=asked.vendor, mark=mark, id=id_, at=self._now))
        self._book.write(
            {
                "vendor": asked.vendor,
                "messages": list(asked.messages) if taken else [],
                "refused": list(asked.messages) if mishap and mishap.refused else [],
                "mishap": mishap.name if mishap else "",
                "sent": sent,
                "key": asked.key if taken else None,
                "digest": _digest(request.body),
                "answer": answer.body.decode(),
                "now": self._now.isoformat(),
            }
        )
        return answer

    def _reach(self, moment: str) -> None:
        kill = self._kill
        if kill and kill.moment == moment and self._number >= kill.request:
            self._kill = None
            try:
                os.kill(kill.pid, signal.SIGKILL)
            except ProcessLookupError:
                return


_OTHER_BODY = b'{"statusCode": 409, "name": "invalid_idempotent_request", "message": "other body"}'


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def _serve(path: Path, seed: int, health: float, port: int) -> None:
    vendor = Vendor(Book(path), Script(seed, health))
    vendor.remember(read(path))
    orders: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: orders.put_nowait(sys.stdin.buffer.readline()))
    async with Loopback(vendor.answer, vendor.greet, port) as server:
        print(server.url, flush=True)
        while line := await orders.get():
            server.seen.clear()
            vendor.order(json.loads(line))
            print(flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
