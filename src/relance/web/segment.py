"""The Segment protocol: bodies of its HTTP tracking API as live messages.

Sources, read on 29 November 2026: the tracking API and its limits
(https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/http-api: 32 kB a
message, 500 kB a batch), the common fields and the correction of clocks
(https://segment.com/docs/connections/spec/common: `timestamp = receivedAt - (sentAt -
originalTimestamp)`), and segment-analytics-python 2.4.0 for what a client really sends.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import orjson

from relance.domain.live import LiveKind, LiveMessage

MESSAGE_BYTES = 32 * 1024
BATCH_BYTES = 500 * 1024
_MOST = 2_000  # messages in a batch: 500 kB hold no more that say anything
_LONGEST_ID = 255  # characters
_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)

Body = Mapping[str, object]


class Refused(Exception):
    """A request that is not taken: the HTTP status, and why, in words without its values."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True)
class Parcel:
    """What one request brought: the good messages, and by their place in it the others."""

    messages: list[LiveMessage] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def reasons(self) -> Mapping[str, int]:
        """How many were rejected, by reason."""
        return Counter(reason for _, reason in self.rejected)


def unzipped(body: bytes, encoding: str) -> bytes:
    """The body itself. Raises Refused where it is too long, or not what it says it is."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Refused(415, "encoding", "the body may be plain or gzip")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(body, BATCH_BYTES + 1)
    except zlib.error:
        raise Refused(400, "gzip", "the body is not gzip") from None
    if len(plain) > BATCH_BYTES:
        raise too_long()
    if not stream.eof:
        raise Refused(400, "gzip", "the body is cut off")
    return plain


def too_long() -> Refused:
    """For a body over the limit."""
    return Refused(413, "too_large", f"at most {BATCH_BYTES // 1024} kB a request")


def parsed(body: bytes) -> Body:
    """The body as a mapping. Raises Refused."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = _as_python_wrote_it(body)
    if not isinstance(found, dict):
        raise Refused(400, "json", "the body must be a JSON object")
    return found


