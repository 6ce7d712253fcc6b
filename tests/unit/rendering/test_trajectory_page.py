"""The page of trajectories: what it says, and that its picture is the table's."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import pytest

import report_samples
import trajectory_samples as samples
from relance.domain.trajectory import GONE, NONE, NOT_YET, Trajectory
from relance.rendering.report import Locale, html, trajectory_page
from relance.rendering.report.flow import flow
from relance.rendering.report.trajectory import trajectory_view
from relance.rendering.report.trajectory_labels import TRAJECTORY_LABELS
from relance.uplift.moves import compare
from relance.uplift.moves_words import change_sentence, note_sentence


def page(one: Trajectory, locale: Locale = "en") -> str:
    return trajectory_page(
        one, None, workspace="La <Boutique>", zone=samples.PARIS, locale=locale
    )  # fmt: skip


def text(page: str) -> str:
    body = re.sub(r"<style>.*?</style>|<wbr>", "", page, flags=re.S)
    words = unescape(re.sub(r"<[^>]+>", " ", body)).replace("\N{NO-BREAK SPACE}", " ")
    return re.sub(r"\s+", " ", words)


def test_it_says_first_how_many_stayed_moved_came_and_left():
    said = text(page(samples.usual()))
    assert (
        "Of 6,051 customers at the start, 68.9 % stand where they stood and 30.1 % stand "
        "elsewhere; 723 came meanwhile and 60 left."
    ) in said
    assert "active → at_risk 330 of 892 · 37.0 %" in said


def test_stages_are_called_by_their_titles_everywhere():
    one, comparison = samples.against_another()
    titles = dict(zip(samples.STAGES, ["P", "N", "Aktiv", "In Gefahr", "L"], strict=True))
    one, other = replace(one, titles=titles), replace(comparison.other, titles=titles)
    held = replace(comparison, other=other)
    said = text(trajectory_page(one, held, workspace="x", zone=samples.PARIS, locale="en"))
    assert "at_risk" not in said
    assert "More went from Aktiv to In Gefahr" in said


def test_every_number_of_the_picture_is_in_the_table_too():
    one = samples.everything()
    said = text(page(one))
    for number in one.counted.matrix.values():
        assert f"{number:,}" in said
    for start in one.starts:
        assert f"{one.at_start(start):,}" in said


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_it_needs_nothing_else_and_shows_names_as_text(locale: Locale):
    made = page(samples.everything(), locale)
    assert "La &lt;Boutique&gt;" in made
    assert "Free delivery &lt;from&gt; 49" in made
    assert not re.search(r"<script|<link|https?://", made)


def test_both_languages_have_the_same_labels():
    assert TRAJECTORY_LABELS["en"].keys() == TRAJECTORY_LABELS["fr"].keys()
    assert all(all(words.values()) for words in TRAJECTORY_LABELS.values())


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_caution_is_a_sentence_without_a_gap(locale: Locale):
    for note in samples.everything().notes:
        said = note_sentence(note, samples.PARIS, locale)
        assert said.endswith(".")
        assert "{" not in said


def test_bars_are_as_tall_as_their_customers_are_many_and_bands_fill_them():
    one = samples.usual()
    drawn = flow(one.counted.matrix, one.starts, one.ends)
    tall = {bar.place: bar for bar in drawn.left}
    assert tall["lapsed"].height / tall["active"].height == pytest.approx(2517 / 892, rel=0.02)
    for bars in (drawn.left, drawn.right):
        for above, below in pairwise(bars):
            assert above.y + above.height <= below.y + 0.2
        assert bars[0].y >= 0
        assert bars[-1].y + bars[-1].height <= 1000.2
    kinds = {(band.start, band.end): band.kind for band in drawn.bands}
    assert kinds["active", "active"] == "stayed"
    assert kinds["active", "at_risk"] == "moved"
    assert kinds[NOT_YET, "new"] == "came"
    assert kinds["lapsed", GONE] == "went"


def test_one_among_a_million_is_still_seen_and_nobody_is_not():
    drawn = flow({("a", "a"): 1_000_000, ("a", "b"): 1}, ["a", "b"], ["a", "b", NONE])
    assert [bar.place for bar in drawn.left] == ["a"]
    assert [bar.place for bar in drawn.right] == ["a", "b"]
    assert all(bar.height > 2 for bar in [*drawn.left, *drawn.right])
    assert flow({}, ["a"], ["a"]).bars == []


def test_labels_of_thin_bars_keep_their_distance():
    drawn = flow(samples.many().counted.matrix, samples.many().starts, samples.many().ends)
    labels = [bar.label for bar in drawn.left]
    assert all(below - above >= 5 for above, below in pairwise(labels))
    assert 0 < labels[0] < labels[-1] < 100


def test_a_long_period_shows_its_latest_weeks_and_says_so():
    view = trajectory_view(samples.many(), None, zone=samples.PARIS, locale="en")
    assert "60" not in view.weeks_more
    long = samples.trajectory(samples.USUAL, days=700)
    view = trajectory_view(long, None, zone=samples.PARIS, locale="en")
    assert view.weeks_more.startswith("The latest 60 of 101 weeks")


def test_words_are_kept_for_differences_that_hold_among_many():
    one, comparison = samples.against_another()
    clear = [each for each in comparison.changes if each.clear]
    assert {(each.start, each.end) for each in clear} == {
        ("active", "at_risk"), ("active", "active"),
    }  # fmt: skip
    said = text(
        trajectory_page(one, comparison, workspace="x", zone=samples.PARIS, locale="en")
    )  # fmt: skip
    assert "Of 15 shares compared 2 differ clearly" in said
    assert "More went from active to at_risk: 37.0 % of them, against 16.8 %" in said
    assert "Fewer stayed in active" in said
    assert " clear " in said
    assert "built-in method" not in said
    assert change_sentence(clear[0], "fr").startswith(("Plus", "Moins"))


def test_periods_of_very_different_lengths_are_not_compared():
    held = compare(samples.usual(), samples.trajectory(samples.USUAL, days=30))
    assert held.changes == ()
    said = text(trajectory_page(samples.usual(), held, workspace="x", zone=samples.PARIS,
                                locale="fr"))  # fmt: skip
    assert "Il n’y a rien à comparer." in said
    assert "n’ont pas la même durée" in said


def test_one_customer_who_moved_is_a_page():
    said = text(page(samples.one_customer()))
    assert "Of 1 customers at the start, 0.0 % stand where they stood" in said
    assert "No trigger wrote in this period." in said


def test_the_report_has_the_section_where_there_is_something_to_tell():
    report = report_samples.every_verdict()
    keys = {"workspace": "x", "at": report_samples.AT}
    assert "Where customers went" not in html(report, **keys)
    assert "Where customers went" in html(report, **keys, trajectory=samples.usual())
    french = html(report, **keys, locale="fr", trajectory=samples.usual())
    assert "Où vont les clients" in french
