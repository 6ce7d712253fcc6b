"""What a verdict carries with it: people, differences, dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from relance.uplift.judge import Judgement, judge
from relance.uplift.planning import Pace
from relance.uplift.trial import Trial
from relance.uplift.verdict import ArmCounts, Cause, Verdict
from relance.uplift.wording import sentence

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def judged(
    treated: tuple[int, int, int],
    holdout: tuple[int, int, int],
    *,
    share: float = 0.1,
    pace: Pace | None = None,
) -> Judgement:
    trial = Trial(
        trigger="winback", version="v1", treated=people(*treated), holdout=people(*holdout),
        share=share, pace=pace,
    )  # fmt: skip
    return judge([trial])[0]


def people(entered: int, mature: int, retained: int) -> ArmCounts:
    return ArmCounts(entered=entered, mature=mature, retained=retained)


def test_too_little_data_still_shows_the_difference_and_its_interval() -> None:
    reading = judged((360, 360, 36), (40, 40, 3))
    assert reading.verdict is Verdict.NOT_ENOUGH_DATA
    assert reading.diff == pytest.approx(0.025)
    assert reading.diff_ci == pytest.approx((-0.101, 0.086), abs=0.001)
    assert reading.extra is None


def test_a_broken_split_tells_who_entered_and_nothing_of_an_effect() -> None:
    reading = judged((900, 900, 270), (400, 400, 40))
    assert reading.diff is reading.diff_ci is reading.mde is reading.extra is None
    assert (reading.treated, reading.holdout) == (ArmCounts(entered=900), ArmCounts(entered=400))
    assert "900 treated and 400 held out is not a holdout of 10" in sentence(reading)


def test_a_trigger_without_a_holdout_shows_what_the_treated_did() -> None:
    reading = judged((500, 400, 40), (0, 0, 0), share=0.0)
    assert reading.cause is Cause.NO_HOLDOUT
    assert reading.treated.rate == 0.1
    assert reading.diff is None


def test_extra_customers_are_the_difference_times_those_written_to() -> None:
    reading = judged((9000, 9000, 1800), (1000, 1000, 100))
    assert reading.extra == pytest.approx(900)
    assert reading.extra_ci is not None
    assert reading.extra_ci.low < 900 < reading.extra_ci.high


def test_a_small_trial_says_when_it_can_be_read() -> None:
    pace = Pace(began=START, at=START + timedelta(days=40), window=timedelta(days=30))
    reading = judged((360, 90, 9), (40, 10, 1), pace=pace)
    # the holdout grows by one a day and needs 100 (of which one in ten is retained)
    assert reading.readable_on == date(2026, 1, 5) + timedelta(days=100 + 30)


def test_a_date_that_has_passed_is_not_promised() -> None:
    pace = Pace(began=START, at=START + timedelta(days=400), window=timedelta(days=30))
    assert judged((1800, 1800, 90), (200, 200, 0), pace=pace).readable_on is None


def test_more_retained_than_mature_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="retained ≤ mature ≤ entered"):
        people(10, 5, 6)
