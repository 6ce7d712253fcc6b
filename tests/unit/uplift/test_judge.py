"""The verdict for daily looking: its order, its two chances to speak, and its words."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relance.uplift.alarm import Alarm
from relance.uplift.document import to_json
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.health import Split
from relance.uplift.judge import Judgement, judge
from relance.uplift.planning import Pace
from relance.uplift.report import TriggerReport
from relance.uplift.sums import People
from relance.uplift.trial import Plan, Trial
from relance.uplift.verdict import ArmCounts, Cause, Verdict
from relance.uplift.wording import sentence

Counts = tuple[int, int, int]
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def arm(counts: Counts) -> People:
    """One arm, possible or not."""
    return People(*counts)


def trial(
    treated: Counts,
    holdout: Counts,
    *,
    share: float = 0.1,
    measured: bool = True,
    plan: Plan | None = None,
    parts: tuple[tuple[Split, ...], ...] = (),
    pace: Pace | None = None,
) -> Trial:
    return Trial(
        trigger="winback", version="v1", treated=arm(treated), holdout=arm(holdout), share=share,
        measured=measured, plan=plan, parts=parts, pace=pace,
    )  # fmt: skip


def alone(treated: Counts, holdout: Counts, **more: object) -> Judgement:
    return judge([trial(treated, holdout, **more)])[0]  # type: ignore[arg-type]


AHEAD = Plan(entrants=5_000)


def read_at(treated: Counts, holdout: Counts) -> Plan:
    return Plan(entrants=5_000, treated=arm(treated), holdout=arm(holdout))


@pytest.mark.parametrize(
    ("treated", "holdout", "cause", "verdict"),
    [
        ((900, 900, 270), (400, 400, 40), Cause.SPLIT, Verdict.SRM_FAILED),
        ((0, 0, 0), (0, 0, 0), Cause.FEW_ENTRANTS, Verdict.NOT_ENOUGH_DATA),
        ((1, 1, 1), (0, 0, 0), Cause.FEW_ENTRANTS, Verdict.NOT_ENOUGH_DATA),
        ((800, 800, 80), (90, 90, 9), Cause.FEW_ENTRANTS, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 90), (110, 90, 9), Cause.FEW_CLOSED, Verdict.TOO_EARLY),
        ((900, 900, 90), (100, 100, 4), Cause.FEW_RETAINED, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 0), (100, 100, 0), Cause.FEW_RETAINED, Verdict.NOT_ENOUGH_DATA),
        ((900, 900, 900), (100, 100, 100), Cause.SPANS_ZERO, Verdict.NO_DETECTABLE_EFFECT),
        ((900, 900, 90), (100, 100, 10), Cause.SPANS_ZERO, Verdict.NO_DETECTABLE_EFFECT),
        ((9000, 9000, 1800), (1000, 1000, 100), Cause.ABOVE_EARLY, Verdict.BETTER),
        ((9000, 9000, 900), (1000, 1000, 200), Cause.BELOW_EARLY, Verdict.WORSE),
        ((9000, 9000, 1200), (1000, 1000, 106), Cause.ONE_LOOK, Verdict.NO_DETECTABLE_EFFECT),
    ],
)
def test_split_then_size_then_maturity_then_statistics(
    treated: Counts, holdout: Counts, cause: Cause, verdict: Verdict
) -> None:
    found = alone(treated, holdout)
    assert (found.cause, found.verdict) == (cause, verdict)


CLEAR_ONCE = (4500, 4500, 580), (500, 500, 45)


def test_what_one_look_would_call_clear_waits_for_the_planned_read_out() -> None:
    found = alone(*CLEAR_ONCE, plan=AHEAD)
    assert found.diff_ci is not None
    assert found.diff_ci.low > 0
    assert (found.cause, found.verdict) == (Cause.READ_OUT_AHEAD, Verdict.TOO_EARLY)
    assert found.extra is None


def test_at_the_planned_read_out_it_is_clear() -> None:
    found = alone(*CLEAR_ONCE, plan=read_at(*CLEAR_ONCE))
    assert (found.cause, found.verdict) == (Cause.ABOVE_ZERO, Verdict.BETTER)
    assert found.p is not None
    assert 0.01 < found.p <= 0.05
    assert found.extra == pytest.approx(4500 * (580 / 4500 - 0.09))


def test_a_huge_effect_is_told_before_the_read_out() -> None:
    found = alone((2000, 2000, 500), (220, 220, 20), plan=AHEAD)
    assert found.cause is Cause.ABOVE_EARLY
    assert found.early is not None
    assert found.early.level == pytest.approx(0.99)
    assert found.early.interval.low > 0


def test_looking_on_after_the_read_out_asks_its_question_only_once() -> None:
    nothing_then = read_at((4500, 4500, 450), (500, 500, 50))
    found = alone((5400, 5400, 690), (600, 600, 55), plan=nothing_then)
    assert found.diff_ci is not None
    assert found.diff_ci.low > 0
    assert (found.cause, found.verdict) == (Cause.ONE_LOOK, Verdict.NO_DETECTABLE_EFFECT)


def test_a_read_out_that_the_present_contradicts_is_no_verdict() -> None:
    found = alone((9000, 9000, 900), (1000, 1000, 105), plan=read_at(*CLEAR_ONCE))
    assert found.verdict is Verdict.NO_DETECTABLE_EFFECT
    assert found.p == 1


def test_a_read_out_with_too_few_retained_does_not_speak() -> None:
    thin = read_at((4500, 4500, 90), (500, 500, 2))
    found = alone((9000, 9000, 180), (1000, 1000, 12), plan=thin)
    assert found.p is not None
    assert found.p > 0.05


def test_one_surprise_among_twenty_triggers_is_no_discovery() -> None:
    surprise = trial(*CLEAR_ONCE, plan=read_at(*CLEAR_ONCE))
    dull = trial((4500, 4500, 450), (500, 500, 50), plan=read_at((4500, 4500, 450), (500, 500, 50)))
    found = judge([surprise, *[dull] * 19])
    assert judge([surprise])[0].verdict is Verdict.BETTER
    assert (found[0].cause, found[0].verdict) == (Cause.AMONG_MANY, Verdict.NO_DETECTABLE_EFFECT)
    assert found[0].compared == 20
    assert "among 20 triggers" in sentence(found[0])


def test_a_trigger_that_cannot_be_read_does_not_count_among_the_others() -> None:
    small = trial((80, 80, 8), (9, 9, 1))
    found = judge([small, trial(*CLEAR_ONCE, plan=read_at(*CLEAR_ONCE)), small])
    assert [one.verdict for one in found] == [
        Verdict.NOT_ENOUGH_DATA, Verdict.BETTER, Verdict.NOT_ENOUGH_DATA,
    ]  # fmt: skip
    assert found[1].compared == 1


def test_a_broken_week_hides_every_number_though_the_whole_looks_fair() -> None:
    weeks = (
        Split(label="2026-W03", treated=950, holdout=50),
        Split(label="2026-W04", treated=850, holdout=150),
    )
    found = alone((1800, 1800, 360), (200, 200, 20), parts=(weeks,))
    assert (found.cause, found.verdict) == (Cause.SPLIT_PART, Verdict.SRM_FAILED)
    assert found.srm_p > 0.5
    assert found.diff is found.diff_ci is found.mde is found.early is found.extra is None
    assert isinstance(found.ratio, Withheld)
    assert isinstance(found.alarm, Withheld)
    assert "broken in 2026-W03: 5.0 % held out is not a holdout of 10.0 %" in sentence(found)


def test_the_alarm_speaks_long_before_the_verdict() -> None:
    found = alone((900, 300, 30), (100, 95, 20))
    assert found.verdict is Verdict.TOO_EARLY
    assert isinstance(found.alarm, Alarm)
    assert found.alarm.harm


def test_the_ratio_comes_second_and_only_with_five_retained_held_out() -> None:
    assert isinstance(alone((900, 900, 90), (100, 100, 5)).ratio, Estimate)
    assert alone((900, 900, 90), (100, 100, 4)).ratio == Withheld(why=Why.FEW_CONVERSIONS)


def test_a_planned_trial_says_when_its_read_out_comes() -> None:
    pace = Pace(began=START, at=START + timedelta(days=50), window=timedelta(days=30))
    found = alone((2250, 900, 90), (250, 110, 11), plan=AHEAD, pace=pace)
    assert found.cause is Cause.READ_OUT_AHEAD
    assert found.readable_on == date(2026, 1, 5) + timedelta(days=100 + 30)


@pytest.mark.parametrize(
    ("treated", "holdout", "share"),
    [
        ((10, 11, 1), (5, 5, 1), 0.1),
        ((10, 9, 10), (5, 5, 1), 0.1),
        ((10, 9, 1), (5, 5, -1), 0.1),
        ((900, 900, 90), (100, 100, 10), 1.5),
        ((900, 900, 90), (100, 100, 10), math.nan),
    ],
)
def test_counts_that_cannot_be_are_named_and_hide_every_number(
    treated: Counts, holdout: Counts, share: float
) -> None:
    found = alone(treated, holdout, share=share)
    assert (found.cause, found.verdict) == (Cause.IMPOSSIBLE, Verdict.NOT_ENOUGH_DATA)
    assert found.diff is found.mde is found.extra is None
    assert "cannot be" in sentence(found)
    assert "nan" not in sentence(found, "fr")


def test_without_a_goal_or_without_a_holdout_it_says_so() -> None:
    assert alone((900, 0, 0), (100, 0, 0), measured=False).cause is Cause.NO_GOAL
    assert alone((900, 900, 90), (0, 0, 0), share=0.0).cause is Cause.NO_HOLDOUT
    assert alone((0, 0, 0), (900, 900, 90), share=1.0).cause is Cause.FEW_ENTRANTS


def test_a_judgement_fits_today_s_report() -> None:
    found = alone(*CLEAR_ONCE, plan=read_at(*CLEAR_ONCE))
    report = TriggerReport(
        trigger="winback", description="", version="v1", at=START, goal=None, reading=found
    )
    data = to_json(report)
    assert (data["verdict"], data["diff"]) == ("better", found.diff)
    assert data["reason"] == sentence(found)


triples = st.tuples(*[st.integers(-2, 10**6)] * 3)
arms = triples | triples.map(lambda one: tuple(sorted(map(abs, one), reverse=True)))


@given(st.lists(st.tuples(arms, arms, st.booleans()), min_size=1, max_size=4), st.sampled_from(
    [-0.1, 0.0, 0.01, 0.1, 0.5, 1.0, math.inf]
))  # fmt: skip
def test_no_counts_make_a_nan_an_error_or_a_chance(
    tables: list[tuple[Counts, Counts, bool]], share: float
) -> None:
    pace = Pace(began=START, at=START + timedelta(days=9), window=timedelta(days=30))
    found = judge([
        trial(*sides, share=share, plan=AHEAD if planned else None, pace=pace)
        for *sides, planned in tables
    ])  # fmt: skip
    for one in found:
        early = one.early.interval if one.early else ()
        numbers = [one.diff, *(one.diff_ci or ()), one.mde, one.srm_p, one.p, one.p_adjusted]
        assert all(math.isfinite(n) for n in [*numbers, *early] if n is not None)
        for locale in ("en", "fr"):
            text = sentence(one, locale)
            assert not any(word in text for word in ("nan", "inf ", "{", "chance"))


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_its_words_in_both_languages(cause: Cause) -> None:
    found = Judgement(
        trigger="t", version="v", treated=ArmCounts(), holdout=ArmCounts(), share=0.1, srm_p=1.0,
        cause=cause,
    )  # fmt: skip
    english, french = sentence(found), sentence(found, "fr")
    assert english != french
    assert found.verdict in Verdict
    for text in (english, french):
        assert "%" not in text.replace(" %", "")
        assert "chance" not in text