def _as_python_wrote_it(body: bytes) -> object:
    """What Python's json writes and JSON does not know: NaN, halves of characters."""
    try:
        found = json.loads(body, parse_constant=lambda _: None)
        return orjson.loads(json.dumps(found, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        raise Refused(400, "json", "the body is not JSON") from None


def one(body: Body, kind: LiveKind, length: int, now: datetime) -> Parcel:
    """A request that is one message, such as POST /v1/track. Raises Refused where it is none."""
    if length > MESSAGE_BYTES:
        raise Refused(413, "too_large", f"at most {MESSAGE_BYTES // 1024} kB a message")
    message = _read(body, kind, _instant(body.get("sentAt")), now)
    if isinstance(message, str):
        raise Refused(400, "invalid", message)
    return Parcel(messages=[message])


def batch(body: Body, length: int, now: datetime) -> Parcel:
    """POST /v1/batch: the good messages are taken, the others are told by their place.

    Raises Refused where it is no batch, or nothing in it is good.
    """
    items = body.get("batch")
    if not isinstance(items, list):
        raise Refused(400, "invalid", "`batch` must be a list of messages")
    if len(items) > _MOST:
        raise Refused(413, "too_large", f"at most {_MOST} messages a batch")
    parcel, sent = Parcel(), _instant(body.get("sentAt"))
    may_be_long = length > MESSAGE_BYTES
    for place, item in enumerate(items):
        message = _item(item, sent, now, may_be_long=may_be_long)
        if isinstance(message, str):
            parcel.rejected.append((place, message))
        else:
            parcel.messages.append(message)
    if items and not parcel.messages:
        raise Refused(
            400, "invalid", f"no message can be taken; the first: {parcel.rejected[0][1]}"
        )
    return parcel


def _item(
    item: object, sent: datetime | None, now: datetime, *, may_be_long: bool
) -> LiveMessage | str:
    """A message of a batch, or what is wrong with it."""
    if not isinstance(item, dict):
        return "must be an object"
    called = item.get("type")
    kind = _KINDS.get(called) if isinstance(called, str) else None
    if kind is None:
        return "`type` must be track, identify, alias, page, screen or group"
    if may_be_long and len(orjson.dumps(item)) > MESSAGE_BYTES:
        return f"is longer than {MESSAGE_BYTES // 1024} kB"
    own = item.get("sentAt")
    return _read(item, kind, sent if own is None else _instant(own), now)


def _read(body: Body, kind: LiveKind, sent: datetime | None, now: datetime) -> LiveMessage | str:
    """A message, or what is wrong with it."""
    user, anonymous = _identity(body.get("userId")), _identity(body.get("anonymousId"))
    if user is None and anonymous is None:
        return "`userId` or `anonymousId` must be there, as text of at most 255 characters"
    event, previous = "", None
    if kind is LiveKind.TRACK:
        name = body.get("event")
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID or not name.strip():
            return "`event` must be a name of at most 255 characters"
        event = _clean(name)
    elif kind is LiveKind.ALIAS:
        previous = _identity(body.get("previousId"))
        if previous is None or user is None:
            return "an alias needs `previousId` and `userId`"
    else:
        event = _NAMED.get(kind, "")
    said = _said(body, kind)
    if said is None:
        return "`properties` or `traits` must be an object"
    at, told = _happened(body, sent, now)
    return LiveMessage(
        message_id=_message_id(body.get("messageId")),
        kind=kind.value, event=event, user_id=user, anonymous_id=anonymous, previous_id=previous,
        at=at, told=told, body=said,
    )  # fmt: skip


_KINDS: Mapping[str, LiveKind] = {kind.value: kind for kind in LiveKind}
_NAMED = {LiveKind.PAGE: "$page", LiveKind.SCREEN: "$screen", LiveKind.GROUP: "$group"}


def _identity(value: object) -> str | None:
    """An id as text; a whole number is taken as it is written. None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        return None
    clean = _clean(value).strip()
    return clean or None


def _message_id(value: object) -> str:
    """The client's own; the digest of one that is too long for an index, a new one for none."""
    if isinstance(value, str) and len(value) > _LONGEST_ID:
        return sha256(value.encode()).hexdigest()
    return _identity(value) or uuid4().hex


def _clean(text: str) -> str:
    """Text as every database takes it; orjson has let no half of a character pass."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _said(body: Body, kind: LiveKind) -> str | None:
    """The properties or traits as JSON, what stands beside them among them; None: no object."""
    key = "traits" if kind in (LiveKind.IDENTIFY, LiveKind.GROUP) else "properties"
    said = body.get(key)
    if said is None:
        said = {}
    if not isinstance(said, dict):
        return None
    beside = _BESIDE.get(kind)
    if beside and (more := {name: body[name] for name in beside if body.get(name) is not None}):
        said = {**more, **said}
    try:
        return orjson.dumps(said).decode()
    except orjson.JSONEncodeError:  # nested too deep
        return None


_BESIDE = {
    LiveKind.PAGE: ("name", "category"),
    LiveKind.SCREEN: ("name", "category"),
    LiveKind.GROUP: ("groupId",),
}


def _happened(body: Body, sent: datetime | None, now: datetime) -> tuple[datetime, str | None]:
    """When it happened by our clock, and the client's own word where that is not believed.

    The client's clock may be wrong, its sense of how long ago is not: the time between what it
    calls the event and what it calls the sending is taken from the arrival. What would be later
    than its arrival arrived when it happened; so did what is no instant.
    """
    told = body.get("originalTimestamp")
    if told is None:
        told = body.get("timestamp")
    if told is None:
        return now, None
    original = _instant(told)
    if original is None:
        return now, str(told)[:_LONGEST_ID].replace("\0", "\ufffd")
    try:
        at = original if sent is None else now - (sent - original)
    except OverflowError:
        at = original
    if at > now or at < _OLDEST:
        return now, original.isoformat()
    return at, None


def _instant(value: object) -> datetime | None:
    """An instant in ISO 8601, in UTC where it names no zone; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
