"""The one retry policy: what certainly did not leave is tried again at once, a few times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from relance.errors import NotSent
from relance.providers.rate import Sleep

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 3
PATIENCE = 5.0  # seconds; a longer Retry-After is for the queue, not for a sleeping task

_BACK_OFF = wait_random_exponential(multiplier=0.25, max=PATIENCE)


class Retry:
    """Calls up to ATTEMPTS times while NotSent is raised, pausing as the vendor asked, or with
    exponential jitter. Anything else, and a longer wait than PATIENCE, goes to the caller."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep

    async def __call__(
        self, call: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        try:
            return await call(*args, **kwargs)  # nearly always; tenacity costs an eighth of a send
        except NotSent as error:
            failed: NotSent | None = error

        async def attempt() -> R:
            nonlocal failed
            if failed is not None:  # the first attempt is over already
                error, failed = failed, None
                raise error
            return await call(*args, **kwargs)

        # an AsyncRetrying keeps state per thread, not per task: each call needs its own
        policy = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(ATTEMPTS),
            wait=_pause,
            retry=retry_if_exception(_worth_it),
            reraise=True,
        )
        return await policy(attempt)


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, NotSent) and (error.retry_after or 0.0) <= PATIENCE


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, NotSent) else None
    return _BACK_OFF(state) if asked is None else asked
