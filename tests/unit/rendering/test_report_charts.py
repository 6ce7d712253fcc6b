"""Where marks go on the report's plots."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import counted
from relance.rendering.report.charts import (
    Scale,
    forest_mark,
    forest_scale,
    funnel,
)
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import ArmCounts, Reading
from report_samples import judged

AT = datetime(2026, 3, 6, 8, tzinfo=UTC)


def reading(treated: tuple[int, int], holdout: tuple[int, int]) -> Reading:
    (t, rt), (h, rh) = treated, holdout
    arms = ArmCounts(entered=t, mature=t, retained=rt), ArmCounts(entered=h, mature=h, retained=rh)
    return counted.judged(*arms, share=h / (t + h))


def test_a_mark_stands_between_the_ends_of_its_interval() -> None:
    one = reading((9000, 1800), (1000, 100))
    mark = forest_mark(one, forest_scale([one]))
    assert mark is not None
    assert 0 < mark.low < mark.middle < mark.high < 100


def test_zero_is_on_the_scale_and_a_better_mark_is_right_of_it() -> None:
    one = reading((9000, 1800), (1000, 100))
    scale = forest_scale([one])
    mark = forest_mark(one, scale)
    assert mark is not None
    assert 0.0 in scale.ticks()
    assert scale.place(0.0) < mark.low


def test_a_huge_interval_of_a_tiny_group_does_not_flatten_the_others() -> None:
    settled, tiny = reading((9000, 1800), (1000, 100)), reading((40, 20), (4, 2))
    scale = forest_scale([settled, tiny])
    mark = forest_mark(tiny, scale)
    assert mark is not None
    assert mark.cut_low
    assert mark.cut_high
    whole = forest_mark(settled, scale)
    assert whole is not None
    assert whole.high - whole.low > 8
    assert not whole.cut_low
    assert not whole.cut_high


def test_nothing_to_show_still_has_a_scale() -> None:
    scale = forest_scale([])
    assert scale.low < 0 < scale.high
    assert scale.ticks()


@given(st.floats(-1, -0.01), st.floats(0.01, 1))
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    scale = Scale(low, high)
    ticks = scale.ticks()
    assert 0.0 in ticks
    assert 2 <= len(ticks) <= 9
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_a_broken_split_has_no_mark_and_leaves_the_scale_alone() -> None:
    sound, broken = reading((9000, 1800), (1000, 100)), judged("x", (900, 900, 800), (400, 400, 40))
    assert broken.hidden
    assert forest_mark(broken, forest_scale([broken])) is None
    assert forest_scale([sound, broken]) == forest_scale([sound])


def test_the_funnels_pieces_add_up_to_its_bars() -> None:
    report = TriggerReport(
        trigger="t", description="", version="v", at=AT, goal=None,
        reading=reading((600, 300), (200, 20)), treated=600, held_out=200,
        refused={"no_consent": 200}, sent=550, failed=10, unknown=2, pending=8,
        skipped={"goal_reached": 30},
    )  # fmt: skip
    everyone, gates, arms, messages, retained = funnel(report)
    assert [piece.width for piece in everyone] == [100]
    assert [(p.kind, p.start, p.width) for p in gates] == [("passed", 0, 80), ("refused", 80, 20)]
    assert [(p.kind, p.width) for p in arms] == [("treated", 60), ("holdout", 20)]
    assert sum(piece.width for piece in messages) == pytest.approx(60, abs=0.05)
    assert [(piece.kind, piece.width) for piece in retained] == [("retained", 30)]
