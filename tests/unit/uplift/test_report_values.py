"""The report as data that other programs rely on, as a table, and as lines on a terminal."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulations.spending import sums

from counted import AT, People, even, outcomes, report, study, subject, with_spend
from relance.uplift.document import ReportJson, to_json
from relance.uplift.outcomes import Outcomes
from relance.uplift.report import Report, TriggerReport
from relance.uplift.spreadsheet import COLUMNS, to_csv
from relance.uplift.terminal import (
    HEADINGS,
    WIDTH,
    amount,
    quantity,
    terminal_lines,
    terminal_rows,
)
from relance.uplift.wording import count, percent, points

DOCS = Path(__file__).parents[3] / "docs" / "json.md"


def clear() -> TriggerReport:
    """Nine weeks, 8,100 treated and 900 held out, a clear effect, with revenue."""
    random = np.random.default_rng(2)
    treated = np.where(np.arange(8_100) < 1_215, random.lognormal(3, 0.5, 8_100), 0.0)
    holdout = np.where(np.arange(900) < 90, random.lognormal(3, 0.5, 900), 0.0)
    about = subject(
        description="Come back", runs=60, refused={"no_consent": 2_000}, sent_by={"email": 7_000}
    )
    return report(with_spend(outcomes(even(900, 0.15, 0.10)), sums(treated, holdout)), about)


def broken() -> TriggerReport:
    random = np.random.default_rng(2)
    spent = sums(random.lognormal(3, 1, 900), random.lognormal(3, 1, 400))
    bent = [(People(900, 900, 271), People(400, 400, 43))]
    return report(with_spend(outcomes(bent), spent), subject(sent_by={"email": 7_000}))


def as_json(found: TriggerReport) -> ReportJson:
    """Through the text, which refuses what JSON does not know."""
    told: ReportJson = json.loads(json.dumps(to_json(found), allow_nan=False))
    return told


def test_the_json_holds_counts_rates_difference_interval_and_verdict() -> None:
    data = as_json(clear())
    assert (data["verdict"], data["entered"], data["refused"]) == (
        "better", 3_000, {"no_consent": 2_000},
    )  # fmt: skip
    assert data["diff"] == pytest.approx(0.05)
    assert data["diff_ci"] == pytest.approx([0.0271, 0.0695], abs=1e-3)
    assert data["arms"]["holdout"] == {
        "entered": 900, "mature": 900, "retained": 90, "rate": 0.1,
        "rate_ci": pytest.approx([0.0821, 0.1213], abs=1e-4),
    }  # fmt: skip
    assert data["goal"] == {"event": "order", "within": "30 days"}
    assert data["reason"].startswith("Better than no message")
    assert (data["method"], data["metric"], data["window_days"]) == ("Newcombe", "retained", 30)
    assert data["ratio"] == pytest.approx(1.5)


def test_the_json_holds_what_the_rule_for_daily_looking_says() -> None:
    data = as_json(clear())
    assert data["p"] == data["p_adjusted"]
    assert data["anytime_p"] is not None
    assert data["anytime_ci"] is not None
    assert data["alarm"] is not None
    assert (data["alarm"]["harm"], data["alarm"]["sentence"]) == (False, None)
    assert data["compared"] == 1


def test_the_json_holds_every_metric_with_its_reason_where_there_is_none() -> None:
    metrics = {(one["metric"], one["window_days"]): one for one in as_json(clear())["metrics"]}
    orders, reactivated = metrics["orders", 30], metrics["reactivated", 30]
    assert orders["arms"]["treated"] == {"customers": 8_100, "hits": 1_215, "value": 0.15}
    assert orders["withheld"] == {"ratio": "not_for_this"}
    assert orders["cuped"] is not None
    assert orders["cuped"]["covariate"] == "orders before entry"
    assert reactivated["diff"] is None
    assert reactivated["withheld"]["diff"] == "not_followed"
    assert reactivated["reason"] == "Nobody has been watched for that long yet."


def test_the_json_holds_curves_cohorts_checks_and_worth() -> None:
    data = as_json(clear())
    assert data["curves"] is not None
    assert data["curves"]["treated"] is not None
    assert data["curves"]["treated"][29]["retained"] == pytest.approx(0.15)
    assert data["curves"]["effect"][0]["day"] == 1
    assert [one["week"] for one in data["cohorts"]][:2] == ["2026-01-05", "2026-01-12"]
    assert data["findings"][0]["sentence"] == "The split is the one asked for (10.0 % held out)."
    assert data["worth"] is not None
    assert data["worth"]["customers"] == data["extra"]
    assert data["worth"]["cost"] == pytest.approx(70)
    assert data["revenue"] is not None
    assert data["revenue"]["percentile"] == 95
    assert data["prebalance_p"] is not None


EFFECTS = {
    "mature", "retained", "rate", "rate_ci", "diff", "diff_ci", "ratio", "ratio_ci", "p", "test",
    "p_adjusted", "anytime_p", "anytime_ci", "mde", "extra", "extra_ci", "hits", "value", "total",
    "total_ci", "cuped", "method", "customers_ci", "revenue_ci", "cost", "net", "net_ci", "alarm",
    "capped_diff", "capped_diff_ci", "cap", "buyers_diff", "buyers_diff_ci", "versions",
    "readable_on",
}  # fmt: skip


def numbers(data: object) -> Iterator[tuple[str, object]]:
    """Every key and value below, but those of the checks."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield key, value
            if key not in {"findings", "withheld"}:
                yield from numbers(value)
    if isinstance(data, list):
        for one in data:
            yield from numbers(one)


