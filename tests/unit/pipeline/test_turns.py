"""Texts are made, or a state in this process works: not both at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from delivery_fakes import make_trigger, message
from delivery_room import Room
from relance.domain.message import Rendered
from relance.domain.trigger import Step
from relance.pipeline.turns import Turns

CHANNELS = ("email", "sms")


async def texts_made_meanwhile(room: Room, name: str) -> int:
    """How many texts are made while the state does one thing: for another group, or channel."""
    loop = asyncio.get_running_loop()
    render, call = room.renderer.render, getattr(room.queue, name)
    texts = meanwhile = 0

    def counted(*arguments: object, **named: object) -> Rendered:
        nonlocal texts
        texts += 1
        return render(*arguments, **named)  # type: ignore[arg-type]

    async def moments() -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    def slow(*arguments: object) -> object:
        nonlocal meanwhile
        before = texts
        asyncio.run_coroutine_threadsafe(moments(), loop).result(timeout=30)
        meanwhile += texts - before
        return call(*arguments)

    room.renderer.render = counted  # type: ignore[method-assign,assignment]
    setattr(room.queue, name, slow)
    report = await room.run()
    assert report.accepted == 600
    return meanwhile


def two_channels() -> Room:
    steps = [Step(index=n, channel=name, template="winback") for n, name in enumerate(CHANNELS)]
    messages = (message(n, step=n % 2, channel=CHANNELS[n % 2]) for n in range(600))
    return Room(*messages, triggers={"winback": make_trigger(steps=tuple(steps))})


@pytest.mark.parametrize("name", ["claim", "sending", "record"])
async def test_no_text_is_made_while_a_state_in_this_process_works(name: str):
    room = two_channels()
    assert room.queue.in_process
    assert await texts_made_meanwhile(room, name) == 0


@pytest.mark.parametrize("name", ["claim", "sending", "record"])
async def test_texts_are_made_while_a_server_works(name: str):
    room = two_channels()
    room.queue.in_process = False
    assert await texts_made_meanwhile(room, name) > 0


@pytest.mark.parametrize("needed", [True, False])
async def test_who_fails_in_its_turn_does_not_keep_it(needed: bool):
    turns = Turns(needed=needed)
    with pytest.raises(ValueError, match="no text"):
        async with turns:
            raise ValueError("no text")
    async with asyncio.timeout(30), turns:
        pass


async def test_whoever_asked_first_is_next():
    turns, order = Turns(needed=True), list[str]()

    async def take(names: Sequence[str]) -> None:
        for name in names:
            async with turns:
                order.append(name)
                await asyncio.sleep(0)

    await asyncio.gather(take(["text 1", "text 2"]), take(["the state"]))
    assert order == ["text 1", "the state", "text 2"]
