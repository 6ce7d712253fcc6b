"""Every vendor through the same cases, against a server that answers or fails as told.

A new HTTP vendor joins by one line in HTTP_VENDORS.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import loopback
from loopback import Answer, Fault, Loopback
from relance.domain.channel import CHANNELS
from relance.domain.message import Accepted, Email, Notice, Outgoing, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import VENDORS, Provider, vendor_specs
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


class Naps:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture(params=HTTP_VENDORS, ids=lambda vendor: vendor.name)
def http(request: pytest.FixtureRequest) -> Http:
    return request.param


def opened(http: Http, url: str, naps: Naps | None = None, timeout: float = 5.0) -> Provider:
    channel = ChannelSpec(
        name=http.channel,
        provider=http.name,
        sender=getattr(http.message(1), "sender", ""),
        options={**http.options, http.address: url, "timeout": timeout},
    )
    return VENDORS[http.name].open(channel, Path("/nowhere"), sleep=naps or Naps())


async def outcome(provider: Provider, message: Outgoing) -> Accepted | SendError:
    """What became of one message, whether it was answered or raised."""
    try:
        (answer,) = await provider.send([message])
    except SendError as error:
        return error
    return answer


async def one_send(
    http: Http, script: loopback.Script, *, timeout: float = 5.0
) -> tuple[Accepted | SendError, Loopback, Naps]:
    naps = Naps()
    async with Loopback(script) as vendor:
        provider = opened(http, vendor.url, naps, timeout)
        try:
            return await outcome(provider, http.message(1)), vendor, naps
        finally:
            await provider.close()


def always(answer: Answer) -> loopback.Script:
    return lambda _: answer


async def test_an_accepted_message_carries_the_vendors_id_and_is_posted_once(http: Http) -> None:
    answer, vendor, _ = await one_send(http, http.accepts)
    assert isinstance(answer, Accepted)
    assert answer.message_id == "message1"
    assert answer.provider_id
    assert len(vendor.seen) == 1


async def test_a_refused_recipient_is_never_tried_again(http: Http) -> None:
    answer, vendor, _ = await one_send(http, always(http.refusal))
    assert isinstance(answer, Refused)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 302])
async def test_a_vendor_that_refuses_us_pauses_the_channel(http: Http, status: int) -> None:
    answer, vendor, _ = await one_send(http, always(Answer(status=status)))
    assert isinstance(answer, Paused)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_short_retry_after_is_waited_for_and_then_left_to_the_queue(
    http: Http, status: int
) -> None:
    script = always(Answer(status=status, headers={"Retry-After": "2"}))
    answer, vendor, naps = await one_send(http, script)
    assert isinstance(answer, NotSent)
    assert answer.retry_after == 2.0
    assert len(vendor.seen) == 3
    assert naps.seconds == [2.0, 2.0]


async def test_a_retry_after_date_is_held_against_the_vendors_own_clock(http: Http) -> None:
    headers = {
        "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
        "Retry-After": "Wed, 21 Oct 2015 07:30:00 GMT",
    }
    answer, vendor, naps = await one_send(http, always(Answer(status=429, headers=headers)))
    assert isinstance(answer, NotSent)
    assert answer.retry_after == 120.0
    assert len(vendor.seen) == 1
    assert naps.seconds == []


async def test_a_vendor_that_recovers_gets_the_message(http: Http) -> None:
    async with Loopback(http.accepts) as vendor:
        vendor.script = lambda request: (
            Answer(status=503) if len(vendor.seen) == 1 else http.accepts(request)
        )
        provider = opened(http, vendor.url)
        assert isinstance(await outcome(provider, http.message(1)), Accepted)
        await provider.close()
    assert len(vendor.seen) == 2


@pytest.mark.parametrize("status", [500, 502, 504, 520])
async def test_a_broken_vendor_may_have_sent_the_message(http: Http, status: int) -> None:
    answer, vendor, _ = await one_send(http, always(Answer(status=status)))
    assert isinstance(answer, Unsure)
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("fault", [f for f in Fault if f not in {Fault.HANG, Fault.DRIP}])
async def test_a_connection_lost_after_the_request_is_unsure_and_not_repeated(
    http: Http, fault: Fault
) -> None:
    answer, vendor, _ = await one_send(
        http, lambda request: Answer(body=http.accepts(request).body, fault=fault)
    )
    assert isinstance(answer, Unsure)
    assert len(vendor.seen) == 1


async def test_a_vendor_that_never_answers_is_unsure_after_the_timeout(http: Http) -> None:
    answer, vendor, _ = await one_send(http, always(Answer(fault=Fault.HANG)), timeout=0.3)
    assert isinstance(answer, Unsure)
    assert answer.reason == "read_timeout"
    assert len(vendor.seen) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"sid": ', b"{}", b"[]", b"null", b'"ok"'])
async def test_a_success_that_cannot_be_read_is_unsure(http: Http, body: bytes) -> None:
    answer, vendor, _ = await one_send(http, always(Answer(body=body)))
    assert isinstance(answer, Unsure if http.words else Accepted)
    assert len(vendor.seen) == 1


async def test_nobody_listening_means_not_sent(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    naps = Naps()
    provider = opened(http, f"http://127.0.0.1:{port}", naps)
    answer = await outcome(provider, http.message(1))
    await provider.close()
    assert isinstance(answer, NotSent)
    assert answer.reason == "connect"
    assert len(naps.seconds) == 2


async def test_after_a_fault_the_next_message_gets_through(http: Http) -> None:
    async with Loopback(http.accepts) as vendor:
        provider = opened(http, vendor.url)
        vendor.script = always(Answer(fault=Fault.RESET))
        assert isinstance(await outcome(provider, http.message(1)), Unsure)
        vendor.script = http.accepts
        assert isinstance(await outcome(provider, http.message(2)), Accepted)
        await provider.close()


async def test_a_closed_provider_can_be_used_again(http: Http) -> None:
    async with Loopback(http.accepts) as vendor:
        provider = opened(http, vendor.url)
        await outcome(provider, http.message(1))
        await provider.close()
        assert isinstance(await outcome(provider, http.message(2)), Accepted)
        await provider.close()
        await provider.close()


def texts_of(error: BaseException | None) -> str:
    """Everything that a traceback or a log line of this error could show."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__
    return "\n".join(texts)


