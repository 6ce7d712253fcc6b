"""SparkPost: e-mail, one message per transmission (developers.sparkpost.com/api and
support.sparkpost.com/docs, read 2026-11).

Many recipients share one content there, so messages that differ cannot share a transmission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlencode

import orjson

from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options, webhook_login
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="sparkpost",
    channels=frozenset({"email"}),
    description="SparkPost, e-mail.",
    options=(
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="An API key that may write transmissions and read events.",
            required=True,
        ),
        OptionSpec(
            name="transactional",
            kind=OptionKind.FLAG,
            description="Past SparkPost's list of those who unsubscribed, without its header.",
            default=False,
        ),
        *webhook_login(),
        *http_options("https://api.sparkpost.com"),
    ),
    can=Capabilities(
        look_up=True,
        tags=True,
        headers=True,
        reply_to=True,
        events=True,
        signed="basic authentication, with `webhook_user` and `webhook_password`",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """SparkPost's options, checked."""

    endpoint: Endpoint
    transactional: bool
    webhook_user: str
    webhook_password: Secret | None

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_tags(10, r".+", "any text")  # "10 per recipient", the rest is ignored
        user, password = options.webhook_login()
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={"Authorization": options.required_secret("token")},
            timeout=options.number("timeout"),
        )
        return cls(
            endpoint=endpoint,
            transactional=options.flag("transactional"),
            webhook_user=user,
            webhook_password=password,
        )


_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def build(messages: Sequence[Email], *, transactional: bool) -> Request:
    """POST /api/v1/transmissions for the one message.

    Our texts are finished: substitutions are off, and with them the macros that write braces.
    Headers go through SparkPost's template language all the same, so those that hold its braces
    are values there, which it does not read as templates (api/template-language, Dynamic Content).
    """
    (message,) = messages
    recipient: dict[str, object] = {
        "address": {"email": wire.to_ascii(message.to)},
        "metadata": {"relance_message": message.message_id},
    }
    if message.tags:
        recipient["tags"] = list(message.tags)
    values: dict[str, str] = {}
    content = _content(message, values)
    if values:
        recipient["substitution_data"] = values
    body = {
        "campaign_id": message.trigger.encode()[:64].decode(errors="ignore"),
        "options": {"transactional": transactional, "perform_substitutions": False},
        "recipients": [recipient],
        "content": content,
    }
    return Request(path="/api/v1/transmissions", body=orjson.dumps(body), headers=_HEADERS)


def _content(message: Email, values: dict[str, str]) -> dict[str, object]:
    name, address = parseaddr(wire.ascii_sender(message.sender))
    sender = {"email": address, "name": _literal(name, values)} if name else {"email": address}
    headers = {**message.headers, "X-Relance-Message": message.message_id}
    fields: dict[str, object] = {
        "from": sender,
        "subject": _literal(message.subject, values),
        "html": message.html,
        "text": message.text,
        "reply_to": _literal(message.reply_to or "", values),
        "headers": {each: _literal(value, values) for each, value in headers.items()},
    }
    return {each: value for each, value in fields.items() if value}


def _literal(text: str, values: dict[str, str]) -> str:
    """A text that the template language turns into itself, by one of the values if it must."""
    if "{{" not in text and "}}" not in text:
        return text
    name = f"relance_{len(values)}"
    values[name] = text
    return f"{{{{{name}}}}}"


