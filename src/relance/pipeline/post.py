"""A letter to one of the company's own people: no consent is asked, and nothing is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from relance import logs
from relance.domain.message import Accepted, Email, Rendered
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, SendError, Unsure
from relance.logs import Action
from relance.pipeline.outlets import specs
from relance.pipeline.ports import Provider
from relance.pipeline.settle import BUG

log = logs.get("delivery")


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """An e-mail before it has a sender. `key` is its id, the same for every try; `about` stands
    where a message has its trigger, for the vendor's own statistics."""

    key: str
    about: str
    to: str = field(repr=False)
    text: Rendered
    at: datetime


async def post(letter: Letter, channel: ChannelSpec, providers: Sequence[Provider]) -> None:
    """Send a letter by the first of a channel's providers that takes it.

    Raises NotSent or Paused where it certainly left by none, Refused where it never will, and
    Unsure where it may have left.
    """
    stuck: SendError = NotSent("no_provider")
    for spec, provider in zip(specs(channel), providers, strict=True):
        try:
            await _send(_email(letter, spec), provider)
        except (NotSent, Paused) as error:
            stuck = error
        else:
            return
    raise stuck


def _email(letter: Letter, spec: ChannelSpec) -> Email:
    return Email(
        message_id=letter.key,
        trigger=letter.about,
        to=letter.to,
        sender=spec.sender,
        subject=letter.text.subject,
        html_parts=letter.text.html_parts,
        text=letter.text.text,
        reply_to=spec.reply_to,
        headers=spec.headers,
        tags=spec.tags,
        at=letter.at,
    )


async def _send(email: Email, provider: Provider) -> None:
    try:
        (answer,) = await provider.send([email])
    except SendError:
        raise
    except Exception as error:  # noqa: BLE001  a provider's bug: it may have left
        answer = error
    if isinstance(answer, Accepted):
        return
    if isinstance(answer, SendError):
        raise answer
    log.error(
        "A provider failed in an unforeseen way; the letter may have been sent",
        action=Action.MESSAGE_UNKNOWN,
        provider=provider.name,
        message=email.message_id,
        error=type(answer).__name__,
        where=logs.where(answer),
    )
    raise Unsure(BUG)
