"""A scripted mail server: whatever it says, wherever it falls silent or hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from relance.domain.message import Accepted
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.settings import Secret
from smtp_client import ADDRESS, PASSWORD, one_send, opened, outcome

GREETING = ["220 hello", "250 hello", "250 sender", "250 recipient", "354 go on"]
HANG, CLOSE = "hang", "close"


@contextlib.asynccontextmanager
async def scripted(lines: Sequence[str]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that says these lines one by one, whatever it hears, and then hangs or closes.

    Shows how far each connection came. A message's text is one thing heard.
    """
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for said in lines:
                if said == HANG:
                    await reader.read()
                elif said != CLOSE:
                    writer.write(f"{said}\r\n".encode())
                    end = b"\r\n.\r\n" if said.startswith("354") else b"\r\n"
                    heard.append((await reader.readuntil(end)).decode()[:4].strip())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await server.wait_closed()


async def test_a_connection_lost_after_the_text_is_unsure_and_not_repeated() -> None:
    async with scripted([*GREETING, CLOSE]) as (port, heard):
        answer = await one_send(port)
    assert isinstance(answer, Unsure)
    assert answer.reason == "disconnected"
    assert heard.count("DATA") == 1


async def test_a_server_silent_after_the_text_is_unsure() -> None:
    async with scripted([*GREETING, HANG]) as (port, heard):
        answer = await one_send(port, timeout=0.5)
    assert isinstance(answer, Unsure)
    assert answer.reason == "read_timeout"
    assert heard.count("DATA") == 1


async def test_gibberish_after_the_text_is_unsure() -> None:
    async with scripted([*GREETING, "who are you"]) as (port, _):
        answer = await one_send(port, timeout=1)
    assert isinstance(answer, Unsure)


@pytest.mark.parametrize("said", range(5))
async def test_a_connection_lost_before_the_text_is_tried_again(said: int) -> None:
    """DATA itself is the border: from there on nobody knows what the server has kept."""
    async with scripted([*GREETING[:said], CLOSE]) as (port, heard):
        answer = await one_send(port)
    certain = said < 4
    assert type(answer) is (NotSent if certain else Unsure)
    assert heard.count("EHLO") == (0 if said == 0 else 3 if certain else 1)


async def test_a_server_that_shuts_down_politely_is_tried_again() -> None:
    async with scripted([*GREETING[:2], "421 4.3.2 shutting down"]) as (port, heard):
        answer = await one_send(port)
    assert isinstance(answer, NotSent)
    assert heard.count("MAIL") == 3


async def test_a_server_that_bars_us_pauses() -> None:
    async with scripted(["554 5.7.1 your address is on a list"]) as (port, _):
        answer = await one_send(port)
    assert isinstance(answer, Paused)


async def test_a_cancelled_send_does_not_leave_its_answer_to_the_next() -> None:
    async with scripted([*GREETING, HANG]) as (port, heard):
        provider = opened(port)
        sending = asyncio.create_task(outcome(provider))
        while "From" not in heard:  # the text itself
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert provider._server._client is not None
        assert not provider._server._client.is_connected
        await provider.close()


async def test_nobody_listening_means_not_sent() -> None:
    async with scripted([]) as (port, _):
        pass
    answer = await one_send(port)
    assert isinstance(answer, NotSent)
    assert answer.reason == "connect"


WITH_LOGIN = "250-hello\r\n250 AUTH PLAIN"
LOGGED_IN = ["220 hello", WITH_LOGIN, "235 2.7.0 welcome", WITH_LOGIN]


async def refused_at(lines: Sequence[str]) -> tuple[Accepted | SendError, list[str]]:
    """A send with a login to a server that says these lines and then hangs up."""
    async with scripted([*lines, CLOSE]) as (port, heard):
        answer = await one_send(port, username="u", password=Secret(PASSWORD))
    return answer, heard


@pytest.mark.parametrize(
    ("before", "reply", "decision", "told"),
    [
        ([], "421 4.3.2 too busy", NotSent, "SMTP 421"),
        ([], "554 5.7.1 no", Paused, "SMTP 554"),
        # a server that takes no EHLO is greeted with HELO
        (["220 hello", "502 5.5.1 what"], "451 4.3.0 later", NotSent, "SMTP 451"),
        (["220 hello", "502 5.5.1 what"], "550 5.7.1 no", Paused, "SMTP 550"),
        (LOGGED_IN[:2], "454 4.7.0 later", NotSent, "SMTP 454"),
        (LOGGED_IN[:2], "535 5.7.8 wrong", Paused, "SMTP 535"),
        (LOGGED_IN, "451 4.3.0 later", NotSent, "SMTP 451"),
        (LOGGED_IN, "530 5.7.0 no", Paused, "SMTP 530"),
        ([*LOGGED_IN, "250 ok"], "450 4.2.1 {address} greylisted", NotSent, "SMTP 450 4.2.1"),
        ([*LOGGED_IN, "250 ok"], "550 5.1.1 {address} unknown", Refused, "SMTP 550 5.1.1"),
        ([*LOGGED_IN, "250 ok", "250 ok"], "451 4.3.0 later", NotSent, "SMTP 451 4.3.0"),
        ([*LOGGED_IN, "250 ok", "250 ok"], "554 5.5.1 no", Refused, "SMTP 554 5.5.1"),
        ([*LOGGED_IN, "250 ok", "250 ok", "354 go"], "452 4.2.2 full", NotSent, "SMTP 452 4.2.2"),
        ([*LOGGED_IN, "250 ok", "250 ok", "354 go"], "554 5.6.0 spam", Refused, "SMTP 554 5.6.0"),
    ],
)
async def test_a_reply_at_any_stage_has_its_decision(
    before: Sequence[str], reply: str, decision: type[SendError], told: str
) -> None:
    answer, _ = await refused_at([*before, reply.format(address=ADDRESS)])
    assert type(answer) is decision
    assert told in str(answer)
    for secret in (ADDRESS, PASSWORD):
        assert secret not in f"{answer!r} {answer.__cause__!r}"


@pytest.mark.parametrize("said", range(8))
async def test_a_connection_lost_at_any_stage_with_a_login_is_unsure_from_the_text_on(
    said: int,
) -> None:
    whole = [*LOGGED_IN, "250 sender", "250 recipient", "354 go on"]
    answer, heard = await refused_at(whole[:said])
    certain = said < 6  # the server was asked for DATA
    assert type(answer) is (NotSent if certain else Unsure)
    assert heard.count("DATA") == (0 if certain else 1)


@pytest.mark.parametrize("said", range(6))
async def test_a_server_that_falls_silent_is_unsure_from_the_text_on(said: int) -> None:
    async with scripted([*GREETING[:said], HANG]) as (port, heard):
        answer = await one_send(port, timeout=0.15)
    certain = said < 4
    assert type(answer) is (NotSent if certain else Unsure)
    assert heard.count("DATA") == (0 if certain else 1)


async def test_a_server_that_answers_again_after_its_trouble_gets_the_message() -> None:
    async with scripted(["421 4.3.2 restarting", CLOSE]) as (port, _):
        provider = opened(port)
        assert isinstance(await outcome(provider), NotSent)
        await provider.close()
    async with scripted([*GREETING, "250 2.0.0 taken"]) as (port, heard):
        provider = opened(port)
        assert isinstance(await outcome(provider), Accepted)
        await provider.close()
    assert heard.count("DATA") == 1
