"""Fitting a score: learn from a window that is closed, judge on the one after, keep what is better.

```
            learnt from                     judged on
  ───┬──────────────────────────┬──────────────────────────┬───► time
  snapshot   what came after  snapshot   what came after   at
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from relance.domain.score import (
    USUAL,
    BgNbd,
    Logistic,
    Quality,
    Rule,
    ScoreFile,
    ScoreModel,
    ScoreSpec,
)
from relance.domain.workspace import Workspace
from relance.errors import UsageError
from relance.pipeline.ports.scores import ScoreEngine
from relance.scoring import bgnbd, judge, logistic, quality
from relance.scoring.history import History, together


@dataclass(frozen=True, kw_only=True, slots=True)
class FitReport:
    """What came of a fit. Without `found` there was nothing to learn; `refused` says why the
    standing model stays, `standing` how it did on the same window."""

    score: str
    found: ScoreFile | None
    refused: tuple[str, ...] = ()
    standing: Quality | None = None
    forced: bool = False

    @property
    def accepted(self) -> bool:
        return self.found is not None and (not self.refused or self.forced)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiry:
    """What fitting needs; `progress` is told each window by a word."""

    workspace: Workspace
    engine: ScoreEngine
    progress: Callable[[str], None] = field(default=lambda _phase: None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Learnt:
    """A formula, and how likely it makes what it learnt from (the closed form)."""

    formula: Logistic | BgNbd
    log_likelihood: float | None = None


def fit_score(
    inquiry: Inquiry,
    spec: ScoreSpec,
    at: datetime,
    standing: ScoreModel | None = None,
    *,
    force: bool = False,
) -> FitReport:
    """Fit a score as of `at` and hold it against the standing model.

    Raises UsageError for a score without a model of its own or where scikit-learn is missing,
    SourceError where the data cannot be read.
    """
    if spec.complement_of is not None:
        raise UsageError(
            f"{spec.name} is 1 less {spec.complement_of}, and has no model of its own",
            hint=f"run: relance scores fit {spec.complement_of}",
        )
    judged_at, *learnt_at = snapshots(spec, at, inquiry.workspace.zone)
    past = []
    for snapshot in learnt_at:
        inquiry.progress("learn")
        until = spec.within.after(snapshot, inquiry.workspace.zone)
        past.append(inquiry.engine.score_history(spec, snapshot, until))
    known = together(past)
    inquiry.progress("judge")
    last = inquiry.engine.score_history(spec, judged_at, at)
    for history, when in ((known, learnt_at[0]), (last, judged_at)):
        if reason := _nothing_to_see(spec, history, when, inquiry.workspace.zone):
            return FitReport(score=spec.name, found=None, refused=(reason,))
    learnt = _learn(spec, known)
    if learnt is None:
        reason = "no four numbers fit these customers best: too few came back, or all are alike"
        return FitReport(score=spec.name, found=None, refused=(reason,))
    model = ScoreModel(
        score=spec.name, event=spec.event, within=spec.within, trained_at=at,
        formula=learnt.formula, usual_gap=last.usual_gap(USUAL), value=last.value,
    )  # fmt: skip
    judgement = _judge(model, last)
    found = ScoreFile(
        workspace=inquiry.workspace.name, model=judgement.model, trained_on=tuple(learnt_at),
        customers=known.total, base_rate=round(known.base_rate, 6), evaluated_on=judged_at,
        quality=judgement.quality, recalibrated=judgement.recalibrated,
        log_likelihood=learnt.log_likelihood,
    )  # fmt: skip
    before = None
    if standing is not None:
        before = quality.measure(judge.scores_of(standing, judgement.seen), judgement.seen)
    reasons = judge.objections(found.quality, before, chance=judgement.chance)
    return FitReport(
        score=spec.name, found=found, refused=tuple(reasons), standing=before, forced=force
    )


def snapshots(spec: ScoreSpec, at: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants that are looked from: the one that is judged on, then those learnt from, the
    newest first. Each is the score's length before the one before it."""
    found = [spec.within.before(at, zone)]
    for _ in range(spec.snapshots if spec.rule is Rule.LOGISTIC else 1):
        found.append(spec.within.before(found[-1], zone))
    return found


def _nothing_to_see(
    spec: ScoreSpec, history: History, when: datetime, zone: ZoneInfo
) -> str | None:
    """Why a window has nothing to learn from or to judge on."""
    day = f"{when.astimezone(zone):%Y-%m-%d}"
    if not history.total:
        return (
            f"nobody had the event {spec.event} up to {day}: the history must be longer than"
            f" two times {spec.within}"
        )
    if history.one_sided:
        who = "everybody" if history.buyers.any() else "nobody"
        return (
            f"{who} had the event {spec.event} within {spec.within} after {day}: nothing to tell"
            " apart"
        )
    return None


def _learn(spec: ScoreSpec, history: History) -> _Learnt | None:
    if spec.rule is Rule.LOGISTIC:
        return _Learnt(formula=logistic.fit(history, list(history.features)))
    found = bgnbd.fit(history)
    if found is None:
        return None
    likelihood = round(found.log_likelihood, 4)
    return _Learnt(formula=found.parameters, log_likelihood=likelihood)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judgement:
    """A model, set right where that was needed, and the customers on whom it was judged."""

    model: ScoreModel
    quality: Quality
    seen: History
    recalibrated: bool
    chance: bool  # what is left of its bias may be chance


def _judge(model: ScoreModel, last: History) -> _Judgement:
    """On the whole window; a logistic model whose mean is off learns its intercept anew on half
    of the customers and is judged on the other half."""
    scores = judge.scores_of(model, last)
    whole = quality.measure(scores, last)
    chance = quality.off_by_chance(whole, scores, last)
    if judge.fair(whole) or chance or not isinstance(model.formula, Logistic):
        return _Judgement(model=model, quality=whole, seen=last, recalibrated=False, chance=chance)
    one, other = last.halves(scores)
    formula = quality.recalibrated(model.formula, judge.scores_of(model, one), one)
    better = replace(model, formula=formula)
    scores = judge.scores_of(better, other)
    found = quality.measure(scores, other)
    return _Judgement(
        model=better, quality=found, seen=other, recalibrated=True,
        chance=quality.off_by_chance(found, scores, other),
    )  # fmt: skip
