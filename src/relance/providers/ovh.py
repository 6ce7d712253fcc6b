"""OVHcloud: SMS, one message per job (api.ovh.com/console, /sms, and docs.ovhcloud.com, API SMS
cookbook, read 2026-11). OVH calls a webhook without any proof of its origin, so none is read:
what became of a message is asked. STOP is answered by OVH itself, which then refuses the number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import orjson

from relance.domain.message import Accepted, Sms
from relance.domain.receipt import Doubtful, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import NAME, NUMBER, Options, http_options
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="ovh",
    channels=frozenset({"sms"}),
    description="OVHcloud, SMS. `from: short_number` is a number of OVH's that can be answered.",
    options=(
        OptionSpec(
            name="service_name",
            kind=OptionKind.TEXT,
            description="The SMS account, as in sms-ab12345-1.",
            required=True,
        ),
        OptionSpec(
            name="application_key",
            kind=OptionKind.SECRET,
            description="The application's key.",
            required=True,
        ),
        OptionSpec(
            name="application_secret",
            kind=OptionKind.SECRET,
            description="The application's secret; it signs and never travels.",
            required=True,
        ),
        OptionSpec(
            name="consumer_key",
            kind=OptionKind.SECRET,
            description="The key of who lets it: POST /sms/*/jobs and GET /sms/*/outgoing.",
            required=True,
        ),
        OptionSpec(
            name="no_stop_clause",
            kind=OptionKind.FLAG,
            description="Leave out the STOP that OVH adds: lawful where nothing is advertised.",
            default=False,
        ),
        *http_options("https://eu.api.ovh.com/1.0"),
    ),
    can=Capabilities(look_up=True),
)


_SHORT_NUMBER = "short_number"  # longer than any name may be


class Signature:
    """OVH's signature of a request (help.ovhcloud.com, First steps with the OVHcloud APIs).

    `offset` is how far OVH's clock is ahead of ours, in seconds, once it was asked.
    """

    def __init__(self, application: Secret, secret: Secret, consumer: Secret) -> None:
        self._application = application
        self._secret = secret
        self._consumer = consumer
        self._asked_at: datetime | None = None
        self.offset: int | None = None

    def __call__(self, request: Request, url: str, now: datetime) -> Mapping[str, str]:
        application = {"X-Ovh-Application": self._application.reveal()}
        if request.path == _TIME.path:
            self._asked_at = now
            return application
        timestamp = str(int(now.timestamp()) + (self.offset or 0))
        consumer = self._consumer.reveal()
        parts = (self._secret.reveal(), consumer, request.method, url)
        signed = "+".join(parts).encode() + b"+" + request.body + f"+{timestamp}".encode()
        return {
            **application,
            "X-Ovh-Consumer": consumer,
            "X-Ovh-Timestamp": timestamp,
            # the vendor's scheme, and no password is kept by it
            "X-Ovh-Signature": f"$1${hashlib.sha1(signed).hexdigest()}",  # noqa: S324
        }

    def learn(self, response: Response) -> None:
        """Take over OVH's clock from its answer. Raises SendError where it gave none."""
        seconds = wire.json(response)
        if response.status != 200:
            raise wire.judge(response)
        if not isinstance(seconds, int) or self._asked_at is None:
            raise NotSent("no_time", detail=f"HTTP {response.status}")
        self.offset = seconds - int(self._asked_at.timestamp())


_TIME = Request(method="GET", path="/auth/time")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """OVH's options, checked."""

    endpoint: Endpoint
    signature: Signature
    service: str
    no_stop_clause: bool

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        options.check_sender(
            f"{NUMBER}|{NAME}|{_SHORT_NUMBER}",
            f"a number, a name of up to 11 ASCII characters, or {_SHORT_NUMBER}",
        )
        signature = Signature(
            options.required_secret("application_key"),
            options.required_secret("application_secret"),
            options.required_secret("consumer_key"),
        )
        endpoint = Endpoint(
            base_url=options.base_url(),
            credentials={},
            timeout=options.number("timeout"),
            sign=signature,
        )
        return cls(
            endpoint=endpoint,
            signature=signature,
            service=quote(options.text("service_name"), safe=""),
            no_stop_clause=options.flag("no_stop_clause"),
        )


