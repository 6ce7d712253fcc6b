"""Twilio: SMS and WhatsApp, one message per call (twilio.com/docs, read 2026-11)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote_plus, urlencode, urlsplit

import orjson

from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unverified
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider, Reply
from relance.providers.options import NUMBER, Options, basic_auth, callback, http_options
from relance.providers.replies import answered, unknown
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="twilio",
    channels=frozenset({"sms", "whatsapp"}),
    description="Twilio, SMS and WhatsApp. A messaging service's SID (MG…) may be the sender.",
    options=(
        OptionSpec(
            name="account",
            kind=OptionKind.TEXT,
            description="The account's SID, beginning with AC.",
            required=True,
        ),
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="The account's auth token, or the secret of `key`.",
            required=True,
        ),
        OptionSpec(
            name="key",
            kind=OptionKind.TEXT,
            description="An API key's SID, beginning with SK, used instead of the account's token.",
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="What Twilio signs its reports with: the account's auth token. `token` is"
            " taken unless there is a `key`; without any no report is believed.",
        ),
        callback(),
        *http_options("https://api.twilio.com"),
    ),
    can=Capabilities(look_up=True, events=True, signed="HMAC over the address and the form"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Twilio's options, checked."""

    endpoint: Endpoint
    account: str
    sender: str
    webhook_key: Secret | None
    callback_url: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        _check_sender(channel, options)
        account, key = options.text("account"), options.text("key")
        if not account.startswith("AC"):
            options.wrong("account", "must be an account SID", hint="it begins with AC")
        token = options.required_secret("token")
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": basic_auth(key or account, token)},
            timeout=options.number("timeout"),
        )
        webhook_key = options.secret("webhook_key") or (None if key else token)
        return cls(
            endpoint=endpoint,
            account=account,
            sender=channel.sender,
            webhook_key=webhook_key,
            callback_url=options.callback_url() if webhook_key else "",
        )


_WHATSAPP = "whatsapp:"
_SERVICE = re.compile(r"MG[0-9A-Za-z]{10,}")  # its SID has 34, longer than any name may be


def _check_sender(channel: ChannelSpec, options: Options) -> None:
    form, words = rf"({_WHATSAPP})?({NUMBER})", "a number or a messaging service (MG…)"
    if channel.name == "sms":  # docs/glossary/what-alphanumeric-sender-id
        form = rf"{NUMBER}|(?=.*[A-Za-z])[0-9A-Za-z &_+-]{{1,11}}"
        words += ", or a name of up to 11 letters and digits"
    options.check_sender(f"{form}|{_SERVICE.pattern}", words)


_FORM = "application/x-www-form-urlencoded"
_HEADERS = {"Content-Type": _FORM, "Accept": "application/json"}
_quoted = lru_cache(maxsize=1024)(quote_plus)


def build(messages: Sequence[Sms], *, account: str, callback_url: str = "") -> Request:
    """POST Messages.json for the one message. Raises Refused for variables without a name."""
    (message,) = messages
    prefix = _WHATSAPP if message.channel == "whatsapp" else ""
    service = _SERVICE.fullmatch(message.sender)
    sender = message.sender if service else prefix + message.sender.removeprefix(prefix)
    # urlencode would quote the keys and the sender anew for every message
    form = f"To={quote_plus(prefix + message.to)}"
    form += f"&{'MessagingServiceSid' if service else 'From'}={_quoted(sender)}&{_text(message)}"
    if callback_url:  # our id comes back in it: a message at Twilio has no field for it
        mark = "&" if "?" in callback_url else "?"
        form += f"&StatusCallback={quote_plus(f'{callback_url}{mark}message={message.message_id}')}"
    return Request(path=_path(account), body=form.encode(), headers=_HEADERS)


@lru_cache(maxsize=16)
def _path(account: str) -> str:
    return f"/2010-04-01/Accounts/{quote_plus(account)}/Messages.json"


def _text(message: Sms) -> str:
    if message.content is None:
        return f"Body={quote_plus(message.text)}"
    form = {"ContentSid": message.content}
    if variables := _variables(message.text):
        form["ContentVariables"] = orjson.dumps(variables).decode()
    return urlencode(form)


