"""Vonage: SMS by the Messages API, one per call (developer.vonage.com/en/api/messages, its errors
and signed webhooks, read 2026-11). A text has at most 1,000 characters; Vonage splits it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson

from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unverified
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, basic_auth, callback, http_options
from relance.providers.replies import answered, unknown
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="vonage",
    channels=frozenset({"sms"}),
    description="Vonage, SMS by the Messages API.",
    options=(
        OptionSpec(
            name="application_id",
            kind=OptionKind.TEXT,
            description="The application that sends; with `private_key_file`.",
        ),
        OptionSpec(
            name="private_key_file",
            kind=OptionKind.FOLDER,
            description="The file of the application's private key (PEM).",
        ),
        OptionSpec(
            name="api_key",
            kind=OptionKind.TEXT,
            description="The account's key, where no application sends; with `api_secret`.",
        ),
        OptionSpec(
            name="api_secret", kind=OptionKind.SECRET, description="The secret of `api_key`."
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="The account's signature secret; without it no report is believed.",
        ),
        callback(),
        *http_options("https://api.nexmo.com"),
    ),
    can=Capabilities(events=True, signed="a JWT (HS256) with the body's SHA-256"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Vonage's options, checked."""

    endpoint: Endpoint
    webhook_key: Secret | None
    callback_url: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_sender()
        application, api_key = options.text("application_id"), options.text("api_key")
        if bool(application) == bool(api_key):
            options.wrong("application_id", "give this or api_key, and not both")
        sign, credentials = None, {}
        if application:
            sign = _Token(application, _private_key(options))
        else:
            secret = options.required_secret("api_secret")
            credentials = {"Authorization": basic_auth(api_key, secret)}
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials=credentials,
            timeout=options.number("timeout"),
            sign=sign,
        )
        key = options.secret("webhook_key")
        callback_url = options.callback_url() if key else ""
        return cls(endpoint=endpoint, webhook_key=key, callback_url=callback_url)


def _private_key(options: Options) -> Secret:
    path = options.file("private_key_file")
    if path is None:
        options.wrong("private_key_file", "is needed with application_id")
    try:
        pem = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        pem = ""
    if "PRIVATE KEY-----" not in pem:
        options.wrong("private_key_file", "holds no private key", hint="a PEM file")
    return Secret(pem)