@pytest.mark.parametrize("status", [400, 401, 422, 429, 500])
async def test_no_error_shows_an_address_or_the_token(http: Http, status: int) -> None:
    everything = f"{ADDRESS} {NUMBER} {TOKEN}"
    body = json.dumps(
        {"ErrorCode": 300, "code": 21211, "message": everything, "Message": everything}
    )
    answer, _, _ = await one_send(http, always(Answer(status=status, body=body.encode())))
    assert isinstance(answer, SendError)
    for secret in (ADDRESS, NUMBER, TOKEN):
        assert secret not in texts_of(answer)


async def test_the_token_goes_on_the_wire_and_into_no_repr(http: Http) -> None:
    _, vendor, _ = await one_send(http, http.accepts)
    (seen,) = vendor.seen
    values = " ".join(seen.headers.values())
    scheme, _, coded = seen.headers.get("authorization", "").partition(" ")
    basic = base64.b64decode(coded).decode() if scheme == "Basic" else ""
    assert (TOKEN in values + basic) is http.words
    assert TOKEN not in seen.path
    provider = opened(http, "http://127.0.0.1:1")
    assert TOKEN not in repr(vars(provider))


def test_a_plain_address_in_the_open_internet_is_refused(http: Http) -> None:
    channel = ChannelSpec(
        name="email",
        provider=http.name,
        sender="",
        options={**http.options, http.address: "http://api.example.com"},
        path="config/relance.yaml:20:3",
    )
    (problem,) = VENDORS[http.name].problems(channel, Path("/nowhere"))
    where = f"channels.email.{http.address}"
    assert str(problem).startswith(f"config/relance.yaml:20:3: {where}: must be https")
    assert (problem.path, problem.line, problem.column) == ("config/relance.yaml", 20, 3)


@pytest.mark.parametrize("name", list(VENDORS))
def test_every_vendor_says_what_it_takes(name: str) -> None:
    spec = vendor_specs()[name]
    assert spec.name == name
    assert spec.channels <= CHANNELS.keys()
    assert all(option.description.endswith(".") for option in spec.options)
    assert len({option.name for option in spec.options}) == len(spec.options)


def test_every_http_vendor_goes_through_these_cases() -> None:
    with_an_address = {
        name
        for name, spec in vendor_specs().items()
        if any(option.name in {"base_url", "url"} for option in spec.options)
    }
    assert with_an_address == {vendor.name for vendor in HTTP_VENDORS}


async def test_a_text_that_no_wire_can_carry_stops_only_its_message(http: Http) -> None:
    async with Loopback(http.accepts) as vendor:
        provider = opened(http, vendor.url)
        try:
            broken = replace(http.message(1), text="half a character: \ud83d")
            refused = await outcome(provider, broken)
            assert not vendor.seen
            (*neighbours,) = [http.message(n) for n in range(2, 1 + max(2, provider.batch_size))][
                :3
            ]
            answers = [await outcome(provider, message) for message in neighbours]
            if provider.batch_size > len(neighbours):
                answers += (await provider.send([*neighbours, broken]))[:-1]
        finally:
            await provider.close()
    assert isinstance(refused, Refused)
    assert refused.reason == "invalid_text"
    assert all(isinstance(answer, Accepted) for answer in answers)
