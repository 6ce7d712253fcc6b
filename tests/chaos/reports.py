"""Every vendor that reports, opened with keys, and what it would report about one message."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from svix.webhooks import Webhook
from twilio.request_validator import RequestValidator

from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent
from relance.providers import VENDORS, Provider
from relance.providers.rate import own
from relance.providers.ses import Ses, Settings
from relance.settings import Secret

PUBLIC = "https://crm.shop.example"
USER, PASSWORD = "hooks", "a password of the webhooks"
SVIX = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, no more").decode()
TWILIO = "the auth token of the account"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:relance"
ADDRESS, NUMBER, PROVIDER_ID = "chloe@shop.example", "+33612345678", "p-1"

# an unused P-256 key in the form that SendGrid's console shows
_ECDSA = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+"
    "2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)

Headers = Mapping[str, str]
Sign = Callable[[bytes, datetime], Headers]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporter:
    """One vendor on one channel. `genuine` proves that a body is the vendor's; None where only
    the vendor itself could. `path` is below `/webhooks/`."""

    vendor: str
    channel: str
    options: Mapping[str, object]
    report: Mapping[str, object]
    genuine: Sign | None = None
    form: bool = False

    @property
    def path(self) -> str:
        return f"/webhooks/{self.channel}/{self.vendor}"

    def open(self, root: Path) -> Provider:
        sender = "+33700000000" if self.channel != "email" else "Shop <shop@shop.example>"
        spec = ChannelSpec(
            name=self.channel, provider=self.vendor, sender=sender, options=dict(self.options)
        )
        if self.vendor == "ses":
            return Ses(
                Settings.of(spec, root),
                asyncio.sleep,
                own(None, None, asyncio.sleep),
                get=_nobody_answers,
            )
        return VENDORS[self.vendor].open(spec, root)

    def body(self, report: object) -> bytes:
        """A report as the vendor writes it down."""
        if self.form and isinstance(report, dict):
            return urlencode({str(name): value for name, value in report.items()}).encode()
        return json.dumps(report).encode()


async def _nobody_answers(url: str) -> bytes:
    raise NotSent("connect")


def login(_body: bytes, _at: datetime) -> Headers:
    """Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def svix(body: bytes, at: datetime) -> Headers:
    """Resend's signature, by Svix's own library."""
    text = body.decode("latin-1").encode("latin-1").decode("utf-8", errors="ignore")
    return {
        "svix-id": "msg_1",
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(SVIX).sign("msg_1", at, text),
    }


def twilio(body: bytes, _at: datetime) -> Headers:
    """Twilio's signature, by its own library; of a form that it could have sent."""
    form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    url = f"{PUBLIC}/webhooks/sms/twilio"
    signature = RequestValidator(TWILIO).compute_signature(url, form)
    return {"X-Twilio-Signature": signature}


