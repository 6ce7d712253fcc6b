"""Amazon SES, API v2: e-mail, one message per call (docs.aws.amazon.com/ses/latest, 2026-11).

Sent as raw MIME, the same bytes as by SMTP: `Simple` takes 15 headers and only ASCII in them.
SES puts its own Message-ID and Date over ours either way. Bulk calls only know stored templates.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from relance.domain.message import Accepted, Email
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError
from relance.providers import hooks, mime, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options
from relance.providers.rate import Sleep, Take
from relance.providers.sns import Get, Sns
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

_ADDRESS = "https://email.{region}.amazonaws.com"
SPEC = VendorSpec(
    name="ses",
    channels=frozenset({"email"}),
    description="Amazon SES (API v2), e-mail. Needs `pip install relance[ses]`.",
    options=(
        OptionSpec(
            name="region",
            kind=OptionKind.TEXT,
            description="The AWS region, such as eu-west-1.",
            required=True,
        ),
        OptionSpec(
            name="access_key",
            kind=OptionKind.TEXT,
            description="The access key's id, beginning with AKIA (ASIA where it is temporary).",
            required=True,
        ),
        OptionSpec(
            name="secret_key",
            kind=OptionKind.SECRET,
            description="The secret access key.",
            required=True,
        ),
        OptionSpec(
            name="session_token",
            kind=OptionKind.SECRET,
            description="The session token of temporary credentials.",
        ),
        OptionSpec(
            name="configuration_set",
            kind=OptionKind.TEXT,
            description="The configuration set, which is what reports events.",
        ),
        OptionSpec(
            name="topic_arn",
            kind=OptionKind.TEXT,
            description="The SNS topic whose reports are believed; without it, none are.",
        ),
        *(
            option if option.name != "base_url" else replace(option, default=None)
            for option in http_options(_ADDRESS)
        ),
    ),
    can=Capabilities(
        tags=True,
        headers=True,
        reply_to=True,
        events=True,
        signed="SNS certificate, RSA",
    ),
)
_MOST_TAGS = 48  # of fifty, two are ours
_RESERVED = frozenset({  # dg/sending-email-raw and event-publishing-send-email: SES acts on them
    "x-ses-configuration-set", "x-ses-message-tags", "x-ses-source-arn", "x-ses-from-arn",
    "x-ses-return-path-arn", "x-ses-list-management-options", "x-ses-tenant",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """SES's options, checked."""

    endpoint: Endpoint
    configuration_set: str
    topic_arn: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        if find_spec("botocore") is None:
            options.wrong("provider", "ses needs botocore", hint="pip install 'relance[ses]'")
        options.check_tags(_MOST_TAGS, r"[0-9A-Za-z_-]{1,256}", "letters, digits, - and _")
        options.check_headers(_RESERVED)
        region, topic = options.text("region"), options.text("topic_arn")
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region):
            options.wrong("region", "is not an AWS region", hint="eu-west-1")
        if topic and not re.fullmatch(r"arn:aws[a-z-]*:sns:[^:]+:[0-9]+:[^:]+", topic):
            options.wrong("topic_arn", "is not an SNS topic", hint="it begins with arn:aws:sns:")
        given = options.text("base_url")
        endpoint = Endpoint(
            base_url=options.base_url() if given else _ADDRESS.format(region=region),
            credentials={},
            timeout=options.number("timeout"),
            sign=_signer(options, region),
        )
        chosen = options.text("configuration_set")
        return cls(endpoint=endpoint, configuration_set=chosen, topic_arn=topic)


Sign = Callable[[Request, str, datetime], Mapping[str, str]]


def _signer(options: Options, region: str) -> Sign:
    return partial(
        _signature,
        region=region,
        access_key=options.text("access_key"),
        secret_key=options.required_secret("secret_key"),
        token=options.secret("session_token"),
    )


