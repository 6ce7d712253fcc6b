"""Resend: e-mail, one by one and idempotent, or in batches of 100 (resend.com/docs and its OpenAPI
description 1.5.0, read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from relance.domain.message import Accepted, Email, Packed
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import hooks, wire
from relance.providers.base import BatchProvider, Endpoint, Named
from relance.providers.options import Options, http_options
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="resend",
    channels=frozenset({"email"}),
    description="Resend, e-mail; each message is sent once, or many go in one call.",
    options=(
        OptionSpec(name="token", kind=OptionKind.SECRET, description="The API key.", required=True),
        OptionSpec(
            name="batch",
            kind=OptionKind.FLAG,
            description="100 messages a call; a doubtful one can then not be repeated safely.",
            default=False,
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="The webhook's signing secret, beginning with whsec_.",
        ),
        *http_options("https://api.resend.com"),
    ),
    can=Capabilities(
        idempotent_for=timedelta(hours=24),  # docs/dashboard/emails/idempotency-keys
        tags=True,
        headers=True,
        reply_to=True,
        events=True,
        signed="HMAC-SHA256 by Svix, with `webhook_key`",
    ),
)
# A key would cover the call: it protects an identical repetition of the whole batch, and a
# message that is tried again goes with other neighbours.
_IN_BATCHES = replace(SPEC.can, batch=100, idempotent_for=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Resend's options, checked."""

    endpoint: Endpoint
    batch: bool
    webhook_key: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        # docs/dashboard/emails/tags: 75, two of which are relance's own
        options.check_tags(73, r"(?!relance_)[0-9A-Za-z_-]{1,256}", "letters, digits, _ and -")
        webhook_key = options.secret("webhook_key")
        if webhook_key and hooks.standard_key(webhook_key) is None:
            options.wrong("webhook_key", "is no signing secret", hint="it begins with whsec_")
        bearer = Secret(f"Bearer {options.required_secret('token').reveal()}")
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": bearer},
            timeout=options.number("timeout"),
        )
        return cls(endpoint=endpoint, batch=options.flag("batch"), webhook_key=webhook_key)


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Email], *, batch: bool) -> Request:
    """POST /emails under the message's key, or /emails/batch without one.

    `permissive` lets a batch's valid messages go and names the others.
    """
    packed = [Packed(message_id=each.message_id, pieces=write(each)) for each in messages]
    return wrap(packed, batch=batch).joined()


def wrap(messages: Sequence[Packed], *, batch: bool) -> Request:
    """The request of e-mails that are written down."""
    if batch:
        headers = {**_HEADERS, "x-batch-validation": "permissive"}
        pieces = tuple(wire.listed(message.pieces for message in messages))
        return Request(path="/emails/batch", pieces=pieces, headers=headers)
    (message,) = messages
    headers = {**_HEADERS, "Idempotency-Key": message.message_id}
    return Request(path="/emails", pieces=message.pieces, headers=headers)


def write(message: Email) -> tuple[bytes, ...]:
    """One e-mail as Resend reads it, alone and in a batch."""
    fields: dict[str, object] = {
        "from": wire.ascii_sender(message.sender),
        "to": [wire.to_ascii(message.to)],
        "subject": message.subject,
        "text": message.text,
        "reply_to": message.reply_to,
        "headers": {**message.headers, "X-Relance-Message": message.message_id},
        "tags": list(_tags(message)),
    }
    return wire.written(fields, "html", message.html_parts)


def _tags(message: Email) -> Iterator[dict[str, str]]:
    """Pairs of a name and a value; a tag of ours has a name only, so it is its own value."""
    yield {"name": "relance_message", "value": message.message_id}
    yield {"name": "relance_trigger", "value": _plain(message.trigger)}
    for tag in message.tags:
        yield {"name": _plain(tag), "value": _plain(tag)}


def _plain(text: str) -> str:
    """A text in the characters that tags may have."""
    return re.sub(r"[^0-9A-Za-z_-]", "_", text)[:256] or "_"


def read(response: Response, messages: Sequence[Named], *, batch: bool) -> list[Answer]:
    """The message's id; of a batch the ids of the valid ones in their order, and the others'
    places (resend.com/changelog/batch-validation-modes)."""
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        return [_judged(response, body, message) for message in messages]
    if batch:
        return _batch(response, body, messages)
    return [_accepted(response, body, messages[0])]


def _accepted(response: Response, result: object, message: Named) -> Answer:
    given = hooks.some(wire.fields(result), "id")
    if given is None:
        return wire.unreadable(response)
    return Accepted(message_id=message.message_id, provider_id=given)


def _batch(
    response: Response, body: Mapping[str, object], messages: Sequence[Named]
) -> list[Answer]:
    data = body.get("data")
    taken = data if isinstance(data, list) else []
    places = [hooks.text(error, "index") for error in hooks.objects(body.get("errors"))]
    refused = {place for place in range(len(messages)) if str(place) in places}
    # an id too many or too few: nobody knows whose each is
    if len(taken) + len(refused) != len(messages) or len(refused) != len(places):
        raise wire.unreadable(response)
    ids = iter(taken)
    return [
        Refused("invalid_message", detail="Resend validation error")
        if place in refused
        else _accepted(response, next(ids), message)
        for place, message in enumerate(messages)
    ]


