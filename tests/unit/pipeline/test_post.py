"""A letter to the company's own people goes by the first provider that takes it."""

from __future__ import annotations

import pytest
import structlog

from delivery_fakes import AT
from relance.domain.message import Accepted, Email, Rendered
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.pipeline.post import Letter, post

LETTER = Letter(
    key="k1",
    about="report",
    to="ann@shop.example",
    text=Rendered(subject="Report", html_parts=("<p>Report</p>",), text="Report"),
    at=AT,
)
FALLBACK = ChannelSpec(name="email", provider="second", sender="Shop <two@shop.example>")
CHANNEL = ChannelSpec(
    name="email",
    provider="first",
    sender="Shop <one@shop.example>",
    reply_to="help@shop.example",
    headers={"X-Team": "crm"},
    tags=("crm",),
    fallback=FALLBACK,
)


class Way:
    """A provider that answers as it is told."""

    name = "way"

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.raises = False
        self.seen: list[Email] = []

    async def send(self, messages) -> list[Accepted | Exception]:
        self.seen += messages
        if not self.answers:
            return [Accepted(message_id=messages[0].message_id, provider_id="p")]
        if self.raises:
            raise self.answers.pop(0)
        return [self.answers.pop(0)]


async def posted(*ways: Way) -> None:
    await post(LETTER, CHANNEL, ways)  # type: ignore[arg-type]


async def test_it_is_addressed_as_the_channels_mail_is_and_offers_no_way_to_unsubscribe():
    first, second = Way(), Way()
    await posted(first, second)
    assert first.seen == [
        Email(
            message_id="k1",
            trigger="report",
            to="ann@shop.example",
            sender="Shop <one@shop.example>",
            subject="Report",
            html_parts=("<p>Report</p>",),
            text="Report",
            reply_to="help@shop.example",
            headers={"X-Team": "crm"},
            tags=("crm",),
            at=AT,
        )
    ]
    assert second.seen == []


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("error", [NotSent("timeout"), Paused("unauthorized")])
async def test_what_certainly_did_not_leave_goes_by_the_fallback_from_its_sender(
    error: SendError, raises: bool
):
    first, second = Way(error), Way()
    first.raises = raises
    await posted(first, second)
    assert [email.sender for email in second.seen] == ["Shop <two@shop.example>"]


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("error", [Refused("unknown_address"), Unsure("connection_lost")])
async def test_what_was_refused_or_may_have_left_does_not(error: SendError, raises: bool):
    first, second = Way(error), Way()
    first.raises = raises
    with pytest.raises(type(error), match=error.reason):
        await posted(first, second)
    assert second.seen == []


async def test_the_last_reason_is_told_where_nobody_takes_it():
    with pytest.raises(Paused, match="unauthorized"):
        await posted(Way(NotSent("timeout")), Way(Paused("unauthorized")))


@pytest.mark.parametrize("raises", [False, True])
async def test_a_bug_of_a_provider_may_have_sent_it_and_its_text_is_not_told(raises: bool):
    first, second = Way(KeyError("ann@shop.example")), Way()
    first.raises = raises
    with structlog.testing.capture_logs() as lines, pytest.raises(Unsure):
        await posted(first, second)
    assert second.seen == []
    assert "ann@" not in str(lines)
