"""A profile with the scores that some conditions look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis.expr.types as ir

from relance.domain.condition import Condition, ScoreIs
from relance.domain.fits import Fits
from relance.engine.fitting import leaves_of
from relance.engine.needs import Need
from relance.engine.profile import Profiles
from relance.engine.score_fits import models_in
from relance.engine.scores import Scorer

WORKBENCH = "duckdb"


def with_scores(
    profiles: Profiles,
    table: ir.Table,
    names: Mapping[Need, str],
    fits: Fits,
    conditions: Iterable[Condition],
    dialect: str = WORKBENCH,
) -> ir.Table:
    """The profile with a column per score, computed once however many conditions look at it.

    `dialect` is that of the engine which holds the profile.
    """
    asked = [leaf.score for leaf in leaves_of(profiles, conditions) if isinstance(leaf, ScoreIs)]
    if not asked:
        return table
    workspace = profiles.workspace
    scorer = Scorer(
        workspace=workspace,
        clock=profiles.clock,
        dialect=dialect,
        models=models_in(fits, workspace.scores),
    )
    return scorer.add(table, names, asked)


def where_it_stays(profiles: Profiles) -> str:
    """The dialect of the engine that holds a picture's profile."""
    source = profiles.source
    stays = source.remote and profiles.workspace.source.at_source
    return source.dialect if stays else WORKBENCH
