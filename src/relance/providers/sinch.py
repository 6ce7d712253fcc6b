"""Sinch: SMS by the REST API, one message per batch (developers.sinch.com/docs/sms/api-reference,
read 2026-11). A batch of Sinch's is one text for many people; ours differ."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import orjson

from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, Unverified
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options, webhook_login
from relance.providers.replies import answered, unknown
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="sinch",
    channels=frozenset({"sms"}),
    description="Sinch, SMS. The service plan lives in one region: see `base_url`.",
    options=(
        OptionSpec(
            name="service_plan_id",
            kind=OptionKind.TEXT,
            description="The service plan's id.",
            required=True,
        ),
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="The service plan's API token.",
            required=True,
        ),
        OptionSpec(
            name="webhook_key",
            kind=OptionKind.SECRET,
            description="The secret that Sinch signs its reports with, where the plan has one.",
        ),
        *webhook_login(),
        *http_options("https://eu.sms.api.sinch.com"),
    ),
    can=Capabilities(events=True, signed="HMAC-SHA256 with a nonce, or basic authentication"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What proves that Sinch calls: its signature where there is a key, else a login."""

    key: Secret | None
    user: str
    password: Secret | None

    def check(self, call: Inbound, at: datetime) -> None:
        """Raise Unverified unless it is Sinch, and now."""
        if self.key:
            _check_signature(call, self.key, at)
        else:
            hooks.check_basic_auth(call, self.user, self.password)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Sinch's options, checked."""

    endpoint: Endpoint
    plan: str
    origin: Origin

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_sender()
        token = options.required_secret("token").reveal()
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": Secret(f"Bearer {token}")},
            timeout=options.number("timeout"),
        )
        origin = Origin(
            key=options.secret("webhook_key"),
            user=options.text("webhook_user"),
            password=options.secret("webhook_password"),
        )
        return cls(endpoint=endpoint, plan=options.text("service_plan_id"), origin=origin)


def build(messages: Sequence[Sms], *, plan: str) -> Request:
    """POST /xms/v1/{service_plan_id}/batches for the one message.

    No `callback_url`: what proves Sinch's calls is set up with the plan's own.
    """
    (message,) = messages
    fields = {
        "type": "mt_text",
        "to": [message.to],
        "from": message.sender,
        "body": message.text,
        "delivery_report": "per_recipient",
        "client_reference": message.message_id,
    }
    return Request(
        path=f"/xms/v1/{quote(plan, safe='')}/batches",
        body=orjson.dumps({name: value for name, value in fields.items() if value}),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


_OURS = frozenset({"missing_from", "invalid_from", "missing_callback_url"})


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """The batch's id. A 403 is about the account, a 400 about the message or the sender."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        code = hooks.text(body, "code")
        raise Paused(code, detail="Sinch error") if code in _OURS else wire.judge(response)
    batch = body.get("id")
    if not isinstance(batch, str) or not batch:
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=batch)]


_KINDS = {
    "queued": ReceiptKind.ACCEPTED,
    "dispatched": ReceiptKind.ACCEPTED,
    "unknown": ReceiptKind.ACCEPTED,  # the operator has it and never said more
    "delivered": ReceiptKind.DELIVERED,
    "aborted": ReceiptKind.DROPPED,
    "cancelled": ReceiptKind.DROPPED,
    "rejected": ReceiptKind.DROPPED,
    "deleted": ReceiptKind.DROPPED,
    # operators' codes differ: several failures suppress a number, a single one does not
    "failed": ReceiptKind.SOFT_BOUNCED,
    "expired": ReceiptKind.SOFT_BOUNCED,
}


def events(call: Inbound, at: datetime, *, origin: Origin) -> list[Receipt]:
    """A delivery report, or what a person answered. Raises Unverified, Unreadable."""
    origin.check(call, at)
    body = hooks.parsed(call.body)
    event = wire.fields(body)
    match hooks.text(event, "type"):
        case "recipient_delivery_report_sms":
            return _reported(event)
        case "mo_text":
            return answered(
                SPEC.name,
                event_id=hooks.identity(hooks.text(event, "id"), event),
                sender=hooks.text(event, "from"),
                text=hooks.text(event, "body"),
                at=hooks.iso(event.get("received_at")),
                message_id=hooks.some(event, "client_reference"),
            )
    return unknown(SPEC.name, body)


def _reported(event: Mapping[str, object]) -> list[Receipt]:
    kind = _KINDS.get(hooks.text(event, "status").lower())
    if kind is None:
        return unknown(SPEC.name, event)
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity("", event),  # Sinch gives none
        kind=kind,
        at=hooks.iso(event.get("at")),
        message_id=hooks.some(event, "client_reference"),
        provider_id=hooks.some(event, "batch_id"),
        recipient=hooks.recipient(hooks.text(event, "recipient")),
        reason=hooks.short(hooks.text(event, "code")),
    )
    return [receipt]


def _check_signature(call: Inbound, key: Secret, at: datetime) -> None:
    """HMAC-SHA256 over `body.nonce.timestamp`, in base64."""
    given, nonce, timestamp = (
        hooks.header(call, f"x-sinch-webhook-signature{part}")
        for part in ("", "-nonce", "-timestamp")
    )
    if not (given and nonce and timestamp):
        raise Unverified("no_signature")
    signed = call.body + f".{nonce}.{timestamp}".encode(errors="surrogatepass")
    if not hooks.same(given, base64.b64encode(hooks.hmac_sha256(key, signed)).decode()):
        raise Unverified("wrong_signature")
    hooks.check_fresh(hooks.epoch(timestamp), at)


class Sinch(HttpProvider[Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = Sms
    settings = Settings

    def build(self, messages: Sequence[Sms]) -> Request:
        return build(messages, plan=self._settings.plan)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        return events(call, at, origin=self._settings.origin)
