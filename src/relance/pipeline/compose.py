"""From a message that may be sent to what goes on the wire: the text, addressed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from relance.domain.channel import is_personal
from relance.domain.ledger import Outcome, Skip
from relance.domain.message import Email, Notice, Outgoing, Rendered, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import RenderError
from relance.pipeline.outcomes import skip
from relance.pipeline.ports import Links, Renderer
from relance.pipeline.recheck import Ready

UNSUBSCRIBE = "message.unsubscribe_url"
PREFERENCES = "message.preferences_url"

# RFC 8058: a mail program may unsubscribe by one POST, without showing a page
_ONE_CLICK = "List-Unsubscribe=One-Click"


class Composer:
    """Renders and addresses messages. Without `links` nothing leads back to us."""

    def __init__(self, renderer: Renderer, links: Links | None) -> None:
        self._renderer = renderer
        self._links = links
        self._own_names = lru_cache(maxsize=None)(renderer.message_names)

    def compose(self, ready: Ready, channel: ChannelSpec, at: datetime) -> Outgoing:
        """Render and address one message. Raises RenderError; never half a text."""
        message = ready.message
        links = self._links_of(ready, channel)
        rendered = self._renderer.render(
            message.template,
            message.channel,
            locale=ready.locale,
            values={
                **ready.values,
                "message.id": message.id,
                "message.trigger": message.trigger,
                **links,
            },
        )
        if not is_personal(channel.name):
            return _notice(ready, rendered, at)
        if channel.name == "email":
            return _email(ready, rendered, channel, at, links.get(UNSUBSCRIBE))
        return _sms(ready, rendered, channel, at)

    def _links_of(self, ready: Ready, channel: ChannelSpec) -> Mapping[str, str]:
        """The links that the text or the header uses: each costs a signature."""
        if self._links is None or not is_personal(channel.name):
            return {}
        message = ready.message
        wanted = self._own_names(message.template, message.channel)
        found = {}
        if UNSUBSCRIBE in wanted or channel.name == "email":
            found[UNSUBSCRIBE] = self._links.unsubscribe(message, ready.locale)
        if PREFERENCES in wanted:
            found[PREFERENCES] = self._links.preferences(message, ready.locale)
        return found


def _email(
    ready: Ready,
    rendered: Rendered,
    channel: ChannelSpec,
    at: datetime,
    unsubscribe: str | None,
) -> Email:
    headers = channel.headers
    if unsubscribe is not None:
        headers = {
            **headers,
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": _ONE_CLICK,
        }
    return Email(
        message_id=ready.message.id,
        trigger=ready.message.trigger,
        to=ready.address.text,
        sender=rendered.sender or channel.sender,
        subject=rendered.subject,
        html_parts=rendered.html_parts,
        text=rendered.text,
        reply_to=channel.reply_to,
        headers=headers,
        tags=channel.tags,
        at=at,
    )


def _sms(ready: Ready, rendered: Rendered, channel: ChannelSpec, at: datetime) -> Sms:
    return Sms(
        message_id=ready.message.id,
        trigger=ready.message.trigger,
        to=ready.address.text,
        sender=channel.sender,
        text=rendered.text,
        channel=channel.name,
        content=rendered.content,
        tags=channel.tags,
        at=at,
    )


def _notice(ready: Ready, rendered: Rendered, at: datetime) -> Notice:
    message = ready.message
    return Notice(
        message_id=message.id,
        trigger=message.trigger,
        customer=ready.customer,
        text=rendered.text,
        entered_at=message.entry_at,
        at=at,
    )


def unrendered(ready: Ready, error: RenderError, at: datetime) -> Outcome:
    """A message whose text cannot be made is not sent; the located problem is kept."""
    return skip(ready.message, at, Skip.TEMPLATE, detail=str(error.problem))
