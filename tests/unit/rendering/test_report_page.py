"""The HTML report: one file that needs nothing else, in two languages, honest in every case."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from relance.domain.duration import Duration
from relance.domain.trigger import Goal
from relance.rendering.report import html
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import ArmCounts, Verdict, read

AT = datetime(2026, 3, 6, 8, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration.parse("30 days"))
CASES = {
    "better": ((9000, 9000, 1800), (1000, 1000, 100)),
    "worse": ((9000, 9000, 900), (1000, 1000, 200)),
    "no_detectable_effect": ((900, 900, 90), (100, 100, 10)),
    "not_enough_data": ((360, 360, 36), (40, 40, 3)),
    "too_early": ((900, 0, 0), (100, 0, 0)),
    "srm_failed": ((900, 900, 270), (400, 400, 40)),
}
VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


def report(name: str, case: str = "better", **changes: object) -> TriggerReport:
    treated, holdout = (ArmCounts(entered=e, mature=m, retained=r) for e, m, r in CASES[case])
    values: dict = {
        "trigger": name, "description": "Come back", "version": "abc", "at": AT, "goal": GOAL,
        "reading": read(treated, holdout, trigger=name, version="abc", share=0.1),
        "runs": 60, "entered": treated.entered + holdout.entered + 2_345,
        "treated": treated.entered, "held_out": holdout.entered,
        "refused": {"no_consent": 2_345}, "sent": treated.entered - 5, "failed": 5,
    }  # fmt: skip
    return TriggerReport(**{**values, **changes})


def page(*reports: TriggerReport, locale: str = "en") -> str:
    return html(reports, workspace="La Boutique", at=AT, locale=locale)


def text(source: str) -> str:
    """What a person reads: no tags, no style, ordinary spaces."""
    body = re.sub(r"<(style|defs)\b.*?</\1>", "", source, flags=re.S)
    return " ".join(re.sub(r"<(?!wbr)[^>]*>", " ", body).replace("<wbr>", "").split())


class Outline(HTMLParser):
    """Collects the open elements, every attribute, and what does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)


def outline(source: str) -> Outline:
    parsed = Outline()
    parsed.feed(source)
    return parsed


EVERY_CASE = [report(name, name) for name in CASES]


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_page_needs_no_other_file_and_no_network(locale: str) -> None:
    source = page(*EVERY_CASE, locale=locale)
    assert not re.findall(r"https?://|@import|<script|<link|<img|<iframe|url\((?!#)", source)
    links = [value for _, name, value in outline(source).attributes if name in {"href", "src"}]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "default-src 'none'" in source


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_page_is_well_formed_and_every_reference_has_its_target(locale: str) -> None:
    parsed = outline(page(*EVERY_CASE, locale=locale))
    assert parsed.unbalanced == parsed.open == []
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referring = {"aria-labelledby", "aria-describedby"}
    wanted = [v for _, name, value in parsed.attributes if name in referring for v in value.split()]
    wanted += [value[1:] for _, name, value in parsed.attributes if name == "href"]
    assert set(wanted) <= set(ids)


def test_every_plot_has_a_name_for_those_who_do_not_see_it() -> None:
    source = page(*EVERY_CASE)
    for plot in re.findall(r"<svg[^>]*role=\"img\"[^>]*>", source):
        assert "aria-label" in plot
    assert "<title" in source
    assert "+10.0 points, 95" in text(source)


def test_a_better_trigger_shows_its_numbers_interval_and_verdict() -> None:
    shown = text(page(report("welcome")))
    assert "1 of 1 triggers has an effect that the data can tell from zero." in shown
    assert "20.0 % 1,800 / 9,000" in shown
    assert "10.0 % 100 / 1,000" in shown
    assert "+10.0 [+7.8, +11.9]" in shown
    assert "▲ better" in shown
    assert "2,345 no consent" in shown
    assert "order within 30 days" in shown


def test_the_french_page_is_french_throughout() -> None:
    shown = text(page(report("welcome"), report("birthday", "worse"), locale="fr"))
    assert "2 déclencheurs sur 2 ont un effet que les données distinguent de zéro." in shown
    assert "20,0 % 1 800 / 9 000" in shown
    assert "+10,0 [+7,8 ; +11,9]" in shown
    assert "Au 6 mars 2026" in shown
    assert "order sous 30 jours" in shown
    for english in ("held out", "Trigger", "closed window", "retained", "Written to"):
        assert english not in shown


def test_a_broken_split_shows_no_rate_and_no_difference() -> None:
    shown = text(page(report("welcome", "srm_failed")))
    assert "withheld: the split is broken" in shown
    assert "30.0 %" not in shown
    assert "270 retained" not in shown
    assert "900 treated and 400 held out is not a holdout of 10.0 %" in shown


def test_a_small_holdout_is_drawn_hollow_and_not_judged() -> None:
    source = page(report("welcome", "not_enough_data"))
    assert 'class="mark open"' in source
    assert "No trigger has yet an effect" in text(source)
    assert "+2.5 [−10.2, +8.6]" in text(source)


def test_a_trigger_too_young_says_so_where_its_bar_would_be() -> None:
    shown = text(page(report("welcome", "too_early")))
    assert "no comparison yet" in shown
    assert "nan" not in shown.lower()


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_verdict_has_words_and_a_shape_of_its_own(verdict: Verdict, locale: str) -> None:
    source = page(report("welcome", verdict.value), locale=locale)
    assert f'class="badge {verdict.value}"' in source


def test_names_and_descriptions_cannot_break_the_page() -> None:
    nasty = '<script>alert("x")</script>'
    source = html(
        [report(nasty, description=nasty, refused={nasty: 1})], workspace=nasty, at=AT, locale="en"
    )
    assert "<script" not in source
    assert outline(source).unbalanced == []


def test_a_workspace_without_triggers_has_a_page_too() -> None:
    assert "No trigger has run yet." in text(page())


def test_a_trigger_that_nobody_met_has_empty_bars_and_no_error() -> None:
    empty = report("welcome", "too_early", entered=0, treated=0, held_out=0, refused={}, sent=0,
                   failed=0, reading=read(ArmCounts(), ArmCounts(), trigger="welcome",
                                          version="abc", share=0.1))  # fmt: skip
    assert "0 met the condition" in text(page(empty))


def test_a_goal_less_trigger_says_that_retention_is_not_measured() -> None:
    reading = read(
        ArmCounts(entered=9), ArmCounts(), trigger="t", version="v", share=0.0, measured=False
    )
    assert "has no goal" in text(page(report("t", goal=None, reading=reading)))


def test_an_unknown_reason_is_shown_by_its_own_name() -> None:
    assert "7 on holiday" in text(page(report("welcome", refused={"on_holiday": 7})))


def test_triggers_keep_their_order_so_that_the_luckiest_is_not_first() -> None:
    shown = text(page(report("small", "not_enough_data"), report("large", "better")))
    assert shown.index("small") < shown.index("large")


def test_the_instant_is_shown_in_its_own_time_zone() -> None:
    assert "As of 6 March 2026, 08:00" in text(page(report("welcome")))


def test_the_date_from_which_a_trial_is_readable_is_shown() -> None:
    from relance.uplift.planning import Pace

    pace = Pace(began=AT - timedelta(days=40), at=AT, window=timedelta(days=30))
    reading = read(
        ArmCounts(entered=360, mature=90, retained=9), ArmCounts(entered=40, mature=10, retained=1),
        trigger="t", version="v", share=0.1, pace=pace,
    )  # fmt: skip
    assert "Readable around 4 June 2026" in text(page(report("t", reading=reading)))
