"""The report as a browser shows it: narrow and wide, light and dark, on paper, and alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import TypedDict

import pytest

import browser
import report_samples as samples
import segment_samples
import trajectory_samples as paths
from relance.rendering.report import Locale, html, report_email, trajectory_page
from relance.uplift.report import Report
from relance.uplift.segments_report import SegmentsReport
from report_reading import brightness, contrast

pytestmark = pytest.mark.browser

FRAMES: Mapping[str, Mapping[Locale, Sequence[int]]] = {
    "light": {"en": (360, 900, 1280), "fr": (360,)},
    "dark": {"fr": (360, 1280)},
}
PAPER = 695  # pixels of A4 between the page's margins
LONG = "customers_who_bought_twice_and_have_not_been_seen_for_a_long_time"
# what a person would see at once: something beyond the edge, on top of something, or without ink
LOOK = """
const AXES = '.up, .across, .ends, .flow-side, .flow-ends, .week-up, .week-ends';
const look = frame => {
  const page = frame.contentDocument, root = page.documentElement;
  const box = one => one.getBoundingClientRect();
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1
    || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  const all = wanted => [...page.querySelectorAll(wanted)];
  const scrolled = 'thead *, .counts, .counts *, .matrix, .matrix *';
  const beyond = all(`main *:not(${scrolled})`).filter(one => box(one).width
    && box(one).right > root.clientWidth + 1).map(one => one.outerHTML.slice(0, 120));
  const crowded = all(AXES).filter(axis => {
    const labels = [...axis.children].map(box);
    return labels.some((a, n) => labels.slice(n + 1).some(b => !apart(a, b)));
  }).map(axis => axis.outerHTML.slice(0, 300));
  return {
    scroll: root.scrollWidth, beyond, crowded,
    plots: all('svg[role=img]').filter(one => box(one).width > 100 && box(one).height > 20).length,
    lines: all('path.line').filter(one => one.getTotalLength() > 50 && box(one).width > 50).length,
    bands: all('path.band').filter(one => box(one).width > 50 && box(one).height >= 1).length,
    bars: all('.week-plot path.entered').filter(one => box(one).height > 2).length,
    bells: all('.bell').filter(one => box(one).width > 60
      && box(one.querySelector('.mine')).width > 5).length,
    marks: all('.mark').filter(one => box(one).width > 10).length,
    paper: getComputedStyle(page.body).backgroundColor,
    ink: getComputedStyle(page.body).color,
    fetched: frame.contentWindow.performance.getEntriesByType('resource').map(one => one.name),
  };
};
onload = () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) found[frame.id] = look(frame);
  document.body.dataset.found = JSON.stringify(found);
};
"""


class Look(TypedDict):
    """What was seen of a page in one frame."""

    scroll: int
    beyond: list[str]
    crowded: list[str]
    plots: int
    lines: int
    bands: int
    bars: int
    marks: int
    bells: int
    paper: str
    ink: str
    fetched: list[str]


def frames(pages: Mapping[str, tuple[str, int]]) -> str:
    """A document with each page in a frame of its width: Chromium makes no small window."""
    inside = "".join(
        f'<iframe id="{name}" width="{width}" height="900" style="border:0"'
        f' srcdoc="{escape(page)}"></iframe>'
        for name, (page, width) in pages.items()
    )
    scheme = '<meta name="color-scheme" content="light dark">'
    return f'<meta charset="utf-8">{scheme}<body>{inside}<script>{LOOK}</script>'


def look(
    chromium: str, folder: Path, pages: Mapping[str, tuple[str, int]], *words: str
) -> tuple[dict[str, Look], list[str]]:
    """What is seen of each page, and what the browser complains of."""
    file = folder / "frames.html"
    file.write_text(frames(pages), encoding="utf-8")
    document, complaints = browser.show(
        chromium, file.as_uri(), folder, "--hide-scrollbars", *words
    )
    found = re.search(r'data-found="([^"]*)"', document)
    assert found, document[:500]
    seen: dict[str, Look] = json.loads(unescape(found[1]))
    return seen, complaints


def everything() -> Report:
    """Every verdict, the programme, a long name, a first day, no goal, one customer."""
    lone = ((1, 1, 1), (0, 0, 0))
    no_goal = samples.judged("n", (90, 0, 0), (0, 0, 0), share=0.0, measured=False)
    report = samples.every_verdict()
    more = (
        samples.full(LONG, "better"),
        samples.full("first_day", "too_early", curves=samples.curves((900, 0, 0), (100, 0, 0), 1)),
        samples.trigger("no_goal", goal=None, reading=no_goal),
        samples.trigger("one_customer", reading=samples.judged("o", *lone), treated=1, held_out=0,
                        metrics=samples.metrics(*lone), curves=samples.curves(*lone)),
        samples.full("quarter", curves=samples.curves(*samples.CASES["worse"], last=90),
                     cohorts=samples.cohorts(*samples.CASES["worse"], weeks=40)),
    )  # fmt: skip
    return samples.report(
        *report.triggers, *more, programme=report.programme, overlaps=report.overlaps
    )


def page(report: Report, locale: Locale = "en", segments: SegmentsReport | None = None) -> str:
    return html(
        report, workspace="La Boutique", at=samples.AT, locale=locale,
        trajectory=paths.everything(), segments=segments,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(
    request: pytest.FixtureRequest, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Look], list[str]]:
    """The whole report in one scheme, in each of its languages and widths."""
    report = everything()
    pages = {
        f"{locale}{width}": (page(report, locale, segment_samples.everything()), width)
        for locale, widths in FRAMES[request.param].items()
        for width in widths
    }
    scheme = f"--blink-settings=preferredColorScheme={0 if request.param == 'dark' else 1}"
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, *look(chromium, folder, pages, scheme)


def test_nothing_goes_beyond_the_edge_at_any_width(seen: tuple[str, dict[str, Look], list[str]]):
    scheme, pages, _ = seen
    assert len(pages) == sum(map(len, FRAMES[scheme].values()))
    for name, found in pages.items():
        assert found["beyond"] == [], name
        assert found["scroll"] <= int(name[2:]), name


def test_labels_do_not_stand_on_each_other(seen: tuple[str, dict[str, Look], list[str]]):
    _, pages, _ = seen
    assert {name: found["crowded"] for name, found in pages.items() if found["crowded"]} == {}


def test_the_plots_are_there_and_have_ink(seen: tuple[str, dict[str, Look], list[str]]):
    _, pages, _ = seen
    report = everything()
    reports = [*report.triggers, *([report.programme] if report.programme else [])]
    curved = [one for one in reports if 'class="line' in page(samples.report(one))]
    assert len(curved) >= 8
    everyone = segment_samples.everything()
    for found in pages.values():
        assert found["lines"] == 3 * len(curved)
        assert found["plots"] >= len(reports) + 2 * len(curved)
        assert found["marks"] >= 5
        assert found["bells"] == page(samples.report(), segments=everyone).count('class="bell"')


def test_the_console_is_silent_and_no_request_leaves_the_page(
    seen: tuple[str, dict[str, Look], list[str]],
):
    _, pages, complaints = seen
    assert complaints == []
    assert [found["fetched"] for found in pages.values()] == [[]] * len(pages)


def test_light_is_light_and_dark_is_dark_and_both_can_be_read(
    seen: tuple[str, dict[str, Look], list[str]],
):
    scheme, pages, _ = seen
    for found in pages.values():
        paper, ink = found["paper"], found["ink"]
        assert (brightness(paper) > brightness(ink)) == (scheme == "light")
        assert contrast(paper, ink) > 7  # WCAG 2.2, 1.4.6


def test_a_request_a_wide_thing_and_crowded_labels_would_be_noticed(chromium: str, tmp_path: Path):
    bad = page(samples.report(samples.full("x"))).replace(
        "<main>",
        '<main><img src="http://127.0.0.1:9/x.png"><p style="width:900px">wide</p>'
        '<p class="ends"><span style="top:1%">here</span><span style="top:2%">too</span></p>',
    )
    pages, complaints = look(chromium, tmp_path, {"bad": (bad, 360)})
    assert any("Content Security Policy" in line for line in complaints)
    assert any("wide" in part for part in pages["bad"]["beyond"])
    assert any("here" in part for part in pages["bad"]["crowded"])


def trajectories(locale: Locale) -> dict[str, str]:
    """Pages of trajectories: usual, everything, as many segments as fit, one customer, compared."""
    one, comparison = paths.against_another()
    shown = {
        "usual": paths.usual(), "everything": paths.everything(), "many": paths.many(),
        "lone": paths.one_customer(),
    }  # fmt: skip
    pages = {
        name: trajectory_page(each, None, workspace=LONG, zone=paths.PARIS, locale=locale)
        for name, each in shown.items()
    }
    pages["compared"] = trajectory_page(
        one, comparison, workspace="La Boutique", zone=paths.PARIS, locale=locale
    )
    return pages


@pytest.mark.parametrize(("scheme", "locale"), [("dark", "fr"), ("light", "en")])
def test_a_page_of_trajectories_fits_every_screen(
    chromium: str, tmp_path: Path, scheme: str, locale: Locale
):
    pages = {
        f"{name}-{width}": (source, width)
        for name, source in trajectories(locale).items()
        for width in (360, 1280)
    }
    words = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    seen, complaints = look(chromium, tmp_path, pages, words)
    assert complaints == []
    for name, found in seen.items():
        assert found["beyond"] == [], name
        assert found["crowded"] == [], name
        assert found["scroll"] <= int(name.rpartition("-")[2]), name
        assert found["fetched"] == []
        assert (brightness(found["paper"]) > brightness(found["ink"])) == (scheme == "light")
    for width in (360, 1280):
        assert seen[f"usual-{width}"]["bands"] == len(paths.USUAL)
        assert seen[f"usual-{width}"]["bars"] == len(paths.STAGES)
        assert seen[f"lone-{width}"]["bands"] == 1


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_nothing_goes_beyond_the_edge_of_the_paper(chromium: str, tmp_path: Path, locale: Locale):
    """The style for paper, in a frame as wide as paper."""
    source = page(everything(), locale, segment_samples.everything())
    printed = source.replace("@media screen", "@media speech").replace("@media print", "@media all")
    pages, _ = look(chromium, tmp_path, {"paper": (printed, PAPER)})
    assert pages["paper"]["beyond"] == []
    assert pages["paper"]["crowded"] == []
    assert pages["paper"]["scroll"] <= PAPER


def test_it_prints_on_a4_with_a_new_sheet_for_each_trigger(chromium: str, tmp_path: Path):
    report = samples.every_verdict()
    file, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    file.write_text(page(report, "fr"), encoding="utf-8")
    browser.run(chromium, file.as_uri(), tmp_path, f"--print-to-pdf={paper}")
    printed = paper.read_bytes()
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert len(report.triggers) + 2 <= sheets <= 3 * len(report.triggers) + 6
    width, height = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed)[0]
    assert (round(float(width)), round(float(height))) == (595, 842)


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_e_mail_fits_a_telephone(chromium: str, tmp_path: Path, locale: Locale):
    mail = report_email(
        everything(), workspace="La Boutique", at=samples.AT, locale=locale, link=None
    ).html
    pages, complaints = look(chromium, tmp_path, {"mail": (mail, 360), "desk": (mail, 1280)})
    assert complaints == []
    assert pages["mail"]["scroll"] <= 360
    assert pages["desk"]["scroll"] <= 1280
