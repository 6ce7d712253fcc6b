"""/healthz on a loopback port."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from relance.errors import OutsideError
from relance.web import health_app, serving


def ask(port: int, path: str = "/healthz") -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


class Patient:
    def __init__(self) -> None:
        self.status = "ok"

    async def health(self) -> dict[str, object]:
        return {"status": self.status, "pending": 3}


@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("stopping", 503)])
async def test_a_worker_that_stops_is_not_available_and_a_degraded_one_is(status: str, code: int):
    patient = Patient()
    patient.status = status
    async with serving(health_app(patient.health), 0) as port:
        assert await asyncio.to_thread(ask, port) == (code, {"status": status, "pending": 3})


async def test_nothing_else_is_served():
    async with serving(health_app(Patient().health), 0) as port:
        for path in ("/", "/docs", "/openapi.json"):
            assert (await asyncio.to_thread(ask, port, path))[0] == 404


async def test_a_port_that_is_taken_is_said_in_words():
    async with serving(health_app(Patient().health), 0) as port:
        with pytest.raises(OutsideError, match=f"port {port} .*taken"):
            async with serving(health_app(Patient().health), port):
                pass