def reporters(message: str) -> list[Reporter]:
    """Every vendor that reports, each with the report that would do the most harm."""
    basic = {"webhook_user": USER, "webhook_password": Secret(PASSWORD)}
    token = {"token": Secret("a token of the API")}
    email = {"email": ADDRESS, "timestamp": 1_772_442_000, "reason": "550 unknown"}
    return [
        Reporter(
            vendor="postmark", channel="email", options={**token, **basic}, genuine=login,
            report={"RecordType": "SpamComplaint", "ID": 42, "MessageID": PROVIDER_ID,
                    "Email": ADDRESS, "BouncedAt": "2026-03-02T09:00:00Z",
                    "Metadata": {"relance_message": message}},
        ),
        Reporter(
            vendor="sendgrid", channel="email", options={**token, "webhook_key": _ECDSA},
            report={**email, "event": "spamreport", "sg_event_id": "e1",
                    "sg_message_id": PROVIDER_ID, "relance_message": message},
        ),
        Reporter(
            vendor="mailgun", channel="email",
            options={**token, "domain": "mg.shop.example", "webhook_key": Secret("k" * 32)},
            report={"signature": {"timestamp": "1772442000", "token": "t" * 50,
                                  "signature": "0" * 64},
                    "event-data": {"event": "complained", "id": "e1", "recipient": ADDRESS,
                                   "timestamp": 1772442000.5,
                                   "user-variables": {"relance_message": message}}},
        ),
        Reporter(
            vendor="ses", channel="email",
            options={"region": "eu-west-1", "access_key": "AKIAEXAMPLE", "topic_arn": TOPIC,
                     "secret_key": Secret("never on the wire")},
            report={"Type": "Notification", "MessageId": "n1", "TopicArn": TOPIC,
                    "Message": json.dumps({"eventType": "Complaint",
                                           "mail": {"tags": {"relance_message": [message]}}}),
                    "Timestamp": "2026-03-02T09:00:00.000Z", "SignatureVersion": "2",
                    "Signature": base64.b64encode(b"s" * 256).decode(),
                    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/S.pem"},
        ),
        Reporter(
            vendor="brevo", channel="email", options={**token, **basic}, genuine=login,
            report={**email, "event": "spam", "id": 7, "message-id": f"<{message}@shop.example>",
                    "X-Mailin-custom": message, "tags": ["winback"], "ts_event": 1_772_442_000},
        ),
        Reporter(
            vendor="brevo", channel="sms", options={**token, **basic}, genuine=login,
            report={"msg_status": "unsubscribe", "to": NUMBER, "messageId": 7, "id": 1,
                    "tag": message, "reply": "STOP", "ts_event": 1_772_442_000},
        ),
        Reporter(
            vendor="mailjet", channel="email", options={**token, "key": "k", **basic},
            genuine=login,
            report={**email, "event": "spam", "time": 1_772_442_000, "MessageID": 17,
                    "CustomID": message, "source": "JMRPP"},
        ),
        Reporter(
            vendor="resend", channel="email", options={**token, "webhook_key": Secret(SVIX)},
            genuine=svix,
            report={"type": "email.complained", "created_at": "2026-03-02T09:00:00.000Z",
                    "data": {"email_id": PROVIDER_ID, "to": [ADDRESS],
                             "tags": {"relance_message": message}}},
        ),
        Reporter(
            vendor="sparkpost", channel="email", options={**token, **basic}, genuine=login,
            report={"msys": {"message_event": {
                "type": "spam_complaint", "event_id": "9", "rcpt_to": ADDRESS,
                "timestamp": "1772442000", "rcpt_meta": {"relance_message": message}}}},
        ),
        Reporter(
            vendor="twilio", channel="sms", form=True, genuine=twilio,
            options={"account": "AC1", "token": Secret(TWILIO)},
            report={"MessageSid": "SM1", "AccountSid": "AC1", "From": NUMBER,
                    "To": "+33700000000", "Body": "STOP"},
        ),
        Reporter(
            vendor="vonage", channel="sms",
            options={"api_key": "k", "api_secret": Secret("s"),
                     "webhook_key": Secret("a signing secret of thirty-two b.")},
            report={"channel": "sms", "message_uuid": PROVIDER_ID, "from": NUMBER.strip("+"),
                    "to": "33700000000", "text": "STOP", "message_type": "text",
                    "timestamp": "2026-03-02T09:00:00Z", "client_ref": message},
        ),
        Reporter(
            vendor="sinch", channel="sms", genuine=login,
            options={**token, "service_plan_id": "plan", **basic},
            report={"type": "mo_text", "id": "i1", "from": NUMBER.strip("+"),
                    "to": "33700000000", "body": "STOP",
                    "received_at": "2026-03-02T09:00:00.000Z"},
        ),
        Reporter(
            vendor="infobip", channel="sms", genuine=login,
            options={"api_key": Secret("k"), "base_url": "https://x1.api.infobip.com", **basic},
            report={"results": [{"messageId": message, "from": NUMBER.strip("+"), "to": "33700000",
                                 "text": "STOP", "cleanText": "STOP",
                                 "receivedAt": "2026-03-02T09:00:00.000+0000"}]},
        ),
    ]  # fmt: skip
