"""The channels: what each writes to, and whether it is the customer who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelKind:
    """One channel. `address` is the customer attribute that it writes to.

    None means that it tells the company's own people (a sales team, another system): nobody's
    consent is asked, and neither quiet hours nor frequency caps apply.
    """

    name: str
    address: str | None
    file: str  # the template's file, as a person would name it
    description: str

    @property
    def personal(self) -> bool:
        """Whether the customer is written to."""
        return self.address is not None


CHANNELS: Mapping[str, ChannelKind] = {
    kind.name: kind
    for kind in (
        ChannelKind(
            name="email",
            address="email",
            file="email.html or email.mjml",
            description="How e-mail is sent.",
        ),
        ChannelKind(
            name="sms", address="phone", file="sms.txt", description="How text messages are sent."
        ),
        ChannelKind(
            name="whatsapp",
            address="phone",
            file="whatsapp.txt",
            description="How WhatsApp messages are sent.",
        ),
        ChannelKind(
            name="slack",
            address=None,
            file="slack.txt",
            description="How the company's own people are told, in Slack.",
        ),
        ChannelKind(
            name="webhook",
            address=None,
            file="webhook.txt",
            description="How another system of the company's is told, by signed JSON.",
        ),
    )
}


def is_personal(channel: str) -> bool:
    """Whether a channel writes to the customer; one that nobody knows is taken to."""
    kind = CHANNELS.get(channel)
    return kind is None or kind.personal
