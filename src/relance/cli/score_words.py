"""Scores in words and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relance.domain.score import Quality, ScoreFile, ScoreSpec
    from relance.domain.workspace import Workspace
    from relance.pipeline.score_fit import FitReport
    from relance.pipeline.score_why import Explanation

_FEW = 1_000  # customers below which a score is told as uncertain
_SAID = {
    "recency": "days since the last one",
    "count": "how many there were",
    "mean_amount": "mean amount",
    "tenure": "days since the first one",
    "count_30": "within 30 days",
    "count_90": "within 90 days",
    "count_180": "within 180 days",
    "mean_gap": "mean days between them",
    "silence": "silence over the usual gap",
    "still_a_customer": "is still a customer",
    "comes_in_time": "then comes in time",
}


def fit_document(report: FitReport) -> dict[str, object]:
    """What came of a fit, as plain data."""
    from relance.spec import quality_document, score_document

    found, standing = report.found, report.standing
    return {
        "score": report.score,
        "accepted": report.accepted,
        "forced": report.forced and bool(report.refused),
        "refused": list(report.refused),
        "model": None if found is None else score_document(found),
        "standing": None if standing is None else quality_document(standing),
    }


def fit_lines(report: FitReport) -> Iterator[str]:
    """What came of a fit, for people."""
    if report.found is None:
        yield f"{report.score}: nothing fitted: {'; '.join(report.refused)}"
        return
    yield f"{report.score}: {_how_good(report.found.quality)}"
    if report.standing is not None:
        yield f"  the standing model on the same customers: {_how_good(report.standing)}"
    if report.found.recalibrated:
        yield "  its intercept was set right on half of the last window's customers"
    for reason in report.refused:
        yield f"  {'overruled' if report.forced else 'refused'}: {reason}"
    if report.accepted:
        yield f"  written to scores/{report.score}.json; the next tick stores memberships under it"
    else:
        yield "  the standing model stays; --force overrules this"


def _how_good(quality: Quality) -> str:
    auc = "" if quality.auc is None else f"AUC {quality.auc:.3f}, "
    return (
        f"{auc}Brier {quality.brier:.4f}, expects {quality.mean:.1%} where"
        f" {quality.base_rate:.1%} of {quality.customers:,} customers came back"
    )


def file_lines(
    workspace: Workspace, spec: ScoreSpec, file: ScoreFile, trained: str
) -> Iterator[str]:
    """A model for people: what it is, how good it was, from where on it pays."""
    model = file.model
    what = f"{spec.name}: the chance of the event {model.event} within {model.within}"
    if spec.complement_of is not None:
        what = f"{spec.name}: 1 less {spec.complement_of}, past the usual gap"
    yield f"{what} ({model.rule}, fitted {trained})"
    yield f"  on the last closed window: {_how_good(file.quality)}"
    if file.quality.customers < _FEW:
        yield f"  fewer than {_FEW:,} customers: take it as a ranking, not to the per cent"
    if model.usual_gap is not None:
        yield f"  usual gap of a customer with one {model.event}: {model.usual_gap:.0f} days"
    base = workspace.scores[spec.model]
    worth = model.value if base.value_fitted else base.value
    if worth is None:
        return
    yield f"  worth {worth:,.2f} {workspace.currency}: to get back what a message costs"
    for name, channel in workspace.channels.items():
        if channel.cost > 0:
            yield f"    {name} ({channel.cost:g}): from a chance of {channel.cost / worth:.2%} on"


def explanation_document(one: Explanation) -> dict[str, object]:
    """One customer's score as plain data."""
    return {
        "score": one.spec.name,
        "customer": one.customer,
        "at": one.at.isoformat(),
        "event": one.spec.event,
        "within": str(one.spec.within),
        "model": one.model.rule.value,
        "trained_at": one.model.trained_at.isoformat(),
        "value": one.score,
        "reason": one.reason,
        "average": one.average,
        "parts": [
            {"name": part.name, "value": part.value, "contribution": part.contribution}
            for part in one.parts
        ],
        "expected_value": one.expected_value,
        "expected_returns": [
            {"channel": name, "return": back} for name, back in (one.expected_returns or {}).items()
        ],
    }


def explanation_lines(one: Explanation, currency: str) -> Iterator[str]:
    """One customer's score for people."""
    about = f"{one.spec.name} ({one.spec.event} within {one.spec.within})"
    if one.score is None:
        yield f"{about}: none, the customer {_was(one.reason)}"
    else:
        yield f"{about}: {one.score:.1%}"
    if one.score is None:
        return
    if one.average is not None and one.parts:
        yield f"  a customer who is average in everything has {one.average:.1%}; in log-odds:"
    for part in one.parts:
        said = _SAID.get(part.name, part.name)
        if part.value is None:
            yield f"  {said}: {part.contribution:.1%}"
        else:
            yield f"  {part.contribution:+.2f}  {said}: {part.value:g}"
    if one.spec.complement_of is not None and one.score is not None:
        yield f"  these are the parts of {one.spec.complement_of}, whose complement it is"
    if one.expected_value is not None:
        what = "expected value" if one.spec.complement_of is None else "value at risk"
        yield f"  {what}: {one.expected_value:,.2f} {currency}"
    for name, back in (one.expected_returns or {}).items():
        yield f"  expected return on {name}: {back:,.1f}"


def _was(reason: str) -> str:
    return reason if reason.startswith("never") else f"is {reason}"
