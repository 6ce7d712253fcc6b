"""The report as an e-mail: the same verdicts in short, for any e-mail program."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import report_samples as samples
from relance.domain.message import Rendered
from relance.rendering.report import report_email
from relance.uplift.estimate import Why, Withheld
from relance.uplift.report import Report
from report_samples import AT, every_verdict, full

LINK = "https://relance.boutique.example/report"


def email(report: Report, locale: str = "en", link: str | None = LINK) -> Rendered:
    return report_email(report, workspace="La Boutique", at=AT, locale=locale, link=link)


def plain(rendered: Rendered) -> str:
    return " ".join(rendered.text.split())


def test_each_trigger_stands_with_its_verdict_in_a_sentence():
    text = plain(email(every_verdict()))
    assert "birthday ▲ better" in text
    assert "+900 customers retained who would have left 95 % interval: +704 to +1,071" in text
    assert "Better than no message, by the stricter test" in text
    assert "new_customers_slow ○ not enough data Too few retained customers" in text
    assert "The whole programme ▲ better" in text


def test_the_worth_stands_with_its_interval_and_its_cost():
    text = plain(email(samples.report(full("birthday"))))
    assert "Extra revenue: +€43,200 [+€31,500, +€54,900]" in text
    assert "Cost of the messages: €63.40" in text
    assert "Net value: extra revenue less cost +€43,137" in text


def test_warnings_of_the_health_checks_are_told_and_good_ones_are_not():
    text = plain(email(samples.report(full("birthday", "worse"))))
    assert "! Balance: warning. orders before entry: The groups differed before entry" in text
    assert "The split is the one asked for" not in text


def test_an_alarm_for_harm_is_in_the_subject_at_the_top_and_at_its_trigger():
    found = email(every_verdict())
    assert found.subject == (
        "Alarm: La Boutique: retention report of 6 March 2026, 2 of 6 triggers clear"
    )
    text = plain(found)
    assert text.index("▼ Alarm: best_customers_leaving") < text.index("back_on_their_own")
    assert "come back less often than those held out" in text


def test_a_quiet_report_has_no_alarm_in_its_subject():
    subject = email(samples.report(full("birthday"))).subject
    assert subject == "La Boutique: retention report of 6 March 2026, 1 of 1 triggers clear"


def test_a_broken_split_is_told_and_no_number_of_it():
    broken = replace(full("win_back", "srm_failed"), worth=samples.money(*samples.CASES["better"]))
    text = plain(email(samples.report(broken)))
    assert "✕ broken split The split is broken: 900 treated and 400 held out" in text
    assert "✕ Split: failed." in text
    for number in ("€", "270", "30.0 %", "customers retained", "[+"):
        assert number not in text


def test_a_worth_that_is_withheld_says_why():
    whole = full("birthday")
    assert whole.worth is not None
    none = Withheld(why=Why.FEW_BUYERS)
    found = email(
        samples.report(replace(whole, worth=replace(whole.worth, revenue=none, net=none)))
    )
    assert "Fewer than 30 held-out customers bought: too few for revenue." in plain(found)


def test_the_french_e_mail_is_french_throughout():
    found = email(every_verdict(), "fr")
    assert found.subject == (
        "Alerte : La Boutique : rapport de rétention du 6 mars 2026, 2 déclencheurs nets sur 6"
    )
    text = plain(found).replace("best_customers_leaving", "").replace("new_customers_slow", "")
    assert "birthday ▲ mieux" in text
    assert "intervalle à 95 % : de +704 à +1 071" in text
    assert "+43 200 €" in text
    for english in ("held out", "customers", "interval ", "Extra", "better", "triggers"):
        assert english not in text


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_any_e_mail_program_can_show_it(locale: str):
    html = email(every_verdict(), locale).html
    for unsafe in ("<svg", "<img", "<style", "<link", "<script", "class=", "var(", "flex", "grid"):
        assert unsafe not in html
    assert re.findall(r"https?://[^\"<]+", html) == [LINK]
    assert len(html.encode()) < 102_000  # beyond that Gmail cuts a message off


def test_without_a_page_to_lead_to_there_is_no_link():
    found = email(every_verdict(), link=None)
    assert "href" not in found.html
    assert "Open the whole report" not in found.text


def test_names_cannot_break_the_e_mail_nor_its_subject():
    nasty = "<b>x</b>\r\nBcc: all@example.com"
    found = report_email(
        samples.report(full(nasty)), workspace=nasty, at=AT, locale="en", link=None
    )
    assert "<b>x</b>" not in found.html
    assert "\n" not in found.subject
    assert "\r" not in found.subject


def test_a_workspace_without_triggers_has_an_e_mail_too():
    assert "No trigger has run yet." in plain(email(samples.report()))


def test_fifty_triggers_are_not_cut_off():
    assert len(email(samples.report(*samples.many(50))).html.encode()) < 102_000
