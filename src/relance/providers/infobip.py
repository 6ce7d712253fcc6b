"""Infobip: SMS by API version 3, several messages per call (infobip.com/docs/api/channels/sms and
docs/developer-resources/api-fundamentals/message-status-codes, read 2026-11).

The messages' ids are ours. Infobip rejects an id that it has had, which keeps a person from getting
a message twice; but it does not say for how long, so no idempotency is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import orjson

from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options, webhook_login
from relance.providers.replies import answered, unknown
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="infobip",
    channels=frozenset({"sms"}),
    description="Infobip, SMS in calls of up to 100. Every account has its own `base_url`.",
    options=(
        OptionSpec(
            name="api_key",
            kind=OptionKind.SECRET,
            description="An API key that may send SMS.",
            required=True,
        ),
        *webhook_login(),
        *http_options("https://api.infobip.com"),
    ),
    # no limit is documented: "thousands of recipients in one go"
    can=Capabilities(batch=100, look_up=True, events=True, signed="basic authentication"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Infobip's options, checked."""

    endpoint: Endpoint
    webhook_user: str
    webhook_password: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_sender()
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={
                "Authorization": Secret(f"App {options.required_secret('api_key').reveal()}")
            },
            timeout=options.number("timeout"),
        )
        return cls(
            endpoint=endpoint,
            webhook_user=options.text("webhook_user"),
            webhook_password=options.secret("webhook_password"),
        )


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Sms]) -> Request:
    """POST /sms/3/messages; numbers go without their plus.

    No `webhooks`: only a subscription's own address is called with a login.
    """
    body = orjson.dumps({"messages": [_text(message) for message in messages]})
    return Request(path="/sms/3/messages", body=body, headers=_HEADERS)


def _text(message: Sms) -> dict[str, object]:
    to = {"to": message.to.removeprefix("+"), "messageId": message.message_id}
    return {
        "sender": message.sender.removeprefix("+"),
        "destinations": [to],
        "content": {"text": message.text},
    }


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """One answer per message, found by its id: a call succeeds whatever befell its messages."""
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        raise _violation(response, body) or wire.judge(response)
    results = {
        hooks.text(each, "messageId"): wire.fields(each.get("status"))
        for each in hooks.objects(body.get("messages") or [])
    }
    if not results:
        raise wire.unreadable(response)
    return [_answer(response, message, results.get(message.message_id)) for message in messages]


def _violation(response: Response, body: Mapping[str, object]) -> SendError | None:
    """A sender that Infobip does not take is no message's fault."""
    wrong = hooks.objects(body.get("violations") or [])
    if any(hooks.text(each, "property").endswith("sender") for each in wrong):
        return Paused("invalid_sender", detail=f"HTTP {response.status}")
    return None


def _answer(response: Response, message: Sms, status: Mapping[str, object] | None) -> Answer:
    if status is None:
        return wire.unreadable(response)
    if _number(status, "groupId") in {0, 1, 3}:  # ok, pending, delivered
        return Accepted(message_id=message.message_id, provider_id=message.message_id)
    return _decision(status) or wire.unreadable(response)


_REFUSED = {
    6: "unroutable",
    8: "invalid_recipient",
    10: "do_not_disturb",
    14: "blocked_recipient",
    18: "unverified_recipient",  # trial accounts
    24: "invalid_text",
    25: "text_too_long",
    51: "invalid_recipient",
    52: "invalid_recipient",
}
_NO_MORE = frozenset({10, 14})  # the person, or a list on the account, says so
_OURS = {  # the account or the sender is at fault, whoever the message is for
    11: "invalid_sender",
    12: "payment_required",
    13: "blocked_sender",
    17: "payment_required",
    19: "no_route",
}
_LATER = {20: "flooding", 21: "system_error"}
_REJECTED = frozenset({2, 4, 5})  # undeliverable, expired, rejected


def _decision(status: Mapping[str, object]) -> SendError | None:
    """What a status code means that is no success; None where it cannot be read."""
    code = _number(status, "id")
    detail = f"Infobip status {code}"
    if _number(status, "groupId") not in _REJECTED:
        return None
    if code == 23:  # an earlier call with this id arrived, and nobody read its answer
        return Unsure("duplicate_id", detail=detail)
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _LATER:
        return NotSent(_LATER[code], detail=detail, retry_after=wire.LONGEST_WAIT)
    return Refused(_REFUSED.get(code, "refused"), detail=detail, unsubscribe=code in _NO_MORE)