def test_the_json_of_a_broken_split_has_people_and_no_number_of_an_effect() -> None:
    data = as_json(broken())
    assert data["verdict"] == "srm_failed"
    assert (data["arms"]["treated"]["entered"], data["arms"]["holdout"]["entered"]) == (900, 400)
    told = {key: value for key, value in numbers(data) if key in EFFECTS and value is not None}
    assert told == {}
    assert data["cohorts"] == []
    assert data["curves"] is not None
    assert data["curves"]["treated"] is data["curves"]["holdout"] is None
    assert "271" not in json.dumps(data)


def test_a_broken_split_tells_nothing_in_csv_or_terminal() -> None:
    whole = Report(at=AT, currency="EUR", triggers=[broken()])
    for row in csv.DictReader(io.StringIO(to_csv(whole))):
        assert (row["verdict"], row["withheld"]) == ("srm_failed", "split")
        assert {row[name] for name in COLUMNS[COLUMNS.index("diff") : -1]} == {""}
        assert row["treated_hits"] == row["treated_value"] == row["holdout_value"] == ""
    (row,) = terminal_rows([broken()])
    assert row[-5:] == ("–", "–", "–", "–", "srm failed")
    lines = terminal_lines(broken(), "EUR")
    assert all(line.startswith(("  check:", "    ")) for line in lines)
    assert "271" not in "".join(lines)


def test_every_key_of_the_json_is_explained() -> None:
    page = DOCS.read_text(encoding="utf-8").partition("## `relance report --json`")[2]
    page = page.partition("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", page))
    assert [key for key in ReportJson.__annotations__ if key not in told] == []
    parts = {key for key, _ in numbers(as_json(clear()))}
    counts = {"no_consent", "order", "ratio"}
    assert sorted(parts - told - counts - set(as_json(clear())["by_state"])) == []


def test_every_column_of_the_csv_is_explained() -> None:
    page = DOCS.read_text(encoding="utf-8").partition("## `relance report --csv`")[2]
    told = set(re.findall(r"`(\w+)`", page.partition("\n## ")[0]))
    assert [name for name in COLUMNS if name not in told] == []


