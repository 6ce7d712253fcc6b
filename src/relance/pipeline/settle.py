"""What an answer of a provider means for a message: the error's class is the decision."""

from __future__ import annotations

from datetime import datetime

from relance.domain.ledger import Claimed, Outcome
from relance.domain.message import Accepted, MessageState
from relance.domain.retry import retry_at
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.pipeline.ports import Provider
from relance.pipeline.recheck import put_back

GAVE_UP = "gave_up"
PAUSED = "provider_paused"
STOPPED = "worker_stopped"
BUG = "provider_bug"


def settle(
    message: Claimed, answer: Accepted | Exception, provider: Provider, at: datetime
) -> Outcome:
    """The next state of a message that was handed to a provider.

    What is neither Accepted nor a SendError is a bug of the provider: the message may have
    left, so it is unknown, never lost and never repeated.
    """
    match answer:
        case Accepted():
            return _accepted(message, answer, provider, at)
        case Paused():
            return put_back(message, at, due_at=message.due_at, reason=PAUSED)
        case NotSent():
            return _again(message, answer, provider, at) or _ended(
                message, MessageState.FAILED, GAVE_UP, answer, provider, at
            )
        case Refused():
            return _ended(message, MessageState.FAILED, answer.reason, answer, provider, at)
        case Unsure():
            again = _again(message, answer, provider, at) if provider.idempotent else None
            return again or _ended(
                message, MessageState.UNKNOWN, answer.reason, answer, provider, at
            )
        case _:
            return _ended(message, MessageState.UNKNOWN, BUG, answer, provider, at)


def _accepted(message: Claimed, answer: Accepted, provider: Provider, at: datetime) -> Outcome:
    return Outcome(
        message=message.id,
        state=MessageState.ACCEPTED,
        at=answer.at or at,
        provider=provider.name,
        provider_id=answer.provider_id,
    )


def _again(message: Claimed, answer: SendError, provider: Provider, at: datetime) -> Outcome | None:
    due_at = retry_at(message.id, message.attempts, at, answer.retry_after)
    if due_at is None:
        return None
    return Outcome(
        message=message.id,
        state=MessageState.QUEUED,
        at=at,
        provider=provider.name,
        reason=answer.reason,
        detail=answer.detail or "",
        due_at=due_at,
    )


def _ended(
    message: Claimed,
    state: MessageState,
    reason: str,
    answer: Exception,
    provider: Provider,
    at: datetime,
) -> Outcome:
    return Outcome(
        message=message.id,
        state=state,
        at=at,
        provider=provider.name,
        reason=reason,
        detail=_detail(answer, reason),
        suppress=isinstance(answer, Refused) and answer.unsubscribe,
    )


def _detail(answer: Exception, reason: str) -> str:
    """What providers say is safe to store; an unforeseen exception's text may hold an address."""
    if not isinstance(answer, SendError):
        return type(answer).__name__
    return str(answer) if reason == GAVE_UP else answer.detail or ""
