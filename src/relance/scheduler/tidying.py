"""Letting go of live events that have been kept for long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import datetime

from relance import logs
from relance.errors import RelanceError
from relance.logs import Action

_EVERY = 3600.0  # seconds

Tidy = Callable[[datetime], int]
"""Drops what is kept for long enough at an instant; how many rows. Blocks."""

log = logs.get("scheduler")


async def keep_tidy(
    work: Callable[[], Tidy | None],
    clock: Callable[[], datetime],
    stop: asyncio.Event,
    troubles: MutableMapping[str, str],
) -> None:
    """Tidy up every hour until told to stop; `troubles` says under `live` what went wrong."""
    while not stop.is_set():
        now, trouble = work(), None
        if now is not None:
            trouble = await tidy(now, clock())
        troubles.pop("live", None)
        if trouble:
            troubles["live"] = trouble
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _EVERY)


async def tidy(work: Tidy, at: datetime) -> str | None:
    """One round; what went wrong, if anything. What was not dropped is, the next time."""
    try:
        gone = await asyncio.to_thread(work, at)
    except RelanceError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  a bug must not end the worker
        return f"{type(error).__name__} at {logs.where(error)}"
    if gone:
        log.info(
            "Live events have been kept for long enough", action=Action.LIVE_EXPIRED, dropped=gone
        )
    return None
