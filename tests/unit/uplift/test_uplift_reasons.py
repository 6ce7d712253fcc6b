"""Every reason for having no number is a sentence that says what to do."""

from __future__ import annotations

import pytest

from relance.uplift.alarm import TwoCounts, alarm
from relance.uplift.estimate import Estimate, Why, Withheld, withheld
from relance.uplift.means import cuped, mean_difference
from relance.uplift.moments import Moments
from relance.uplift.proportions import Interval
from relance.uplift.reasons import alarm_sentence, reason

GOOD = Moments(n=50, mean=2.0, m2=100.0, before=1.0, before_m2=50.0, cross=10.0)


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_its_sentence_in_both_languages(why: Why) -> None:
    english, french = reason(Withheld(why=why)), reason(Withheld(why=why), "fr")
    assert english.endswith(".")
    assert french.endswith(".")
    assert english != french


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        (Moments(), Why.NO_HOLDOUT),
        (Moments(n=1, mean=5.0), Why.TOO_SMALL),
        (Moments(n=-3), Why.IMPOSSIBLE),
        (Moments(n=50, m2=-1.0), Why.IMPOSSIBLE),
        (Moments(n=50, m2=1.0, before_m2=1.0, cross=5.0), Why.IMPOSSIBLE),
        (Moments(n=50, mean=float("inf")), Why.NOT_FINITE),
        (Moments(n=50, m2=float("nan")), Why.NOT_FINITE),
    ],
)
def test_means_of_what_cannot_be_are_named(arm: Moments, why: Why) -> None:
    assert mean_difference(GOOD, arm) == cuped(GOOD, arm) == Withheld(why=why)


def test_an_empty_treated_arm_and_equal_values_are_named() -> None:
    assert mean_difference(Moments(), GOOD) == Withheld(why=Why.NO_TREATED)
    equal = Moments(n=50, mean=2.0)
    assert mean_difference(equal, equal) == Withheld(why=Why.NO_SPREAD)


def test_a_covariate_that_explains_nothing_or_everything_is_named() -> None:
    plain = Moments(n=50, mean=2.0, m2=100.0)
    assert cuped(plain, plain) == Withheld(why=Why.NO_SPREAD)
    perfect = Moments(n=50, mean=2.0, m2=100.0, before=1.0, before_m2=25.0, cross=50.0)
    assert cuped(perfect, perfect) == Withheld(why=Why.NO_SPREAD)


def test_an_estimate_of_one_is_scaled_to_many() -> None:
    one = Estimate(value=0.1, interval=Interval(-0.1, 0.3), method="Newcombe", p=0.4)
    many = one.times(200)
    assert (many.value, many.interval, many.p) == (20, (-20, 60), 0.4)


def test_a_table_is_checked_before_its_emptiness() -> None:
    assert withheld((3, 2), (0, 0)) == Withheld(why=Why.IMPOSSIBLE)
    assert withheld((0, 0), (0, 0)) == Withheld(why=Why.NO_TREATED)
    assert withheld((0, 1), (0, 0)) == Withheld(why=Why.NO_HOLDOUT)
    assert withheld((0, 1), (1, 1)) is None


def test_an_alarm_for_harm_is_a_sentence_and_silence_is_none() -> None:
    harm = alarm([TwoCounts(holdout=40, treated=160, share=0.1)])
    fair = alarm([TwoCounts(holdout=20, treated=180, share=0.1)])
    assert not isinstance(harm, Withheld)
    assert not isinstance(fair, Withheld)
    low, high = (f"{100 * end:.1f} %" for end in harm.ratio)
    assert f"less often than those held out, {low} to {high}" in (alarm_sentence(harm) or "")
    assert low.replace(".", ",") in (alarm_sentence(harm, "fr") or "")
    assert alarm_sentence(fair) is None
