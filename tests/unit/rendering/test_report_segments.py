"""The report's part about segments: marks, sentences and pictures, in two languages."""

from __future__ import annotations

import re
from typing import get_args

import pytest

import report_samples
import segment_samples as samples
from relance.rendering.report import Locale, html
from relance.rendering.report.portraits import portrait_page, segments_view
from relance.uplift.checkup import Mistake, Sign
from relance.uplift.checkup_words import MISTAKES, sentence, window_sentence
from relance.uplift.health import Health
from relance.uplift.segments_report import SegmentsReport
from report_reading import outline, text

LOCALES: tuple[Locale, ...] = get_args(Locale)


def page(locale: Locale = "en", segments: SegmentsReport | None = None) -> str:
    report = report_samples.report(report_samples.full("win_back"))
    found = samples.everything() if segments is None else segments
    return html(report, workspace="Shop", at=report_samples.AT, locale=locale, segments=found)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("sign", Sign)
def test_every_sign_has_a_sentence_with_its_numbers(locale: Locale, sign: Sign) -> None:
    told = sentence(samples.symptom(sign), locale)
    assert told[-1] in ".?"
    assert "{" not in told
    assert len(told) > 20


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_stays_well_formed_and_every_reference_has_its_target(locale: Locale) -> None:
    parsed = outline(page(locale))
    assert parsed.unbalanced == parsed.open == []
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("locale", LOCALES)
def test_each_segment_has_a_mark_and_a_word_for_each_mistake(locale: Locale) -> None:
    source = page(locale)
    view = segments_view(samples.everything(), "EUR", locale)
    assert view is not None
    assert source.count('class="mark-cell') == len(view.rows) * len(Mistake)
    for row in view.rows:
        assert [mark.label for mark in row.marks] == [MISTAKES[locale][one] for one in Mistake]
    shown = text(source)
    assert view.words["failed"] in shown
    assert view.words["silent"] in shown


def test_mistakes_come_before_what_is_worth_a_look() -> None:
    view = segments_view(samples.everything(), "EUR", "en")
    assert view is not None
    kinds = [check.kind for check in view.findings]
    assert kinds == sorted(kinds, key=[Health.FAILED, Health.WARNING].index)
    assert "warning" in kinds


def test_a_picture_says_in_words_what_it_shows() -> None:
    bells = re.findall(r'<svg class="bell"[^>]*aria-label="([^"]+)"', page())
    assert "Recency: 4.6 in the segment, 3.0 of all customers." in bells
    assert all("in the segment" in bell for bell in bells)


def test_of_a_handful_nothing_is_drawn() -> None:
    alone = SegmentsReport(
        checkup=samples.checkup(samples.segment("x")), portraits=[samples.portrait("three", 3)]
    )
    view = segments_view(alone, "EUR", "en")
    assert view is not None
    assert view.portraits[0].values == []
    assert "about persons" in text(page(segments=alone))


def test_where_nothing_can_be_held_against_them_the_page_says_why() -> None:
    found = samples.checkup(samples.segment("x"), nothing=Sign.SHORT_HISTORY)
    assert "no closed window" in window_sentence(found)
    assert "no closed window" in text(page(segments=SegmentsReport(checkup=found)))


@pytest.mark.parametrize("locale", LOCALES)
def test_one_segment_is_a_page_of_its_own(locale: Locale) -> None:
    source = portrait_page(
        samples.portrait("champions"), workspace="Shop", at=report_samples.AT, currency="EUR",
        locale=locale,
    )  # fmt: skip
    parsed = outline(source)
    assert parsed.unbalanced == parsed.open == []
    assert not re.findall(r"https?://|@import|<script|<link|<img", source)


def test_a_value_cannot_break_out_of_the_page() -> None:
    bad = samples.portrait("<script>alert(1)</script>")
    source = page(segments=SegmentsReport(checkup=samples.checkup(), portraits=[bad]))
    assert "<script" not in source
