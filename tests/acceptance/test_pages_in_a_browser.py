"""Customers' pages as a browser shows them, with the headers that the server sends."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from browser import show
from front_fakes import PublicSide
from relance.domain.workspace import Topic
from relance.web import serving

pytestmark = pytest.mark.browser

TOPICS = {"news": Topic(name="news", titles={"fr": "Nouveautés", "en": "What is new"})}


@pytest.mark.parametrize(("locale", "word"), [("fr", "désabonner"), ("en", "Unsubscribe")])
async def test_the_browser_takes_the_pages_with_their_style_and_without_a_complaint(
    chromium: str, tmp_path: Path, locale: str, word: str
):
    side = PublicSide(topics=TOPICS)
    async with serving(side.app, "127.0.0.1", 0) as port:
        for path in (side.unsubscribe_path(locale), side.preferences_path(locale)):
            url = f"http://127.0.0.1:{port}{path}"
            document, complaints = await asyncio.to_thread(show, chromium, url, tmp_path)
            assert complaints == []
            assert word in document


async def test_a_style_that_the_policy_forbids_would_be_noticed(chromium: str, tmp_path: Path):
    side = PublicSide(topics={"news": Topic(name="news", titles={"en": "x"})})
    page = await side.call("GET", side.preferences_path("en"))
    policy = page.headers["content-security-policy"].replace("; frame-ancestors 'none'", "")
    file = tmp_path / "page.html"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    html = page.text.replace("<style>", f"{meta}<style>\n/* changed */")
    file.write_text(html, encoding="utf-8")
    _, complaints = await asyncio.to_thread(show, chromium, file.as_uri(), tmp_path)
    assert any("Content Security Policy" in line for line in complaints)


@pytest.mark.parametrize("locale", ["fr", "en"])
async def test_the_pages_fit_a_small_telephone(chromium: str, tmp_path: Path, locale: str):
    """320 px wide, in a frame: Chromium makes no window that small."""
    side = PublicSide(topics=TOPICS)
    for number, path in enumerate((side.unsubscribe_path(locale), side.preferences_path(locale))):
        page = (await side.call("GET", path)).text
        measure = "<script>parent.document.title = document.documentElement.scrollWidth</script>"
        text = page.replace("</body>", measure + "</body>").replace('"', "&quot;")
        frame = tmp_path / f"frame{number}.html"
        frame.write_text(
            f'<meta charset="utf-8"><iframe width="320" height="900" srcdoc="{text}"></iframe>',
            encoding="utf-8",
        )
        document, _ = await asyncio.to_thread(show, chromium, frame.as_uri(), tmp_path)
        width = re.search(r"<title>(\d+)</title>", document)
        assert width, document
        assert int(width[1]) <= 320
