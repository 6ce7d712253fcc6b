"""A small seeded sample of `make simulate`: what the method promises, on known truths."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from simulations import coverage, previews, spending, trials
from simulations.table import BEGIN, END, PAGE, Row, table, write
from simulations.trials import Outcome, Truth


@cache
def trials_of(base: float, rate: float) -> list[Outcome]:
    return [trials.run(Truth(base=base, rate=rate), seed) for seed in range(40)]


@pytest.mark.parametrize("base", [0.02, 0.05, 0.2])
def test_daily_looking_finds_little_where_nothing_is(base: float) -> None:
    done = trials_of(base, base)
    assert sum(one.verdict for one in done) <= 6  # 5 % of 40, and three standard deviations
    assert sum(one.alarm for one in done) <= 2
    assert sum(one.split for one in done) <= 2


def test_the_usual_test_on_every_day_would_find_a_lot() -> None:
    done = trials_of(0.05, 0.05)
    assert sum(one.plain_ever for one in done) > 3 * sum(one.verdict for one in done)


def test_a_real_effect_is_found_nearly_as_often_as_by_looking_only_once() -> None:
    done = trials_of(0.2, 0.26)
    assert sum(one.verdict for one in done) >= sum(one.plain_end for one in done) - 5
    assert not any(one.wrong_side for one in done)


@pytest.mark.parametrize("sizes", coverage.SIZES[:2])
def test_the_interval_of_the_difference_holds_the_truth_in_every_case(
    sizes: tuple[int, int],
) -> None:
    assert min(coverage.exact(*case) for case in coverage.cases(*sizes)) >= 0.94


def test_real_amounts_at_a_tenth_held_out_show_no_false_revenue() -> None:
    population = spending.population()
    assert (len(population), round(float((population > 0).mean()), 3)) == (23_570, 0.141)
    done = [spending.compare(500, seed, draws=299) for seed in range(120)]
    assert all(one.shown for one in done)
    assert sum(one.uplift for one in done) <= 8  # 2.5 % of 120, and three standard deviations
    assert sum(one.welch_uplift for one in done) > sum(one.uplift for one in done)


def test_many_real_amounts_show_no_false_revenue_from_their_sums_alone() -> None:
    done = [spending.compare(5_000, seed, listed=False) for seed in range(60)]
    assert all(one.shown for one in done)
    assert sum(one.uplift for one in done) <= 6  # 2.5 % of 60, and three standard deviations
    assert sum(one.harm for one in done) <= 6


def test_a_preview_of_open_windows_holds_the_truth() -> None:
    held = [previews.holds(seed) for seed in range(300)]
    assert sum(held) / len(held) >= 0.91


def test_the_table_replaces_the_one_before_and_nothing_else(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for measured in ("1 %", "2 %"):
        write([Row(what="a promise", measured=measured, limit="≤ 5 %", held=True)], page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "| a promise | 2 % | ≤ 5 % | yes |" in text
    assert "old" not in text
    assert "1 %" not in text


def test_the_committed_table_holds_every_promise() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown.count("| yes |") >= 20
    assert "**no**" not in shown
    assert table([]).split("\n")[0] in shown


_AS_MAKE_DOES = """
import runpy, sys
from simulations import rows, table, workers
rows.RUNS = rows.REVENUE_RUNS = 1
for name in ("without_effect", "power", "revenue", "pooled", "shop"):
    setattr(rows, name, lambda crew, *_, **__: [rows._shown("tried", crew.map(abs, [-1])[0])])
for name in ("interval_coverage", "preview"):
    setattr(rows, name, lambda crew, *_, **__: rows._shown("tried", crew.map(abs, [-1])[0]))
table.write = lambda found: None
runpy.run_module("simulations", run_name="__main__", alter_sys=True)
"""


def test_the_command_hands_its_seeds_to_processes_that_know_what_to_do() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _AS_MAKE_DOES], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "| tried |" in done.stdout
