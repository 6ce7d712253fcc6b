"""The scheduled report: made once for each instant, by whichever worker is first, and sent once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from relance import logs
from relance.domain.message import Rendered
from relance.domain.receipt import recipient_digest
from relance.domain.trigger import Schedule
from relance.domain.workspace import ReportSpec
from relance.errors import NotSent, Paused, RelanceError, SendError, Unsure
from relance.logs import Action
from relance.pipeline.post import Letter
from relance.pipeline.timetable import firing, latest
from relance.scheduler.errand import Errand, Handed

FIGURES = Schedule(cron="0 6 * * *")  # where the report has no schedule of its own
ABOUT = "report"
_LEASE = timedelta(minutes=5)  # how long the others wait for a worker that has ended
_RENEW = 60.0  # seconds between signs of life
_RETRY = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60))  # after a failed report
_NEVER = datetime.min.replace(tzinfo=UTC)

log = logs.get("scheduler")


class Office(Protocol):
    """What a report needs of a workspace, over connections of its own."""

    def read(self) -> str | None:
        """The errand as it was noted last. Blocks; may raise StateError, as `exchange` may."""

    def exchange(self, before: str | None, after: str) -> bool:
        """Note an errand, unless another worker has noted something since."""

    def make(self, at: datetime) -> Rendered | None:
        """Keep the figures as of an instant, write the page where the report has a schedule, and
        return the letter where somebody is to get it. Blocks, for long; raises RelanceError."""

    async def post(self, letter: Letter) -> None:
        """Send a letter. Raises SendError."""

    async def close(self) -> None: ...


class _TakenOver(Exception):
    """Another worker has the errand now."""


class _Held:
    """An errand in this worker's hands: a change is noted only while it still is."""

    def __init__(self, office: Office, before: str | None) -> None:
        self._office = office
        self._text = before
        self.errand: Errand

    async def note(self, errand: Errand) -> None:
        """Raises _TakenOver where another worker noted something since."""
        text = errand.text()
        if not await asyncio.to_thread(self._office.exchange, self._text, text):
            raise _TakenOver
        self.errand, self._text = errand, text


