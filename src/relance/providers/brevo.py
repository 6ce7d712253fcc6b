"""Brevo: e-mail and SMS, one message per call (developers.brevo.com and brevo-python 5.1, read
2026-11). The SMS side is in brevo_sms.py.

Its batches (`messageVersions`) share their headers, and each message needs a link of its own in
List-Unsubscribe, so there are none here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from pathlib import Path

import orjson

from relance.domain.message import Accepted, Email, Sms
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, SendError
from relance.providers import brevo_sms, hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options, webhook_login
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

_SIGNED = "basic authentication or a bearer token, with `webhook_password` or `webhook_key`"

SPEC = VendorSpec(
    name="brevo",
    channels=frozenset({"email", "sms"}),
    description="Brevo, e-mail and SMS.",
    options=(
        OptionSpec(name="token", kind=OptionKind.SECRET, description="The API key.", required=True),
        OptionSpec(
            name="sms_type",
            kind=OptionKind.TEXT,
            description="Whether Brevo holds its hours for advertising, where a country has them.",
            default="marketing",
            choices=("marketing", "transactional"),
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="The bearer token that a webhook made by Brevo's API shows.",
        ),
        *webhook_login(),
        *http_options("https://api.brevo.com"),
    ),
    can=Capabilities(
        # 30 minutes in docs/heterogenous-versions-batch-emails, 15 in the changelog
        idempotent_for=timedelta(minutes=15),
        tags=True,
        headers=True,
        reply_to=True,
        events=True,
        signed=_SIGNED,
    ),
)
_BY_SMS = Capabilities(tags=True, events=True, signed=_SIGNED)
_RESERVED = frozenset({"idempotencykey", "sender.ip", "x-mailin-custom", "x-mailin-tag"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Brevo's options, checked."""

    endpoint: Endpoint
    sms: bool
    sms_type: str
    webhook_key: Secret | None
    webhook_user: str
    webhook_password: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        if channel.name == "sms":
            brevo_sms.check(channel, options)
        else:
            # values that are not ASCII would go out as they are
            options.check_headers(_RESERVED, ascii_only=True)
        user, password = options.webhook_login()
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"api-key": options.required_secret("token")},
            timeout=options.number("timeout"),
        )
        return cls(
            endpoint=endpoint,
            sms=channel.name == "sms",
            sms_type=options.text("sms_type"),
            webhook_key=options.secret("webhook_key"),
            webhook_user=user,
            webhook_password=password,
        )


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Email]) -> Request:
    """POST /v3/smtp/email for the one message.

    `X-Mailin-custom` comes back with the events. `idempotencyKey` has to be a UUID.
    """
    (message,) = messages
    headers = {
        **message.headers,
        "X-Relance-Message": message.message_id,
        "X-Mailin-custom": message.message_id,
        "idempotencyKey": str(uuid.uuid5(uuid.NAMESPACE_OID, message.message_id)),
    }
    fields: dict[str, object] = {
        "sender": _address(wire.ascii_sender(message.sender)),
        "to": [{"email": wire.to_ascii(message.to)}],
        "replyTo": _address(message.reply_to) if message.reply_to else None,
        "subject": message.subject,
        "htmlContent": message.html,
        "textContent": message.text,
        "headers": headers,
        "tags": [message.trigger, *message.tags],
    }
    body = {name: value for name, value in fields.items() if value}
    return Request(path="/v3/smtp/email", body=orjson.dumps(body), headers=_HEADERS)


def _address(text: str) -> dict[str, str]:
    name, address = parseaddr(text)
    return {"email": address, "name": name} if name else {"email": address}


