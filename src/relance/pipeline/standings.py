"""How many customers are in each lifecycle stage and in each RFM cell, and by which fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relance.domain.condition import CellIs, Condition, RfmIs, StageIs
from relance.domain.fits import LIFECYCLE, RFM, Breakpoints, Fits, Rhythm
from relance.domain.grid import SCORES, Cell
from relance.domain.lifecycle import FALLBACK, Lengths, Stage
from relance.domain.workspace import RfmCutoffs, Segment, Workspace
from relance.errors import UsageError
from relance.pipeline.ports import Engine, Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCount:
    """One stage: what it is called, and how many are in it."""

    stage: Stage
    name: str
    title: str
    customers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StageReport:
    """Everybody's stage as of an instant. `fitted` is None where the lengths are fixed ones."""

    at: datetime
    lengths: Lengths
    fitted: Rhythm | None
    stages: Sequence[StageCount]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellCount:
    """One cell of the grid, and how many are in it."""

    cell: Cell
    customers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RfmReport:
    """The grid as of an instant. `places` counts by recency and frequency score; `cutoffs` is
    None where nobody has the event; `unscored` are the customers without it."""

    at: datetime
    cutoffs: Breakpoints | RfmCutoffs | None
    places: Mapping[tuple[int, int], int]
    cells: Sequence[CellCount]
    unscored: int


def stage_report(workspace: Workspace, engine: Engine, ledger: Ledger, at: datetime) -> StageReport:
    """Count the stages under the fits in force. Raises UsageError where there are none."""
    spec = workspace.lifecycle
    if spec is None:
        raise UsageError(
            "there are no lifecycle stages", hint="`lifecycle:` in config/segments.yaml makes them"
        )
    asked: dict[str, Condition] = {stage.value: StageIs((stage.value,)) for stage in Stage}
    counts, fits, _ = _counted(engine, ledger, at, asked)
    fitted = fits.find(LIFECYCLE, Rhythm)
    lengths = spec.lengths or FALLBACK
    if fitted is not None:
        lengths = Lengths.of_days(fitted.recent, fitted.active, fitted.at_risk, fitted.lapsed)
    stages = [
        StageCount(
            stage=stage, name=spec.name(stage), title=spec.title(stage), customers=counts[stage]
        )
        for stage in Stage
    ]
    return StageReport(at=at, lengths=lengths, fitted=fitted, stages=stages)


def rfm_report(workspace: Workspace, engine: Engine, ledger: Ledger, at: datetime) -> RfmReport:
    """Count the grid under the fits in force. Raises UsageError without the event."""
    spec = workspace.rfm
    if spec.event not in workspace.events:
        raise UsageError(
            f"there is no event {spec.event!r} to score", hint="`events` in config/relance.yaml"
        )
    if workspace.events[spec.event].of_accounts:
        raise UsageError(
            f"the event {spec.event}, which `rfm` scores, names accounts and no customer",
            hint="`rfm: {event: …}` in config/segments.yaml takes one that customers have",
        )
    places = [(recency, frequency) for recency in SCORES for frequency in SCORES]
    asked: dict[str, Condition] = {
        f"{r}-{f}": RfmIs(recency=(r,), frequency=(f,)) for r, f in places
    }
    asked |= {f"cell-{cell.name}": CellIs((cell.name,)) for cell in spec.grid.cells}
    counts, fits, customers = _counted(engine, ledger, at, asked)
    found = {(r, f): counts[f"{r}-{f}"] for r, f in places}
    return RfmReport(
        at=at,
        cutoffs=spec.thresholds or fits.find(RFM, Breakpoints),
        places=found,
        cells=[
            CellCount(cell=cell, customers=counts[f"cell-{cell.name}"]) for cell in spec.grid.cells
        ],
        unscored=customers - sum(found.values()),
    )


def _counted(
    engine: Engine, ledger: Ledger, at: datetime, asked: Mapping[str, Condition]
) -> tuple[Mapping[str, int], Fits, int]:
    """For how many customers each condition holds, the fits used, and how many there are."""
    segments = [Segment(name=name, condition=each, version="") for name, each in asked.items()]
    with engine.picture(at, segments, (), ledger.standing().fits) as picture:
        return picture.counts(), picture.fits, picture.customers
