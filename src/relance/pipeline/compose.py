"""From a message that may be sent to what goes on the wire: the text, addressed."""

from __future__ import annotations

from datetime import datetime

from relance.domain.ledger import Outcome, Skip
from relance.domain.message import Email, MessageState, Outgoing, Rendered, Sms
from relance.domain.workspace import ChannelSpec
from relance.errors import RenderError
from relance.pipeline.ports import Renderer
from relance.pipeline.recheck import Ready


def compose(ready: Ready, channel: ChannelSpec, renderer: Renderer, at: datetime) -> Outgoing:
    """Render and address one message. Raises RenderError; never half a text."""
    message = ready.message
    rendered = renderer.render(
        message.template, message.channel, locale=ready.locale, values=ready.values
    )
    if channel.name == "sms":
        return Sms(
            message_id=message.id,
            trigger=message.trigger,
            to=ready.address,
            sender=channel.sender,
            text=rendered.text,
            at=at,
        )
    return _email(ready, rendered, channel, at)


def _email(ready: Ready, rendered: Rendered, channel: ChannelSpec, at: datetime) -> Email:
    return Email(
        message_id=ready.message.id,
        trigger=ready.message.trigger,
        to=ready.address,
        sender=rendered.sender or channel.sender,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        at=at,
    )


def unrendered(ready: Ready, error: RenderError, at: datetime) -> Outcome:
    """A message whose text cannot be made is not sent; the located problem is kept."""
    return Outcome(
        message=ready.message.id,
        state=MessageState.SKIPPED,
        at=at,
        reason=Skip.TEMPLATE.value,
        detail=str(error.problem),
    )
