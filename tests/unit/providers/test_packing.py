"""Messages written down for a batch before it is sent: the same wire, and the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loopback
from loopback import Loopback, Seen
from relance.domain.message import Accepted, Email, Fixed, Packed, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import Refused
from relance.providers import wire
from relance.providers.base import Provider
from relance.providers.postmark import Postmark
from relance.providers.resend import Resend
from relance.settings import Secret

EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@exämple.com",
    sender="La Boutique été <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=('<p class="hello">Bonjour</p>',),
    text="Bonjour\n",
    headers={"List-Unsubscribe": "<https://boutique.example/u/x>"},
)

TEXTS = st.text(max_size=20)
LONG = Fixed('<p class="hello">Bonjour</p>\n' * 200)
OTHER = Fixed("x" * 2_000)

Opened = Callable[[str], Provider]


def channel(url: str, **options: object) -> ChannelSpec:
    given = {"token": Secret("tok"), "base_url": url, **options}
    return ChannelSpec(name="email", provider="any", sender="", options=given, path="r.yaml:3:1")


@pytest.fixture(params=["postmark", "resend"])
def vendor(request: pytest.FixtureRequest) -> tuple[Opened, loopback.Script]:
    here = Path("/nowhere")
    if request.param == "postmark":
        return lambda url: Postmark.open(channel(url), here), loopback.postmark
    return lambda url: Resend.open(channel(url, batch=True), here), loopback.resend


def many(count: int) -> list[Email]:
    return [replace(EMAIL, message_id=f"id{n}", to=f"c{n}@example.com") for n in range(count)]


async def requests(
    vendor: tuple[Opened, loopback.Script], messages: list[Email], *, packed: bool
) -> tuple[list[Seen], list[object]]:
    opened, script = vendor
    async with Loopback(script) as server:
        provider = opened(server.url)
        sent = [provider.pack(each) if packed else each for each in messages]
        answers = await provider.send(sent)
        await provider.close()
    return server.seen, list(answers)


@pytest.mark.parametrize("count", [1, 2, 60])
async def test_packed_messages_are_the_same_request(
    vendor: tuple[Opened, loopback.Script], count: int
) -> None:
    messages = [
        replace(each, html_parts=(LONG, each.to, "é", LONG)) for each in many(count)
    ]  # several portions
    [plain], _ = await requests(vendor, messages, packed=False)
    [packed], answers = await requests(vendor, messages, packed=True)
    assert (packed.path, packed.body) == (plain.path, plain.body)
    assert packed.headers["content-length"] == plain.headers["content-length"]
    assert json.loads(packed.body)
    assert [a.message_id for a in answers if isinstance(a, Accepted)] == [
        each.message_id for each in messages
    ]


async def test_what_a_vendor_would_refuse_is_not_packed_and_refused_when_it_is_sent(
    vendor: tuple[Opened, loopback.Script],
) -> None:
    two = replace(EMAIL, to="a@x.example,b@x.example")
    garbled = replace(EMAIL, text="half a character: \ud83d")
    sms = Sms(message_id="s", trigger="winback", to="+33612345678", sender="x", text="y")
    provider = vendor[0]("http://127.0.0.1:1")
    assert [provider.pack(each) for each in (two, garbled, sms)] == [two, garbled, sms]
    assert isinstance(provider.pack(EMAIL), Packed)
    _, answers = await requests(vendor, [*many(2), two, garbled, *many(1)], packed=True)
    assert [type(each) for each in answers] == [Accepted, Accepted, Refused, Refused, Accepted]


def test_what_all_messages_of_a_template_say_is_written_down_once(
    vendor: tuple[Opened, loopback.Script],
) -> None:
    provider = vendor[0]("http://127.0.0.1:1")
    first, second = (
        provider.pack(replace(each, html_parts=(LONG, each.to, OTHER))) for each in many(2)
    )
    assert isinstance(first, Packed)
    assert isinstance(second, Packed)
    long = [[piece for piece in each.pieces if len(piece) > 1_000] for each in (first, second)]
    assert [one is other for one, other in zip(*long, strict=True)] == [True, True]
    assert sum(map(len, first.pieces)) - sum(map(len, long[0])) < 1_000
    assert json.loads(b"".join(first.pieces)) != json.loads(b"".join(second.pieces))


def test_what_only_one_message_says_is_kept_nowhere(
    vendor: tuple[Opened, loopback.Script],
) -> None:
    letter = "Dear Chloé, " * 500  # a finished e-mail, or a value that is long
    packed = vendor[0]("http://127.0.0.1:1").pack(replace(EMAIL, html_parts=(letter,)))
    assert isinstance(packed, Packed)
    written = wire._fixed.cache_info()  # type: ignore[attr-defined]
    again = vendor[0]("http://127.0.0.1:1").pack(replace(EMAIL, html_parts=(letter,)))
    assert isinstance(again, Packed)
    assert wire._fixed.cache_info() == written  # type: ignore[attr-defined]
    assert not {id(each) for each in packed.pieces} & {id(each) for each in again.pieces}


@given(parts=st.lists(TEXTS | TEXTS.map(Fixed), max_size=6))
def test_a_text_in_parts_is_written_down_as_the_text_in_one(parts: list[str]) -> None:
    fields = {"a": 'é"\\', "left out": ""}
    body = b"".join(wire.written(fields, "text", parts))
    text = "".join(parts)
    assert json.loads(body) == ({"a": 'é"\\', "text": text} if text else {"a": 'é"\\'})


@pytest.mark.parametrize("length", [1, 2_000])
def test_half_a_character_is_refused_however_long_the_part_with_it_is(
    vendor: tuple[Opened, loopback.Script], length: int
) -> None:
    garbled = replace(EMAIL, html_parts=("<p>", "x" * length + "\ud83d"))
    assert vendor[0]("http://127.0.0.1:1").pack(garbled) is garbled


def test_a_packed_message_shows_no_address_and_no_text(
    vendor: tuple[Opened, loopback.Script],
) -> None:
    packed = vendor[0]("http://127.0.0.1:1").pack(EMAIL)
    assert isinstance(packed, Packed)
    assert b"Bonjour" in b"".join(packed.pieces)
    assert "chloe" not in repr(packed)
    assert "Bonjour" not in repr(packed)
