"""Amazon SNS over HTTPS: whether a message is genuine, and confirming a subscription
(docs.aws.amazon.com/sns/latest/dg, sns-verify-signature-of-message, read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from relance.domain.receipt import Inbound
from relance.errors import Unreadable, Unverified
from relance.providers import hooks

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

Get = Callable[[str], Awaitable[bytes]]  # the body behind an https address; raises SendError

NOTIFICATION = "Notification"
_CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    **dict.fromkeys(
        _CONFIRMATIONS,
        ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
# anybody's topic is signed by Amazon, and anybody can name an address: both are pinned
_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/[0-9A-Za-z_.-]+\.pem")
# a retry keeps the first Timestamp, and a delivery policy may go on for an hour
_WINDOW = timedelta(hours=1)
_KEPT = 16  # certificates


class Sns:
    """What comes from one topic. `get` fetches certificates and confirms subscriptions."""

    def __init__(self, topic: str, get: Get) -> None:
        self._topic = topic
        self._get = get
        self._certificates: dict[str, bytes] = {}

    async def message(self, call: Inbound, at: datetime) -> Mapping[str, str] | None:
        """A verified notification; None for what is about the subscription itself, which is
        confirmed here. Raises Unverified or Unreadable, and SendError where Amazon cannot be
        asked.
        """
        if not self._topic:
            raise Unverified("no_webhook_key")
        fields = _texts(call.body)
        kind = fields.get("Type", "")
        if kind not in _SIGNED:
            raise Unverified("no_signature")
        if not hooks.same(fields.get("TopicArn", ""), self._topic):
            raise Unverified("wrong_topic")
        hooks.check_fresh(hooks.iso(fields.get("Timestamp")), at, _WINDOW)
        await self._verify(fields, at)
        if kind == NOTIFICATION:
            return fields
        if kind == "SubscriptionConfirmation":
            await self._confirm(fields.get("SubscribeURL", ""))
        return None

    async def _verify(self, fields: Mapping[str, str], at: datetime) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        signature = hooks.decoded_base64(fields.get("Signature", ""))
        algorithm = _algorithm(fields.get("SignatureVersion", ""))
        if not signature or algorithm is None:
            raise Unverified("no_signature")
        key = _public_key(await self._certificate(fields.get("SigningCertURL", "")), at)
        try:
            key.verify(signature, _text_to_sign(fields), PKCS1v15(), algorithm)
        except InvalidSignature as error:
            raise Unverified("wrong_signature") from error

    async def _certificate(self, url: str) -> bytes:
        parts = _amazon(url)
        if not _CERTIFICATE.fullmatch(parts.path) or parts.query or parts.fragment:
            raise Unverified("wrong_certificate_url")
        if url not in self._certificates:
            if len(self._certificates) >= _KEPT:
                self._certificates.clear()
            self._certificates[url] = await self._get(url)
        return self._certificates[url]

    async def _confirm(self, url: str) -> None:
        _amazon(url)
        await self._get(url)


def _texts(body: bytes) -> dict[str, str]:
    try:
        value = hooks.parsed(body)
    except Unreadable as error:
        raise Unverified("no_signature") from error
    fields = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in fields if isinstance(text, str)}


def _amazon(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Unverified("wrong_host") from error
    # netloc, not hostname: neither a port nor a user may stand there; urlsplit drops line breaks
    sound = parts.scheme == "https" and _HOST.fullmatch(parts.netloc) and url.isprintable()
    if not sound:
        raise Unverified("wrong_host")
    return parts


def _text_to_sign(fields: Mapping[str, str]) -> bytes:
    names = [name for name in _SIGNED[fields["Type"]] if name in fields]
    text = "".join(f"{name}\n{fields[name]}\n" for name in names)
    return text.encode(errors="surrogatepass")


def _algorithm(version: str) -> HashAlgorithm | None:
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    # SHA-1 is what SNS signs with unless the topic says otherwise
    return {"1": SHA1(), "2": SHA256()}.get(version)  # noqa: S303


def _public_key(certificate: bytes, at: datetime) -> RSAPublicKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    try:
        loaded = load_pem_x509_certificate(certificate)
        key = loaded.public_key()
    except ValueError as error:
        raise Unverified("wrong_certificate") from error
    if not loaded.not_valid_before_utc <= at <= loaded.not_valid_after_utc:
        raise Unverified("expired_certificate")
    if not isinstance(key, RSAPublicKey):
        raise Unverified("wrong_certificate")
    return key