def _signature(
    request: Request,
    url: str,
    at: datetime,  # noqa: ARG001  botocore dates its signature itself
    *,
    region: str,
    access_key: str,
    secret_key: Secret,
    token: Secret | None,
) -> dict[str, str]:
    """The headers of AWS Signature Version 4, by botocore's signer."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    revealed = token.reveal() if token else None
    credentials = Credentials(access_key, secret_key.reveal(), revealed)
    signed = AWSRequest(
        method=request.method, url=url, data=request.body, headers=dict(request.headers)
    )
    SigV4Auth(credentials, "ses", region).add_auth(signed)
    return dict(signed.headers.items())


def build(messages: Sequence[Email], *, configuration_set: str = "") -> Request:
    """POST /v2/email/outbound-emails for the one message. Raises Refused.

    SES has no SMTPUTF8: the part before the @ must be ASCII.
    """
    (message,) = messages
    to = wire.to_ascii(message.to)
    if not to.isascii():
        raise Refused("needs_smtputf8", detail="SES takes only ASCII before the @")
    tags = {"relance_message": message.message_id, "relance_trigger": message.trigger}
    tags |= {f"relance_tag_{number}": tag for number, tag in enumerate(message.tags, 1)}
    mail: dict[str, object] = {
        "Destination": {"ToAddresses": [to]},
        "Content": {"Raw": {"Data": base64.b64encode(mime.to_bytes(message)).decode()}},
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
    }
    if configuration_set:
        mail["ConfigurationSetName"] = configuration_set
    return Request(
        path="/v2/email/outbound-emails",
        body=orjson.dumps(mail),
        headers={"Content-Type": "application/json"},
    )


def read(response: Response, messages: Sequence[Email]) -> list[Answer]:
    """The id of what was accepted, or what the error's name means."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status != 200:
        raise _decision(response, body) or wire.judge(response)
    given = hooks.text(body, "MessageId")
    if not given:
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=given)]


_OURS = {  # the account or the sender is at fault (APIReference-V2/API_SendEmail)
    "AccountSuspendedException": "account_suspended",
    "LimitExceededException": "limit_exceeded",
    "MailFromDomainNotVerifiedException": "unverified_domain",
    "NotFoundException": "unknown_configuration_set",
    "SendingPausedException": "sending_paused",
    "IncompleteSignature": "unauthorised",
    "RequestExpired": "unauthorised",
}
_LATER = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})


def _decision(response: Response, body: Mapping[str, object]) -> SendError | None:
    """What an error means: its name stands in a header, `Name:http://…`; None for others."""
    written = response.headers.get("x-amzn-errortype") or hooks.text(body, "__type")
    name = written.partition(":")[0].rpartition("#")[2]
    said = (hooks.text(body, "message") or hooks.text(body, "Message")).lower()
    detail = f"SES {name}" if name.isalnum() else f"HTTP {response.status}"
    if name in _OURS:
        return Paused(_OURS[name], detail=detail)
    if name in _LATER:
        if "daily message quota" in said:
            return Paused("daily_quota", detail=detail)
        return NotSent("rate_limited", detail=detail, retry_after=response.retry_after)
    if name == "MessageRejected" and "not verified" in said:
        # the sender, or the account is still in the sandbox and may write to nobody
        return Paused("unverified_identity", detail=detail)
    return Refused("rejected", detail=detail) if name == "MessageRejected" else None


_KINDS = {  # dg/event-publishing-retrieving-sns-contents
    "Send": ReceiptKind.ACCEPTED,
    "DeliveryDelay": ReceiptKind.DEFERRED,
    "Delivery": ReceiptKind.DELIVERED,
    "Bounce": ReceiptKind.SOFT_BOUNCED,
    "Complaint": ReceiptKind.COMPLAINED,
    "Reject": ReceiptKind.DROPPED,
    "Rendering Failure": ReceiptKind.DROPPED,
    "Open": ReceiptKind.OPENED,
    "Click": ReceiptKind.CLICKED,
    "Subscription": ReceiptKind.UNKNOWN,  # of SES's own contact lists
}
_DETAILS = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}
_GREETING = "Successfully validated SNS topic for Amazon SES event publishing."


