"""The one place that builds real things and hands them to each other."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from relance.domain.workspace import ChannelSpec, Workspace
from relance.errors import StateError, UsageError, WorkspaceError
from relance.reading import in_memory, read_workspace

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from relance.domain.data_map import DataMap
    from relance.domain.duration import Duration
    from relance.domain.message import Rendered
    from relance.domain.score import ScoreFile, ScoreSpec
    from relance.domain.trajectory import Trajectory
    from relance.engine.service import RelanceEngine
    from relance.links import LinkMaker
    from relance.pipeline.backfill import BackfillReport
    from relance.pipeline.deliver import Delivery, DeliveryReport
    from relance.pipeline.power import Forecast
    from relance.pipeline.programme import ProgrammeReport
    from relance.pipeline.score_fit import FitReport
    from relance.pipeline.score_why import Explanation
    from relance.pipeline.standings import RfmReport, StageReport
    from relance.pipeline.tick import TickReport, Tools
    from relance.providers import Provider
    from relance.rendering import Templates
    from relance.store import History, MemberList, State
    from relance.uplift.checkup import Checkup
    from relance.uplift.moves import Comparison
    from relance.uplift.portrait import Portrait
    from relance.uplift.report import Report
    from relance.uplift.segments_report import SegmentsReport
    from relance.uplift.wording import Locale

Progress = Callable[[str], None]
Providers = Mapping[str, Sequence["Provider"]]  # by channel, its own first


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Relance:
    """An open workspace: everything a command or the worker can do with it.

    The state and the engine are opened when they are first needed, and closed by `close`.
    """

    def __init__(self, workspace: Workspace, templates: Templates) -> None:
        self.workspace = workspace
        self.templates = templates
        self._opened: list[Callable[[], None]] = []

    @cached_property
    def state(self) -> State:
        from relance.store import open_state

        state = open_state(self.workspace.state, workspace=self.workspace.name)
        self._opened.append(state.close)
        return state

    @cached_property
    def engine(self) -> RelanceEngine:
        """The engine of ticks: it alone holds the workbench's file."""
        return self._open_engine(self.workspace)

    @cached_property
    def side_engine(self) -> RelanceEngine:
        """An engine without the file: delivery and reports may ask while a tick is running."""
        return self._open_engine(in_memory(self.workspace))

    def _open_engine(self, workspace: Workspace) -> RelanceEngine:
        from relance.engine import open_engine

        fits = lambda: self.state.ledger.standing().fits  # noqa: E731  the state opens when asked
        engine = open_engine(workspace, fits, _Feed(self) if workspace.live else None)
        self._opened.append(engine.close)
        return engine

    def apart(self) -> Relance:
        """The same workspace over connections of its own, for long work beside everything else."""
        return Relance(self.workspace, self.templates)

    def close(self) -> None:
        """Let go of the engine and the state, the last opened first."""
        while self._opened:
            self._opened.pop()()

    def tick(
        self,
        at: datetime,
        triggers: Sequence[str] | None = None,
        progress: Progress = lambda _phase: None,
    ) -> TickReport:
        """Evaluate triggers (all by default) as of an instant."""
        from relance.pipeline.tick import tick

        return tick(self._tools(progress), at, triggers)

    def backfill(self, trigger: str, at: datetime, *, commit: bool) -> BackfillReport:
        """Let today's members of a trigger's segment enter, or only say who would."""
        from relance.pipeline.backfill import backfill

        return backfill(self._tools(), trigger, at, commit=commit)

    def _tools(self, progress: Progress = lambda _phase: None) -> Tools:
        from relance.pipeline.tick import Tools

        return Tools(
            workspace=self.workspace,
            engine=self.engine,
            ledger=self.state.ledger,
            renderer=self.templates,
            progress=progress,
        )

    def deliver(self, at: datetime) -> DeliveryReport:
        """Send every message that is due, once."""
        return asyncio.run(self._deliver(at))

    async def _deliver(self, at: datetime) -> DeliveryReport:
        providers = self.open_providers()
        try:
            return await self.delivery(providers).run(at)
        finally:
            await self.close_providers(providers)

    def open_providers(self) -> Providers:
        """Each channel's provider, and its fallback's; nothing is connected yet."""
        from relance.pipeline.outlets import specs

        return {
            name: tuple(self._open_provider(*each) for each in enumerate(specs(channel)))
            for name, channel in self.workspace.channels.items()
        }

    def _open_provider(self, place: int, spec: ChannelSpec) -> Provider:
        from relance.pipeline.outlets import place_name
        from relance.pipeline.shared_rate import SharedRate
        from relance.providers import VENDORS
        from relance.providers.options import with_callback

        vendor = VENDORS[spec.provider]
        take = None
        if spec.rate is not None:
            rate = SharedRate(self.state.queue, place_name(spec, place), spec.rate, clock=_utc_now)
            take = rate.take
        reached = with_callback(spec, vendor.spec, self.workspace.web.public_url)
        return vendor.open(reached, self.workspace.root, take=take)

    async def close_providers(self, providers: Providers) -> None:
        """Let go of every provider's connections."""
        opened = [provider for several in providers.values() for provider in several]
        await asyncio.gather(*(provider.close() for provider in opened))

    def delivery(self, providers: Providers) -> Delivery:
        """The delivery pipeline over these providers, under this process's name."""
        from relance.pipeline.deliver import Delivery

        return Delivery(
            self.workspace,
            self.state.queue,
            self.side_engine,
            self.templates,
            providers,
            worker=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
            receipts=self.state.receipts,
            links=self.links,
        )

    @cached_property
    def links(self) -> LinkMaker | None:
        """Signed links back to us; None where no `web.public_url` leads here."""
        web = self.workspace.web
        if web.public_url is None:
            return None
        from relance.links import LinkMaker

        triggers = self.workspace.triggers.values()
        topics = {trigger.name: trigger.topic for trigger in triggers if trigger.topic}
        return LinkMaker(web.public_url, web.secrets, topics)

    def expire_live(self, at: datetime) -> int:
        """Let go of the live events that have been kept for long enough; how many."""
        live = self.workspace.live
        if live is None:
            return 0
        return self.state.live.expire(live.keep.before(at, self.workspace.zone))

    def members(self, segment: str, at: datetime | None) -> MemberList:
        """Who was in a segment at its last evaluation, or at an instant in the past."""
        if segment not in self.workspace.segments:
            listing = ", ".join(self.workspace.segments) or "none"
            raise UsageError(f"there is no segment {segment!r}", hint=f"there are: {listing}")
        return self.state.reader.members(segment, at)

    def stages(self, at: datetime) -> StageReport:
        """How many customers are in each lifecycle stage. Raises UsageError without any."""
        from relance.pipeline.standings import stage_report

        return stage_report(self.workspace, self.side_engine, self.state.ledger, at)

    def rfm(self, at: datetime) -> RfmReport:
        """How many customers are in each cell of the RFM grid."""
        from relance.pipeline.standings import rfm_report

        return rfm_report(self.workspace, self.side_engine, self.state.ledger, at)

    def history(self, customer: str, *, account: bool = False) -> History:
        """What relance did with one customer, under all of the ids that are theirs; or with the
        account of this key."""
        found = self._known(customer, account=account)
        if self.workspace.accounts is None:
            return found
        # an account may have the key of a customer; a segment's members are the one or the other
        segments = self.workspace.segments
        own = tuple(
            stay
            for stay in found.segments
            if stay.segment not in segments or segments[stay.segment].of_accounts is account
        )
        return replace(found, segments=own)

    def _known(self, customer: str, *, account: bool) -> History:
        from relance.domain.lifecycle import Stage
        from relance.store import together

        reader = self.state.reader
        if account:
            return reader.account_history(customer)
        lifecycle = self.workspace.lifecycle
        stages = [lifecycle.name(stage) for stage in Stage] if lifecycle else []
        if not self.workspace.identities:
            return reader.history(customer, stages)
        kin = self.side_engine.kin([customer], _utc_now())
        known = [reader.history(each, stages) for each in kin["id"].to_pylist()]
        return together(kin["customer"][0].as_py(), known)

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

    def _locale(self, language: str | None) -> Locale:
        """The language of a report: the workspace's, where that is French; else English."""
        return "fr" if (language or self.workspace.locale).startswith("fr") else "en"

    def data_map(self) -> DataMap:
        """Which personal data is read and what for, how long it is kept, and where it goes."""
        from relance.engine import reads
        from relance.pipeline.data_map import data_map

        return data_map(self.workspace, self.templates, reads)

    def data_map_html(self, found: DataMap, language: str | None) -> str:
        """The same as one self-contained page, in French or English."""
        from relance.rendering.data_map import data_map_html

        today = _utc_now().astimezone(self.workspace.zone)
        return data_map_html(found, at=today, locale=self._locale(language))

    def keep_figures(self, report: Report) -> None:
        """Keep what a report of today says for `/metrics`, whoever made it."""
        from relance.uplift.gauges import keep

        keep(self.state.notes, report)

    def programme(self, at: datetime) -> list[ProgrammeReport]:
        """What all triggers are worth together, by the global holdout's last two periods."""
        from relance.pipeline.programme import programme

        return programme(self.workspace, self.side_engine, self.state.reader, at)

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

    def score(self, name: str) -> ScoreSpec:
        """A declared score. Raises UsageError where there is none of that name."""
        spec = self.workspace.scores.get(name)
        if spec is None:
            listing = ", ".join(self.workspace.scores) or "none; `scores` in config/segments.yaml"
            raise UsageError(f"there is no score {name!r}", hint=f"there are: {listing}")
        return spec

    def fit_score(
        self,
        spec: ScoreSpec,
        at: datetime,
        *,
        force: bool = False,
        progress: Progress = lambda _phase: None,
    ) -> FitReport:
        """Fit a score and put its file in place, unless it is refused."""
        from relance.pipeline.score_fit import Inquiry, fit_score
        from relance.spec import read_score, write_score

        known, _ = read_score(self.workspace, spec.model)
        inquiry = Inquiry(workspace=self.workspace, engine=self.side_engine, progress=progress)
        found = fit_score(inquiry, spec, at, known.model if known else None, force=force)
        if found.found is not None and found.accepted:
            try:
                write_score(self.workspace.root, found.found)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise StateError(f"scores/{spec.name}.json cannot be written: {reason}") from None
        return found

    def fitted_score(self, spec: ScoreSpec) -> ScoreFile:
        """The model behind a score. Raises WorkspaceError for a file with mistakes, UsageError
        where there is none."""
        from relance.spec import read_score

        known, problems = read_score(self.workspace, spec.model)
        if problems:
            raise WorkspaceError(list(problems))
        if known is None:
            raise UsageError(
                f"the score {spec.model} has no model yet",
                hint=f"run: relance scores fit {spec.model}",
            )
        return known

    def explain_score(self, spec: ScoreSpec, customer: str, at: datetime) -> Explanation:
        """One customer's score, and what makes it."""
        from relance.pipeline.score_why import explain

        model = self.fitted_score(spec).model
        return explain(self.workspace, self.side_engine, spec, model, customer, at)

    def preview(
        self, template: str, customer: str | None, locale: str | None, at: datetime
    ) -> dict[str, Rendered]:
        """A template as a customer would get it, by channel; sample values for nobody."""
        channels = sorted(kind for name, kind in self.templates.texts() if name == template)
        if not channels:
            known = sorted({name for name, _ in self.templates.texts()})
            raise UsageError(
                f"there is no template {template!r}", hint=f"there are: {', '.join(known)}"
            )
        return {kind: self._preview(template, kind, customer, locale, at) for kind in channels}

    def _preview(
        self, template: str, channel: str, customer: str | None, locale: str | None, at: datetime
    ) -> Rendered:
        from relance.pipeline.sample import preview_values
        from relance.rendering.values import sample_links, sample_values

        names = sorted(self.templates.names(template, channel))
        if customer is None:
            values: Mapping[str, object] = sample_values(names)
        else:
            values, own = preview_values(self.side_engine, customer, names, at)
            locale = locale or own
        if self.workspace.web.public_url is not None:
            values = {**values, **sample_links(self.workspace.web.public_url)}
        return self.templates.render(template, channel, locale=locale, values=values)


