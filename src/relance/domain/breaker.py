"""A circuit breaker: when a provider that fails is left alone, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

TOLERATED = 4  # failures in a row; the next one opens
_OPEN = timedelta(seconds=30)
_OPEN_LONGEST = timedelta(minutes=10)
_PAUSE = timedelta(minutes=1)
_PAUSE_LONGEST = timedelta(minutes=15)
_ASKED_LONGEST = timedelta(hours=1)  # whatever a vendor demands


class Gate(StrEnum):
    """Whether a provider may be used: freely, by one request that tries it, or not at all."""

    CLOSED = "closed"
    PROBE = "probe"
    OPEN = "open"


class Cause(StrEnum):
    """Why a breaker is open."""

    CIRCUIT_OPEN = "circuit_open"  # it fails
    PROVIDER_PAUSED = "provider_paused"  # it refuses us


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """One provider's state. `openings` counts those in a row, without a success in between.

    It opens for 30 seconds after five requests in a row that failed as a whole, and for a minute
    where the vendor refuses us; each further time twice as long, up to 10 and 15 minutes.
    """

    failures: int = 0
    openings: int = 0
    opened_at: datetime | None = None
    until: datetime | None = None
    cause: Cause = Cause.CIRCUIT_OPEN
    reason: str = ""

    def gate(self, at: datetime) -> Gate:
        """What may pass at an instant. A clock that was set back behind the opening does not
        keep it open."""
        if self.opened_at is None or self.until is None:
            return Gate.CLOSED
        return Gate.OPEN if self.opened_at <= at < self.until else Gate.PROBE

    def succeeded(self, at: datetime) -> Breaker:
        """After a request that the vendor answered. What was still on the wire when it opened
        does not close it: only the request that tries it does."""
        untroubled = self.opened_at is None and not self.failures
        return self if untroubled or self.gate(at) is Gate.OPEN else Breaker()

    def failed(self, reason: str, at: datetime, retry_after: float | None = None) -> Breaker:
        """After a request that failed as a whole. `retry_after` is the vendor's wish in seconds:
        it stays open at least that long, up to an hour."""
        asked = min(timedelta(seconds=retry_after or 0.0), _ASKED_LONGEST)
        match self.gate(at):
            case Gate.OPEN:
                return self._at_least(at + asked)
            case Gate.CLOSED if self.failures < TOLERATED:
                return replace(self, failures=self.failures + 1)
            case _:
                length = max(_doubled(_OPEN, self.openings, _OPEN_LONGEST), asked)
                return self._opened(Cause.CIRCUIT_OPEN, reason, at, length)

    def paused(self, reason: str, at: datetime) -> Breaker:
        """After an answer that refuses us, whatever the message."""
        if self.gate(at) is Gate.OPEN:
            return self
        length = _doubled(_PAUSE, self.openings, _PAUSE_LONGEST)
        return self._opened(Cause.PROVIDER_PAUSED, reason, at, length)

    def _opened(self, cause: Cause, reason: str, at: datetime, length: timedelta) -> Breaker:
        return Breaker(
            openings=self.openings + 1,
            opened_at=at,
            until=at + length,
            cause=cause,
            reason=reason,
        )

    def _at_least(self, until: datetime) -> Breaker:
        return replace(self, until=max(self.until or until, until))


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return min(first * (1 << min(times, 16)), longest)
