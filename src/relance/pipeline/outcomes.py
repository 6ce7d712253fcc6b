"""What becomes of a message that is not handed to a provider.

One that may have left already is never `skipped`: it becomes `unknown`, with the same reason.
"""

from __future__ import annotations

from datetime import datetime

from relance.domain.ledger import Claimed, Outcome, Skip
from relance.domain.message import MessageState

POSTPONED = "quiet_hours"
RELEASED = "released"
KEY_EXPIRED = "key_expired"
PROVIDER_GONE = "provider_gone"


def skip(
    message: Claimed, at: datetime, reason: str, *, provider: str = "", detail: str = ""
) -> Outcome:
    """The end of a message that must not be sent any more."""
    if message.doubtful_at is not None:
        return unknown(message, at, reason, detail=detail)
    return Outcome(
        message=message.id,
        state=MessageState.SKIPPED,
        at=at,
        provider=provider,
        reason=str(reason),
        detail=detail,
    )


def unknown(message: Claimed, at: datetime, reason: str, *, detail: str = "") -> Outcome:
    """The end of trying by itself: it may have left, and a repeat is not safe (any more)."""
    return Outcome(
        message=message.id,
        state=MessageState.UNKNOWN,
        at=at,
        provider=message.provider,
        reason=str(reason),
        detail=detail,
    )


def held_out(message: Claimed, at: datetime) -> Outcome:
    """The end of a ghost: the messages beside it went on the wire now."""
    return Outcome(message=message.id, state=MessageState.GHOST, at=at)


def put_back(
    message: Claimed, at: datetime, *, reason: str, due_at: datetime | None = None
) -> Outcome:
    """Back into the queue without an attempt: nothing was tried. As it was, unless `due_at`."""
    return Outcome(
        message=message.id,
        state=MessageState.QUEUED,
        at=at,
        due_at=due_at or message.due_at,
        reason=reason,
        attempted=False,
    )


def put_off(message: Claimed, at: datetime, *, until: datetime, reason: str) -> Outcome:
    """Back into the queue until later; at its end where that would be too late."""
    if too_late(message, until):
        return skip(message, at, Skip.EXPIRED)
    return put_back(message, at, reason=reason, due_at=until)


def too_late(message: Claimed, at: datetime) -> bool:
    """Whether the message would be of no use any more at an instant."""
    return message.expires_at is not None and at > message.expires_at
