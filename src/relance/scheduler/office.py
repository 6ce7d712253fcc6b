"""What the scheduled report needs of a real workspace, over connections of its own."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path

from relance.domain.message import Rendered
from relance.errors import OutsideError
from relance.pipeline.post import Letter, post
from relance.wiring import Providers, Relance

_NOTE = "report"
REPORTS = Path("state/reports")  # below the workspace


class RelanceOffice:
    """Opened for one round of work: nothing that ticks or delivers waits for it."""

    def __init__(self, relance: Relance) -> None:
        self._relance = relance.apart()
        self._providers: Providers | None = None

    def read(self) -> str | None:
        return self._relance.state.notes.read(_NOTE)

    def exchange(self, before: str | None, after: str) -> bool:
        return self._relance.state.notes.exchange(_NOTE, before, after)

    def make(self, at: datetime) -> Rendered | None:
        """Figures, page and letter of one report. Raises SourceError, StateError or OutsideError.

        The page of a day takes the place of an earlier one of that day.
        """
        relance, spec = self._relance, self._relance.workspace.report
        report = relance.report(at)
        relance.keep_figures(report)
        if spec.schedule is None:
            return None
        segments = relance.segments_report(at) if spec.segments else None
        self._write(relance.report_html(report, spec.language, segments), at)
        return relance.report_letter(report, spec.language) if spec.email_to else None

    def _write(self, page: str, at: datetime) -> None:
        workspace = self._relance.workspace
        day = at.astimezone(workspace.zone).date()
        path = workspace.root / REPORTS / f"report-{day}.html"
        fresh = path.with_suffix(f".{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(page, encoding="utf-8")
            fresh.replace(path)  # whoever opens it sees a whole page
        except OSError as error:
            raise OutsideError(
                f"the report {path} cannot be written: {error.strerror or type(error).__name__}",
                hint="check the folder, its permissions and the space on its disk",
            ) from error

    async def post(self, letter: Letter) -> None:
        if self._providers is None:
            self._providers = self._relance.open_providers()
        await post(letter, self._relance.workspace.channels["email"], self._providers["email"])

    async def close(self) -> None:
        if self._providers is not None:
            await self._relance.close_providers(self._providers)
        await asyncio.to_thread(self._relance.close)