def read(response: Response, messages: Sequence[Email]) -> list[Answer]:
    """The transmission's id, or what its error means: HTTP 200 may hold one, too."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    errors, results = hooks.objects(body.get("errors")), wire.fields(body.get("results"))
    if response.status >= 300:
        raise _decision(response, errors) or wire.judge(response)
    given, taken = hooks.some(results, "id"), results.get("total_accepted_recipients")
    if given is not None and taken == 1:
        return [Accepted(message_id=message.message_id, provider_id=given)]
    if taken == 0:
        reasons = hooks.objects(results.get("rcpt_to_errors"))
        code = hooks.text(reasons[0], "code") if reasons else ""
        raise Refused("invalid_recipient", detail=f"SparkPost error {code}".rstrip())
    raise wire.unreadable(response)


# docs/tech-resources/extended-error-codes
_OURS = {  # the account or the sender is at fault, whoever the message is for
    "1100": "forbidden",
    "1303": "unauthorised",
    "1304": "unauthorised",
    "1601": "no_license",
    "2008": "invalid_sender",
    "2009": "tracking_domain",
    "2010": "tracking_domain",
    "2011": "tracking_domain",
    "2012": "tracking_domain",
    "2102": "daily_limit",
    "2103": "sandbox_limit",
    "2105": "monthly_limit",
    "7000": "invalid_sender",
    "7001": "invalid_sender",
}
_LATER = {"1502": "unavailable", "1900": "unavailable", "2101": "hourly_limit"}
_REFUSED = {
    "1901": "not_generated",
    "1902": "rejected",  # an address on the suppression list, before that came by an event
    "5002": "invalid_recipient",
}


def _decision(response: Response, errors: Sequence[Mapping[str, object]]) -> SendError | None:
    """What an error's code means; None for codes that say no more than the HTTP status.

    `message` and `description` are never told: they may hold addresses.
    """
    code = hooks.text(errors[0], "code") if errors else ""
    detail = f"SparkPost error {code}"
    if code in _OURS:
        return Paused(_OURS[code], detail=detail)
    if code in _LATER:
        return NotSent(_LATER[code], detail=detail, retry_after=response.retry_after)
    if code in _REFUSED:
        return Refused(_REFUSED[code], detail=detail)
    if response.status == 420:  # SparkPost's own: "Exceed Sending Limit"
        return Paused("sending_limit", detail=f"HTTP {response.status}")
    return None


_KINDS: Mapping[str, ReceiptKind] = {
    "injection": ReceiptKind.ACCEPTED,
    "delivery": ReceiptKind.DELIVERED,
    "delay": ReceiptKind.DEFERRED,
    "policy_rejection": ReceiptKind.DROPPED,
    "generation_failure": ReceiptKind.DROPPED,
    "generation_rejection": ReceiptKind.DROPPED,
    "spam_complaint": ReceiptKind.COMPLAINED,
    "open": ReceiptKind.OPENED,
    "initial_open": ReceiptKind.OPENED,
    "amp_open": ReceiptKind.OPENED,
    "amp_initial_open": ReceiptKind.OPENED,
    "click": ReceiptKind.CLICKED,
    "amp_click": ReceiptKind.CLICKED,
    "list_unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "link_unsubscribe": ReceiptKind.UNSUBSCRIBED,
}
# docs/deliverability/bounce-classification-codes; the rest is soft, blocked or undetermined
_CLASSES: Mapping[str, ReceiptKind] = {
    "10": ReceiptKind.HARD_BOUNCED,
    "30": ReceiptKind.HARD_BOUNCED,
    "25": ReceiptKind.DROPPED,  # on SparkPost's own suppression list
    "26": ReceiptKind.DROPPED,
    "90": ReceiptKind.UNSUBSCRIBED,
    "60": ReceiptKind.UNKNOWN,  # an automatic reply: it was delivered
    "80": ReceiptKind.UNKNOWN,  # a wish to subscribe
    "100": ReceiptKind.UNKNOWN,  # a challenge to prove that we are human
}


def events(call: Inbound, *, user: str, password: Secret | None) -> list[Receipt]:
    """The events of a call: a list of `{"msys": {"message_event": {…}}}`, empty ones for a test.

    Raises Unverified or Unreadable.
    """
    hooks.check_basic_auth(call, user, password)
    wrapped = hooks.objects(hooks.parsed(call.body))
    return [
        _receipt(event)
        for wrapper in wrapped
        for each in wire.fields(wrapper.get("msys")).values()
        if (event := wire.fields(each))
    ]


def _receipt(event: Mapping[str, object]) -> Receipt:
    kind = _kind(event)
    stamp = event.get("timestamp")
    bounce_class = hooks.text(event, "bounce_class")
    return Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(hooks.text(event, "event_id"), event),
        kind=kind,
        at=hooks.epoch(stamp) or hooks.iso(stamp),  # webhooks, and the events API
        message_id=hooks.some(wire.fields(event.get("rcpt_meta")), "relance_message"),
        provider_id=hooks.some(event, "transmission_id"),
        recipient=hooks.recipient(hooks.text(event, "rcpt_to")),
        reason=f"class {bounce_class}" if bounce_class.isdigit() else "",
        machine=_machine(event),
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )


def _kind(event: Mapping[str, object]) -> ReceiptKind:
    name = hooks.text(event, "type")
    if name in {"bounce", "out_of_band"}:
        return _CLASSES.get(hooks.text(event, "bounce_class"), ReceiptKind.SOFT_BOUNCED)
    return _KINDS.get(name, ReceiptKind.UNKNOWN)


def _machine(event: Mapping[str, object]) -> bool:
    """Whether a mail program fetched the picture before anybody looked (Apple's)."""
    reader = wire.fields(event.get("user_agent_parsed"))
    return event.get("is_prefetched") is True or reader.get("is_prefetched") is True


_CLOCKS_APART = timedelta(hours=1)


def question(doubtful: Doubtful) -> Request:
    """GET /api/v1/events/message about the customer's address since the sending."""
    since = (doubtful.sent_at - _CLOCKS_APART).astimezone(UTC)
    query = {"recipients": wire.to_ascii(doubtful.to), "from": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
    return Request(method="GET", path=f"/api/v1/events/message?{urlencode(query)}")


def found(response: Response, doubtful: Doubtful) -> Receipt | None:
    """What those events say of our message; None too where the key may only send.

    Raises SendError.
    """
    if response.status in {401, 403}:
        return None
    if response.status != 200:
        raise wire.judge(response)
    body = wire.fields(wire.json(response))
    if not isinstance(body.get("results"), list):
        raise wire.unreadable(response)
    receipts = [_receipt(event) for event in hooks.objects(body.get("results"))]
    ours = (receipt for receipt in receipts if receipt.message_id == doubtful.message_id)
    return hooks.most_telling(ours, doubtful.message_id)


class SparkPost(HttpProvider[Email, Settings]):
    """See the module."""

    spec = SPEC
    kind = Email
    settings = Settings

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, transactional=self._settings.transactional)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        return found(await self.ask(question(doubtful)), doubtful)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:  # noqa: ARG002
        user, password = self._settings.webhook_user, self._settings.webhook_password
        return events(call, user=user, password=password)
