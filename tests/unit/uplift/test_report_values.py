"""The report as data that other programs rely on, and as a row on a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from relance.domain.duration import Duration
from relance.domain.trigger import Goal
from relance.uplift.document import to_json
from relance.uplift.report import TriggerReport
from relance.uplift.terminal import HEADINGS, terminal_rows
from relance.uplift.verdict import ArmCounts, read
from relance.uplift.wording import count, percent, points

AT = datetime(2026, 3, 6, 8, tzinfo=UTC)
WINDOW = Duration.parse("30 days")


def report(treated: tuple[int, int, int], holdout: tuple[int, int, int]) -> TriggerReport:
    arms = [ArmCounts(entered=e, mature=m, retained=r) for e, m, r in (treated, holdout)]
    return TriggerReport(
        trigger="winback", description="Come back", version="abc", at=AT, runs=60,
        goal=Goal(event="order", within=WINDOW),
        reading=read(arms[0], arms[1], trigger="winback", version="abc", share=0.1),
        entered=12_000, refused={"no_consent": 2_000}, treated=treated[0], held_out=holdout[0],
        sent=8_900, failed=40, unknown=1, pending=9, skipped={"goal_reached": 50},
        by_state={"accepted": 8_900, "ghost": 1_000},
    )  # fmt: skip


def test_the_json_holds_counts_rates_difference_interval_and_verdict() -> None:
    data = json.loads(json.dumps(to_json(report((9000, 9000, 1800), (1000, 1000, 100)))))
    assert data["verdict"] == "better"
    assert data["diff"] == pytest.approx(0.1)
    assert data["diff_ci"][0] < 0.1 < data["diff_ci"][1]
    assert data["arms"]["treated"]["rate"] == 0.2
    assert data["arms"]["holdout"] == {
        "entered": 1000, "mature": 1000, "retained": 100, "rate": 0.1,
        "rate_ci": pytest.approx([0.0829, 0.1202], abs=1e-4),
    }  # fmt: skip
    assert data["goal"] == {"event": "order", "within": "30 days"}
    assert data["refused"] == {"no_consent": 2000}
    assert data["reason"].startswith("Better than no message: +10.0 points, 95 % interval [")


def test_the_json_of_a_broken_split_holds_people_but_no_rates() -> None:
    data = to_json(report((900, 900, 270), (400, 400, 40)))
    assert data["verdict"] == "srm_failed"
    assert data["arms"]["treated"]["retained"] == 270
    assert data["arms"]["treated"]["rate"] is None
    assert data["diff"] is data["diff_ci"] is None


def test_the_json_of_an_empty_trigger_has_nulls_and_a_reason() -> None:
    data = to_json(report((0, 0, 0), (0, 0, 0)))
    assert (data["verdict"], data["diff"]) == ("too_early", None)
    assert "closed for 0 treated" in data["reason"]


def test_a_terminal_row_fits_its_headings_and_reads_in_points() -> None:
    (row,) = terminal_rows([report((9000, 9000, 1800), (1000, 1000, 100))])
    shown = dict(zip(HEADINGS, row, strict=True))
    assert shown["entered"] == "12,000"
    assert shown["refused"] == "2,000"
    assert shown["retained"] == "20.0 %"
    assert shown["difference"] == "+10.0"
    assert shown["verdict"] == "better"


def test_a_terminal_row_without_data_has_dashes_instead_of_numbers() -> None:
    (row,) = terminal_rows([report((0, 0, 0), (0, 0, 0))])
    assert row[-5:] == ("–", "–", "–", "–", "too early")


def test_numbers_are_written_as_their_readers_write_them() -> None:
    assert count(1234567, "fr") == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert percent(0.125, "fr") == "12,5 %"
    assert points(-0.031) == "\N{MINUS SIGN}3.1"
    assert points(-0.0001) == "0.0"
