"""What is told of triggers: their worth, before and after, and the data they take."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from relance.wiring.opened import Progress, utc_now
from relance.wiring.segments import Segments

if TYPE_CHECKING:
    from relance.domain.data_map import DataMap
    from relance.domain.message import Rendered
    from relance.pipeline.power import Forecast
    from relance.pipeline.programme import ProgrammeReport
    from relance.uplift.report import Report
    from relance.uplift.segments_report import SegmentsReport


class Reports(Segments):
    """Reports, plans and maps, and their pages."""

    def report(self, at: datetime) -> Report:
        """What each trigger was worth up to an instant, and all of them together."""
        from relance.pipeline.measure import measure

        return measure(self.workspace, self.side_engine, self.state.reader, at)

    def report_html(
        self, report: Report, language: str | None, segments: SegmentsReport | None = None
    ) -> str:
        """The report as one self-contained page, in French or English."""
        from relance.rendering.report import html

        local, locale = report.at.astimezone(self.workspace.zone), self._locale(language)
        return html(
            report, workspace=self.workspace.name, at=local, locale=locale,
            trajectory=self.recent_trajectory(report.at), segments=segments,
        )  # fmt: skip

    def report_letter(self, report: Report, language: str | None) -> Rendered:
        """The report as an e-mail to the company's own people."""
        from relance.rendering.report.email import report_email

        local, locale = report.at.astimezone(self.workspace.zone), self._locale(language)
        name = self.workspace.name
        return report_email(report, workspace=name, at=local, locale=locale, link=None)

    def keep_figures(self, report: Report) -> None:
        """Keep what a report of today says for `/metrics`, whoever made it."""
        from relance.uplift.gauges import keep

        keep(self.state.notes, report)

    def programme(self, at: datetime) -> list[ProgrammeReport]:
        """What all triggers are worth together, by the global holdout's last two periods."""
        from relance.pipeline.programme import programme

        return programme(self.workspace, self.side_engine, self.state.reader, at)

    def forecast(
        self,
        name: str,
        at: datetime,
        *,
        weeks: int,
        share: float | None = None,
        progress: Progress = lambda _phase: None,
    ) -> Forecast:
        """When which uplift of a trigger becomes readable. Raises UsageError for an unknown one."""
        from relance.pipeline.power import Inquiry, forecast
        from relance.pipeline.tick import find_triggers

        inquiry = Inquiry(
            workspace=self.workspace,
            engine=self.side_engine,
            ledger=self.state.ledger,
            reader=self.state.reader,
            progress=progress,
        )
        (trigger,) = find_triggers(self.workspace, [name])
        return forecast(inquiry, trigger, at, weeks=weeks, share=share)

    def data_map(self) -> DataMap:
        """Which personal data is read and what for, how long it is kept, and where it goes."""
        from relance.engine import reads
        from relance.pipeline.data_map import data_map

        return data_map(self.workspace, self.templates, reads)

    def data_map_html(self, found: DataMap, language: str | None) -> str:
        """The same as one self-contained page, in French or English."""
        from relance.rendering.data_map import data_map_html

        today = utc_now().astimezone(self.workspace.zone)
        return data_map_html(found, at=today, locale=self._locale(language))