def read(response: Response, messages: Sequence[Email | Sms]) -> list[Answer]:
    """The message's id, or what its error code means."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        code = hooks.text(body, "code")
        if code in {"duplicate_parameter", "duplicate_request"}:
            # the key is the message's own: Brevo took it some minutes ago
            return [Accepted(message_id=message.message_id, provider_id=None)]
        raise _decision(response, body) or wire.judge(response)
    given = hooks.some(body, "messageId")
    if given is None:
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=given)]


# the codes of ErrorModel in brevo-python
_OURS = {  # the account or the sender is at fault, whoever the message is for
    "unauthorized": "unauthorised",
    "permission_denied": "forbidden",
    "account_under_validation": "account_under_validation",
    "not_enough_credits": "not_enough_credits",
    "method_not_allowed": "no_such_endpoint",
}


def _decision(response: Response, body: Mapping[str, object]) -> SendError | None:
    """What an error's code means; None for codes that say no more than the HTTP status.

    `message` is only looked at, never told: it holds addresses.
    """
    code = hooks.text(body, "code")
    if response.status >= 500:
        return None
    if code in _OURS:
        return Paused(_OURS[code], detail=f"Brevo error {code}")
    if response.status == 400 and "sender" in hooks.text(body, "message").lower():
        return Paused("invalid_sender", detail=f"Brevo error {code}")
    return None


_KINDS: Mapping[str, ReceiptKind] = {
    "request": ReceiptKind.ACCEPTED,
    "deferred": ReceiptKind.DEFERRED,
    "delivered": ReceiptKind.DELIVERED,
    "soft_bounce": ReceiptKind.SOFT_BOUNCED,
    "hard_bounce": ReceiptKind.HARD_BOUNCED,
    "invalid_email": ReceiptKind.HARD_BOUNCED,
    "blocked": ReceiptKind.DROPPED,
    "error": ReceiptKind.DROPPED,
    "spam": ReceiptKind.COMPLAINED,
    "complaint": ReceiptKind.COMPLAINED,
    "unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "unsubscribed": ReceiptKind.UNSUBSCRIBED,
    "opened": ReceiptKind.OPENED,
    "unique_opened": ReceiptKind.OPENED,
    "proxy_open": ReceiptKind.OPENED,
    "unique_proxy_open": ReceiptKind.OPENED,
    "click": ReceiptKind.CLICKED,
}


def receipt(event: Mapping[str, object]) -> Receipt:
    """One event of an e-mail's (docs/transactional-webhooks)."""
    name = hooks.text(event, "event")
    kind = _KINDS.get(name, ReceiptKind.UNKNOWN)
    return Receipt(
        provider=SPEC.name,
        event_id=hooks.identity("", event),
        kind=kind,
        at=_instant(event),
        message_id=hooks.some(event, "X-Mailin-custom"),
        provider_id=hooks.some(event, "message-id"),
        recipient=hooks.recipient(hooks.text(event, "email")),
        reason=name if kind is ReceiptKind.DROPPED or name == "invalid_email" else "",
        machine=name in {"proxy_open", "unique_proxy_open"},
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )


def _instant(event: Mapping[str, object]) -> datetime | None:
    """`ts_epoch` is in milliseconds, and the only one that is always UTC."""
    value = event.get("ts_epoch")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return hooks.epoch(value / 1000)
    return hooks.epoch(event.get("ts_event"))


class Brevo(HttpProvider[Email | Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = (Email, Sms)
    settings = Settings

    @property
    def can(self) -> Capabilities:
        return _BY_SMS if self._settings.sms else SPEC.can

    def build(self, messages: Sequence[Email | Sms]) -> Request:
        texts = [message for message in messages if isinstance(message, Sms)]
        if texts:
            return brevo_sms.build(texts, sms_type=self._settings.sms_type)
        return build([message for message in messages if isinstance(message, Email)])

    def read(self, response: Response, messages: Sequence[Email | Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:  # noqa: ARG002
        self._verify(call)
        found = hooks.objects(hooks.parsed(call.body))
        if self._settings.sms:
            return [each for event in found for each in brevo_sms.receipts(event)]
        return [receipt(event) for event in found]

    def _verify(self, call: Inbound) -> None:
        settings = self._settings
        bearer = hooks.header(call, "authorization").lower().startswith("bearer ")
        if settings.webhook_key and (bearer or not settings.webhook_password):
            hooks.check_bearer(call, settings.webhook_key)
        else:
            hooks.check_basic_auth(call, settings.webhook_user, settings.webhook_password)
