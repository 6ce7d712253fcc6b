"""What score leaves need fitted: the model in force, and the cut-offs of the best shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from relance.domain.condition import Leaf, ScoreIs
from relance.domain.fits import Fit, Fits, ScoreFit, TopFit, score_fit, top_fit
from relance.domain.score import DECIMALS, ScoreModel, ScoreSpec, fingerprint
from relance.engine.fitted import Fitting
from relance.engine.needs import Need
from relance.engine.profile import Profiles
from relance.engine.scores import Scorer, column_name, needs_of_score, spec_of
from relance.engine.workbench import Workbench
from relance.errors import SourceError


def score_fittings(
    workbench: Workbench, profiles: Profiles, asked: Iterable[Leaf]
) -> Iterator[Fitting]:
    """The models first, then the cut-offs that are made with them."""
    wanted = [leaf for leaf in asked if isinstance(leaf, ScoreIs)]
    workspace = profiles.workspace
    for name in dict.fromkeys(spec_of(workspace, leaf.score).model for leaf in wanted):
        spec = spec_of(workspace, name)
        yield Fitting(
            name=score_fit(name),
            of=partial(_kind, spec),
            refit=None,
            fit=partial(_at_hand, profiles, spec),
            newer=partial(_another, profiles, spec),
        )
    tops = dict.fromkeys((leaf.score, leaf.top) for leaf in wanted if leaf.top is not None)
    for score, share in tops:
        spec = spec_of(workspace, score)
        yield Fitting(
            name=top_fit(score, share),
            of=partial(_made_with, spec),
            refit=spec.refit,
            fit=partial(_cutoff, workbench, profiles, spec, share),
        )


def models_in(fits: Fits, scores: Iterable[str]) -> Mapping[str, ScoreModel]:
    """The models in force of some scores (those that have their own)."""
    found = {name: fits.find(score_fit(name), ScoreFit) for name in scores}
    return {name: fit.model for name, fit in found.items() if fit is not None}


def _kind(spec: ScoreSpec, _: Fits) -> str:
    """A model of another event, length or kind is no use to a score."""
    return f"{spec.event} {spec.within} {spec.rule}"


def _at_hand(profiles: Profiles, spec: ScoreSpec, _: Fits) -> Fit:
    model = profiles.workspace.models.get(spec.name)
    if model is None:
        raise SourceError(
            f"the score {spec.name} has no model yet", hint=f"run: relance scores fit {spec.name}"
        )
    return ScoreFit(fitted_at=profiles.clock.at, of=_kind(spec, Fits()), model=model)


def _another(profiles: Profiles, spec: ScoreSpec, known: Fit) -> bool:
    """Whether scores/ holds another model than the one in force."""
    model = profiles.workspace.models.get(spec.name)
    return model is not None and isinstance(known, ScoreFit) and known.model != model


def _made_with(spec: ScoreSpec, fits: Fits) -> str:
    model = models_in(fits, [spec.model]).get(spec.model)
    return fingerprint(model) if model is not None else "none"


def _cutoff(
    workbench: Workbench, profiles: Profiles, spec: ScoreSpec, share: float, fits: Fits
) -> Fit | None:
    """The quantile over the customers who have a score; None where nobody has.

    One number per customer is made; whose it is stays in the source.
    """
    needs = needs_of_score(profiles.workspace, spec.name)
    names: dict[Need, str] = {need: f"n_{short}" for short, need in needs.items()}
    base = profiles.build(names).drop("key")
    source = profiles.source
    with workbench.scope():
        table = workbench.load(source.fetch(base)) if source.remote else workbench.create(base)
        scorer = Scorer(
            workspace=profiles.workspace,
            clock=profiles.clock,
            dialect="duckdb",
            models=models_in(fits, [spec.model]),
        )
        column = column_name(spec.name)
        scored = scorer.add(workbench.scratch(table), names, [spec.name])
        scores = workbench.create(scored.select(column))
        (row,) = workbench.run(f"SELECT quantile_cont({column}, {1 - share}) FROM {scores}")
    if not isinstance(row[0], float):
        return None
    return TopFit(
        fitted_at=profiles.clock.at, of=_made_with(spec, fits), cutoff=round(row[0], DECIMALS)
    )