class Reporter:
    """Looks after the report of one loaded workspace; `look` never raises.

    `opened` opens an office for one round of work; `stopping` says that nothing new may begin.
    `trouble` is what /healthz names, empty while all is well.
    """

    def __init__(
        self,
        spec: ReportSpec,
        zone: ZoneInfo,
        opened: Callable[[], Office],
        *,
        clock: Callable[[], datetime],
        stopping: Callable[[], bool],
        renew: float = _RENEW,
    ) -> None:
        schedule = spec.schedule or FIGURES
        self._spec = spec
        self._schedule = f"{schedule} {zone.key}"
        self._firing = firing(schedule, zone)
        self._opened = opened
        self._clock = clock
        self._stopping = stopping
        self._renew = renew
        self._settled = _NEVER  # the latest instant of which nothing is owed any more
        self._again = _NEVER  # not looked at before
        self._failures = 0
        self.trouble = ""

    async def look(self) -> None:
        """Make the report that is due, if one is and no other worker has it."""
        now = self._clock()
        instant = latest(self._firing, now)
        if instant is None or instant <= self._settled or now < self._again:
            return
        try:
            await self._attend(instant, now)
        except _TakenOver:
            self._again = now + _RETRY[0]
        except Exception as error:  # noqa: BLE001  a bug must not end the worker
            self._put_off(instant, now + _wait(self._failures), _said(error))

    async def _attend(self, instant: datetime, now: datetime) -> None:
        office = await asyncio.to_thread(self._opened)
        try:
            text = await asyncio.to_thread(office.read)
            errand = None if text is None else Errand.of_text(text)
            held = _Held(office, text)
            if errand is None or errand.schedule != self._schedule:
                await held.note(Errand.begun(self._schedule, now))
                self._settle(held.errand)
            elif errand.done and errand.at >= instant:
                self._settle(errand)
            elif not errand.done and errand.until > now:
                self._again, self.trouble = errand.until, errand.trouble
            else:
                await held.note(errand.taken(instant, now + _LEASE))
                await self._work(office, held)
        finally:
            await office.close()

    def _settle(self, errand: Errand) -> None:
        self._settled, self._failures, self.trouble = errand.at, 0, errand.trouble

    async def _work(self, office: Office, held: _Held) -> None:
        try:
            text = await self._made(office, held)
        except _TakenOver:
            raise
        except Exception as error:  # noqa: BLE001  even a bug is tried again: data change
            await self._later(held, _said(error), _wait(held.errand.tries - 1))
        else:
            await (self._send(office, held, text) if text else self._finish(held))

    async def _made(self, office: Office, held: _Held) -> Rendered | None:
        """The report, with a sign of life now and then while it is being made."""
        work = asyncio.create_task(asyncio.to_thread(office.make, held.errand.at))
        try:
            while not (await asyncio.wait({work}, timeout=self._renew))[0]:
                await held.note(replace(held.errand, until=self._clock() + _LEASE))
        finally:
            await asyncio.wait({work})  # nothing is closed under its feet
        return work.result()

    async def _send(self, office: Office, held: _Held, text: Rendered) -> None:
        problem = ""
        for address in self._spec.email_to:
            if self._stopping():
                await held.note(replace(held.errand, until=self._clock()))
                raise _TakenOver  # by whoever looks next
            problem = await self._hand(office, held, address, text) or problem
        if Handed.STUCK in held.errand.people.values():
            await self._later(held, _unreached(held.errand, problem), _RETRY[0])
        else:
            await self._finish(held, problem)

    async def _hand(self, office: Office, held: _Held, address: str, text: Rendered) -> str:
        """Send the letter to one person, unless it is known or possible that they have it; what
        stood in the way, by its name."""
        who = recipient_digest(address)
        before = held.errand.people.get(who)
        if before is Handed.SENDING:
            await self._handed(held, who, Handed.UNSURE)
            return "worker_stopped"
        if before not in {None, Handed.STUCK}:
            return ""
        await self._handed(held, who, Handed.SENDING)
        problem, after = "", Handed.SENT
        try:
            await office.post(_letter(held.errand, who, address, text, self._clock()))
        except SendError as error:
            problem, after = f"{type(error).__name__}: {error.reason}", _after(error, before)
            self._tell_unsent(held.errand, problem, after)
        await self._handed(held, who, after)
        return problem

    async def _handed(self, held: _Held, who: str, state: Handed) -> None:
        until = self._clock() + _LEASE
        await held.note(replace(held.errand, until=until, people=held.errand.handed(who, state)))

    async def _finish(self, held: _Held, problem: str = "") -> None:
        trouble = _unreached(held.errand, problem)
        await held.note(replace(held.errand, done=True, trouble=trouble))
        self._settle(held.errand)
        log.info(
            "The report is made",
            action=Action.REPORT_MADE,
            at=held.errand.at.isoformat(),
            sent=list(held.errand.people.values()).count(Handed.SENT),
        )

    async def _later(self, held: _Held, problem: str, wait: timedelta) -> None:
        until = self._clock() + wait
        await held.note(replace(held.errand, until=until, trouble=problem))
        self._put_off(held.errand.at, until, problem)

    def _put_off(self, instant: datetime, until: datetime, problem: str) -> None:
        self._failures += 1
        self._again, self.trouble = until, problem
        log.error(
            "The report is not finished; it is tried again",
            action=Action.REPORT_FAILED,
            at=instant.isoformat(),
            error=problem,
            retry_at=until.isoformat(),
        )

    def _tell_unsent(self, errand: Errand, problem: str, state: Handed) -> None:
        log.warning(
            "The report did not certainly reach one of its readers",
            action=Action.REPORT_UNSENT,
            at=errand.at.isoformat(),
            error=problem,
            again=state is Handed.STUCK,
        )


def _after(error: SendError, before: Handed | None) -> Handed:
    """What did not leave is tried once more; what may have left never."""
    if isinstance(error, Unsure):
        return Handed.UNSURE
    again = isinstance(error, NotSent | Paused) and before is None
    return Handed.STUCK if again else Handed.FAILED


def _letter(errand: Errand, who: str, address: str, text: Rendered, now: datetime) -> Letter:
    named = f"{ABOUT}\0{errand.schedule}\0{errand.at.isoformat()}\0{who}"
    key = hashlib.sha256(named.encode()).hexdigest()[:24]
    return Letter(key=key, about=ABOUT, to=address, text=text, at=now)


def _unreached(errand: Errand, problem: str) -> str:
    """Who did not get the report, as a number."""
    states = list(errand.people.values())
    missing = len(states) - states.count(Handed.SENT)
    if not missing:
        return ""
    why = f" ({problem})" if problem else ""
    at = errand.at.isoformat()
    return f"the report of {at} did not certainly reach {missing} of {len(states)} people{why}"


def _wait(failures: int) -> timedelta:
    return _RETRY[min(failures, len(_RETRY) - 1)]


def _said(error: Exception) -> str:
    """An error in a sentence; one that nobody foresaw by its place, for its text may hold an
    address."""
    foreseen = isinstance(error, RelanceError)
    return str(error) if foreseen else f"{type(error).__name__} at {logs.where(error)}"