def test_the_csv_has_a_row_per_trigger_and_metric_with_every_number_unrounded() -> None:
    one, bare = clear(), report(Outcomes(), replace(subject(), study=None, goal=None))
    text = to_csv(Report(at=AT, currency="EUR", triggers=[one, bare], programme=one))
    assert text.startswith(",".join(COLUMNS) + "\r\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2 * len(one.metrics) + 1
    first, last = rows[0], rows[len(one.metrics)]
    assert float(first["diff"]) == one.reading.diff
    assert (float(first["diff_low"]), float(first["diff_high"])) == one.reading.diff_ci
    assert (first["metric"], first["primary"], first["verdict"]) == ("retained", "true", "better")
    assert first["p_adjusted"]
    assert not rows[1]["p_adjusted"]
    assert (last["metric"], last["diff"], last["verdict"]) == ("", "", "not_enough_data")
    assert last["reason"].startswith("The trigger has no goal")


def test_a_terminal_row_fits_its_headings_and_reads_in_points() -> None:
    (row,) = terminal_rows([clear()])
    shown = dict(zip(HEADINGS, row, strict=True))
    assert shown["entered"] == "3,000"
    assert shown["refused"] == "2,000"
    assert shown["retained"] == "15.0 %"
    assert shown["difference"] == "+5.0"
    assert shown["verdict"] == "better"


def test_the_terminal_tells_metrics_worth_and_what_is_to_be_looked_at() -> None:
    found = clear()
    lines = terminal_lines(found, "EUR")
    text = "\n".join(lines)
    assert max(map(len, lines)) <= WIDTH
    assert "retained, 30 days: 15.0 % against 10.0 %: +5.0 points [+2.7, +7.0]" in text
    assert "orders per customer, 30 days: 0.150 against 0.100: +0.050 [+" in text
    assert "worth so far: customers +405 [" in text
    assert "messages cost 70.00 EUR" in " ".join(text.split())
    assert "reactivated" not in text
    assert "check" not in text
    warned = replace(found, findings=[replace(found.findings[0], health="warning")])
    assert "check" in "\n".join(terminal_lines(warned, "EUR"))


def test_small_groups_have_their_cost_on_the_terminal_and_no_metrics() -> None:
    small = outcomes([(People(90, 90, 20), People(10, 10, 1))])
    found = report(small, subject(sent_by={"email": 90}))
    assert terminal_lines(found, "EUR") == ["  so far: messages cost 0.90 EUR"]


def test_a_trigger_without_data_has_dashes_and_no_lines() -> None:
    empty = report(Outcomes())
    (row,) = terminal_rows([empty])
    assert row[-5:] == ("–", "–", "–", "–", "not enough data")
    assert terminal_lines(empty, "EUR") == []


def test_numbers_are_written_as_their_readers_write_them() -> None:
    assert count(1234567, "fr") == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert percent(0.125, "fr") == "12,5 %"
    assert points(-0.031) == "\N{MINUS SIGN}3.1"
    assert points(-0.0001) == "0.0"
    assert quantity(-0.0001, signed=True) == "0.000"
    assert quantity(1234.5, 1, signed=True) == "+1,234.5"
    assert amount(-1250.4, "EUR") == "\N{MINUS SIGN}1,250 EUR"
    assert amount(7.5, "EUR") == "7.50 EUR"


people = st.builds(People, *[st.integers(-1, 300)] * 3) | st.builds(
    lambda a, b, c: People(a + b + c, b + c, c), *[st.integers(0, 400)] * 3
)
spends = st.lists(st.sampled_from([0.0, 0.01, 7.0, 7.0, 1e12]), min_size=0, max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(people, people), min_size=1, max_size=3),
    st.tuples(spends, spends) | st.none(),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    st.sampled_from(
        [{}, {"negative": 1}, {"not_finite": 2}, {"third": math.nan}, {"cap": math.inf}]
    ),
)
def test_nothing_that_is_counted_makes_a_report_fail_or_show_a_nan(
    weeks: list[tuple[People, People]],
    spent: tuple[list[float], list[float]] | None,
    share: float,
    bad: dict[str, float],
) -> None:
    one = study(share=share)
    counted = outcomes(weeks, one)
    if spent is not None:
        treated, holdout = sums(*(np.array(arm, dtype=float) for arm in spent))
        counted = with_spend(counted, (replace(treated, **bad), holdout))
    found = report(counted, subject(one))
    as_json(found)
    text = to_csv(Report(at=AT, currency="EUR", triggers=[found], programme=found))
    text += "\n".join([*terminal_lines(found, "EUR"), *terminal_rows([found])[0]])
    assert not re.search(r"\bnan\b|\binf\b|chance", text)
