"""A real browser on a page of one origin, live events at another: who is let through."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI, Response

from browser import show
from live_desk import KEY, LiveSide
from relance.web import serving
from relance.web.origins import Origins

pytestmark = pytest.mark.browser

# as Segment's client does: with the headers that make a browser ask first, and a wrong key too
PAGE = """<!doctype html><meta charset="utf-8"><p id="told">nothing</p><script>
const tell = (key) => fetch("http://127.0.0.1:%d/v1/t", {
  method: "post",
  headers: {"Content-Type": "text/plain", "Authorization": "Basic " + btoa(key + ":")},
  body: JSON.stringify({type: "track", event: "Seen", anonymousId: "2f7a", writeKey: key}),
}).then((answer) => answer.status, () => "blocked")
Promise.all([tell("%s"), tell("another-key-of-somebody")]).then((told) => {
  document.getElementById("told").textContent = told.join(" ")
})
</script>"""


@pytest.mark.parametrize(
    ("host", "told", "stored"), [("127.0.0.1", "200 401", 1), ("localhost", "blocked blocked", 0)]
)
async def test_the_page_of_a_declared_site_is_let_through_and_another_is_not(
    chromium: str, tmp_path: Path, host: str, told: str, stored: int
):
    side, shop = LiveSide(), FastAPI()
    async with serving(side.app, "127.0.0.1", 0) as port, serving(shop, "127.0.0.1", 0) as own:
        assert side.front is not None
        assert side.front.live is not None
        side.front.live.origins = Origins([f"http://127.0.0.1:{own}"])
        page = PAGE % (port, KEY)
        shop.add_api_route("/", lambda: Response(page, media_type="text/html"))
        with structlog.testing.capture_logs():
            url = f"http://{host}:{own}/"
            document, _ = await asyncio.to_thread(show, chromium, url, tmp_path)
    found = re.search(r'id="told">(.*?)<', document)
    assert found, document
    assert found[1] == told
    assert [message.event for message in side.store.messages.values()] == ["Seen"] * stored