class _Token:
    """The JWT of an application (RS256), good for 15 minutes and used for 10."""

    def __init__(self, application: str, key: Secret) -> None:
        self._application = application
        self._key = key
        self._made: tuple[datetime, str] | None = None

    def __call__(self, request: Request, url: str, now: datetime) -> Mapping[str, str]:  # noqa: ARG002
        if self._made is None or not timedelta() <= now - self._made[0] < timedelta(minutes=10):
            self._made = (now, self._new(now))
        return {"Authorization": f"Bearer {self._made[1]}"}

    def _new(self, now: datetime) -> str:
        import jwt  # with cryptography behind it: not for who only checks

        issued = int(now.timestamp())
        claims = {
            "application_id": self._application,
            "iat": issued,
            "exp": issued + 15 * 60,
            "jti": str(uuid4()),
        }
        try:
            return jwt.encode(claims, self._key.reveal(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise Paused("bad_private_key", detail=type(error).__name__) from None


def build(messages: Sequence[Sms], *, callback_url: str = "") -> Request:
    """POST /v1/messages for the one message; numbers go without their plus."""
    (message,) = messages
    fields = {
        "message_type": "text",
        "channel": "sms",
        "to": message.to.removeprefix("+"),
        "from": message.sender.removeprefix("+"),
        "text": message.text,
        "client_ref": message.message_id,
        "webhook_url": callback_url,
        "webhook_version": "v1",  # the form in which `events` reads
    }
    return Request(
        path="/v1/messages",
        body=orjson.dumps({name: value for name, value in fields.items() if value}),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """The message's UUID, or what its problem means."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        raise _decision(response, body) or wire.judge(response)
    uuid = body.get("message_uuid")
    if not isinstance(uuid, str):
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=uuid)]


_REFUSED = {
    1050: "barred_recipient",
    1160: "unverified_recipient",
    1170: "invalid_recipient",
    1240: "unsubscribed",
    1300: "invalid_recipient",
}
_OURS = {  # the account or the sender is at fault, whoever the message is for
    1060: "account_barred",
    1070: "payment_required",
    1080: "account_not_enabled",
    1120: "invalid_sender",
    1140: "account_not_enabled",
}
_LATER = {1000: "rate_limited", 1241: "rate_limited"}


def _decision(response: Response, problem: Mapping[str, object]) -> SendError | None:
    """What a problem (RFC 7807) means; None where it says no more than the HTTP status.

    `detail` is never told: it may hold a number.
    """
    code = _code(problem)
    detail = f"Vonage error {code}"
    if code in _REFUSED:
        return Refused(_REFUSED[code], detail=detail, unsubscribe=code == 1240)
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _LATER:
        return NotSent(_LATER[code], detail=detail, retry_after=response.retry_after)
    wrong = hooks.objects(problem.get("invalid_parameters") or [])
    if any(each.get("name") == "from" for each in wrong):
        return Paused("invalid_sender", detail=f"HTTP {response.status}")
    return None


def _code(problem: Mapping[str, object]) -> int:
    """The error's number, from `title` or the end of `type`; 0 where there is none."""
    for text in (hooks.text(problem, "title"), hooks.text(problem, "type").rpartition("#")[2]):
        if text.isdecimal() and len(text) < 8:
            return int(text)
    return 0


_KINDS = {
    "submitted": ReceiptKind.ACCEPTED,
    "delivered": ReceiptKind.DELIVERED,
    "read": ReceiptKind.OPENED,
    "undeliverable": ReceiptKind.SOFT_BOUNCED,  # Vonage could not reach the operator
}
_HARD = frozenset({1170, 1190, 1300, 1310})
_SOFT = frozenset({0, 1000, 1030, 1100, 1180, 1200, 1220, 1230, 1290, 1330, 1331, 1360})


def events(call: Inbound, at: datetime, *, key: Secret | None) -> list[Receipt]:
    """A message's status, or what a person answered. Raises Unverified, Unreadable."""
    _verify(call, hooks.key_or_unverified(key), at)
    body = hooks.parsed(call.body)
    event = wire.fields(body)
    uuid = hooks.text(event, "message_uuid")
    if "status" in event and uuid:
        return _reported(event, uuid)
    if "text" in event and "from" in event and uuid:
        return answered(
            SPEC.name,
            event_id=hooks.identity(uuid, event),
            sender=hooks.text(event, "from"),
            text=hooks.text(event, "text"),
            at=hooks.iso(event.get("timestamp")),
        )
    return unknown(SPEC.name, body)


def _reported(event: Mapping[str, object], uuid: str) -> list[Receipt]:
    status, code = hooks.text(event, "status"), _code(wire.fields(event.get("error")))
    kind = _rejected(code) if status == "rejected" else _KINDS.get(status)
    if kind is None:
        return unknown(SPEC.name, event)
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(f"{uuid}:{status}", event),
        kind=kind,
        at=hooks.iso(event.get("timestamp")),
        message_id=hooks.some(event, "client_ref"),
        provider_id=uuid,
        recipient=hooks.recipient(hooks.text(event, "to")),
        reason=str(code or ""),
    )
    return hooks.unsubscribed_too(receipt) if code == 1240 else [receipt]


def _rejected(code: int) -> ReceiptKind:
    if code in _HARD:
        return ReceiptKind.HARD_BOUNCED
    return ReceiptKind.SOFT_BOUNCED if code in _SOFT else ReceiptKind.DROPPED


def _verify(call: Inbound, key: Secret, at: datetime) -> None:
    """The bearer token is signed with our secret, of these minutes, and of this very body."""
    import jwt

    scheme, _, token = hooks.header(call, "authorization").partition(" ")
    if scheme.lower() != "bearer":
        raise Unverified("no_signature")
    try:
        claims = jwt.decode(
            token.strip(),
            key.reveal(),
            algorithms=["HS256"],
            options={  # dates are held against `at`, below; nothing names an audience
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unverified("wrong_signature") from error
    hooks.check_fresh(hooks.epoch(claims.get("iat")), at)
    if not hooks.same(hooks.text(claims, "payload_hash"), hashlib.sha256(call.body).hexdigest()):
        raise Unverified("wrong_body")


class Vonage(HttpProvider[Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = Sms
    settings = Settings

    def build(self, messages: Sequence[Sms]) -> Request:
        return build(messages, callback_url=self._settings.callback_url)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, key=self._settings.webhook_key)
