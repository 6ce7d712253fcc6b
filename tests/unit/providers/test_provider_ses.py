"""Amazon SES's wire against botocore, its service model and moto."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers import mime
from relance.providers.ses import Ses, Settings, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import EMAIL, NOW, dumped

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MESSAGE = replace(EMAIL, at=NOW)


def channel(**options: object) -> ChannelSpec:
    options = {
        "region": "eu-west-1",
        "access_key": "AKIDEXAMPLE",
        "secret_key": Secret(SECRET),
        "configuration_set": "crm",
        **options,
    }
    return ChannelSpec(name="email", provider="ses", sender="", options=options)


def provider(**options: object) -> Ses:
    return Ses.open(channel(**options), Path("/nowhere"))


def amazons(url: str) -> BaseClient:
    """Amazon's own client."""
    return botocore.session.get_session().create_client(
        "sesv2",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=SECRET,
        aws_session_token="session",
    )


def parameters(message: Email) -> dict[str, object]:
    """What one would give Amazon's client."""
    return {
        "Destination": {"ToAddresses": ["chloe@example.com"]},
        "Content": {"Raw": {"Data": mime.to_bytes(message)}},
        "EmailTags": [
            {"Name": "relance_message", "Value": "abc1"},
            {"Name": "relance_trigger", "Value": "winback"},
            {"Name": "relance_tag_1", "Value": "hiver"},
            {"Name": "relance_tag_2", "Value": "vip"},
        ],
        "ConfigurationSetName": "crm",
    }


async def two_requests() -> tuple[Seen, Seen]:
    """Amazon's client's and ours, for the same message."""
    async with Loopback(loopback.ses) as vendor:
        client = amazons(vendor.url)
        await asyncio.to_thread(client.send_email, **parameters(MESSAGE))
        ours = provider(base_url=vendor.url, session_token=Secret("session"))
        (answer,) = await ours.send([MESSAGE])
        await ours.close()
        client.close()
    assert isinstance(answer, Accepted)
    theirs, mine = vendor.seen
    return theirs, mine


async def test_amazons_own_client_sends_the_same_request() -> None:
    theirs, mine = await two_requests()
    assert (mine.method, mine.path) == (theirs.method, theirs.path)
    assert mine.path == "/v2/email/outbound-emails"
    assert mine.json() == theirs.json()
    assert mine.headers["x-amz-security-token"] == theirs.headers["x-amz-security-token"]
    scope = re.compile(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/ses/aws4_request,")
    assert scope.match(theirs.headers["authorization"])
    assert scope.match(mine.headers["authorization"])


async def test_the_signature_is_that_of_the_bytes_that_arrived() -> None:
    for seen in await two_requests():
        assert _expected(seen) == seen.headers["authorization"].rpartition("Signature=")[2]


def _expected(seen: Seen) -> str:
    """The signature as a server works it out, from what it received."""
    named = re.search(r"SignedHeaders=([^,]+)", seen.headers["authorization"])
    assert named
    assert {"host", "content-type", "x-amz-date"} <= set(named[1].split(";"))
    signed = {name: seen.headers[name] for name in named[1].split(";")}
    request = AWSRequest(
        method=seen.method,
        url=f"http://{seen.headers['host']}{seen.path}",
        headers=signed,
        data=seen.body,
    )
    request.context["timestamp"] = seen.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), "ses", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


def test_the_service_model_has_nothing_against_the_body() -> None:
    body = json.loads(build([MESSAGE], configuration_set="crm").body)
    body["Content"]["Raw"]["Data"] = base64.b64decode(body["Content"]["Raw"]["Data"])
    model = botocore.session.get_session().get_service_model("sesv2")
    shape = model.operation_model("SendEmail").input_shape
    report = ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_text_that_leaves_is_the_mail_servers_own() -> None:
    body = json.loads(build([MESSAGE]).body)
    assert "ConfigurationSetName" not in body
    mail = message_from_bytes(base64.b64decode(body["Content"]["Raw"]["Data"]), policy=default)
    assert mail["From"] == "La Boutique été <bonjour@boutique.example>"
    assert mail["Subject"] == "Vous nous manquez 💌"
    assert mail["X-Relance-Message"] == "abc1"
    assert mail["List-Unsubscribe"] == "<https://boutique.example/u/1>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert max(len(line) for line in mail.as_bytes().splitlines()) < 1000


