"""The HTML report: one file that needs nothing else, in two languages, with every number."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

import report_samples as samples
from relance.rendering.report import html
from relance.uplift.estimate import Why, Withheld
from relance.uplift.figures import Curves
from relance.uplift.survival import Curve, Day, curve
from relance.uplift.verdict import Verdict
from report_reading import outline, page, render, text
from report_samples import AT, CASES, every_verdict, full, trigger


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_page_needs_no_other_file_and_no_network(locale: str) -> None:
    source = render(every_verdict(), locale)
    assert not re.findall(r"https?://|@import|<script|<link|<img|<iframe|url\((?!#)", source)
    links = [value for _, name, value in outline(source).attributes if name in {"href", "src"}]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "default-src 'none'" in source


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_page_is_well_formed_and_every_reference_has_its_target(locale: str) -> None:
    parsed = outline(render(every_verdict(), locale))
    assert parsed.unbalanced == parsed.open == []
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referring = {"aria-labelledby", "aria-describedby"}
    wanted = [v for _, name, value in parsed.attributes if name in referring for v in value.split()]
    wanted += [value[1:] for _, name, value in parsed.attributes if name == "href"]
    assert set(wanted) <= set(ids)


def test_every_plot_has_a_name_for_those_who_do_not_see_it() -> None:
    source = render(every_verdict())
    plots = re.findall(r"<svg[^>]*>", source)
    assert plots
    assert all("aria-labelledby" in plot for plot in plots if 'role="img"' in plot)
    assert all('role="img"' in plot for plot in plots if "viewBox" in plot)
    assert "Written to: 20.7 % after 60 days, 95 % interval" in text(source)


def test_a_better_trigger_shows_its_numbers_interval_and_verdict() -> None:
    shown = text(page(full("welcome")))
    assert "1 of 1 triggers has an effect that the data can tell from zero." in shown
    assert "20.0 % 1,800 / 9,000" in shown
    assert "10.0 % 100 / 1,000" in shown
    assert "+10.0 [+7.8, +11.9]" in shown
    assert "+900 customers retained who would have left 95 % interval: +704 to +1,071" in shown
    assert "▲ better" in shown
    assert "2,000 no consent" in shown
    assert "order within 30 days" in shown


def test_a_worse_trigger_says_how_many_were_lost_and_sounds_its_alarm_twice() -> None:
    shown = text(page(full("welcome", "worse")))
    assert "−900 customers: fewer retained than without the message" in shown
    assert shown.count("Alarm: customers who are written to come back less often") == 2


def test_an_effect_that_may_be_none_says_so_beside_the_number() -> None:
    shown = text(page(full("welcome", "no_detectable_effect")))
    assert "customers retained, if any: chance alone could do it 95 % interval: −72 to" in shown


def test_the_curves_of_both_arms_are_drawn_and_told_in_numbers() -> None:
    source = page(full("welcome"))
    for kind in ("line treated", "line holdout", "line effect"):
        assert f'class="{kind}"' in source
    assert source.count('class="band"') == 3
    shown = text(source)
    assert "After 7 days 11.2 % [10.6 %, 11.9 %] 4.8 % [3.6 %, 6.2 %] +6.4 [+4.8, +7.8]" in shown
    assert shown.count("preliminary") >= 2
    assert "goal" in shown


def test_curves_of_closed_windows_are_not_called_preliminary() -> None:
    whole = full("welcome")
    assert whole.curves is not None
    closed = replace(whole, curves=replace(whole.curves, preliminary=False))
    assert '<span class="tag">preliminary' not in page(closed)


def test_curves_end_where_too_few_have_been_watched_for_longer() -> None:
    thin = [Day(at_risk=1_000 - 16 * day, events=5) for day in range(60)]
    found = curve(thin)
    assert isinstance(found, Curve)
    cut = Curves(treated=found, holdout=found, effect=(), preliminary=True)
    shown = text(page(full("welcome", curves=cut)))
    assert "The curves end where too few have been watched for longer." in shown
    last = int(re.findall(r"Written to: .*? % after (\d+) days", shown)[0])
    assert 20 < last < 59
    assert "After 30 days" in shown
    assert "The curves end" not in text(page(full("welcome")))


def test_a_planned_read_out_is_named() -> None:
    assert "Planned read-out at 5,000 entrants" in text(page(full("welcome", read_out=5_000)))


def test_every_measure_stands_with_both_arms_its_interval_and_its_ratio() -> None:
    shown = text(page(full("welcome")))
    assert "Retained within 30 days the verdict’s 20.0 % 1,800 of 9,000" in shown
    assert "×2.00 [×1.66, ×2.42]" in shown
    assert "variance cut 16.4 %" in shown
    assert "Orders per customer within 30 days 0.240" in shown
    assert "Unsubscribed within 30 days 0.4 % 36 of 9,000" in shown


def test_a_measure_without_a_number_leads_to_its_reason() -> None:
    source = page(full("welcome"))
    assert "<b>–<sup>a</sup></b>" in source
    shown = text(source)
    assert "a All were alike before entry: there is nothing to take off." in shown
    assert "Retained within 90 days: Nobody has been watched for that long yet." in shown
    assert "Fewer than 5 held-out customers reached the goal: too few for a ratio." in shown


def test_the_worth_is_in_the_currency_with_its_interval_and_its_cost() -> None:
    shown = text(page(full("welcome")))
    assert "Extra revenue +€43,200 [+€31,500, +€54,900]" in shown
    assert "Cost of the messages €63.40" in shown
    assert "Net value extra revenue less cost +€43,137" in shown
    assert "p < 0.001 (permutation)" in shown
    in_yen = text(page(full("welcome"), currency="JPY"))
    assert "Extra revenue +JP¥43,200" in in_yen
    assert "JP¥63" in in_yen


def test_a_worth_that_is_withheld_says_why() -> None:
    whole = full("welcome")
    assert whole.worth is not None
    none = Withheld(why=Why.FEW_BUYERS)
    shown = text(page(replace(whole, worth=replace(whole.worth, revenue=none, net=none))))
    assert "Extra revenue Fewer than 30 held-out customers bought: too few for revenue. –" in shown


def test_health_checks_are_told_by_a_sign_a_word_and_a_sentence() -> None:
    shown = text(page(full("welcome", "worse")))
    warning = shown.index("! Balance warning")
    assert "! Delay warning The groups' messages differ by 2.0 hours" in shown
    assert warning < shown.index("✓ Split good The split is the one asked for")
    assert "· Addresses says nothing Too little data for this check." in shown
    assert "8 more looks at weeks, channels and measures: nothing found." in shown


def test_weeks_of_entry_are_shown_in_their_order_and_say_what_is_open() -> None:
    shown = text(page(full("welcome")))
    assert shown.index("5 Jan 2026") < shown.index("12 Jan 2026")
    assert "20.0 % 209 of 1,044" in shown
    assert "1,044 still open" in shown


def test_of_many_weeks_the_latest_half_year_is_shown_and_the_rest_is_named() -> None:
    weeks = samples.cohorts(*CASES["better"], weeks=60)
    shown = text(page(full("welcome", cohorts=weeks)))
    assert "The latest 26 of 60 weeks; relance report --json has them all." in shown
    assert "5 Jan 2026" not in shown.split("By week of entry")[1]


def test_pooled_versions_say_how_many_were_left_out() -> None:
    shown = text(page(full("welcome")))
    assert "All 3 versions, each compared within itself +8.1 [+6.6, +9.4] points" in shown
    assert "1 left out: broken split" in shown


def test_the_programme_is_a_line_of_the_forest_and_has_a_part_of_its_own() -> None:
    source = render(every_verdict())
    shown = text(source)
    assert shown.count("The whole programme") >= 3
    assert "9,400 may be written to · 1,050 held out" in shown
    assert "order in 2026Q1" in shown
    assert " * " not in shown
    assert 'href="#programme"' in source


def test_overlaps_between_triggers_are_told_in_a_sentence() -> None:
    assert "birthday, win_back: 62.0 % of the smaller trigger" in text(render(every_verdict()))


ENGLISH = (
    "held out", "Trigger", "closed window", "retained", "Written to", "customers", "within",
    "interval ", "preliminary", "Every", "Health", "good", "warning", "week", "points [+", "None",
)  # fmt: skip


def test_the_french_page_is_french_throughout() -> None:
    shown = text(render(every_verdict(), "fr"))
    for name in ("best_customers_leaving", "new_customers_slow", "Come back"):
        shown = shown.replace(name, "")
    assert "2 déclencheurs sur 6 ont un effet que les données distinguent de zéro." in shown
    assert "20,0 % 1 800 / 9 000" in shown
    assert "+10,0 [+7,8 ; +11,9]" in shown
    assert "+43 200 €" in shown
    assert "Au 6 mars 2026" in shown
    assert "order sous 30 jours" in shown
    without_labels = shown.replace("orders before entry", "")
    assert [word for word in ENGLISH if re.search(rf"\b{re.escape(word)}", without_labels)] == []


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_verdict_has_words_and_a_shape_of_its_own(verdict: Verdict, locale: str) -> None:
    found = full("welcome", verdict.value)
    assert found.reading.verdict is verdict
    assert f'class="badge {verdict.value}"' in page(found, locale=locale)


def test_names_and_descriptions_cannot_break_the_page() -> None:
    nasty = '<script>alert("x")</script>'
    source = html(
        samples.report(full(nasty, description=nasty, refused={nasty: 1})),
        workspace=nasty, at=AT, locale="en",
    )  # fmt: skip
    assert "<script" not in source
    assert outline(source).unbalanced == []


def test_triggers_keep_their_order_so_that_the_luckiest_is_not_first() -> None:
    shown = text(page(full("small", "not_enough_data"), full("large", "better")))
    assert shown.index("small") < shown.index("large")


def test_instants_are_shown_in_their_own_time_zone() -> None:
    east = AT.astimezone(timezone(timedelta(hours=18)))
    late = html(samples.report(trigger("t")), workspace="x", at=east, locale="en")
    assert "As of 7 March 2026, 02:00" in text(late)
    assert "First entry 6 January 2026" in text(late)


def test_twenty_triggers_with_a_year_of_weeks_fit_into_600_kilobytes() -> None:
    arms = CASES["better"]
    days, weeks = samples.curves(*arms, last=90), samples.cohorts(*arms, weeks=52)
    triggers = [full(f"trigger_{n}", curves=days, cohorts=weeks) for n in range(20)]
    assert len(page(*triggers, locale="fr").encode()) < 600_000


def test_the_method_claims_an_interval_and_never_a_chance() -> None:
    for locale in ("en", "fr"):
        shown = text(render(every_verdict(), locale)).lower()
        assert not re.search(
            r"95 % (chance|sure|certain|confiden|de chance|sûr|de confiance)", shown
        )
    assert "not the chance that the message works" in text(render(every_verdict()))
