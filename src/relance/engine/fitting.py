"""What a picture's conditions need fitted: which fits, how, and how long each is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from relance.domain.condition import CellIs, Condition, Leaf, RfmIs, StageIs, leaves
from relance.domain.duration import Duration
from relance.domain.fits import LIFECYCLE, RFM, Fit, Fits
from relance.engine import lifecycle, rfm
from relance.engine.needs import inlined, lifecycle_of
from relance.engine.profile import Profiles
from relance.engine.workbench import Workbench


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitting:
    """One thing to fit. A standing fit of something else than `of` counts for nothing.

    `refit` is how long it is kept; None for as long as it is not renewed by hand. `fit` gives
    None where there is nothing to fit it to, and is asked again the next time.
    """

    name: str
    of: str
    refit: Duration | None
    fit: Callable[[], Fit | None]

    def fits(self, known: Fit | None) -> bool:
        """Whether a standing fit is one of this."""
        return known is not None and known.of in ("", self.of)


def fittings(workbench: Workbench, profiles: Profiles, asked: Iterable[Leaf]) -> Iterator[Fitting]:
    """What some leaves (of inlined conditions) need fitted."""
    kinds, workspace = {type(leaf) for leaf in asked}, profiles.workspace
    if kinds & {RfmIs, CellIs} and workspace.rfm.thresholds is None:
        yield Fitting(
            name=RFM,
            of=rfm.fitted_of(workspace),
            refit=workspace.rfm.refit,
            fit=partial(rfm.fit, workbench, profiles),
        )
    if StageIs in kinds and (spec := lifecycle_of(workspace)).lengths is None:
        yield Fitting(
            name=LIFECYCLE,
            of=lifecycle.fitted_of(workspace),
            refit=spec.refit,
            fit=partial(lifecycle.fit, workbench, profiles),
        )


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
        found = {}
        for each in self._fittings:
            kept = known.named.get(each.name)
            fit = kept if each.fits(kept) else each.fit()
            if fit is not None:
                found[each.name] = fit
        return Fits(found)

    def renewed(self, known: Fits) -> Fits | None:
        """The same with those fitted again that have had their time; None where none has."""
        due = [each for each in self._fittings if self._is_due(each, known.named.get(each.name))]
        fresh = {each.name: fit for each in due if (fit := each.fit()) is not None}
        return known.renewed(fresh) if fresh else None

    def _is_due(self, fitting: Fitting, known: Fit | None) -> bool:
        if known is None or fitting.refit is None:
            return False
        return self._clock.at >= fitting.refit.after(known.fitted_at, self._clock.zone)
