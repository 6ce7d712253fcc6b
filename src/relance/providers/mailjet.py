"""Mailjet: e-mail by Send API v3.1, up to 50 messages per call (dev.mailjet.com, guides of the
Send API and the Event API, read 2026-11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import quote

import orjson

from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, basic_auth, http_options, webhook_login
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="mailjet",
    channels=frozenset({"email"}),
    description="Mailjet, e-mail in batches of up to 50.",
    options=(
        OptionSpec(name="key", kind=OptionKind.TEXT, description="The API key.", required=True),
        OptionSpec(
            name="token", kind=OptionKind.SECRET, description="The secret key.", required=True
        ),
        OptionSpec(
            name="sandbox",
            kind=OptionKind.FLAG,
            description="Let Mailjet check the messages and send none of them.",
            default=False,
        ),
        *webhook_login(),
        *http_options("https://api.mailjet.com"),
    ),
    can=Capabilities(
        batch=50,
        look_up=True,
        headers=True,
        reply_to=True,
        events=True,
        signed="basic authentication, with `webhook_user` and `webhook_password`",
    ),
)
# "List of forbidden headers", in the guide's section on e-mail headers
_RESERVED = frozenset({
    "delivered-to", "dkim-signature", "domainkey-status", "received-spf", "user-agent",
    "authentication-results", "list-id", "x-mailer", "x-feedback-id", "x-csa-complaints",
    "x-mj-customid", "x-mj-eventpayload", "x-mj-vars", "x-mj-templateerrordeliver",
    "x-mj-templateerrorreporting", "x-mj-templatelanguage", "x-mj-templateid", "x-mj-workflowid",
    "x-mj-mid", "x-mj-errormessage", "x-mj-statisticscontactslistid", "x-mailjet-prio",
    "x-mailjet-debug", "x-mailjet-trackopen", "x-mailjet-trackclick", "x-mailjet-segmentation",
    "x-mailjet-campaign",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Mailjet's options, checked."""

    endpoint: Endpoint
    sandbox: bool
    webhook_user: str
    webhook_password: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_headers(_RESERVED)
        user, password = options.webhook_login()
        login = basic_auth(options.text("key"), options.required_secret("token"))
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": login},
            timeout=options.number("timeout"),
        )
        return cls(
            endpoint=endpoint,
            sandbox=options.flag("sandbox"),
            webhook_user=user,
            webhook_password=password,
        )


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Email], *, sandbox: bool) -> Request:
    """POST /v3.1/send, one message or many."""
    body: dict[str, object] = {"Messages": [_email(message) for message in messages]}
    if sandbox:
        body["SandboxMode"] = True
    return Request(path="/v3.1/send", body=orjson.dumps(body), headers=_HEADERS)


def _email(message: Email) -> dict[str, object]:
    fields: dict[str, object] = {
        "From": _address(wire.ascii_sender(message.sender)),
        "To": [{"Email": wire.to_ascii(message.to)}],
        "ReplyTo": _address(message.reply_to) if message.reply_to else None,
        "Subject": message.subject,
        "TextPart": message.text,
        "HTMLPart": message.html,
        "CustomCampaign": message.trigger,
        "CustomID": message.message_id,
        "Headers": {**message.headers, "X-Relance-Message": message.message_id},
    }
    return {name: value for name, value in fields.items() if value}


def _address(text: str) -> dict[str, str]:
    name, address = parseaddr(text)
    return {"Email": address, "Name": name} if name else {"Email": address}


def read(response: Response, messages: Sequence[Email]) -> list[Answer]:
    """One answer per message, in their order; also where the status says that some were refused."""
    body = wire.fields(wire.json(response))
    results = body.get("Messages")
    if response.status in {200, 201, 400, 403} and isinstance(results, list):
        if len(results) == len(messages):
            pairs = zip(messages, results, strict=True)
            return [_answer(response, message, wire.fields(result)) for message, result in pairs]
        if response.status < 400:
            raise wire.unreadable(response)
    if response.status >= 300:
        raise _decision([body]) or wire.judge(response)
    raise wire.unreadable(response)


def _answer(response: Response, message: Email, result: Mapping[str, object]) -> Answer:
    if result.get("Status") == "success":
        to = hooks.objects(result.get("To"))
        given = hooks.text(to[0], "MessageID") if to else ""
        sandbox = given in {"", "0"}
        return Accepted(message_id=message.message_id, provider_id=None if sandbox else given)
    errors = hooks.objects(result.get("Errors"))
    return _decision(errors) or (
        Refused("invalid_message", detail="Mailjet error") if errors else wire.unreadable(response)
    )


# guide of the Send API, "Send API errors"
_OURS = {  # the account or the sender is at fault, whoever the message is for
    "mj-0001": "account_suspended",
    "mj-0015": "unauthorised",
    "send-0006": "sender_not_allowed",
    "send-0007": "unconfirmed_sender",
    "send-0008": "unconfirmed_sender",
}


def _decision(errors: Sequence[Mapping[str, object]]) -> SendError | None:
    """What an error's code means, the gravest of several; None for what only the status says.

    `ErrorMessage` is never told: it may hold addresses.
    """
    codes = [hooks.text(error, "ErrorCode") for error in errors]
    for code in codes:
        if code in _OURS:
            return Paused(_OURS[code], detail=f"Mailjet error {code}")
    statuses = {hooks.text(error, "StatusCode") for error in errors}
    detail = f"Mailjet error {codes[0]}" if codes and codes[0] else "Mailjet error"
    if statuses & {"401", "403"}:
        return Paused("forbidden", detail=detail)
    if "429" in statuses:
        return NotSent("rate_limited", detail=detail)
    if any(status.startswith("5") for status in statuses):
        return Unsure("server_error", detail=detail)
    if "400" in statuses and codes[0]:
        return Refused("invalid_message", detail=detail)
    return None