class _Feed:
    """Live events for an engine; the state is opened when they are first needed."""

    def __init__(self, relance: Relance) -> None:
        self._relance = relance

    def span(self) -> tuple[str, int, int]:
        return self._relance.state.live.span()

    def after(self, number: int) -> Iterator[RecordBatch]:
        return self._relance.state.live.after(number)


@contextmanager
def open_relance(
    root: Path, env: Mapping[str, str] = os.environ, *, with_models: bool = True
) -> Iterator[Relance]:
    """Open a workspace that checks clean (its data is looked at when it is used).

    Raises WorkspaceError with every mistake of the YAML and the templates, and of scores/ unless
    that is what is about to be made.
    """
    relance = load_relance(root, env, with_models=with_models)
    try:
        yield relance
    finally:
        relance.close()


def load_relance(
    root: Path, env: Mapping[str, str] = os.environ, *, with_models: bool = True
) -> Relance:
    """Read a workspace. Raises WorkspaceError; nothing is opened yet."""
    found = read_workspace(root, env, with_models=with_models)
    mistakes = [problem for problem in found.problems if not problem.warning]
    if mistakes or found.workspace is None:
        raise WorkspaceError(mistakes)
    return Relance(found.workspace, found.templates)


def scaffold(folder: Path, name: str) -> list[Path]:
    """Write a small workspace that checks clean; never over another one."""
    from relance.providers import vendor_specs
    from relance.spec import scaffold as write

    return write(folder, name, vendors=vendor_specs())


def json_schemas() -> Mapping[str, Mapping[str, object]]:
    """The JSON Schemas of the YAML files, by file name."""
    from relance.providers import vendor_specs
    from relance.spec import json_schemas as make

    return make(vendor_specs())


def yaml_reference() -> str:
    """The YAML reference as Markdown."""
    from relance.providers import vendor_specs
    from relance.spec import reference

    return reference(vendor_specs())
