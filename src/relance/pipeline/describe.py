"""Who is in a segment: it beside all customers, in numbers that are about nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from relance.domain.fits import Fits
from relance.domain.workspace import Workspace
from relance.pipeline.criteria import OWN, found_segment
from relance.pipeline.ports.segments import SegmentEngine
from relance.uplift.portrait import Portrait


def describe(
    workspace: Workspace, engine: SegmentEngine, fits: Fits, at: datetime, names: Sequence[str]
) -> list[Portrait]:
    """Each segment as of an instant, a trigger's own by the trigger's name.

    Raises UsageError for an unknown one, SourceError where the outside fails.
    """
    found = [found_segment(workspace, name) for name in names]
    drawn = engine.portraits(at, [workspace.segments[name] for name in found], fits)
    return [replace(one, segment=one.segment.removeprefix(OWN)) for one in drawn]
