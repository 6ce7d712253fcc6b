"""A shop that knows what its messages truly did, run by relance for weeks, and what it reports."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from scipy.stats import binom
from simulations import shops
from simulations.shops import Found

from relance.uplift.verdict import Verdict

pytestmark = pytest.mark.xdist_group("known_truth")
SAMPLE = shops.SEEDS[:3]


@cache
def run(seed: int) -> dict[str, Found]:
    return {one.trigger: one for one in shops.run(seed)}


def runs(trigger: str, seeds: Sequence[int]) -> Sequence[Found]:
    return [run(seed)[trigger] for seed in seeds]


@pytest.mark.parametrize("trigger", shops.EFFECTS)
def test_in_a_few_runs_the_interval_holds_the_true_effect(trigger: str) -> None:
    done = runs(trigger, SAMPLE)
    assert [one.difference for one in done if one.difference is None] == []
    # two misses of three: one sample in 140
    assert sum(one.holds for one in done) >= len(SAMPLE) - 1


@pytest.mark.parametrize(("trigger", "effect"), shops.EFFECTS.items())
def test_the_truth_has_the_side_that_the_messages_were_made_for(
    trigger: str, effect: float
) -> None:
    truths = [one.truth for one in runs(trigger, SAMPLE)]
    assert all((truth > 0) == (effect > 0) and (truth < 0) == (effect < 0) for truth in truths)


def test_a_clear_verdict_is_on_the_side_of_the_truth_and_a_strong_effect_is_found() -> None:
    assert not any(one.wrong_side for trigger in shops.EFFECTS for one in runs(trigger, SAMPLE))
    assert sum(one.verdict is Verdict.BETTER for one in runs("miss_you", SAMPLE)) >= len(SAMPLE) - 1


@pytest.mark.slow
@pytest.mark.parametrize("trigger", shops.EFFECTS)
def test_in_hundreds_of_runs_the_interval_holds_the_true_effect_as_often_as_it_says(
    trigger: str,
) -> None:
    done = runs(trigger, shops.SEEDS)
    assert sum(one.holds for one in done) >= 0.93 * len(done)
    # nor so often that the interval must be too wide
    assert binom.sf(sum(one.holds for one in done) - 1, len(done), 0.95) > 0.001


@pytest.mark.slow
def test_in_hundreds_of_runs_an_effect_of_nothing_is_called_clear_as_seldom_as_promised() -> None:
    done = runs("thanks", shops.SEEDS)
    assert sum(one.clear for one in done) <= 0.05 * len(done)
