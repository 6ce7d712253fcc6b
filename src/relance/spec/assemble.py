"""A workspace of files that have no mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from relance.domain.condition import AllOf, Condition
from relance.domain.trigger import OnMove, Trigger
from relance.domain.workspace import Segment, Workspace
from relance.spec.relance_file import RelanceFile
from relance.spec.segments_file import SegmentsFile
from relance.spec.trigger_file import TriggerFile
from relance.spec.versions import Definitions, baseline_version, digest, trigger_version

Texts = Mapping[tuple[str, str], str]
_EVERYBODY = AllOf(())


def assemble(
    root: Path, main: RelanceFile, named: SegmentsFile, files: Sequence[TriggerFile], texts: Texts
) -> Workspace:
    """Join the files; triggers that are not enabled stay out."""
    conditions = {name: each.condition for name, each in named.segments.items()}
    definitions = Definitions(main, named.rfm, conditions, named.lifecycle, named.scores)
    enabled = [file for file in files if file.enabled]
    segments = [
        Segment(
            name=name, condition=each.condition, version=definitions.segment(name),
            description=each.description, of_accounts=each.of_accounts,
        )
        for name, each in named.segments.items()
    ]  # fmt: skip
    own = [segment for file in enabled for segment in _own_segment(definitions, file)]
    return Workspace(
        root=root, name=main.name, zone=main.zone, locale=main.locale, currency=main.currency,
        state=main.state, source=main.source, customers=main.customers, accounts=main.accounts,
        events=main.events, scores=named.scores,
        rfm=named.rfm, channels=main.channels, limits=main.limits,
        global_holdout=main.global_holdout, rotation=main.rotation, brand=main.brand,
        web=main.web, topics=main.topics, bounces=main.bounces, report=main.report, live=main.live,
        lifecycle=named.lifecycle,
        identities=main.identities,
        segments={segment.name: segment for segment in [*segments, *own]},
        triggers={file.name: _trigger(definitions, file, texts) for file in enabled},
    )  # fmt: skip


def _own_segment(definitions: Definitions, file: TriggerFile) -> list[Segment]:
    """The segment that a trigger brings along, if it names none."""
    if isinstance(file.on, OnMove) or isinstance(file.segment, str):
        return []
    condition = _condition(definitions, file)
    version = digest(definitions.condition(condition))
    return [
        Segment(
            name=f"trigger/{file.name}", condition=condition, version=version,
            description=file.description, of_accounts=file.of_accounts,
        )
    ]  # fmt: skip


def _condition(definitions: Definitions, file: TriggerFile) -> Condition:
    if isinstance(file.on, OnMove):
        return definitions.segments[file.on.target]
    if isinstance(file.segment, str):
        return definitions.segments[file.segment]
    return file.segment or _EVERYBODY


def _segment_name(file: TriggerFile) -> str:
    if isinstance(file.on, OnMove):
        return file.on.target
    return file.segment if isinstance(file.segment, str) else f"trigger/{file.name}"


def _trigger(definitions: Definitions, file: TriggerFile, texts: Texts) -> Trigger:
    baseline = baseline_version(definitions, file, _condition(definitions, file))
    return Trigger(
        name=file.name, segment=_segment_name(file), on=file.on, schedule=file.schedule,
        steps=file.steps, version=trigger_version(definitions, file, baseline, texts),
        segment_version=baseline, holdout=file.holdout, goal=file.goal, read_out=file.read_out,
        reentry=file.reentry, priority=file.priority, topic=file.topic,
        of_accounts=file.of_accounts, write_to=file.write_to,
        description=file.description, path=file.path,
    )  # fmt: skip
