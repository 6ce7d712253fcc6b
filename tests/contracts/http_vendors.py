"""Every HTTP vendor as the common cases know it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import loopback
from loopback import Answer
from relance.domain.message import Email, Notice, Outgoing, Sms
from relance.settings import Secret

TOKEN = "s3cret-t0ken-of-ours"
ADDRESS = "chloe.private@example.com"
NUMBER = "+33612345678"


def email(number: int = 1) -> Email:
    return Email(
        message_id=f"message{number}",
        trigger="winback",
        to=ADDRESS if number == 1 else f"customer{number}@example.com",
        sender="La Boutique <bonjour@boutique.example>",
        subject="Vous nous manquez",
        html_parts=("<p>Bonjour</p>",),
        text="Bonjour",
    )


def sms(number: int = 1) -> Sms:
    return Sms(
        message_id=f"message{number}",
        trigger="winback",
        to=NUMBER if number == 1 else f"+3361234{number:04}",
        sender="+33700000000",
        text="Bonjour",
    )


def notice(number: int = 1) -> Notice:
    return Notice(
        message_id=f"message{number}",
        trigger="winback",
        customer=f"c{number}",
        text=f"{ADDRESS} is slipping away",
        entered_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
    )


@dataclass(frozen=True, kw_only=True)
class Http:
    """What the suite must know of an HTTP vendor. `refusal` is its word for a bad recipient.

    `address` is the option that says where it is. `words`: whether a success is one only by what
    its body says, and credentials travel; neither holds of a receiver of signed notices.
    """

    name: str
    options: Mapping[str, object]
    message: Callable[[int], Outgoing]
    accepts: loopback.Script
    refusal: Answer
    address: str = "base_url"
    words: bool = True

    @property
    def channel(self) -> str:
        kinds = {Email: "email", Sms: "sms"}
        return kinds.get(type(self.message(1)), self.name)


HTTP_VENDORS = (
    Http(
        name="postmark",
        options={"token": Secret(TOKEN)},
        message=email,
        accepts=loopback.postmark,
        refusal=Answer(
            status=422,
            body=json.dumps({"ErrorCode": 406, "Message": f"inactive: {ADDRESS}"}).encode(),
        ),
    ),
    Http(
        name="sendgrid",
        options={"token": Secret(TOKEN)},
        message=email,
        accepts=loopback.sendgrid,
        refusal=Answer(
            status=400,
            body=json.dumps(
                {"errors": [{"message": f"bad: {ADDRESS}", "field": "personalizations.0.to"}]}
            ).encode(),
        ),
    ),
    Http(
        name="mailgun",
        options={"token": Secret(TOKEN), "domain": "mg.example.com"},
        message=email,
        accepts=loopback.mailgun,
        refusal=Answer(
            status=400,
            body=json.dumps({"message": f"'to' parameter is not valid: {ADDRESS}"}).encode(),
        ),
    ),
    Http(
        name="ses",
        options={
            "region": "eu-west-1",
            "access_key": "AKIAEXAMPLE",
            "secret_key": Secret("never on the wire"),
            "session_token": Secret(TOKEN),
        },
        message=email,
        accepts=loopback.ses,
        refusal=Answer(
            status=400,
            headers={"x-amzn-ErrorType": "MessageRejected"},
            body=json.dumps({"message": f"rejected: {ADDRESS}"}).encode(),
        ),
    ),
    Http(
        name="brevo",
        options={"token": Secret(TOKEN)},
        message=email,
        accepts=loopback.brevo,
        refusal=Answer(
            status=400,
            body=json.dumps({"code": "invalid_parameter", "message": f"bad: {ADDRESS}"}).encode(),
        ),
    ),
    Http(
        name="brevo",
        options={"token": Secret(TOKEN)},
        message=sms,
        accepts=loopback.brevo,
        refusal=Answer(
            status=400,
            body=json.dumps({"code": "invalid_parameter", "message": f"bad: {NUMBER}"}).encode(),
        ),
    ),
    Http(
        name="mailjet",
        options={"key": "public", "token": Secret(TOKEN)},
        message=email,
        accepts=loopback.mailjet,
        refusal=Answer(
            status=400,
            body=json.dumps(
                {"Messages": [{"Status": "error", "Errors": [{"ErrorCode": "mj-0013"}]}]}
            ).encode(),
        ),
    ),
    Http(
        name="resend",
        options={"token": Secret(TOKEN)},
        message=email,
        accepts=loopback.resend,
        refusal=Answer(
            status=422,
            body=json.dumps({"name": "validation_error", "message": f"bad: {ADDRESS}"}).encode(),
        ),
    ),
    Http(
        name="resend",
        options={"token": Secret(TOKEN), "batch": True},
        message=email,
        accepts=loopback.resend,
        refusal=Answer(
            body=json.dumps(
                {"data": [], "errors": [{"index": 0, "message": f"bad: {ADDRESS}"}]}
            ).encode(),
        ),
    ),
    Http(
        name="sparkpost",
        options={"token": Secret(TOKEN)},
        message=email,
        accepts=loopback.sparkpost,
        refusal=Answer(
            body=json.dumps(
                {
                    "errors": [{"code": "2000", "message": "validation errors"}],
                    "results": {
                        "id": "1",
                        "total_accepted_recipients": 0,
                        "rcpt_to_errors": [{"code": "1400", "message": f"bad: {ADDRESS}"}],
                    },
                }
            ).encode(),
        ),
    ),
    Http(
        name="twilio",
        options={"account": "AC123", "token": Secret(TOKEN)},
        message=sms,
        accepts=loopback.twilio,
        refusal=Answer(
            status=400,
            body=json.dumps({"code": 21211, "message": f"invalid: {NUMBER}"}).encode(),
        ),
    ),
    Http(
        name="vonage",
        options={"api_key": "abcd1234", "api_secret": Secret(TOKEN)},
        message=sms,
        accepts=loopback.vonage,
        refusal=Answer(
            status=422,
            body=json.dumps({"title": "Invalid params", "detail": f"bad: {NUMBER}"}).encode(),
        ),
    ),
    Http(
        name="ovh",
        options={
            "service_name": "sms-ab12345-1",
            "application_key": Secret(TOKEN),
            "application_secret": Secret("never on the wire"),
            "consumer_key": Secret("consumer"),
        },
        message=sms,
        accepts=loopback.ovh,
        refusal=Answer(
            body=json.dumps(
                {"invalidReceivers": [NUMBER], "ids": [], "validReceivers": []}
            ).encode()
        ),
    ),
    Http(
        name="sinch",
        options={"service_plan_id": "plan", "token": Secret(TOKEN)},
        message=sms,
        accepts=loopback.sinch,
        refusal=Answer(
            status=400,
            body=json.dumps(
                {"code": "syntax_invalid_parameter_format", "text": f"bad: {NUMBER}"}
            ).encode(),
        ),
    ),
    Http(
        name="infobip",
        options={"api_key": Secret(TOKEN)},
        message=sms,
        accepts=loopback.infobip,
        refusal=Answer(
            body=json.dumps(
                {"messages": [{"messageId": "message1", "status": {"groupId": 5, "id": 52}}]}
            ).encode()
        ),
    ),
    Http(
        name="webhook",
        options={"secret": Secret("whsec_" + base64.b64encode(TOKEN.encode() * 2).decode())},
        message=notice,
        accepts=loopback.receiver,
        refusal=Answer(status=422),
        address="url",
        words=False,
    ),
    Http(
        name="slack",
        options={"token": Secret(TOKEN), "channel": "C0123456789"},
        message=notice,
        accepts=loopback.slack,
        refusal=Answer(body=b'{"ok": false, "error": "msg_too_long"}'),
    ),
)
