"""What goes over the wire to a vendor and what comes back, and the decisions that need no network.

Nothing here imports an HTTP client: the vendors' `build` and `read` are pure functions of these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from functools import lru_cache

import orjson

from relance.domain.message import Accepted, Email, Fixed, Notice, Outgoing
from relance.errors import NotSent, Paused, Refused, SendError, Unsure

Answer = Accepted | SendError

LONGEST_WAIT = 3600.0  # seconds; asking once an hour is no burden, whatever a vendor demands

# everything that some mail software takes for the end of a line, and the other control characters
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 token; RFC 5322 allows more
_MESSAGE_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_SEPARATES = re.compile(r'[\s,;:<>()\[\]\\"@]')
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_OURS = frozenset({
    "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id",
    "mime-version", "x-relance-message", "x-relance-tags", "return-path", "received",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request below a vendor's base URL. Credentials are not in it: the client adds them.

    `pieces`, where there are any, are sent one after the other instead of `body`: that of 500
    e-mails has twelve megabytes.
    """

    path: str
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    pieces: Sequence[bytes] = field(default=(), repr=False)

    def joined(self) -> Request:
        """The same request with its body in one."""
        return replace(self, body=b"".join(self.pieces), pieces=()) if self.pieces else self


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An answer that arrived whole. `retry_after` is in seconds, where the vendor said one.

    `headers` by their names in lower case.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header (RFC 9110, 10.2.3) and the answer's own Date.

    An HTTP-date is held against the vendor's clock, never ours: their difference is what was
    meant. From 0 to LONGEST_WAIT; None where there is nothing to go by.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        then, now = mail_date(value), mail_date(date)
        if then is None or now is None:
            return None
        seconds = (then - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def mail_date(text: str | None) -> datetime | None:
    """An instant as mail and HTTP headers write it (RFC 5322); None where it is none."""
    try:
        instant = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    if instant is not None and instant.tzinfo is None:  # RFC 5322 says so of "-0000"
        instant = instant.replace(tzinfo=UTC)
    return instant


_PAUSING = {
    401: "unauthorised",
    402: "payment_required",
    403: "forbidden",
    404: "no_such_endpoint",
    405: "no_such_endpoint",
    407: "proxy_authentication",
}
_LATER = {
    408: "request_timeout",
    421: "misdirected",
    425: "too_early",
    429: "rate_limited",
    503: "unavailable",
}
_REFUSING = {400: "bad_request", 413: "too_large", 422: "invalid_message"}
_UNCLEAR = {409: "conflict", 500: "server_error", 502: "bad_gateway", 504: "gateway_timeout"}


def judge(response: Response) -> SendError:
    """The decision behind a status that is no success, where the vendor documents nothing else.

    | status                  | decision | because                                              |
    | ----------------------- | -------- | ---------------------------------------------------- |
    | 401, 402, 403, 407      | Paused   | the vendor refuses us, not the message               |
    | 3xx, 404, 405           | Paused   | this is not the vendor's endpoint: every message     |
    |                         |          | would be refused for a mistake in `base_url`         |
    | 408, 421, 425, 429, 503 | NotSent  | RFC 9110: not processed, "not now"; with Retry-After |
    | 409, 500, 502, 504, 5xx | Unsure   | it may have been processed before it went wrong      |
    | 400, 413, 422, 4xx      | Refused  | the message is at fault and always will be           |
    """
    status, detail = response.status, f"HTTP {response.status}"
    if status in _LATER:
        return NotSent(_LATER[status], detail=detail, retry_after=response.retry_after)
    if status in _PAUSING:
        return Paused(_PAUSING[status], detail=detail)
    if status < 400:
        return Paused("redirected", detail=detail)
    if status in _UNCLEAR or status >= 500:
        return Unsure(_UNCLEAR.get(status, "server_error"), detail=detail)
    return Refused(_REFUSING.get(status, "refused"), detail=detail)


def unreadable(response: Response) -> Unsure:
    """A success whose text is not the vendor's: something was accepted, nobody knows what."""
    return Unsure("unreadable_answer", detail=f"HTTP {response.status}")


def json(response: Response) -> object:
    """The answer's JSON. Raises Unsure for a success that cannot be read; else None."""
    try:
        value: object = orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        if 200 <= response.status < 300:
            raise unreadable(response) from error
        return None
    return value


def written(fields: Mapping[str, object], name: str, text: Sequence[str]) -> tuple[bytes, ...]:
    """The JSON of an object in pieces: fields, those without a value left out, and last one text.

    A Fixed part of the text becomes the same piece in all messages; no other is kept.
    Raises what orjson raises.
    """
    first = orjson.dumps({key: value for key, value in fields.items() if value})
    if not any(text):
        return (first,)
    pieces = []
    rest = [first[:-1], b"," if len(first) > 2 else b"", orjson.dumps(name), b':"']
    for part in text:
        if isinstance(part, Fixed):
            pieces += [b"".join(rest), _fixed(part)]
            rest = []
        else:
            rest.append(_inside(part))
    return (*pieces, b"".join([*rest, b'"}']))


def _inside(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]


_fixed = lru_cache(maxsize=256)(_inside)  # a template has a handful


def listed(objects: Iterable[Sequence[bytes]]) -> Iterator[bytes]:
    """The pieces of a JSON array, from the JSON of what is in it, each in pieces."""
    before = b"["
    for one in objects:
        yield before
        yield from one
        before = b","
    yield b"[]" if before == b"[" else b"]"


def fields(value: object) -> Mapping[str, object]:
    """A JSON object's fields; none where it is something else."""
    return value if isinstance(value, dict) else {}


def screen(message: Outgoing) -> Refused | None:
    """The last line of defence against header injection and a second recipient."""
    if not _MESSAGE_ID.fullmatch(message.message_id):
        return Refused("invalid_id", detail="a message id is letters, digits, - and _")
    if not _harmless(_lines(message)):
        return Refused("invalid_header", detail="a line break or control character")
    if isinstance(message, Notice):
        return None
    if isinstance(message, Email):
        return _screen_email(message)
    if not _E164.fullmatch(message.to):
        return Refused("invalid_recipient", detail="the number is not E.164")
    return None


def _lines(message: Outgoing) -> str:
    """Everything of a message that must stay on its line, in one text: one search is quicker."""
    if isinstance(message, Notice):
        return message.trigger
    lines = (message.trigger, message.sender, *message.tags)
    if isinstance(message, Email):
        own = (message.to, message.subject, message.reply_to or "")
        lines += (*own, *message.headers.values())
    return "".join(lines)


def _harmless(text: str) -> bool:
    # the quick question first: tabs and no-break spaces fail it too
    return text.isprintable() or _CONTROL.search(text) is None


def garbled() -> Refused:
    """What a text is refused with that no encoding has bytes for."""
    return Refused("invalid_text", detail="half a character (a lone surrogate)")


def encodable(message: Outgoing) -> bool:
    """Whether every text of a message can be encoded. As costly as encoding them."""
    texts = [message.text]
    if not isinstance(message, Notice):
        texts += [message.to, message.sender]
    if isinstance(message, Email):
        texts += [message.subject, message.html, message.reply_to or "", *message.headers.values()]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _screen_email(message: Email) -> Refused | None:
    for name in message.headers:
        wrong = _wrong_name(name)
        if wrong is not None:
            return Refused("invalid_header", detail=wrong)
    if not one_address(message.to):
        return Refused("invalid_recipient", detail="not one e-mail address")
    try:
        to_ascii(message.to)
    except Refused as error:
        return error
    return None


@lru_cache(maxsize=256)  # a handful of names stand in all messages
def _wrong_name(name: str) -> str | None:
    """Why a header of this name may not be added."""
    if not _HEADER_NAME.fullmatch(name):
        return "a header's name has a forbidden character"
    if name.lower() in _OURS or name.lower().startswith("content-"):
        return f"{name} is not an extra header"
    return None


def one_address(text: str) -> bool:
    """Whether a text is one bare e-mail address, so that no vendor can see two in it."""
    local, at, domain = text.rpartition("@")
    return bool(local and at and domain) and not _SEPARATES.search(local + domain)


def to_ascii(address: str) -> str:
    """The address with its domain in the form mail servers know (IDNA 2008, RFC 5891).

    Raises Refused where the domain cannot be written that way.
    """
    if address.isascii():
        return address
    import idna  # only a few addresses in a million need its tables

    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise Refused("invalid_recipient", detail="the domain is not a valid IDN") from error


@lru_cache(maxsize=256)  # a handful of senders write all messages
def sender_address(sender: str) -> str:
    """The bare address of `Name <address>`, its domain in ASCII."""
    return to_ascii(parseaddr(sender)[1])


@lru_cache(maxsize=256)
def ascii_sender(sender: str) -> str:
    """`Name <address>` as it was given, but for the domain, which becomes ASCII."""
    address = parseaddr(sender)[1]
    return sender if address.isascii() else sender.replace(address, to_ascii(address))


def message_id_header(message: Email) -> str:
    """The Message-ID: the same message always has the same, whichever way it goes."""
    domain = sender_address(message.sender).rpartition("@")[2]
    return f"<{message.message_id}@{domain or 'localhost'}>"
