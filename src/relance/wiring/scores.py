"""Scores: fitted, kept in files, and explained."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from relance.errors import StateError, UsageError, WorkspaceError
from relance.wiring.opened import Opened, Progress

if TYPE_CHECKING:
    from relance.domain.score import ScoreFile, ScoreSpec
    from relance.pipeline.score_fit import FitReport
    from relance.pipeline.score_why import Explanation


class Scores(Opened):
    """What can be done with a declared score."""

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