def _variables(text: str) -> dict[str, str]:
    """The variables of an approved text, from `name: value` lines."""
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(name.strip() and colon for name, colon, _ in lines):
        raise Refused("invalid_variables", detail="each line must be `name: value`")
    return {name.strip(): value.strip() for name, _, value in lines}


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """The message's SID, or what its error code means."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        raise _decision(response, body.get("code")) or wire.judge(response)
    if not isinstance(sid := body.get("sid"), str):
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=sid)]


_REFUSED = {
    21211: "invalid_recipient",
    21214: "invalid_recipient",
    21217: "invalid_recipient",
    21265: "invalid_recipient",
    21408: "region_not_enabled",
    21602: "empty_text",
    21604: "invalid_recipient",
    21608: "unverified_recipient",  # trial accounts
    21610: "unsubscribed",
    21612: "unroutable",
    21614: "not_a_mobile",
    21617: "text_too_long",
    21655: "unknown_content",
    21656: "invalid_variables",
    63003: "invalid_recipient",
    63015: "unverified_recipient",  # WhatsApp's sandbox
    63024: "invalid_recipient",
}
_OURS = {  # the account or the sender is at fault, whoever the message is for
    20003: "unauthorised",
    20005: "account_not_active",
    20404: "unknown_account",
    21212: "invalid_sender",
    21603: "invalid_sender",
    21606: "invalid_sender",
    21609: "invalid_callback",
    21659: "invalid_sender",
    21660: "invalid_sender",
    21701: "unknown_messaging_service",
    21703: "empty_messaging_service",
    21704: "empty_messaging_service",
    21705: "unknown_messaging_service",
    21910: "invalid_sender",  # of another channel than the recipient
    30002: "account_suspended",
    63007: "invalid_sender",
}
_LATER = {
    14107: "rate_limited",
    20429: "rate_limited",
    21611: "queue_full",
    21730: "maintenance",
    30001: "queue_full",
    63018: "rate_limited",
    63038: "daily_limit",
}


def _decision(response: Response, code: object) -> SendError | None:
    """What an error code means; None for codes that say no more than the HTTP status."""
    if not isinstance(code, int):
        return None
    detail = f"Twilio error {code}"
    if code in _REFUSED:
        return Refused(_REFUSED[code], detail=detail, unsubscribe=code == 21610)
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _LATER:
        return NotSent(_LATER[code], detail=detail, retry_after=response.retry_after)
    return None


_WAITING = ("accepted", "scheduled", "queued", "sending", "sent")
_KINDS = {
    **dict.fromkeys(_WAITING, ReceiptKind.ACCEPTED),
    "delivered": ReceiptKind.DELIVERED,
    "read": ReceiptKind.OPENED,
    "canceled": ReceiptKind.DROPPED,
}
_UNSUBSCRIBED = frozenset({21610, 63014})  # answered STOP; blocked the sender
_HARD = frozenset({21211, 21214, 21217, 21265, 21614, 30005, 30006, 63003, 63024})
_SOFT = frozenset({30001, 30003, 30008, 30009, 30017, 30022, 63018})


def _kind(status: str, code: int | None) -> ReceiptKind | None:
    """What a status means, and its error code where the message failed; None: not known."""
    if status not in {"failed", "undelivered"}:
        return _KINDS.get(status)
    if code in _HARD:
        return ReceiptKind.HARD_BOUNCED
    # without a code nobody knows why, and the next message may arrive
    return ReceiptKind.SOFT_BOUNCED if code in _SOFT or not code else ReceiptKind.DROPPED


def events(call: Inbound, at: datetime, *, key: Secret | None) -> list[Receipt]:
    """A report on a message, or what a person answered. Twilio's signature has no date: a
    repetition is known by its event id. Raises Unverified."""
    form = _verified(call, hooks.key_or_unverified(key))
    if "MessageStatus" in form:
        return _reported(form, call.query.get("message"))
    if "Body" in form and "From" in form:
        return _answered(form, at)
    return unknown(SPEC.name, form)


def _reported(form: Mapping[str, str], message_id: str | None) -> list[Receipt]:
    sid, status, code = form.get("MessageSid", ""), form["MessageStatus"], _code(form)
    kind = _kind(status, code)
    if kind is None or not sid:
        return unknown(SPEC.name, form)
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(f"{sid}:{status}", form),
        kind=kind,
        message_id=message_id or None,
        provider_id=sid,
        recipient=hooks.recipient(form.get("To", "").removeprefix(_WHATSAPP)),
        reason=str(code or ""),
    )
    return hooks.unsubscribed_too(receipt) if code in _UNSUBSCRIBED else [receipt]


def _code(fields: Mapping[str, object]) -> int | None:
    text = hooks.text(fields, "ErrorCode") or hooks.text(fields, "error_code")
    return int(text) if text.isdecimal() and len(text) < 8 else None


def _answered(form: Mapping[str, str], at: datetime) -> list[Receipt]:
    # where Twilio manages opt-outs, it says itself what it took the answer for
    return answered(
        SPEC.name,
        event_id=hooks.identity(form.get("MessageSid", ""), form),
        sender=form["From"].removeprefix(_WHATSAPP),
        text=form.get("OptOutType") or form["Body"],
        at=at,
    )


def _verified(call: Inbound, key: Secret) -> dict[str, str]:
    """The form's fields, once the signature over them and the address proves right.

    docs/usage/webhooks/webhooks-security: the address, with or without its port (Twilio does
    either), then each field's name and value in order of names. A body that is no form is
    covered by its SHA-256 in the address.
    """
    fields = []
    if hooks.header(call, "content-type").partition(";")[0].strip().lower() == _FORM:
        fields = parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True)
    elif not hooks.same(call.query.get("bodySHA256", ""), hashlib.sha256(call.body).hexdigest()):
        raise Unverified("wrong_body")
    given = hooks.header(call, "x-twilio-signature")
    signed = "".join(name + value for name, value in sorted(set(fields)))
    if not any(hooks.same(given, sign(key, url + signed, call)) for url in _addresses(call.url)):
        raise Unverified("wrong_signature")
    return {name: value.replace("\0", "") for name, value in fields}


def sign(key: Secret, text: str, call: Inbound) -> str:
    """HMAC-SHA1, or SHA256 where Twilio says that a shared key was used."""
    settings = hooks.header(call, "x-twilio-webhooks-signature-settings").upper()
    algorithm = "sha256" if "ALGORITHM=HMAC_SHA256" in settings.replace(" ", "") else "sha1"
    data = text.encode(errors="surrogatepass")
    return base64.b64encode(hmac.digest(key.reveal().encode(), data, algorithm)).decode()


def _addresses(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    host = re.sub(r":\d*$", "", parts.netloc)
    for netloc in {parts.netloc, host, f"{host}:{443 if parts.scheme == 'https' else 80}"}:
        yield SplitResult(parts.scheme, netloc, parts.path, parts.query, parts.fragment).geturl()


_BEFORE, _AFTER, _PAGE = timedelta(minutes=1), timedelta(minutes=15), 200


def question(doubtful: Doubtful, *, account: str, sender: str) -> Request:
    """GET the latest messages to a number. No DateSent: what still waits has none."""
    prefix = _WHATSAPP if doubtful.channel == "whatsapp" else ""
    query = {"To": prefix + doubtful.to, "PageSize": str(_PAGE)}
    if sender and not _SERVICE.fullmatch(sender):
        query["From"] = prefix + sender.removeprefix(prefix)
    return Request(method="GET", path=f"{_path(account)}?{urlencode(query)}")


def found(response: Response, doubtful: Doubtful) -> Receipt | None:
    """The one message that was made when ours was sent and belongs to no other; else None.

    Raises SendError where Twilio did not answer the question.
    """
    body = wire.fields(wire.json(response))
    if response.status != 200:
        raise _decision(response, body.get("code")) or wire.judge(response)
    made = [
        (wire.mail_date(hooks.text(each, "date_created")), hooks.text(each, "sid"), each)
        for each in hooks.objects(body.get("messages") or [])
    ]
    earliest, latest = doubtful.sent_at - _BEFORE, doubtful.sent_at + _AFTER
    if body.get("next_page_uri") and all(when is None or when >= earliest for when, _, _ in made):
        return None  # older ones are on a further page: "the only one" could not be said
    ours = [
        _looked_up(sid, each, doubtful)
        for when, sid, each in made
        if sid and sid not in doubtful.taken and when is not None and earliest <= when <= latest
    ]
    return ours[0] if len(ours) == 1 else None


def _looked_up(sid: str, message: Mapping[str, object], doubtful: Doubtful) -> Receipt:
    code = _code(message)
    kind = _kind(hooks.text(message, "status"), code) or ReceiptKind.ACCEPTED
    return Receipt(
        provider=SPEC.name,
        event_id=f"look-up:{doubtful.message_id}:{kind}",
        kind=kind,
        message_id=doubtful.message_id,
        provider_id=sid,
        reason=str(code or ""),
    )


class Twilio(HttpProvider[Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = Sms
    settings = Settings

    def build(self, messages: Sequence[Sms]) -> Request:
        settings = self._settings
        return build(messages, account=settings.account, callback_url=settings.callback_url)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        settings = self._settings
        request = question(doubtful, account=settings.account, sender=settings.sender)
        return found(await self.ask(request), doubtful)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, key=self._settings.webhook_key)

    def reply(self, call: Inbound) -> Reply:  # noqa: ARG002  the same for all
        return Reply(body=b"<Response/>", media_type="text/xml")
