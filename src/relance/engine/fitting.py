"""What a picture's conditions need fitted: which fits, how, and how long each is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from relance.domain.condition import CellIs, Condition, Leaf, RfmIs, StageIs, leaves
from relance.domain.fits import LIFECYCLE, RFM, Fit, Fits
from relance.engine import lifecycle, rfm
from relance.engine.fitted import Fitting
from relance.engine.needs import inlined, lifecycle_of
from relance.engine.profile import Profiles
from relance.engine.score_fits import score_fittings
from relance.engine.workbench import Workbench


def fittings(workbench: Workbench, profiles: Profiles, asked: Sequence[Leaf]) -> Iterator[Fitting]:
    """What some leaves (of inlined conditions) need fitted."""
    kinds, workspace = {type(leaf) for leaf in asked}, profiles.workspace
    if kinds & {RfmIs, CellIs} and workspace.rfm.thresholds is None:
        yield Fitting(
            name=RFM,
            of=lambda _: rfm.fitted_of(workspace),
            refit=workspace.rfm.refit,
            fit=lambda _: rfm.fit(workbench, profiles),
        )
    if StageIs in kinds and (spec := lifecycle_of(workspace)).lengths is None:
        yield Fitting(
            name=LIFECYCLE,
            of=lambda _: lifecycle.fitted_of(workspace),
            refit=spec.refit,
            fit=lambda _: lifecycle.fit(workbench, profiles),
        )
    yield from score_fittings(workbench, profiles, asked)


def leaves_of(profiles: Profiles, conditions: Iterable[Condition]) -> Iterator[Leaf]:
    """Every leaf of some conditions, those of the segments that they refer to included."""
    for condition in conditions:
        yield from leaves(inlined(condition, profiles.workspace.segments))


class Fitter:
    """The fits that some conditions need, as of one instant."""

    def __init__(
        self, workbench: Workbench, profiles: Profiles, conditions: Iterable[Condition]
    ) -> None:
        asked = list(leaves_of(profiles, conditions))
        self._fittings = list(fittings(workbench, profiles, asked))
        self._clock = profiles.clock

    @property
    def needed(self) -> bool:
        """Whether anything is."""
        return bool(self._fittings)

    def standing(self, known: Fits) -> Fits:
        """What is needed: the known ones that fit, the others fitted now."""
        found: dict[str, Fit] = {}
        for each in self._fittings:
            kept = known.named.get(each.name)
            fit = kept if each.fits(kept, Fits(found)) else each.fit(Fits(found))
            if fit is not None:
                found[each.name] = fit
        return Fits(found)

    def renewed(self, known: Fits) -> Fits | None:
        """The same with those fitted again that have had their time; None where none has."""
        fresh: dict[str, Fit] = {}
        for each in self._fittings:
            beside = known.renewed(fresh)
            if self._is_due(each, known.named.get(each.name), beside):
                fit = each.fit(beside)
                if fit is not None:
                    fresh[each.name] = fit
        return known.renewed(fresh) if fresh else None

    def _is_due(self, fitting: Fitting, known: Fit | None, beside: Fits) -> bool:
        if known is None:
            return False
        if fitting.newer(known) or not fitting.fits(known, beside):
            return True
        if fitting.refit is None:
            return False
        return self._clock.at >= fitting.refit.after(known.fitted_at, self._clock.zone)
