"""What an answer of a provider means for a message: the error's class is the decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from relance.domain.ledger import Claimed, Outcome, Skip
from relance.domain.message import Accepted, MessageState
from relance.domain.retry import key_holds, retry_at
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.pipeline.outcomes import put_back, too_late

GAVE_UP = "gave_up"
PAUSED = "provider_paused"
STOPPED = "worker_stopped"
BUG = "provider_bug"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """A message that `worker` handed to a provider at `at`; `window` is how long the provider
    sends the same message id once, None for not at all."""

    message: Claimed
    provider: str
    at: datetime
    window: timedelta | None
    worker: str = ""

    @property
    def since(self) -> datetime:
        """The first time that it may have left, if it may have now."""
        return self.message.doubtful_at or self.at


def settle(sending: Sending, answer: Accepted | Exception, at: datetime) -> Outcome:
    """The next state of a message that was handed to a provider.

    What is neither Accepted nor a SendError is a bug of the provider: the message may have
    left, so it is unknown, never lost and never repeated. One that may have left before is not
    declared unsent by a later answer.
    """
    match answer:
        case Accepted():
            return _accepted(sending, answer, at)
        case Paused():
            return put_back(sending.message, at, reason=PAUSED)
        case NotSent():
            return _not_sent(sending, answer, at)
        case Refused():
            return _ended(sending, MessageState.FAILED, answer.reason, answer, at)
        case Unsure():
            return _unsure(sending, answer, at)
        case _:
            return _ended(sending, MessageState.UNKNOWN, BUG, answer, at)


def _accepted(sending: Sending, answer: Accepted, at: datetime) -> Outcome:
    return Outcome(
        message=sending.message.id,
        state=MessageState.ACCEPTED,
        at=answer.at or at,
        provider=sending.provider,
        provider_id=answer.provider_id,
        worker=sending.worker,
    )


def _not_sent(sending: Sending, answer: NotSent, at: datetime) -> Outcome:
    """Again later, unless that would be too often or too late."""
    message = sending.message
    due_at = retry_at(message.id, message.attempts, at, answer.retry_after)
    if due_at is None:
        return _ended(sending, MessageState.FAILED, GAVE_UP, answer, at)
    if too_late(message, due_at):
        return _ended(sending, MessageState.SKIPPED, Skip.EXPIRED, answer, at)
    if message.doubtful_at is not None and not _repeatable(sending, due_at):
        return _ended(sending, MessageState.UNKNOWN, answer.reason, answer, at)
    return _again(sending, answer, at, due_at, doubtful=False)


def _unsure(sending: Sending, answer: Unsure, at: datetime) -> Outcome:
    """Again only where the vendor would notice the repeat, and while it still does."""
    message = sending.message
    due_at = retry_at(message.id, message.attempts, at, answer.retry_after)
    if due_at is None or too_late(message, due_at) or not _repeatable(sending, due_at):
        return _ended(sending, MessageState.UNKNOWN, answer.reason, answer, at)
    return _again(sending, answer, at, due_at, doubtful=True)


def _repeatable(sending: Sending, at: datetime) -> bool:
    return key_holds(sending.window, sending.since, at)


def _again(
    sending: Sending, answer: SendError, at: datetime, due_at: datetime, *, doubtful: bool
) -> Outcome:
    return Outcome(
        message=sending.message.id,
        state=MessageState.QUEUED,
        at=at,
        provider=sending.provider,
        reason=answer.reason,
        detail=answer.detail or "",
        due_at=due_at,
        doubtful=doubtful,
    )


def _ended(
    sending: Sending, state: MessageState, reason: str, answer: Exception, at: datetime
) -> Outcome:
    return Outcome(
        message=sending.message.id,
        state=state if sending.message.doubtful_at is None else MessageState.UNKNOWN,
        at=at,
        provider=sending.provider,
        reason=str(reason),
        detail=_detail(answer, reason),
        suppress=isinstance(answer, Refused) and answer.unsubscribe,
    )


def _detail(answer: Exception, reason: str) -> str:
    """What providers say is safe to store; an unforeseen exception's text may hold an address."""
    if not isinstance(answer, SendError):
        return type(answer).__name__
    return str(answer) if reason in (GAVE_UP, Skip.EXPIRED) else answer.detail or ""
