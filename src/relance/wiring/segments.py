"""What is told of segments: who is in them, how they stand, who moved between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from relance.errors import UsageError
from relance.wiring.opened import Opened, Progress

if TYPE_CHECKING:
    from relance.domain.duration import Duration
    from relance.domain.trajectory import Trajectory
    from relance.pipeline.standings import RfmReport, StageReport
    from relance.store import MemberList
    from relance.uplift.checkup import Checkup
    from relance.uplift.moves import Comparison
    from relance.uplift.portrait import Portrait
    from relance.uplift.segments_report import SegmentsReport


class Segments(Opened):
    """Members, stages, portraits, check-ups and trajectories, and their pages."""

    def members(self, segment: str, at: datetime | None) -> MemberList:
        """Who was in a segment at its last evaluation, or at an instant in the past."""
        if segment not in self.workspace.segments:
            listing = ", ".join(self.workspace.segments) or "none"
            raise UsageError(f"there is no segment {segment!r}", hint=f"there are: {listing}")
        return self.state.reader.members(segment, at)

    def last_tick(self) -> datetime | None:
        """The newest instant that anything was evaluated at; None before the first tick."""
        return max(self.state.ledger.standing().instants(), default=None)

    def stages(self, at: datetime) -> StageReport:
        """How many customers are in each lifecycle stage. Raises UsageError without any."""
        from relance.pipeline.standings import stage_report

        return stage_report(self.workspace, self.side_engine, self.state.ledger, at)

    def rfm(self, at: datetime) -> RfmReport:
        """How many customers are in each cell of the RFM grid."""
        from relance.pipeline.standings import rfm_report

        return rfm_report(self.workspace, self.side_engine, self.state.ledger, at)

    def trajectory(
        self,
        now: datetime,
        *,
        begin: datetime | None = None,
        until: datetime | None = None,
        segments: Sequence[str] | None = None,
    ) -> Trajectory:
        """Who moved where between segments in a period. Raises UsageError where nobody knows."""
        from relance.engine.trajectories import Paths
        from relance.pipeline.trajectories import Asked, trajectory

        asked = Asked(now=now, begin=begin, until=until, segments=segments)
        return trajectory(self.workspace, self.state.reader, Paths, asked)

    def recent_trajectory(self, at: datetime) -> Trajectory | None:
        """The last 13 weeks up to an instant; None where there is nothing to tell yet."""
        try:
            return self.trajectory(at, until=at)
        except UsageError:
            return None

    def trajectory_html(
        self, one: Trajectory, comparison: Comparison | None, language: str | None
    ) -> str:
        """A trajectory as one self-contained page, in French or English."""
        from relance.rendering.report import trajectory_page

        return trajectory_page(
            one, comparison, workspace=self.workspace.name, zone=self.workspace.zone,
            locale=self._locale(language),
        )  # fmt: skip

    def health(
        self,
        at: datetime,
        segments: Sequence[str] = (),
        *,
        event: str | None = None,
        within: Duration | None = None,
        joined: str | None = None,
        progress: Progress = lambda _phase: None,
    ) -> Checkup:
        """How segments stand with the five classic mistakes. Raises UsageError."""
        from relance.pipeline.health import Clinic, check_up
        from relance.uplift.gauges import kept

        clinic = Clinic(
            workspace=self.workspace,
            engine=self.side_engine,
            book=self.state.reader,
            fits=self.state.ledger.standing().fits,
            read=kept(self.state.notes),
            progress=progress,
        )
        return check_up(clinic, at, segments, event=event, within=within, joined=joined)

    def describe(self, at: datetime, segments: Sequence[str]) -> list[Portrait]:
        """Who is in each segment, beside all customers. Raises UsageError."""
        from relance.pipeline.describe import describe

        fits = self.state.ledger.standing().fits
        return describe(self.workspace, self.side_engine, fits, at, segments)

    def segments_report(self, at: datetime) -> SegmentsReport:
        """How every segment stands, and who is in those that triggers watch."""
        from relance.uplift.segments_report import SegmentsReport

        checkup = self.health(at)
        watched = [one.name for one in checkup.segments if one.triggers]
        return SegmentsReport(checkup=checkup, portraits=self.describe(at, watched))

    def portrait_html(self, portrait: Portrait, language: str | None) -> str:
        """A segment as one self-contained page, in French or English."""
        from relance.rendering.report.portraits import portrait_page

        local, locale = portrait.at.astimezone(self.workspace.zone), self._locale(language)
        name, currency = self.workspace.name, self.workspace.currency
        return portrait_page(portrait, workspace=name, at=local, currency=currency, locale=locale)
