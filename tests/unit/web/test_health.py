"""/healthz: everything to this machine, the status to others, and a server that is quiet."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from email.message import Message

import pytest

from front_fakes import NOW, PublicSide
from relance.errors import OutsideError
from relance.web import Measures, serving, web_app


def ask(port: int, path: str = "/healthz") -> tuple[int, bytes, Message]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


class Patient:
    def __init__(self, status: str = "ok") -> None:
        self.status = status

    async def health(self) -> dict[str, object]:
        return {"status": self.status, "pending": 3}

    def app(self):
        return web_app(self.health, self.measure, lambda: None, lambda: NOW)

    async def measure(self) -> Measures:
        return Measures(version="1", status=self.status)


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("stopping", 503)])
async def test_a_worker_that_stops_is_not_available_and_a_degraded_one_is(status: str, code: int):
    async with serving(Patient(status).app(), "127.0.0.1", 0) as port:
        found, body, _ = await asyncio.to_thread(ask, port)
    assert (found, json.loads(body)) == (code, {"status": status, "pending": 3})


async def test_others_than_this_machine_are_told_the_status_alone():
    side = PublicSide()
    here = await side.call("GET", "/healthz", peer="127.0.0.1")
    assert "db.internal" in here.text
    elsewhere = await side.call("GET", "/healthz", peer="203.0.113.7")
    assert elsewhere.json() == {"status": "ok"}


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_who_comes_through_a_proxy_of_this_machine_is_told_the_status_alone(name: str):
    answer = await PublicSide().call(
        "GET", "/healthz", peer="127.0.0.1", headers={name: "203.0.113.7"}
    )
    assert answer.json() == {"status": "ok"}


async def test_what_does_not_exist_is_a_bare_404_that_does_not_say_what_we_run_on():
    async with serving(Patient().app(), "127.0.0.1", 0) as port:
        for path in ("/", "/docs", "/redoc", "/openapi.json", "/healthz/", "/webhooks"):
            code, body, headers = await asyncio.to_thread(ask, port, path)
            assert (code, body) == (404, b""), path
            assert "server" not in headers


async def test_while_no_workspace_is_open_vendors_and_customers_are_asked_to_come_back():
    side = PublicSide()
    paths = ["/webhooks/email/acme", side.unsubscribe_path(), side.preferences_path()]
    side.front = None
    for path in paths:
        answer = await side.call("POST", path)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_workspace_without_a_public_url_shows_nothing_but_its_health():
    side = PublicSide()
    paths = [side.unsubscribe_path(), side.preferences_path(), "/webhooks/email/acme"]
    side.without_public_url()
    for path in paths:
        assert (await side.call("GET", path)).status_code == 404
        assert (await side.call("POST", path)).status_code == 404
    assert (await side.call("GET", "/healthz")).status_code == 200


async def test_an_address_that_cannot_be_had_is_said_in_words():
    async with serving(Patient().app(), "127.0.0.1", 0) as port:
        with pytest.raises(OutsideError, match=f"127.0.0.1 port {port}: Address already in use"):
            async with serving(Patient().app(), "127.0.0.1", port):
                pass
    with pytest.raises(OutsideError, match="not-a-host"):
        async with serving(Patient().app(), "not-a-host.invalid", 0):
            pass
