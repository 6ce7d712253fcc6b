"""The fitted scores of a workspace held against what config/segments.yaml declares."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relance.domain.condition import Condition, ScoreIs, leaves
from relance.domain.score import ScoreFile, ScoreModel, ScoreSpec
from relance.domain.workspace import Workspace
from relance.errors import Problem
from relance.spec.nodes import Fields, Node, Scalar, child, names_in
from relance.spec.relance_file import RelanceFile
from relance.spec.score_file import ScoreFileYaml, hold_against, path_of
from relance.spec.segments_file import SegmentsFile
from relance.spec.sheet import Sheet, open_sheet
from relance.spec.spot import Notes, Scope, Spot
from relance.spec.trigger_file import TriggerFile


@dataclass(frozen=True, slots=True)
class Fitted:
    """What lies in scores/: the models, and the declared scores that have none.

    `missing` are those that some condition looks at; `idle` those that none does.
    """

    models: Mapping[str, ScoreModel] = field(default_factory=dict)
    sheets: Sequence[Sheet] = ()
    missing: Sequence[str] = ()
    idle: Sequence[str] = ()

    def tell(self, segments: Node | None, notes: Notes) -> None:
        """Note the scores without a model where they are declared."""
        for name in (*self.missing, *self.idle):
            node = child(segments, "scores", name)
            notes.add(
                node, f"scores.{name}", "has no model yet", f"run: relance scores fit {name}",
                warning=name in self.idle,
            )  # fmt: skip


def read_fitted(
    root: Path,
    scope: Scope,
    settings: RelanceFile,
    segments: SegmentsFile,
    triggers: Iterable[TriggerFile],
) -> Fitted:
    """Every declared score's model, and every mistake in its file."""
    used = set(_used(segments, triggers))
    models: dict[str, ScoreModel] = {}
    sheets: list[Sheet] = []
    missing: list[str] = []
    for name, spec in segments.scores.items():
        if spec.complement_of is not None:
            continue
        if not (root / path_of(name)).exists():
            missing.append(name)
            continue
        paid = settings.events[spec.event].amount is not None
        sheet, found = _read(root, scope, spec, settings.name, paid=paid)
        sheets.append(sheet)
        if found is not None:
            models[name] = found.model
    needed = {segments.scores[name].model for name in used}
    return Fitted(
        models=models,
        sheets=sheets,
        missing=[name for name in missing if name in needed],
        idle=[name for name in missing if name not in needed],
    )


def _read(
    root: Path, scope: Scope, spec: ScoreSpec, workspace: str, *, paid: bool
) -> tuple[Sheet, ScoreFile | None]:
    """A score's file with its problems; None where it has any."""
    sheet = open_sheet(root, path_of(spec.name))
    found = sheet.read(ScoreFileYaml, scope)
    if found is not None and sheet.node is not None:
        spot = Spot(sheet.node, sheet.notes, scope)
        hold_against(spot, found, spec, workspace, paid=paid)
    return sheet, None if sheet.notes.problems else found


def read_score(workspace: Workspace, name: str) -> tuple[ScoreFile | None, Sequence[Problem]]:
    """The file of a declared score, and what is wrong with it; nothing where there is none."""
    spec = workspace.scores[name]
    if not (workspace.root / path_of(name)).exists():
        return None, ()
    scope = Scope(root=workspace.root, zone=workspace.zone, vendors={}, texts={})
    paid = workspace.events[spec.event].amount is not None
    sheet, found = _read(workspace.root, scope, spec, workspace.name, paid=paid)
    return found, sheet.notes.problems


def _used(segments: SegmentsFile, triggers: Iterable[TriggerFile]) -> Iterator[str]:
    for condition in _conditions(segments, triggers):
        for leaf in leaves(condition):
            if isinstance(leaf, ScoreIs):
                yield leaf.score


def _conditions(segments: SegmentsFile, triggers: Iterable[TriggerFile]) -> Iterator[Condition]:
    yield from (named.condition for named in segments.segments.values())
    for file in triggers:
        if file.segment is not None and not isinstance(file.segment, str):
            yield file.segment
        for step in file.steps:
            yield from (each for each in (step.only_if, step.unless) if each is not None)


def score_keys(segments: Node | None) -> dict[str, Collection[str]] | None:
    """The declared scores with their keys, by names alone: a complement has its base's value."""
    if segments is None:
        return None
    block = child(segments, "scores")
    if block is None:
        return {}
    if not isinstance(block, Fields):
        return None
    found = {name: set(names_in(child(block, name))) for name in names_in(block)}
    made: dict[str, Collection[str]] = {}
    for name, keys in found.items():
        base = child(block, name, "complement_of")
        theirs = found.get(base.text, set()) if isinstance(base, Scalar) else set()
        made[name] = keys | (theirs & {"value"})
    return made


def costs(main: Node | None) -> dict[str, bool] | None:
    """The channels, and whether each says that a message costs something."""
    if main is None:
        return None
    channels = child(main, "channels")
    return {name: _costs(child(channels, name)) for name in names_in(channels)}


def _costs(channel: Node | None) -> bool:
    cost = child(channel, "cost")
    if not isinstance(cost, Scalar):
        return False
    with contextlib.suppress(TypeError, ValueError):
        return float(cost.text) > 0
    return True