async def test_a_name_outside_ascii_before_the_at_sign_is_refused_by_name() -> None:
    ours = provider(base_url="http://127.0.0.1:1")
    (answer,) = await ours.send([replace(MESSAGE, to="chloé@example.com")])
    assert isinstance(answer, Refused)
    assert answer.reason == "needs_smtputf8"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def test_motos_amazon_takes_our_message(moto_url: str) -> None:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    client = amazons(moto_url)
    await asyncio.to_thread(client.create_email_identity, EmailIdentity="boutique.example")
    client.close()
    ours = provider(base_url=moto_url)
    (answer,) = await ours.send([MESSAGE])
    await ours.close()
    assert isinstance(answer, Accepted)
    sent = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages[-1]
    assert sent.id == answer.provider_id
    assert sent.source == "bonjour@boutique.example"
    assert set(sent.destinations) == {"chloe@example.com"}
    assert sent.raw_data == mime.to_bytes(MESSAGE).decode()


async def test_motos_amazon_refuses_a_sender_that_is_not_verified(moto_url: str) -> None:
    ours = provider(base_url=moto_url)
    stranger = replace(MESSAGE, sender="x@stranger.example")
    try:
        (answer,) = await ours.send([stranger])
    except SendError as error:
        answer = error
    await ours.close()
    assert isinstance(answer, Refused | Paused)


def error(status: int, name: str, message: str = "chloe@example.com") -> Response:
    header = f"{name}:http://internal.amazon.com/coral/com.amazonaws.services.sesv2/"
    headers = {"x-amzn-errortype": header} if name else {}
    return Response(status=status, body=dumped({"message": message}), headers=headers)


@pytest.mark.parametrize(
    ("response", "decision"),
    [
        (error(400, "MessageRejected", "Email address is not verified. eu: x@y"), Paused),
        (error(400, "MessageRejected", "Virus found"), Refused),
        (error(400, "BadRequestException"), Refused),
        (error(400, "AccountSuspendedException"), Paused),
        (error(400, "SendingPausedException"), Paused),
        (error(400, "MailFromDomainNotVerifiedException"), Paused),
        (error(400, "LimitExceededException"), Paused),
        (error(404, "NotFoundException"), Paused),
        (error(400, "ThrottlingException", "Rate exceeded"), NotSent),
        (error(429, "TooManyRequestsException", "Maximum sending rate exceeded."), NotSent),
        (error(429, "TooManyRequestsException", "Daily message quota exceeded."), Paused),
        (error(403, "InvalidSignatureException"), Paused),
        (error(403, "ExpiredTokenException"), Paused),
        (error(403, "AccessDeniedException"), Paused),
        (error(500, "InternalFailure"), Unsure),
        (error(503, "ServiceUnavailable"), NotSent),
        (error(400, ""), Refused),
    ],
)
def test_each_error_has_its_decision(response: Response, decision: type[SendError]) -> None:
    with pytest.raises(decision) as raised:
        read(response, [MESSAGE])
    assert type(raised.value) is decision
    assert "@" not in str(raised.value)


def test_an_errors_name_may_also_stand_in_the_body() -> None:
    body = dumped({"__type": "com.amazonaws.ses#SendingPausedException", "Message": "paused"})
    with pytest.raises(Paused, match="sending_paused"):
        read(Response(status=400, body=body), [MESSAGE])


def test_the_address_follows_from_the_region() -> None:
    settings = Settings.of(channel(), Path("/nowhere"))
    assert settings.endpoint.base_url == "https://email.eu-west-1.amazonaws.com"
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("spec", "where", "message"),
    [
        (channel(region="Ireland"), "region", "is not an AWS region"),
        (channel(secret_key=None), "secret_key", "needs secret_key"),
        (channel(access_key=None), "access_key", "needs access_key"),
        (channel(topic_arn="crm-events"), "topic_arn", "is not an SNS topic"),
        (replace(channel(), tags=("deux mots",)), "tags", "letters, digits"),
        (
            replace(channel(), headers={"X-SES-MESSAGE-TAGS": "a=b"}),
            "headers",
            "does not let X-SES",
        ),
    ],
)
def test_what_ses_cannot_do_is_refused_by_name(spec: ChannelSpec, where: str, message: str) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(spec, Path("/nowhere"))
    assert [p.where for p in raised.value.problems] == [f"channels.email.{where}"]


def test_a_missing_signer_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relance.providers.ses.find_spec", lambda name: None)
    with pytest.raises(WorkspaceError, match=r"pip install 'relance\[ses\]'"):
        Settings.of(channel(), Path("/nowhere"))
