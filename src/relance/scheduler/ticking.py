"""The ticks of a worker: what is due is evaluated, and a tick that failed is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta

from relance import logs
from relance.errors import AlreadyEvaluated, RelanceError
from relance.logs import Action
from relance.pipeline.timetable import Due, Timetable
from relance.scheduler.jobs import Jobs

_LATE = timedelta(minutes=1)  # a tick later than this says so
# after a failed tick; the first because another worker may just have had the workbench
_RETRY = tuple(timedelta(minutes=m) for m in (1 / 12, 1, 5, 15, 60))

log = logs.get("scheduler")


class Ticker:
    """Runs one due tick at a time, and remembers what it has done; `once` never raises.

    `again` asks for another try after a while; `troubles` says under `tick` what went wrong.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        again: Callable[[timedelta], None],
        troubles: MutableMapping[str, str],
    ) -> None:
        self._clock = clock
        self._again = again
        self._troubles = troubles
        self._done: dict[str, datetime] = {}
        self._beaten: Due | None = None  # what another worker stored first
        self._failures = 0
        self.last: datetime | None = None  # as of when the last tick was

    async def once(self, jobs: Jobs, timetable: Timetable) -> bool:
        """Run one due tick; false where none is due or it failed."""
        due: Due | None = None
        try:
            last = await asyncio.to_thread(jobs.last_runs)
            due = timetable.due(_later(last, self._done), self._clock())
            if due is None:
                self._nothing_owed()
                return False
            self._tell_late(due)
            await asyncio.to_thread(jobs.tick, list(due.triggers), due.at)
        except AlreadyEvaluated:
            log.info("Another worker was faster", action=Action.TICK_SKIPPED, at=_text(due))
            if due != self._beaten:
                self._beaten = due
                return True  # it may have stored another instant: what is due now is asked again
        except RelanceError as error:
            self._failed(due, str(error))
            return False
        except Exception as error:  # noqa: BLE001  a bug must not end the worker
            self._failed(due, f"{type(error).__name__} at {logs.where(error)}")
            return False
        if due is not None:
            self._finished(due)
        return due is not None

    def _tell_late(self, due: Due) -> None:
        now = self._clock()
        for trigger, instant in due.triggers.items():
            if now - instant > _LATE:
                log.warning(
                    "Evaluated late, and once however many instants were missed",
                    action=Action.TICK_LATE,
                    trigger=trigger,
                    scheduled=instant.isoformat(),
                    at=due.at.isoformat(),
                    delay_seconds=round((now - instant).total_seconds()),
                )

    def _nothing_owed(self) -> None:
        """A failed tick that nobody owes any more (another worker made up for it) is no trouble."""
        self._failures = 0
        self._troubles.pop("tick", None)

    def _finished(self, due: Due) -> None:
        self._nothing_owed()
        self.last = due.at
        self._done.update(dict.fromkeys(due.triggers, due.at))

    def _failed(self, due: Due | None, problem: str) -> None:
        wait = _RETRY[min(self._failures, len(_RETRY) - 1)]
        self._failures += 1
        self._troubles["tick"] = problem
        log.error(
            "The tick failed; nothing of it was stored, and it is tried again",
            action=Action.TICK_FAILED,
            at=_text(due),
            error=problem,
            retry_seconds=wait.total_seconds(),
        )
        self._again(wait)


def _later(one: Mapping[str, datetime], other: Mapping[str, datetime]) -> dict[str, datetime]:
    """The later instant of each name."""
    return {
        name: max(instants)
        for name in one.keys() | other.keys()
        if (instants := [m[name] for m in (one, other) if name in m])
    }


def _text(due: Due | None) -> str | None:
    return due.at.isoformat() if due else None