# docs/api-reference/errors
_OURS = {  # the account or the sender is at fault, whoever the message is for
    "missing_api_key": "unauthorised",
    "restricted_api_key": "forbidden",
    "invalid_api_key": "unauthorised",
    "invalid_access": "forbidden",
    "invalid_from_address": "invalid_sender",
    "invalid_region": "invalid_region",
    "daily_quota_exceeded": "daily_quota",
    "monthly_quota_exceeded": "monthly_quota",
}
_REFUSED = frozenset({
    "validation_error", "missing_required_field", "missing_required_fields", "invalid_parameter",
    "invalid_attachment", "security_error",
})  # fmt: skip


def _judged(response: Response, body: Mapping[str, object], message: Named) -> Answer:
    """What an error's `name` means; raises what befell the whole request.

    `message` is never told: it holds addresses.
    """
    name = hooks.text(body, "name")
    if response.status == 409 and name == "invalid_idempotent_request":
        # The key is the message's own: within a day it was sent, with another text.
        return Accepted(message_id=message.message_id, provider_id=None)
    raise _decision(response, name) or wire.judge(response)


def _decision(response: Response, name: str) -> SendError | None:
    detail = f"Resend error {name}"
    if name in _OURS:
        return Paused(_OURS[name], detail=detail)
    if response.status == 403 or response.status == 401:
        return None  # a validation_error too: the domain is not verified
    if name == "rate_limit_exceeded":
        return NotSent("rate_limited", detail=detail, retry_after=response.retry_after)
    if name == "concurrent_idempotent_requests":
        return Unsure("in_progress", detail=detail)
    if name in _REFUSED and response.status < 500:
        return Refused("invalid_message", detail=detail)
    return None


_KINDS: Mapping[str, ReceiptKind] = {
    "email.sent": ReceiptKind.ACCEPTED,
    "email.scheduled": ReceiptKind.ACCEPTED,
    "email.delivered": ReceiptKind.DELIVERED,
    "email.delivery_delayed": ReceiptKind.DEFERRED,
    "email.bounced": ReceiptKind.SOFT_BOUNCED,
    "email.complained": ReceiptKind.COMPLAINED,
    "email.opened": ReceiptKind.OPENED,
    "email.clicked": ReceiptKind.CLICKED,
    "email.failed": ReceiptKind.DROPPED,
    "email.suppressed": ReceiptKind.DROPPED,
}


def events(call: Inbound, at: datetime, *, key: Secret | None) -> list[Receipt]:
    """The one event of a call. Raises Unverified or Unreadable."""
    event_id = hooks.check_standard(call, key, at, "svix")
    event = wire.fields(hooks.parsed(call.body))
    data = wire.fields(event.get("data"))
    kind = _kind(hooks.text(event, "type"), data)
    to = data.get("to")
    first = to[0] if isinstance(to, list) and to and isinstance(to[0], str) else ""
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(event_id, event),
        kind=kind,
        at=hooks.iso(event.get("created_at")),
        message_id=_message_id(data),
        provider_id=hooks.some(data, "email_id"),
        recipient=hooks.recipient(first),
        reason=_reason(data),
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )
    return hooks.unsubscribed_too(receipt) if receipt.reason == "previous_complaint" else [receipt]


def _message_id(data: Mapping[str, object]) -> str | None:
    """Ours, from the tags, or else the headers. The OpenAPI description shows tags as a mapping,
    docs/dashboard/webhooks/body-parameters as a list of names and values."""
    tagged = hooks.some(wire.fields(data.get("tags")), "relance_message")
    return (
        tagged
        or hooks.named(data.get("tags"), "relance_message")
        or hooks.named(data.get("headers"), "x-relance-message")
    )


def _kind(name: str, data: Mapping[str, object]) -> ReceiptKind:
    bounce = wire.fields(data.get("bounce"))
    if name == "email.bounced" and hooks.text(bounce, "type") == "Permanent":
        return ReceiptKind.HARD_BOUNCED
    return _KINDS.get(name, ReceiptKind.UNKNOWN)


def _reason(data: Mapping[str, object]) -> str:
    """The vendor's word from a closed list; its sentences hold addresses."""
    bounce, suppressed, failed = (
        wire.fields(data.get(name)) for name in ("bounce", "suppressed", "failed")
    )
    word = (
        hooks.text(bounce, "subType")
        or hooks.text(suppressed, "reason")
        or hooks.text(failed, "reason")
    )
    return word if re.fullmatch(r"\w{1,64}", word) else ""


class Resend(BatchProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    @property
    def can(self) -> Capabilities:
        return _IN_BATCHES if self._settings.batch else SPEC.can

    def write(self, message: Email) -> tuple[bytes, ...]:
        return write(message)

    def wrap(self, messages: Sequence[Packed]) -> Request:
        return wrap(messages, batch=self._settings.batch)

    def read(self, response: Response, messages: Sequence[Named]) -> Sequence[Answer]:
        return read(response, messages, batch=self._settings.batch)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, key=self._settings.webhook_key)
