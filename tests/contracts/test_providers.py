"""Every vendor through the same cases, against a server that answers or fails as told.

A new HTTP vendor joins by one line in HTTP_VENDORS.
"""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

import loopback
from contracts.http_vendors import ADDRESS, HTTP_VENDORS, NUMBER, TOKEN, Http
from loopback import Answer, Fault, Loopback
from relance.domain.channel import CHANNELS
from relance.domain.message import Accepted, Outgoing
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import VENDORS, Provider, vendor_specs


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