_KINDS: Mapping[str, ReceiptKind] = {
    "sent": ReceiptKind.DELIVERED,  # the recipient's server took it
    "open": ReceiptKind.OPENED,
    "click": ReceiptKind.CLICKED,
    "blocked": ReceiptKind.DROPPED,
    "spam": ReceiptKind.COMPLAINED,
    "unsub": ReceiptKind.UNSUBSCRIBED,
}


def events(call: Inbound, *, user: str, password: Secret | None) -> list[Receipt]:
    """The event or events of a call. Raises Unverified or Unreadable."""
    hooks.check_basic_auth(call, user, password)
    found = hooks.objects(hooks.parsed(call.body))
    return [receipt for event in found for receipt in _receipts(event)]


def _receipts(event: Mapping[str, object]) -> list[Receipt]:
    receipt = _receipt(event)
    unwanted = receipt.reason in {"spam reporter", "blacklisted"}
    if unwanted and receipt.kind is ReceiptKind.DROPPED:
        return hooks.unsubscribed_too(receipt)
    return [receipt]


def _receipt(event: Mapping[str, object]) -> Receipt:
    kind = _kind(event)
    return Receipt(
        provider=SPEC.name,
        event_id=hooks.identity("", event),
        kind=kind,
        at=hooks.epoch(event.get("time")),
        message_id=hooks.some(event, "CustomID"),
        provider_id=hooks.some(event, "MessageID"),
        recipient=hooks.recipient(hooks.text(event, "email")),
        reason=_reason(hooks.text(event, "error")),
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )


def _kind(event: Mapping[str, object]) -> ReceiptKind:
    name = hooks.text(event, "event")
    if name != "bounce":
        return _KINDS.get(name, ReceiptKind.UNKNOWN)
    if event.get("hard_bounce") is True:
        return ReceiptKind.HARD_BOUNCED
    # the one error that Mailjet itself goes on with
    greylisted = hooks.text(event, "error") == "greylisted"
    return ReceiptKind.DEFERRED if greylisted else ReceiptKind.SOFT_BOUNCED


# guide of the Event API, "Possible values for errors"
_REASONS = frozenset({
    "user unknown", "mailbox inactive", "quota exceeded", "blacklisted", "spam reporter",
    "invalid domain", "no mail host", "relay/access denied", "greylisted", "typofix",
    "bad or empty template", "error in template language", "sender blocked", "content blocked",
    "policy issue", "system issue", "protocol issue", "connection issue", "preblocked",
    "duplicate in campaign",
})  # fmt: skip


def _reason(error: str) -> str:
    return error if error in _REASONS else ""


# dev.mailjet.com/email/reference/messages, property Status
_STATES: Mapping[str, ReceiptKind] = {
    "unknown": ReceiptKind.ACCEPTED,
    "queued": ReceiptKind.ACCEPTED,
    "deferred": ReceiptKind.DEFERRED,
    "sent": ReceiptKind.DELIVERED,
    "opened": ReceiptKind.OPENED,
    "clicked": ReceiptKind.CLICKED,
    "unsub": ReceiptKind.DELIVERED,
    "softbounced": ReceiptKind.SOFT_BOUNCED,
    "bounce": ReceiptKind.SOFT_BOUNCED,
    "hardbounced": ReceiptKind.HARD_BOUNCED,
    "blocked": ReceiptKind.DROPPED,
    "spam": ReceiptKind.COMPLAINED,
}


_CLOCKS_APART = timedelta(hours=1)


def question(doubtful: Doubtful) -> Request:
    """GET /v3/REST/message by our id, as far back as the sending."""
    since = int((doubtful.sent_at - _CLOCKS_APART).timestamp())
    query = f"CustomID={quote(doubtful.message_id)}&FromTS={since}"
    return Request(method="GET", path=f"/v3/REST/message?{query}")


def found(response: Response, doubtful: Doubtful) -> Receipt | None:
    """What the answer says of the message; None where Mailjet has none such. Raises SendError."""
    if response.status != 200:
        raise wire.judge(response)
    body = wire.fields(wire.json(response))
    if not isinstance(body.get("Data"), list):
        raise wire.unreadable(response)
    return hooks.most_telling(_known(body, doubtful), doubtful.message_id)


def _known(body: Mapping[str, object], doubtful: Doubtful) -> Iterator[Receipt]:
    for entry in hooks.objects(body.get("Data")):
        yield Receipt(
            provider=SPEC.name,
            event_id=hooks.identity("", entry),
            kind=_STATES.get(hooks.text(entry, "Status").lower(), ReceiptKind.ACCEPTED),
            at=hooks.iso(entry.get("ArrivedAt")),
            message_id=doubtful.message_id,
            provider_id=hooks.some(entry, "ID"),
        )


class Mailjet(HttpProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, sandbox=self._settings.sandbox)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        return found(await self.ask(question(doubtful)), doubtful)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:  # noqa: ARG002
        user, password = self._settings.webhook_user, self._settings.webhook_password
        return events(call, user=user, password=password)