# `error.id` of reports: who is not there, and who wants no more (of those marked permanent)
_HARD = frozenset({1, 9, 11, 12, 352, 568, 569, 629, 2049, 3041})
_UNSUBSCRIBED = frozenset({573, 604, 2050, 2052})
_HARD_STATUS = frozenset({8, 52})
_TO_OPERATOR = 2  # "delivered", yet only as far as the operator


def events(call: Inbound, at: datetime, *, user: str, password: Secret | None) -> list[Receipt]:
    """Delivery reports or people's answers, many in one call. Raises Unverified, Unreadable."""
    hooks.check_basic_auth(call, user, password)
    body = hooks.parsed(call.body)
    results = hooks.objects(wire.fields(body).get("results") or [])
    receipts = [receipt for each in results for receipt in _event(each, at)]
    return receipts if results else unknown(SPEC.name, body)


def _event(event: Mapping[str, object], at: datetime) -> list[Receipt]:
    if "status" in event:
        receipt = _reported(event)
        if receipt is None:
            return unknown(SPEC.name, event)
        wish = receipt.kind is ReceiptKind.DROPPED and _wants_no_more(event)
        return hooks.unsubscribed_too(receipt) if wish else [receipt]
    if "from" in event and "text" in event:
        return answered(
            SPEC.name,
            event_id=hooks.identity(hooks.text(event, "messageId"), event),
            sender=hooks.text(event, "from"),
            text=hooks.text(event, "text"),
            at=hooks.iso(event.get("receivedAt")) or at,
        )
    return unknown(SPEC.name, event)


def _reported(event: Mapping[str, object]) -> Receipt | None:
    kind = _kind(event)
    if kind is None:
        return None
    to = hooks.text(event, "to") or hooks.text(event, "destination")
    return Receipt(
        provider=SPEC.name,
        event_id=hooks.identity("", event),  # Infobip gives none
        kind=kind,
        at=hooks.iso(event.get("doneAt")) or hooks.iso(event.get("sentAt")),
        message_id=hooks.some(event, "messageId"),
        provider_id=hooks.some(event, "messageId"),
        recipient=hooks.recipient(to),
        reason=hooks.short(hooks.text(wire.fields(event.get("error")), "name")),
    )


def _kind(event: Mapping[str, object]) -> ReceiptKind | None:
    """What a status group means, and within it the status and the error."""
    status, error = wire.fields(event.get("status")), wire.fields(event.get("error"))
    code = _number(status, "id")
    match _number(status, "groupId"):
        case 0 | 1:
            return ReceiptKind.ACCEPTED
        case 3:
            return ReceiptKind.ACCEPTED if code == _TO_OPERATOR else ReceiptKind.DELIVERED
        case 4:
            return ReceiptKind.SOFT_BOUNCED
        case 2 | 5:
            return _bounce(code, error)
    return None


def _number(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _bounce(status: int, error: Mapping[str, object]) -> ReceiptKind:
    code = _number(error, "id")
    if code in _HARD or status in _HARD_STATUS:
        return ReceiptKind.HARD_BOUNCED
    passing = error.get("permanent") is False and code != 0 and status not in _NO_MORE
    return ReceiptKind.SOFT_BOUNCED if passing else ReceiptKind.DROPPED


def _wants_no_more(event: Mapping[str, object]) -> bool:
    status, error = wire.fields(event.get("status")), wire.fields(event.get("error"))
    return _number(error, "id") in _UNSUBSCRIBED or _number(status, "id") in _NO_MORE


def found(response: Response, message_id: str) -> Receipt | None:
    """What the log says of a message; None where it does not (it goes back 48 hours).

    Raises SendError where Infobip did not answer the question.
    """
    body = wire.fields(wire.json(response))
    if response.status != 200:
        raise wire.judge(response)
    logged = hooks.objects(body.get("results") or [])
    receipts = [_reported(each) for each in logged if each.get("messageId") == message_id]
    return hooks.most_telling([each for each in receipts if each], message_id)


class Infobip(HttpProvider[Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = Sms
    settings = Settings

    def build(self, messages: Sequence[Sms]) -> Request:
        return build(messages)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        path = f"/sms/3/logs?messageId={quote(doubtful.message_id, safe='')}"
        return found(await self.ask(Request(method="GET", path=path)), doubtful.message_id)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        settings = self._settings
        return events(call, at, user=settings.webhook_user, password=settings.webhook_password)
