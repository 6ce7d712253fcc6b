"""Looking every day: the sequence, the hybrid rule, and the alarm that counts two numbers."""

from __future__ import annotations

import math

import pytest
from scipy.special import betaln

import hillstrom
from relance.uplift.alarm import Alarm, TwoCounts, alarm, holdout_share, split_alarm
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.sequential import early_look, hybrid_p


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [("visit", 0.065686, 0.087493), ("conversion", 0.003839, 0.009771)],
)
def test_the_sequence_equals_gbstats_on_the_hillstrom_trial(
    metric: str, low: float, high: float
) -> None:
    found = early_look(*hillstrom.table(hillstrom.MENS, metric), alpha=0.05, entrants=5_000)
    assert isinstance(found, Estimate)
    assert found.interval == pytest.approx((low, high), abs=5e-7)


@pytest.mark.parametrize("table", [(450, 4500, 4, 500), (4, 4500, 50, 500), (96, 100, 450, 500)])
def test_the_gate_stays_closed_before_five_hits_and_misses_in_each_arm(
    table: tuple[int, int, int, int],
) -> None:
    assert early_look(*table, alpha=0.05) is None


def test_the_sequences_p_value_is_the_level_at_which_it_touches_zero() -> None:
    table, entrants = (620, 4500, 44, 500), 5_000
    found = early_look(*table, alpha=0.01, entrants=entrants)
    assert isinstance(found, Estimate)
    assert found.p is not None
    clear = found.interval.low > 0
    assert clear == (found.p < 0.01)
    for hits in range(440, 700, 10):
        one = early_look(hits, 4500, 44, 500, alpha=0.01, entrants=entrants)
        assert isinstance(one, Estimate)
        assert (one.interval.low > 0 or one.interval.high < 0) == ((one.p or 0) < 0.01)


def test_the_sequence_is_wider_than_an_interval_for_one_look() -> None:
    found = early_look(450, 4500, 50, 500, alpha=0.05)
    assert isinstance(found, Estimate)
    assert found.interval.high - found.interval.low > 1.3 * 2 * 1.96 * math.sqrt(
        0.09 / 4500 + 0.09 / 500
    )


def test_the_hybrid_rule_spends_a_fifth_early_and_the_rest_at_the_read_out() -> None:
    assert hybrid_p(None, None) == 1
    assert hybrid_p(0.01, None) == pytest.approx(0.05)
    assert hybrid_p(0.9, 0.04) == pytest.approx(0.05)
    assert hybrid_p(0.001, 0.5) == pytest.approx(0.005)
    assert hybrid_p(0.5, 0.9) == 1


COUNTS = TwoCounts(holdout=122, treated=189, share=0.5)


def test_two_counts_give_savvis_published_values() -> None:
    found = alarm([COUNTS], k=50)
    assert isinstance(found, Alarm)
    assert found.p == pytest.approx(0.0051002, abs=5e-8)
    assert holdout_share(COUNTS, k=50) == pytest.approx((0.30777, 0.48136), abs=5e-6)


def test_two_counts_of_the_womens_mailing_give_the_published_ratio() -> None:
    hits, _, base_hits, _ = hillstrom.table(hillstrom.WOMENS, "conversion")
    found = alarm([TwoCounts(holdout=base_hits, treated=hits, share=0.5)])
    assert isinstance(found, Alarm)
    assert (round(found.ratio.low, 2), round(found.ratio.high, 2)) == (1.08, 2.25)
    assert not found.harm


def test_the_alarms_p_value_is_one_over_the_e_value() -> None:
    held, treated, share = 30, 140, 0.1
    evidence = betaln(50 * share + held, 50 * (1 - share) + treated)
    evidence -= betaln(50 * share, 50 * (1 - share))
    evidence -= held * math.log(share) + treated * math.log(1 - share)
    found = alarm([TwoCounts(holdout=held, treated=treated, share=share)])
    assert isinstance(found, Alarm)
    assert found.p == pytest.approx(math.exp(-evidence))


def test_too_many_held_out_among_those_who_return_raise_the_alarm_for_harm() -> None:
    found = alarm([TwoCounts(holdout=40, treated=160, share=0.1)])
    assert isinstance(found, Alarm)
    assert found.harm
    assert found.ratio.high < 1
    fair = alarm([TwoCounts(holdout=20, treated=180, share=0.1)])
    assert isinstance(fair, Alarm)
    assert (fair.harm, fair.p) == (False, 1)


def test_periods_with_different_holdouts_add_their_evidence() -> None:
    tenth = TwoCounts(holdout=36, treated=200, share=0.1)
    half = TwoCounts(holdout=140, treated=80, share=0.5)
    both, one, other = alarm([tenth, half]), alarm([tenth]), alarm([half])
    assert isinstance(both, Alarm)
    assert isinstance(one, Alarm)
    assert isinstance(other, Alarm)
    assert both.p == pytest.approx(one.p * other.p)
    assert both.harm
    assert both.ratio.low < 1 / 1.75 < both.ratio.high
    naive = TwoCounts(holdout=176, treated=280, share=0.3)
    assert both.ratio != alarm([naive])


def test_periods_that_no_one_effect_fits_give_no_ratio() -> None:
    up = TwoCounts(holdout=50, treated=9_950, share=0.1)
    down = TwoCounts(holdout=9_000, treated=1_000, share=0.5)
    found = alarm([up, down])
    assert isinstance(found, Alarm)
    assert found.ratio == (0, math.inf)


@pytest.mark.parametrize(
    ("held", "treated", "low", "high"),
    [(0, 0, 0, math.inf), (0, 90, None, math.inf), (30, 0, 0, None)],
)
def test_an_alarm_of_one_arm_only_is_open_on_one_side(
    held: int, treated: int, low: float | None, high: float | None
) -> None:
    found = alarm([TwoCounts(holdout=held, treated=treated, share=0.1)])
    assert isinstance(found, Alarm)
    assert low is None or found.ratio.low == low
    assert high is None or found.ratio.high == high
    assert found.ratio.low < found.ratio.high
    assert 0 <= found.p <= 1


@pytest.mark.parametrize(("held", "share"), [(-1, 0.1), (3, 0.0), (3, 1.0), (3, math.nan)])
def test_an_alarm_of_what_cannot_be_is_withheld(held: int, share: float) -> None:
    counts = TwoCounts(holdout=held, treated=9, share=share)
    assert alarm([counts]) == holdout_share(counts) == Withheld(why=Why.IMPOSSIBLE)


def test_a_split_may_be_watched_from_the_first_entry() -> None:
    assert split_alarm(TwoCounts(holdout=600, treated=4400, share=0.1)) < 0.001
    assert split_alarm(TwoCounts(holdout=497, treated=4503, share=0.1)) > 0.5
    assert split_alarm(TwoCounts(holdout=-1, treated=1, share=0.1)) == Withheld(why=Why.IMPOSSIBLE)
