"""From a message to what goes on the wire: headers, links, and each channel's own form."""

from __future__ import annotations

import pytest

from delivery_fakes import AT, FakeLinks, make_trigger, message
from delivery_room import Room
from relance.domain.message import Email, Notice, Outgoing, Rendered, Sms
from relance.domain.trigger import Step
from relance.pipeline.compose import PREFERENCES, UNSUBSCRIBE

URL = "https://boutique.example/u/m00001"


def room_for(channel: str, links: FakeLinks | None = None) -> Room:
    trigger = make_trigger(steps=(Step(index=0, channel=channel, template="winback"),))
    room = Room(message(1, channel=channel), triggers={"winback": trigger}, channels=(channel,))
    room.links = links
    return room


async def sent(room: Room) -> Outgoing:
    await room.run()
    [outgoing] = [*room.email.got, *room.sms.got]
    return outgoing


async def test_an_email_carries_its_channels_headers_tags_and_address_for_replies():
    room = room_for("email")
    room.channel(reply_to="sav@boutique.example", headers={"X-Shop": "1"}, tags=("crm", "auto"))
    email = await sent(room)
    assert isinstance(email, Email)
    assert email.reply_to == "sav@boutique.example"
    assert email.headers == {"X-Shop": "1"}
    assert email.tags == ("crm", "auto")


async def test_an_email_offers_to_unsubscribe_by_one_click_where_a_link_leads_back():
    room = room_for("email", FakeLinks())
    room.channel(headers={"X-Shop": "1"})
    email = await sent(room)
    assert isinstance(email, Email)
    assert email.headers == {
        "X-Shop": "1",
        "List-Unsubscribe": f"<{URL}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def own_names(room: Room) -> set[str]:
    names = (name.partition(".") for name in room.renderer.rendered)
    return {name for group, _, name in names if group == "message"}


@pytest.mark.parametrize(
    ("channel", "used", "given", "made"),
    [
        ("email", set(), {"unsubscribe_url"}, 1),
        ("email", {PREFERENCES}, {"unsubscribe_url", "preferences_url"}, 2),
        ("sms", set(), set(), 0),
        ("sms", {UNSUBSCRIBE}, {"unsubscribe_url"}, 1),
        ("slack", {UNSUBSCRIBE}, set(), 0),
    ],
)
async def test_a_link_is_signed_only_where_the_text_or_a_header_uses_it(
    channel: str, used: set[str], given: set[str], made: int
):
    room = room_for(channel, FakeLinks())
    room.renderer.own = frozenset(used)
    await sent(room)
    assert own_names(room) == {"id", "trigger", *given}
    assert room.links is not None
    assert room.links.made == made


async def test_without_a_way_back_there_is_no_link():
    room = room_for("email")
    room.renderer.own = frozenset({UNSUBSCRIBE})
    email = await sent(room)
    assert isinstance(email, Email)
    assert email.headers == {}
    assert own_names(room) == {"id", "trigger"}


async def test_a_whatsapp_message_names_the_approved_text():
    room = room_for("whatsapp")
    room.renderer.render = lambda *a, **k: Rendered(text="1: Camille", content="HX1")  # type: ignore[method-assign]
    text = await sent(room)
    assert isinstance(text, Sms)
    assert (text.channel, text.content, text.to) == ("whatsapp", "HX1", "+33612345678")


@pytest.mark.parametrize("channel", ["slack", "webhook"])
async def test_the_companys_own_people_are_told_who_and_when_and_nobodys_address(channel: str):
    one = message(1)
    assert await sent(room_for(channel)) == Notice(
        message_id="m00001",
        trigger="winback",
        customer="c1",
        text="Bonjour Camille (fr)",
        entered_at=one.entry_at,
        at=AT,
    )
