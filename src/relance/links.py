"""Signed links back to us: who holds one may unsubscribe, and choose, for one customer.

A token says who, on which channel, because of which message. It is signed, not encrypted, and
never expires: somebody may unsubscribe by a message of years ago.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import orjson
from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

from relance.domain.ledger import Claimed
from relance.settings import Secret

_LONGEST = 2_048  # characters of a token; ours have some hundred


class Purpose(StrEnum):
    """What a token is good for; also the first part of its path. One is never taken for the
    other."""

    UNSUBSCRIBE = "u"
    PREFERENCES = "p"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What a genuine token says. `message` is the id of the message that brought it."""

    customer: str
    channel: str
    message: str
    locale: str | None = None
    topic: str | None = None


class LinkMaker:
    """Makes links and opens their tokens. The newest secret (the first) signs, all verify.

    `topics` names the topic of each trigger that has one.
    """

    def __init__(
        self,
        public_url: str,
        secrets: Sequence[Secret],
        topics: Mapping[str, str] | None = None,
    ) -> None:
        if not secrets:
            raise ValueError("links need a secret to sign them")
        self._base = public_url.rstrip("/")
        self._topics = topics or {}
        self._keys = {purpose: [_key(each, purpose) for each in secrets] for purpose in Purpose}
        self._signing = {
            purpose: hmac.new(keys[0], digestmod="sha256") for purpose, keys in self._keys.items()
        }

    def unsubscribe(self, message: Claimed, locale: str | None) -> str:
        """Where one click unsubscribes from the message's channel."""
        return self._of(Purpose.UNSUBSCRIBE, message, locale)

    def preferences(self, message: Claimed, locale: str | None) -> str:
        """Where the customer chooses channels, topics and pauses."""
        return self._of(Purpose.PREFERENCES, message, locale)

    def open(self, purpose: Purpose, token: str) -> Grant | None:
        """What a token grants; None where it is not one of ours, whatever else it is."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            payload = _decoded(self._signer(purpose).unsign(token))
        except (BadSignature, binascii.Error, orjson.JSONDecodeError):
            return None
        match payload:
            case [str(customer), str(channel), str(message), str() | None as locale,
                  str() | None as topic]:  # fmt: skip
                return Grant(
                    customer=customer, channel=channel, message=message, locale=locale, topic=topic
                )
        return None

    def path(self, purpose: Purpose, grant: Grant) -> str:
        """The path of a link, below the host as the customer's browser sees it."""
        said = (grant.customer, grant.channel, grant.message, grant.locale, grant.topic)
        return urlsplit(self._url(purpose, *said)).path

    def _of(self, purpose: Purpose, message: Claimed, locale: str | None) -> str:
        topic = self._topics.get(message.trigger)
        return self._url(purpose, message.customer, message.channel, message.id, locale, topic)

    def _url(self, purpose: Purpose, *said: str | None) -> str:
        payload = _text(orjson.dumps(said))
        # what itsdangerous' Signer signs, without the half of its time that is its own
        signing = self._signing[purpose].copy()  # hmac.digest lets go of the interpreter each time
        signing.update(payload)
        signature = _text(signing.digest())
        return f"{self._base}/{purpose}/{payload.decode()}.{signature.decode()}"

    def _signer(self, purpose: Purpose) -> Signer:
        keys = list(reversed(self._keys[purpose]))  # itsdangerous wants the newest last
        return Signer(keys, key_derivation="none", algorithm=_Sha256())


def _key(secret: Secret, purpose: Purpose) -> bytes:
    """A key of its own for each purpose, derived once instead of for every message."""
    return hmac.digest(secret.reveal().encode(), f"relance.{purpose}".encode(), "sha256")


class _Sha256(SigningAlgorithm):
    """HMAC-SHA256."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


# Not itsdangerous' URLSafeSerializer: it tries to compress each payload, a third of the whole
# time of a message in a batch.
def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(payload: bytes) -> object:
    return orjson.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
