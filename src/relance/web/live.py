"""`/v1/…`: live events by the Segment protocol. 200 means stored for good; nothing else does."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

import orjson
from fastapi import FastAPI, HTTPException, Request, Response

from relance import logs
from relance.domain.live import LiveKind
from relance.errors import StateError
from relance.logs import Action
from relance.settings import Secret
from relance.web.front import Front
from relance.web.inbox import Closed, Full, Inbox
from relance.web.origins import Origins
from relance.web.requests import body_of
from relance.web.segment import BATCH_BYTES, Parcel, Refused, batch, one, parsed, too_long, unzipped

_PATIENCE = 10.0  # seconds for a commit; the clients themselves wait for 15
_SOON, _LATER = "1", "2"  # seconds until a client should come back
_WHO = 'Basic realm="live events"'
REJECTED = "rejected"  # a message of a batch whose others were taken

log = logs.get("web")


class Desk:
    """Where live events are handed in: the keys that open it, the inbox behind it, and the origins
    whose pages may come."""

    def __init__(
        self, keys: Sequence[Secret], inbox: Inbox, *, origins: Collection[str] = ()
    ) -> None:
        self.inbox = inbox
        self.origins = Origins(origins)
        self._digests = [_digest(key.reveal()) for key in keys]

    def opens(self, key: str) -> bool:
        """Whether this is a write key; takes as long for every wrong one."""
        given = _digest(key)
        return any([hmac.compare_digest(given, known) for known in self._digests])  # noqa: C419  all


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()


class Live:
    """Answers the clients of the Segment protocol."""

    def __init__(self, front: Callable[[], Front], clock: Callable[[], datetime]) -> None:
        self._front = front
        self._clock = clock

    def add_to(self, app: FastAPI) -> None:
        """Its addresses. Segment's clients for browsers and apps write their first letters."""
        for kind in (None, *LiveKind):
            name = kind or "batch"
            for path in (f"/v1/{name}", f"/v1/{name[0]}"):
                app.add_api_route(path, partial(self._take, kind), methods=["POST"])
                app.add_api_route(path, self._preflight, methods=["OPTIONS"])

    async def _preflight(self, request: Request) -> Response:
        """The answer to a browser that asks before it posts."""
        desk, origin = self._desk(), request.headers.get("origin")
        headers = desk.origins.invitation(origin)
        if headers is None:
            desk.inbox.tally.add("origin")
            return Response(status_code=403)
        return Response(status_code=204, headers=dict(headers))

    def _desk(self) -> Desk:
        desk = self._front().live
        if desk is None:
            raise HTTPException(404)
        return desk

    async def _take(self, kind: LiveKind | None, request: Request) -> Response:
        desk, origin = self._desk(), request.headers.get("origin")
        try:
            parcel = await self._opened(desk, kind, request)
            await _stored(desk.inbox, parcel)
        except Refused as refused:
            answer = _refusal(desk, refused, from_page=origin is not None)
        else:
            _tell(desk, parcel)
            answer = _answer(200, {"success": True, **_rejected(parcel)})
        answer.headers.update(desk.origins.headers(origin))
        return answer

    async def _opened(self, desk: Desk, kind: LiveKind | None, request: Request) -> Parcel:
        key = _key_of(request.headers.get("authorization"))
        if key is not None and not desk.opens(key):
            raise _unknown()
        if desk.inbox.full:  # before a body is read that would wait
            raise _too_many()
        try:
            sent = await body_of(request, BATCH_BYTES)
        except HTTPException as error:
            raise too_long() if error.status_code == 413 else error from None
        plain = unzipped(sent, request.headers.get("content-encoding", "").strip().lower())
        body = parsed(plain)
        if key is None:
            written = body.get("writeKey")
            if not isinstance(written, str) or not desk.opens(written):
                raise _unknown()
        if kind is None:
            return batch(body, len(plain), self._clock())
        return one(body, kind, len(plain), self._clock())


async def _stored(inbox: Inbox, parcel: Parcel) -> None:
    """Wait for the commit. Raises Refused where it does not come, for the client to repeat."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await inbox.put(parcel.messages)
    except Full:
        raise _too_many() from None
    except Closed:
        raise Refused(503, "restarting", "come back in a moment") from None
    except (StateError, TimeoutError):
        raise Refused(503, "not_stored", "could not be stored; send it again") from None


def _key_of(authorization: str | None) -> str | None:
    """The write key of the header; '' where there is one that holds none, None without one."""
    if not authorization:
        return None
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[0]


def _too_many() -> Refused:
    return Refused(429, "too_many", "more waits than can be stored; come back")


def _unknown() -> Refused:
    return Refused(401, "unauthorized", "no such write key")


def _refusal(desk: Desk, refused: Refused, *, from_page: bool) -> Response:
    if refused.status == 429:
        desk.inbox.figures.turned_away += 1
    if refused.status != 503:
        desk.inbox.tally.add(refused.code)
    if refused.status in (401, 400, 413, 415):
        log.warning(
            "A request with live events was not taken",
            action=Action.LIVE_REFUSED,
            status=refused.status,
            reason=refused.code,
        )
    answer = _answer(refused.status, {"code": refused.code, "message": refused.message})
    if refused.status == 401 and not from_page:  # a browser would ask its user for a password
        answer.headers["WWW-Authenticate"] = _WHO
    elif refused.status in (429, 503):
        answer.headers["Retry-After"] = _SOON if refused.status == 429 else _LATER
    return answer


def _tell(desk: Desk, parcel: Parcel) -> None:
    if not parcel.rejected:
        return
    desk.inbox.figures.rejected += len(parcel.rejected)
    desk.inbox.tally.add(REJECTED, len(parcel.rejected))
    log.warning(
        "Some messages of a batch could not be taken; the others are stored",
        action=Action.LIVE_REJECTED,
        rejected=len(parcel.rejected),
        stored=len(parcel.messages),
        reasons=dict(parcel.reasons()),
    )


def _rejected(parcel: Parcel) -> dict[str, object]:
    if not parcel.rejected:
        return {}
    return {"rejected": [{"index": at, "reason": reason} for at, reason in parcel.rejected]}


def _answer(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