def build(messages: Sequence[Sms], *, service: str, no_stop_clause: bool) -> Request:
    """POST /sms/{serviceName}/jobs for the one message; our id is its tag."""
    (message,) = messages
    given = message.sender if message.sender != _SHORT_NUMBER else ""
    sender = {"sender": given} if given else {"senderForResponse": True}
    fields = {
        "message": message.text,
        "receivers": [message.to],
        "charset": "UTF-8",
        "noStopClause": no_stop_clause,
        "tag": message.message_id,
        **sender,
    }
    return Request(
        path=f"/sms/{service}/jobs",
        body=orjson.dumps(fields),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )


def read(response: Response, messages: Sequence[Sms]) -> list[Answer]:
    """The SMS's id, or why the number was not among the valid ones."""
    (message,) = messages
    body = wire.fields(wire.json(response))
    if response.status >= 300:
        raise _decision(response, body) or wire.judge(response)
    if body.get("invalidReceivers"):
        raise Refused("invalid_recipient", detail="OVH: invalidReceivers")
    ids = body.get("ids")
    if not isinstance(ids, list) or len(ids) != 1 or not isinstance(ids[0], int):
        raise wire.unreadable(response)
    return [Accepted(message_id=message.message_id, provider_id=str(ids[0]))]


_OURS = {
    "INVALID_CREDENTIAL": "unauthorised",
    "INVALID_KEY": "unauthorised",
    "INVALID_SIGNATURE": "wrong_signature",
    "NOT_CREDENTIAL": "unauthorised",
    "NOT_GRANTED_CALL": "forbidden",
    "QUERY_TIME_OUT": "wrong_signature",
}
_EXPIRED = 460  # the service was not paid for


def _decision(response: Response, body: Mapping[str, object]) -> SendError | None:
    """What an error means; None where it says no more than the HTTP status.

    OVH has no codes for what is wrong with an SMS: a few words of `message` (never told) stand
    for them.
    """
    code, text = hooks.text(body, "errorCode"), hooks.text(body, "message").lower()
    detail = f"HTTP {response.status}"
    if code in _OURS:
        return Paused(_OURS[code], detail=f"OVH error {code}")
    if response.status == _EXPIRED:
        return Paused("service_expired", detail=detail)
    if response.status == 400 and "credit" in text:
        return Paused("payment_required", detail=detail)
    if response.status == 400 and re.search(r"\bsender\b", text):
        return Paused("invalid_sender", detail=detail)
    return None


def found(response: Response, message_id: str) -> Receipt | None:
    """The SMS that bears our tag; None where there is none (yet). Raises SendError."""
    ids = wire.json(response)
    if response.status != 200:
        raise _decision(response, wire.fields(ids)) or wire.judge(response)
    if not isinstance(ids, list) or not ids:
        return None
    return Receipt(
        provider=SPEC.name,
        event_id=f"look-up:{message_id}:{ReceiptKind.ACCEPTED}",
        kind=ReceiptKind.ACCEPTED,
        message_id=message_id,
        provider_id=str(ids[0]),
    )


class Ovh(HttpProvider[Sms, Settings]):
    """See the module."""

    spec = SPEC
    kind = Sms
    settings = Settings

    def build(self, messages: Sequence[Sms]) -> Request:
        settings = self._settings
        return build(messages, service=settings.service, no_stop_clause=settings.no_stop_clause)

    def read(self, response: Response, messages: Sequence[Sms]) -> Sequence[Answer]:
        return read(response, messages)

    async def _once(self, messages: Sequence[Sms]) -> Sequence[Answer]:
        try:
            return await super()._once(messages)
        except Paused as error:
            if error.reason != "wrong_signature" or not await self._clock_was_wrong():
                raise
            raise NotSent("wrong_clock", detail="OVH's clock was asked") from error

    async def _clock_was_wrong(self) -> bool:
        """Ask OVH's clock, once, when it does not take our signature: it dates them by its own."""
        signature = self._settings.signature
        if signature.offset is not None:
            return False
        try:
            signature.learn(await self._client.call(_TIME))
        except SendError as error:  # of the question; the SMS itself did not leave
            raise NotSent("no_time", detail=error.reason) from error
        return signature.offset != 0

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        path = f"/sms/{self._settings.service}/outgoing?tag={quote(doubtful.message_id, safe='')}"
        return found(await self.ask(Request(method="GET", path=path)), doubtful.message_id)
