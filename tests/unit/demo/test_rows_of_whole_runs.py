"""What the table of `make simulate` says of whole runs beside the truth."""

from __future__ import annotations

import pytest
from simulations.rows import of_trigger
from simulations.shops import Found

from relance.uplift.proportions import Interval
from relance.uplift.verdict import Verdict

NONE = Verdict.NO_DETECTABLE_EFFECT


def runs(trigger: str, truth: float, verdict: Verdict = NONE, missed: int = 0) -> list[Found]:
    """A hundred runs; in so many of them the interval lies above the truth."""
    inside = Found(
        trigger=trigger, truth=truth, difference=Interval(truth - 0.05, truth + 0.05),
        verdict=verdict,
    )  # fmt: skip
    outside = Found(
        trigger=trigger, truth=truth, difference=Interval(truth + 0.01, truth + 0.1),
        verdict=verdict,
    )  # fmt: skip
    return [outside] * missed + [inside] * (100 - missed)


@pytest.mark.parametrize(("missed", "held"), [(7, True), (8, False)])
def test_an_interval_that_misses_the_truth_too_often_is_no_promise_kept(
    missed: int, held: bool
) -> None:
    row, *_ = of_trigger(runs("rate_us", -0.05, missed=missed))
    assert row.held is held
    assert row.measured.startswith(f"{100 - missed} of 100: {100 - missed}.0% [")


def test_a_run_without_an_interval_counts_as_missed() -> None:
    silent = Found(trigger="thanks", truth=0.0, difference=None, verdict=Verdict.TOO_EARLY)
    row, *_ = of_trigger([silent] * 8 + runs("thanks", 0.0)[8:])
    assert row.held is False


@pytest.mark.parametrize(("clear", "held"), [(5, True), (6, False)])
def test_nothing_must_not_be_called_better_or_worse_too_often(clear: int, held: bool) -> None:
    called = runs("thanks", 0.0, Verdict.WORSE)[:clear]
    *_, row = of_trigger(called + runs("thanks", 0.0)[clear:])
    assert row.held is held


def test_a_verdict_against_the_truth_is_told() -> None:
    *_, sound = of_trigger(runs("miss_you", 0.1, Verdict.BETTER))
    *_, wrong = of_trigger(runs("miss_you", 0.1, Verdict.WORSE)[:1] + runs("miss_you", 0.1)[1:])
    assert (sound.held, wrong.held) == (True, False)
