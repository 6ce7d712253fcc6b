"""Reading what vendors post to our webhooks: proofs of origin first, then lenient readers.

Nothing here raises anything but HookError, whatever the bytes are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from relance.domain.receipt import Inbound, Receipt, ReceiptKind, recipient_digest
from relance.errors import Unreadable, Unverified
from relance.settings import Secret

REPLAY_WINDOW = timedelta(minutes=5)
_LONGEST_ID = 128
_SHORT = re.compile(r"[a-z0-9 _.:/-]{1,60}")


def same(left: str | bytes, right: str | bytes) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode(errors="surrogatepass")


def hmac_sha256(key: Secret, data: bytes) -> bytes:
    """HMAC-SHA256 under a text key."""
    return hmac.digest(key.reveal().encode(), data, "sha256")


def header(call: Inbound, name: str) -> str:
    """A header's value (`name` in lower case), empty where it is missing."""
    return call.headers.get(name, "")


def key_or_unverified(key: Secret | None) -> Secret:
    """The key that proves who calls. Raises Unverified where none is configured."""
    if not key:
        raise Unverified("no_webhook_key")
    return key


def check_basic_auth(call: Inbound, user: str, password: Secret | None) -> None:
    """Raise Unverified unless the caller gave this user and password (RFC 7617)."""
    expected = f"{user}:{key_or_unverified(password).reveal()}".encode()
    scheme, _, coded = header(call, "authorization").partition(" ")
    given = decoded_base64(coded.strip())
    if scheme.lower() != "basic" or given is None:
        raise Unverified("no_credentials")
    if not same(given, expected):
        raise Unverified("wrong_credentials")


def check_bearer(call: Inbound, token: Secret | None) -> None:
    """Raise Unverified unless the caller bore this token (RFC 6750)."""
    expected = key_or_unverified(token).reveal()
    scheme, _, given = header(call, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise Unverified("no_credentials")
    if not same(given.strip(), expected):
        raise Unverified("wrong_credentials")


def standard_key(secret: Secret) -> bytes | None:
    """The key of a Standard Webhooks secret (`whsec_` and base64); None where it is none."""
    text = secret.reveal().removeprefix("whsec_")
    return decoded_base64(text + "=" * (-len(text) % 4)) or None


def standard_signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """A signature as Standard Webhooks 1.0 writes it (`v1,` and base64 of an HMAC-SHA256)."""
    signed = hmac.digest(key, _bytes(f"{event_id}.{timestamp}.") + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def check_standard(call: Inbound, secret: Secret | None, at: datetime, prefix: str) -> str:
    """Raise Unverified unless Standard Webhooks' headers sign the body, and these minutes.

    `prefix` of the headers' names: `webhook`, or `svix` at Svix's customers. Answers with the
    event's id, which every repetition keeps.
    """
    event_id, timestamp, given = (
        header(call, f"{prefix}-{name}") for name in ("id", "timestamp", "signature")
    )
    key = standard_key(key_or_unverified(secret))
    if key is None:
        raise Unverified("no_webhook_key")
    if not (event_id and timestamp and given):
        raise Unverified("no_signature")
    expected = standard_signature(key, event_id, timestamp, call.body)
    if not any(same(each, expected) for each in given.split()):
        raise Unverified("wrong_signature")
    check_fresh(epoch(timestamp), at)
    return event_id


def check_fresh(
    signed_at: datetime | None, at: datetime, window: timedelta = REPLAY_WINDOW
) -> None:
    """Raise Unverified where a signature is older than `window`: somebody may have kept it. Of a
    clock that is ahead of ours no more than REPLAY_WINDOW is believed."""
    if signed_at is None:
        raise Unverified("no_timestamp")
    if at - signed_at > window or signed_at - at > REPLAY_WINDOW:
        raise Unverified("stale")


def decoded_base64(text: str) -> bytes | None:
    """The bytes behind base64; None where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def parsed(body: bytes) -> object:
    """A body's JSON. Raises Unreadable."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not_json") from error
    return value


def objects(value: object) -> list[Mapping[str, object]]:
    """The JSON objects of a list, or the one object itself; whatever else it holds is left out."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def text(fields: Mapping[str, object], name: str) -> str:
    """A field's text, or its number as text; empty where it is missing or something else."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "")  # PostgreSQL's text cannot hold it


def some(fields: Mapping[str, object], name: str) -> str | None:
    """Like `text`, and None where there is none."""
    return text(fields, name) or None


def named(pairs: object, name: str) -> str | None:
    """A value by its name (in lower case) from a list of `{"name": …, "value": …}`."""
    found = (each for each in objects(pairs) if text(each, "name").lower() == name)
    return next((some(each, "value") for each in found), None)


def short(text: str) -> str:
    """A vendor's word for why, in lower case; empty where it may hold an address or a server's
    prose."""
    word = text.strip().lower()
    return word if _SHORT.fullmatch(word) else ""


def recipient(address: str) -> str | None:
    """The digest of an address, None where there is none."""
    return recipient_digest(address) if address.strip() else None


def epoch(value: object) -> datetime | None:
    """An instant from seconds since 1970, a number or its digits; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else None
    except (ValueError, OverflowError, OSError):
        return None


def iso(value: object) -> datetime | None:
    """An instant from ISO 8601 (UTC where it names no zone, any number of decimals); else None."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip())
        zoned = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def identity(given: str, event: object) -> str:
    """An event's id: the vendor's, or a digest of what the event says where there is none.

    The same event has the same digest, whatever the order of its keys.
    """
    if given and len(given) <= _LONGEST_ID:
        return given
    return hashlib.sha256(_written(event, orjson.OPT_SORT_KEYS)).hexdigest()


def raw(event: object) -> str:
    """An event's JSON, as a receipt of kind UNKNOWN keeps it."""
    return _written(event).decode()


def _written(event: object, option: int = 0) -> bytes:
    try:
        return orjson.dumps(event, option=option)
    except orjson.JSONEncodeError as error:  # it can be read deeper than it can be written
        raise Unreadable("too_deep") from error


def unsubscribed_too(dropped: Receipt) -> list[Receipt]:
    """What the vendor did not send because its own list says that the person wants no more."""
    wish = replace(
        dropped, kind=ReceiptKind.UNSUBSCRIBED, event_id=f"{dropped.event_id}:unsubscribed"
    )
    return [dropped, wish]


_TELLING = (
    ReceiptKind.ACCEPTED,
    ReceiptKind.DEFERRED,
    ReceiptKind.DELIVERED,
    ReceiptKind.OPENED,
    ReceiptKind.CLICKED,
    ReceiptKind.DROPPED,
    ReceiptKind.SOFT_BOUNCED,
    ReceiptKind.HARD_BOUNCED,
    ReceiptKind.COMPLAINED,
)


def most_telling(receipts: Iterable[Receipt], message_id: str) -> Receipt | None:
    """The answer to a look-up: of a message's events the one that says most of its fate."""
    known = [receipt for receipt in receipts if receipt.kind in _TELLING]
    if not known:
        return None
    best = max(known, key=lambda receipt: _TELLING.index(receipt.kind))
    return replace(best, event_id=f"look-up:{message_id}:{best.kind}", message_id=message_id)
