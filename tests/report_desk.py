"""The report's office in memory: what is noted, made and sent, by as many workers as like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from relance.domain.message import Rendered
from relance.domain.trigger import Schedule
from relance.domain.workspace import ReportSpec
from relance.pipeline.post import Letter
from relance.scheduler.errand import Errand
from relance.scheduler.reporting import Reporter

PARIS = ZoneInfo("Europe/Paris")
MONDAYS = Schedule(cron="0 8 * * mon")
MONDAY = datetime(2026, 3, 2, 8, tzinfo=PARIS)  # 08:00 in Paris
WEEK = timedelta(days=7)
LETTER = Rendered(subject="Report", html_parts=("<p>Report</p>",), text="Report")


class Desk:
    """One state's note, one post box."""

    def __init__(self) -> None:
        self.note: str | None = None
        self.made: list[datetime] = []
        self.posted: list[Letter] = []
        self.opened = self.closed = 0
        self.make_errors: list[Exception] = []
        self.post_errors: dict[str, list[Exception]] = {}
        self.state_errors: list[Exception] = []
        self.letter: Rendered | None = LETTER
        self.while_making: Callable[[], object] = lambda: None
        self.while_posting: Callable[[Letter], object] = lambda _letter: None

    @property
    def errand(self) -> Errand:
        assert self.note is not None
        errand = Errand.of_text(self.note)
        assert errand is not None
        return errand

    def readers(self) -> list[str]:
        return [letter.to for letter in self.posted]

    def office(self) -> Desk:
        self.opened += 1
        return self

    def read(self) -> str | None:
        if self.state_errors:
            raise self.state_errors.pop(0)
        return self.note

    def exchange(self, before: str | None, after: str) -> bool:
        if self.note != before:
            return False
        self.note = after
        return True

    def make(self, at: datetime) -> Rendered | None:
        self.while_making()
        if self.make_errors:
            raise self.make_errors.pop(0)
        self.made.append(at)
        return self.letter

    async def post(self, letter: Letter) -> None:
        await asyncio.sleep(0)
        if waiting := self.post_errors.get(letter.to):
            raise waiting.pop(0)
        self.posted.append(letter)
        self.while_posting(letter)

    async def close(self) -> None:
        self.closed += 1


class Clerk:
    """A reporter over a desk, with a clock that the test turns."""

    def __init__(self, desk: Desk, *people: str, **changes: object) -> None:
        self.desk = desk
        self.now = MONDAY - timedelta(days=1)
        self.stopping = False
        self.spec = replace(ReportSpec(schedule=MONDAYS, email_to=people), **changes)
        self.begin()

    def begin(self, renew: float = 60.0) -> None:
        """A worker starts, knowing nothing of what it did before."""
        self.reporter = Reporter(
            self.spec,
            PARIS,
            self.desk.office,
            clock=lambda: self.now,
            stopping=lambda: self.stopping,
            renew=renew,
        )

    async def look(self, at: datetime | None = None) -> None:
        self.now = at or self.now
        await self.reporter.look()

    @property
    def trouble(self) -> str:
        return self.reporter.trouble
