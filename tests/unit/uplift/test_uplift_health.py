"""What has to be sound before a verdict is believed."""

from __future__ import annotations

import random

import numpy as np
import pytest

from relance.uplift.health import (
    Before,
    Bought,
    Check,
    Finding,
    Health,
    Overlap,
    Split,
    balance,
    delay,
    overlap,
    shared_addresses,
    split_findings,
)
from relance.uplift.moments import Moments
from relance.uplift.reasons import finding_sentence


def test_one_broken_week_is_found_though_the_whole_looks_fair() -> None:
    weeks = [Split(label=f"week {n}", treated=900, holdout=100) for n in range(1, 10)]
    weeks.append(Split(label="week 10", treated=960, holdout=40))
    findings = split_findings(weeks, 0.1)
    assert [one.label for one in findings if one.health is Health.FAILED] == ["week 10"]
    (whole,) = split_findings([Split(treated=9060, holdout=940)], 0.1)
    assert whole.health is Health.GOOD


def test_looking_at_many_weeks_does_not_make_one_look_broken() -> None:
    draw = random.Random(1)
    alarms = 0
    for _ in range(100):
        held = [sum(draw.random() < 0.1 for _ in range(200)) for _ in range(52)]
        findings = split_findings([Split(treated=200 - one, holdout=one) for one in held], 0.1)
        alarms += any(one.health is Health.FAILED for one in findings)
    assert alarms <= 1


def test_the_adjusted_p_value_grows_with_the_number_of_parts() -> None:
    one = Split(label="email", treated=880, holdout=120)
    alone = split_findings([one], 0.1)[0]
    among = split_findings([one, Split(label="sms", treated=90, holdout=10)], 0.1)[0]
    assert alone.p is not None
    assert among.p == pytest.approx(2 * alone.p)


@pytest.mark.parametrize("split", [Split(treated=0, holdout=0), Split(treated=-1, holdout=5)])
def test_a_part_without_people_is_silent(split: Split) -> None:
    (finding,) = split_findings([split], 0.1)
    assert (finding.health, finding.p) == (Health.SILENT, None)
    assert split_findings([Split(treated=9, holdout=1)], float("nan"))[0].health is Health.SILENT


def test_arms_that_differed_before_entry_are_warned_of() -> None:
    bought = Bought(label="bought", treated_hits=900, treated=9000, holdout_hits=160, holdout=1000)
    values = np.random.default_rng(1).normal(50, 5, 10_000).tolist()
    spend = Before(
        label="spend",
        treated=Moments.of_values(values[:9000]),
        holdout=Moments.of_values(values[9000:]),
    )
    findings = balance([bought, spend])
    assert [one.health for one in findings] == [Health.WARNING, Health.GOOD]
    assert findings[0].size == pytest.approx(-0.06)


def test_a_metric_nobody_has_is_silent() -> None:
    (finding,) = balance([Before(label="spend", treated=Moments(), holdout=Moments())])
    assert finding.health is Health.SILENT


def test_an_arm_whose_messages_come_an_hour_later_is_warned_of() -> None:
    random_ = np.random.default_rng(2)
    ghosts = Moments.of_values(random_.exponential(600, 300).tolist())
    late = Moments.of_values((random_.exponential(600, 2700) + 3600).tolist())
    finding = delay(late, ghosts)
    assert finding.health is Health.WARNING
    assert "1.0 hours" in finding_sentence(finding)
    assert "1,0 heures" in finding_sentence(finding, "fr")
    alike = delay(Moments.of_values(random_.exponential(600, 2700).tolist()), ghosts)
    assert alike.health is Health.GOOD
    assert delay(Moments(), ghosts).health is Health.SILENT


def test_a_difference_of_minutes_is_no_warning_however_certain() -> None:
    steady = Moments(n=100_000, mean=300, m2=100_000.0)
    assert delay(Moments(n=900_000, mean=360, m2=900_000.0), steady).health is Health.GOOD


def test_shared_addresses_are_warned_of_from_one_in_a_hundred_on() -> None:
    assert shared_addresses(10_000, 100).health is Health.GOOD
    finding = shared_addresses(10_000, 250)
    assert finding.health is Health.WARNING
    assert "2.5 %" in finding_sentence(finding)
    assert shared_addresses(10, 11).health is shared_addresses(0, 0).health is Health.SILENT


def test_a_trigger_inside_another_is_seen_though_jaccard_hides_it() -> None:
    pair = Overlap(one="all", other="few", entered_one=10_000, entered_other=100, both=100)
    assert pair.jaccard == pytest.approx(0.01)
    assert pair.containment == 1
    finding = overlap(pair)
    assert finding.health is Health.WARNING
    assert finding_sentence(finding).startswith("all, few: 100.0 % of the smaller")


def test_triggers_that_share_few_customers_are_fine_and_impossible_ones_silent() -> None:
    few = Overlap(one="a", other="b", entered_one=100, entered_other=100, both=20)
    assert (few.jaccard, overlap(few).health) == (pytest.approx(20 / 180), Health.GOOD)
    for wrong in (
        Overlap(one="a", other="b", entered_one=0, entered_other=9, both=0),
        Overlap(one="a", other="b", entered_one=5, entered_other=9, both=6),
    ):
        assert wrong.jaccard is wrong.containment is None
        assert overlap(wrong).health is Health.SILENT


@pytest.mark.parametrize("locale", ["en", "fr"])
@pytest.mark.parametrize("check", list(Check))
@pytest.mark.parametrize("health", list(Health))
def test_every_finding_has_a_sentence(check: Check, health: Health, locale: str) -> None:
    finding = Finding(check=check, health=health, label="email", size=0.25, p=0.5)
    text = finding_sentence(finding, locale)
    assert text.startswith("email")
    assert "{" not in text
    assert text.endswith(".")
