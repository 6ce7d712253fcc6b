"""What the HTML report does not show: numbers that the data cannot carry, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

import report_samples as samples
from relance.uplift.estimate import Why, Withheld
from relance.uplift.verdict import ArmCounts, Cause, Reading
from report_reading import page, text
from report_samples import CASES, full, judged, trigger


def test_a_broken_split_shows_the_sentence_and_the_checks_and_no_number() -> None:
    broken = full("welcome", "srm_failed")
    # as if somebody had forgotten to withhold: the page does not rely on it
    broken = replace(broken, worth=samples.money(*CASES["better"]), revenue=samples.revenue())
    source = page(broken)
    shown = text(source)
    assert "withheld: the split is broken" in shown
    assert "900 treated and 400 held out is not a holdout of 10.0 %" in shown
    assert "✕ Split failed" in shown
    card = text(source[source.index("<article") : source.index("</article")])
    for number in ("270", "30.0 %", "+20.0", "895", "€", "×", "customers retained", "[+", "[−"):
        assert number not in card
    assert 'class="line' not in source
    assert 'class="mark' not in source


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_an_event_table_that_shrank_shows_the_people_and_no_outcome(locale: str) -> None:
    whole = full("welcome")
    lost = replace(whole, reading=replace(whole.reading, cause=Cause.SHRUNK))
    source = page(lost, locale=locale)
    assert 'class="line' not in source
    assert "+900" not in source
    assert ("no number is shown" if locale == "en" else "aucun nombre n’est") in text(source)


def test_a_small_holdout_is_drawn_hollow_and_has_no_headline() -> None:
    source = page(full("welcome", "not_enough_data"))
    assert 'class="mark open"' in source
    assert "No trigger has yet an effect" in text(source)
    assert 'class="headline"' not in source


def test_a_trigger_too_young_says_so_where_its_bar_would_be() -> None:
    shown = text(page(full("welcome", "too_early")))
    assert "no comparison yet" in shown
    assert "nan" not in shown.lower()
    assert "Readable around 5 April 2026" in shown


@pytest.mark.parametrize("locale", ["en", "fr"])
@pytest.mark.parametrize("why", list(Why))
def test_every_reason_for_no_number_is_told_in_every_place(why: Why, locale: str) -> None:
    none, whole = Withheld(why=why), full("welcome")
    assert whole.worth is not None
    assert whole.curves is not None
    bare = replace(
        whole,
        worth=replace(whole.worth, customers=none, revenue=none, cost=none, net=none),
        revenue=replace(samples.revenue(), effect=none, buyers=none),
        curves=replace(whole.curves, treated=none),
        metrics=[replace(one, difference=none) for one in whole.metrics],
        cohorts=[replace(one, difference=none) for one in whole.cohorts],
    )
    shown = text(page(bare, locale=locale))
    assert "Withheld" not in shown
    assert 'class="line' not in shown


def test_a_workspace_without_triggers_has_a_page_too() -> None:
    assert "No trigger has run yet." in text(page())


def test_a_trigger_that_nobody_met_has_empty_bars_and_no_error() -> None:
    nobody = judged("welcome", (0, 0, 0), (0, 0, 0))
    empty = trigger(
        "welcome", "too_early", entered=0, treated=0, held_out=0, refused={}, sent=0, failed=0,
        first_at=None, reading=nobody,
    )  # fmt: skip
    assert "0 met the condition" in text(page(empty))


def test_one_customer_on_the_first_day_has_a_page_without_a_number_too_many() -> None:
    lone = ((1, 0, 0), (0, 0, 0))
    first = trigger(
        "welcome", "too_early", entered=1, treated=1, held_out=0, refused={}, sent=1, failed=0,
        reading=judged("welcome", *lone), curves=samples.curves(*lone, last=1),
        metrics=samples.metrics(*lone), cohorts=samples.cohorts(*lone, weeks=1),
    )  # fmt: skip
    source = page(first)
    assert 'class="line' not in source
    assert "Too few customers entered: 1 treated and 0 held out" in text(source)


def test_the_first_day_of_a_trigger_has_curves_of_one_step() -> None:
    arms = ((900, 0, 0), (100, 0, 0))
    source = page(full("welcome", "too_early", curves=samples.curves(*arms, last=1)))
    assert 'class="line treated"' in source
    assert "After 1 day" in text(source)


def test_a_goal_less_trigger_shows_its_people_and_that_retention_is_not_measured() -> None:
    none = judged("t", (9, 0, 0), (0, 0, 0), share=0.0, measured=False)
    shown = text(page(trigger("t", goal=None, reading=none)))
    assert "has no goal" in shown
    assert "not measured: no goal" in shown
    assert "passed every gate" in shown


def test_a_reading_of_one_look_only_has_a_page_as_well() -> None:
    plain = Reading(
        treated=ArmCounts(entered=900, mature=900, retained=90),
        holdout=ArmCounts(entered=100, mature=100, retained=10), trigger="t", version="v",
        share=0.1, srm_p=1.0, cause=Cause.SPANS_ZERO,
    )  # fmt: skip
    assert "No detectable effect" in text(page(trigger("t", reading=plain)))


def test_an_unknown_reason_is_shown_by_its_own_name() -> None:
    assert "7 on holiday" in text(page(trigger("welcome", refused={"on_holiday": 7})))


def test_revenue_of_too_few_buyers_shows_no_amount_per_customer() -> None:
    shown = text(page(full("welcome")))
    assert "Revenue per customer within 30 days: Fewer than 30 held-out customers" in shown
    assert "€9.64" not in shown


def test_what_three_buyers_spent_is_not_shown_either() -> None:
    few = replace(samples.revenue(), effect=Withheld(why=Why.FEW_BUYERS))
    shown = text(page(full("welcome", revenue=few, worth=None)))
    assert "€" not in shown
    assert "Value per buyer" in text(page(full("welcome")))


def test_a_reason_is_told_once_for_all_that_it_withholds() -> None:
    whole = full("welcome")
    assert whole.worth is not None
    none = Withheld(why=Why.UNSETTLED)
    worth = replace(whole.worth, customers=none, revenue=none, net=none)
    assert text(page(replace(whole, worth=worth))).count("No total yet") == 1


def test_a_measure_that_cannot_have_a_number_has_a_dash_without_a_reason() -> None:
    whole = full("welcome")
    none = Withheld(why=Why.NOT_FOR_THIS)
    metrics = [replace(one, adjusted=none) for one in whole.metrics]
    assert "has no such number" not in text(page(replace(whole, metrics=metrics)))
