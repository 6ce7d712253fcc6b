"""Which verdict a trigger gets, and that no number is shown that should not be."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relance.domain.arm import Arm
from relance.domain.ledger import ArmSums
from relance.uplift.planning import Pace
from relance.uplift.verdict import ArmCounts, Cause, Reading, Verdict, counts, read
from relance.uplift.wording import sentence

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
NOBODY = (0, 0, 0)


def judge(
    treated: tuple[int, int, int],
    holdout: tuple[int, int, int],
    *,
    share: float = 0.1,
    measured: bool = True,
    pace: Pace | None = None,
) -> Reading:
    return read(
        people(*treated), people(*holdout), trigger="winback", version="v1", share=share,
        measured=measured, pace=pace,
    )  # fmt: skip


def people(entered: int, mature: int, retained: int) -> ArmCounts:
    return ArmCounts(entered=entered, mature=mature, retained=retained)


@pytest.mark.parametrize(
    ("treated", "holdout", "cause", "verdict"),
    [
        (NOBODY, NOBODY, Cause.WINDOWS_OPEN, Verdict.TOO_EARLY),
        ((8, 8, 1), NOBODY, Cause.SMALL_GROUP, Verdict.NOT_ENOUGH_DATA),
        ((8, 0, 0), NOBODY, Cause.WINDOWS_OPEN, Verdict.TOO_EARLY),
        ((900, 0, 0), (100, 0, 0), Cause.WINDOWS_OPEN, Verdict.TOO_EARLY),
        ((900, 5, 1), (100, 0, 0), Cause.WINDOWS_OPEN, Verdict.TOO_EARLY),
        ((900, 800, 80), (100, 99, 9), Cause.SMALL_GROUP, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 80), (100, 100, 4), Cause.FEW_RETAINED, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 4), (100, 100, 10), Cause.FEW_RETAINED, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 90), (100, 100, 10), Cause.SPANS_ZERO, Verdict.NO_DETECTABLE_EFFECT),
        ((9000, 9000, 1800), (1000, 1000, 100), Cause.ABOVE_ZERO, Verdict.BETTER),
        ((9000, 9000, 900), (1000, 1000, 200), Cause.BELOW_ZERO, Verdict.WORSE),
        ((900, 900, 270), (400, 400, 40), Cause.SPLIT, Verdict.SRM_FAILED),
    ],
)
def test_the_verdict_names_the_first_thing_that_stands_in_the_way(
    treated: tuple[int, int, int], holdout: tuple[int, int, int], cause: Cause, verdict: Verdict
) -> None:
    reading = judge(treated, holdout)
    assert (reading.cause, reading.verdict) == (cause, verdict)


def test_too_little_data_still_shows_the_difference_and_its_interval() -> None:
    reading = judge((360, 360, 36), (40, 40, 3))
    assert reading.verdict is Verdict.NOT_ENOUGH_DATA
    assert reading.diff == pytest.approx(0.025)
    assert reading.diff_ci == pytest.approx((-0.101, 0.086), abs=0.001)
    assert reading.extra is None


def test_a_broken_split_shows_no_effect_at_all() -> None:
    reading = judge((900, 900, 270), (400, 400, 40))
    assert reading.diff is reading.diff_ci is reading.mde is reading.extra is None
    assert "900 treated and 400 held out is not a holdout of 10" in sentence(reading)


def test_a_trigger_without_a_goal_or_without_a_holdout_says_so() -> None:
    assert judge((50, 0, 0), (5, 0, 0), measured=False).cause is Cause.NO_GOAL
    reading = judge((500, 400, 40), NOBODY, share=0.0)
    assert reading.cause is Cause.NO_HOLDOUT
    assert reading.treated.rate == 0.1
    assert reading.diff is None


def test_extra_customers_are_the_difference_times_those_written_to() -> None:
    reading = judge((9000, 9000, 1800), (1000, 1000, 100))
    assert reading.extra == pytest.approx(900)
    assert reading.extra_ci is not None
    assert reading.extra_ci.low < 900 < reading.extra_ci.high


def test_a_small_trial_says_when_it_can_be_read() -> None:
    pace = Pace(began=START, at=START + timedelta(days=40), window=timedelta(days=30))
    reading = judge((360, 90, 9), (40, 10, 1), pace=pace)
    # the holdout grows by one a day and needs 100 (of which one in ten is retained)
    assert reading.readable_on == date(2026, 1, 5) + timedelta(days=100 + 30)


def test_a_date_that_has_passed_is_not_promised() -> None:
    pace = Pace(began=START, at=START + timedelta(days=400), window=timedelta(days=30))
    assert judge((1800, 1800, 90), (200, 200, 0), pace=pace).readable_on is None


def test_the_engines_sums_become_people_and_a_missing_arm_is_empty() -> None:
    sums = ArmSums(
        trigger="winback", version="v1", arm=Arm.TREATED, entered=5, mature=4, retained=1
    )
    assert counts(sums) == people(5, 4, 1)
    assert counts(None) == people(0, 0, 0)


def test_more_retained_than_mature_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="retained ≤ mature ≤ entered"):
        people(10, 5, 6)


arms = st.integers(0, 10**6).flatmap(
    lambda entered: st.integers(0, entered).flatmap(
        lambda mature: st.integers(0, mature).map(
            lambda retained: ArmCounts(entered=entered, mature=mature, retained=retained)
        )
    )
)


@given(arms, arms, st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_no_table_makes_a_nan_or_an_error(
    treated: ArmCounts, holdout: ArmCounts, share: float
) -> None:
    pace = Pace(began=START, at=START + timedelta(days=9), window=timedelta(days=30))
    reading = read(treated, holdout, trigger="t", version="v", share=share, pace=pace)
    numbers = [reading.diff, *(reading.diff_ci or ()), reading.mde, reading.srm_p]
    assert all(math.isfinite(number) for number in numbers if number is not None)
    for locale in ("en", "fr"):
        text = sentence(reading, locale)
        assert "nan" not in text
        assert "{" not in text
        assert "chance" not in text