def events(notification: Mapping[str, str]) -> list[Receipt]:
    """What a verified notification reports: one event, of the one recipient that ours have.
    Raises Unreadable."""
    said = notification.get("Message", "")
    if said.strip() == _GREETING:
        return []
    event = wire.fields(hooks.parsed(said.encode(errors="surrogatepass")))
    name = hooks.text(event, "eventType") or hooks.text(event, "notificationType")
    what = wire.fields(event.get(_DETAILS.get(name, name.lower())))
    kind, reason = _kind(name, what)
    mail = wire.fields(event.get("mail"))
    receipt = Receipt(
        provider=SPEC.name,
        event_id=hooks.identity(notification.get("MessageId", ""), event),
        kind=kind,
        at=hooks.iso(what.get("timestamp")) or hooks.iso(notification.get("Timestamp")),
        message_id=_message_id(mail),
        provider_id=hooks.some(mail, "messageId"),
        recipient=hooks.recipient(_first(mail.get("destination"))),
        reason=reason,
        raw=hooks.raw(event) if kind is ReceiptKind.UNKNOWN else "",
    )
    return [receipt]


def _kind(name: str, what: Mapping[str, object]) -> tuple[ReceiptKind, str]:
    kind = _KINDS.get(name, ReceiptKind.UNKNOWN)
    if name == "Bounce":
        permanent = hooks.text(what, "bounceType") == "Permanent"
        reason = hooks.short(hooks.text(what, "bounceSubType"))
        return (ReceiptKind.HARD_BOUNCED if permanent else kind), reason
    if name == "Complaint":
        why = hooks.short(hooks.text(what, "complaintFeedbackType"))
        return (ReceiptKind.UNKNOWN if why == "not-spam" else kind), why
    if name == "DeliveryDelay":
        return kind, hooks.short(hooks.text(what, "delayType"))
    return kind, ""


def _message_id(mail: Mapping[str, object]) -> str | None:
    """Ours, from the tags (a configuration set's reports) or the headers (an identity's)."""
    tagged = _first(wire.fields(mail.get("tags")).get("relance_message"))
    return tagged or hooks.named(mail.get("headers"), "x-relance-message")


def _first(value: object) -> str:
    """The text that a list begins with."""
    items = value if isinstance(value, list) else [value]
    return items[0] if items and isinstance(items[0], str) else ""


class Ses(HttpProvider[Email, Settings]):
    """See the module. `get` fetches what SNS's messages point to."""

    spec = SPEC
    kind = Email
    settings = Settings

    def __init__(
        self, settings: Settings, sleep: Sleep, take: Take, get: Get | None = None
    ) -> None:
        super().__init__(settings, sleep, take)
        self._sns = Sns(settings.topic_arn, get or fetch)

    def build(self, messages: Sequence[Email]) -> Request:
        return build(messages, configuration_set=self._settings.configuration_set)

    def read(self, response: Response, messages: Sequence[Email]) -> Sequence[Answer]:
        return read(response, messages)

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        notification = await self._sns.message(call, at)
        return [] if notification is None else events(notification)


_GET_SECONDS = 10.0  # SNS waits 15 for our answer


async def fetch(url: str) -> bytes:
    """The body behind an address at Amazon. Raises SendError."""
    from relance.providers.http import Client

    parts = urlsplit(url)
    endpoint = Endpoint(
        base_url=f"{parts.scheme}://{parts.netloc}", credentials={}, timeout=_GET_SECONDS
    )
    client = Client(endpoint)
    query = f"?{parts.query}" if parts.query else ""
    try:
        response = await client.call(Request(method="GET", path=f"{parts.path}{query}"))
    finally:
        await client.close()
    if response.status != 200:
        raise wire.judge(response)
    return response.body
