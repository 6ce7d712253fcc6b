"""A message's life, and what a provider is given and answers.

queued → claimed → sending → accepted → delivered | bounced | complained
aside: failed (refused for good), unknown (may have been sent), skipped (with its reason),
ghost (held out: never sent, everything else the same).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class MessageState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    GHOST = "ghost"


def entry_id(trigger: str, version: str, customer: str, at: datetime) -> str:
    """The id of an entry: the same data and the same instant give the same id."""
    return entry_ids(trigger, version, [customer], at)[0]


def entry_ids(trigger: str, version: str, customers: Iterable[str], at: datetime) -> list[str]:
    """The ids of many entries of one trigger and instant, in the same order."""
    before, after = f"{trigger}\0{version}\0", f"\0{_written(at)}"
    return [_digest(f"{before}{customer}{after}") for customer in customers]


def message_id(entry: str, step: int) -> str:
    """The id of a message: also its idempotency key and its Message-ID's local part."""
    return _digest(f"{entry}\0{step}")


def _written(at: datetime) -> str:
    """An instant in one way of writing, whatever zone it is given in."""
    return at.astimezone(UTC).isoformat()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True, slots=True)
class Email:
    """An e-mail ready for the wire. `headers` are extra ones; nothing holds a line break.

    `html_parts` is as in Rendered. `at` is the instant of sending: the Date header and the
    outbox's folder come from it. `tags` are labels for the vendor's own statistics, beside the
    trigger.
    """

    message_id: str
    trigger: str
    to: str = field(repr=False)
    sender: str
    subject: str = field(repr=False)
    html_parts: tuple[str, ...] = field(repr=False)
    text: str = field(repr=False)
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    tags: tuple[str, ...] = ()

    @property
    def html(self) -> str:
        """The HTML in one text; empty where the message has none."""
        return "".join(self.html_parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sms:
    """A text message ready for the wire. `to` is E.164 (`+33612345678`); `at` as for e-mail.

    `channel` is sms or whatsapp. `content` names a text that the vendor approved beforehand
    (WhatsApp); `text` then holds its variables, one `name: value` a line.
    """

    message_id: str
    trigger: str
    to: str = field(repr=False)
    sender: str
    text: str = field(repr=False)
    at: datetime | None = None
    channel: str = "sms"
    content: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """News about a customer for the company's own people or systems; the customer gets nothing."""

    message_id: str
    trigger: str
    customer: str
    text: str = field(repr=False)
    entered_at: datetime
    at: datetime | None = None


Outgoing = Email | Sms | Notice


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A message as its vendor will read it: `pieces` one after the other are its part of a
    request that carries many.

    A batch holds these instead of the texts: the long pieces are those of other messages too.
    """

    message_id: str
    pieces: tuple[bytes, ...] = field(repr=False)


Sendable = Outgoing | Packed


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The provider took the message; `provider_id` is the provider's own id of it."""

    message_id: str
    provider_id: str | None
    at: datetime | None = None


class Fixed(str):
    """Text that is a template's own, nobody's value: the same object in every message."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A text ready to be addressed. `subject`, `html_parts` and `sender` are for e-mail only,
    `content` (the vendor's id of an approved text) for WhatsApp.

    The HTML is in parts because what stands between a customer's values is `Fixed`: most of an
    e-mail takes memory, and is written down for a vendor, once.
    """

    text: str = field(repr=False)
    subject: str = field(default="", repr=False)
    html_parts: tuple[str, ...] = field(default=(), repr=False)
    sender: str | None = None
    content: str | None = None

    @property
    def html(self) -> str:
        """The HTML in one text; empty where there is none."""
        return "".join(self.html_parts)
