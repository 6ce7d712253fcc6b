"""Broken reports at every vendor's address: no 500, and nothing changes without a proof."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chaos.reports import NUMBER, PROVIDER_ID, PUBLIC, Reporter, reporters
from chaos.table import Row
from contracts.state_words import day, entry, message, outcome, tick
from delivery_fakes import make_workspace
from front_fakes import SECRET
from relance.domain.ledger import Mark
from relance.domain.message import MessageState
from relance.domain.receipt import recipient_digest
from relance.domain.workspace import WebSpec
from relance.links import LinkMaker
from relance.providers import VENDORS
from relance.store import State, open_state
from relance.web import Front, Measures, web_app

TABLES = ("message", "receipt", "suppression", "suppressed_address", "consent_change", "pause")
REFUSALS = {400, 401, 404, 405, 408, 413, 503}
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 10**30, "", "\0", "é" * 50, "9" * 400, [], {}, [[[]]], [None],
    {"a": {"b": []}}, "2026-99-99T99:99:99Z", "<script>", "%00%ff", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00", 253_402_300_800, -62_135_596_801, "nan", "\u202e", "'; DROP",
)  # fmt: skip


class Side:
    """Every vendor's address over one real state, in which two messages were accepted."""

    def __init__(self, state: State, root: Path) -> None:
        self.state = state
        mail, sms = entry("c1", day(1)), entry("c2", day(1))
        written = [message(mail), message(sms, channel="sms")]
        state.ledger.commit(tick(day(1), entries=[mail, sms], messages=written))
        for each, recipient in zip(written, ("chloe@shop.example", NUMBER), strict=True):
            claimed = state.queue.claim(day(1), 10, day(2), "w", each.channel)
            marks = [Mark(message=m.id, provider="x", recipient=recipient_digest(recipient))
                     for m in claimed]  # fmt: skip
            state.queue.sending(marks, day(1), "w")
            done = outcome(each.id, MessageState.ACCEPTED, day(1), worker="w",
                           provider_id=PROVIDER_ID)  # fmt: skip
            state.queue.record([done])
        self.reporters = reporters(written[0].id)
        providers: dict[str, list[Any]] = {}
        for reporter in self.reporters:
            providers.setdefault(reporter.channel, []).append(reporter.open(root))
        web = WebSpec(public_url=PUBLIC, secrets=(SECRET,))
        front = Front(
            workspace=make_workspace(web=web),
            providers=providers,
            receipts=state.receipts,
            people=state.desk,
            links=LinkMaker(PUBLIC, web.secrets),
        )
        self.app = web_app(self._health, self._measure, lambda: front, lambda: day(1))

    async def _health(self) -> dict[str, object]:
        return {"status": "ok"}

    async def _measure(self) -> Measures:
        return Measures(version="1", status="ok")

    def everything(self) -> list[object]:
        """Every row that a report or a customer could change."""
        with self.state._database.read() as connection:
            return [
                sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}"))))
                for name in TABLES
            ]


class Breaker:
    """Breaks reports by a seeded script."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def coin(self, chance: float) -> bool:
        return self._dice.random() < chance

    def choose(self, reporters: list[Reporter]) -> Reporter:
        return self._dice.choice(reporters)

    def body(self, reporter: Reporter) -> bytes:
        """A report with its values, its form, or its bytes broken; sometimes whole."""
        report: Any = json.loads(json.dumps(dict(reporter.report)))
        for _ in range(self._dice.randrange(4)):
            report = self._twisted(report)
        if self.coin(0.2):
            report = [report] * self._dice.randrange(4)
        body = reporter.body(report)
        return self._bitten(body) if self.coin(0.35) else body

    def _twisted(self, value: Any) -> Any:
        """One value somewhere inside is another, or is gone."""
        if isinstance(value, dict) and value and self.coin(0.9):
            name = self._dice.choice(list(value))
            if self.coin(0.2):
                return {key: inner for key, inner in value.items() if key != name}
            return {**value, name: self._twisted(value[name])}
        if isinstance(value, list) and value and self.coin(0.8):
            return [self._twisted(value[0]), *value[1:]]
        return self._dice.choice(ODD)

    def _bitten(self, body: bytes) -> bytes:
        cut = self._dice.randrange(len(body) + 1)
        match self._dice.randrange(7):
            case 0:
                return body[:cut]
            case 1:
                return body[:cut] + self._dice.randbytes(5) + body[cut:]
            case 2:
                return self._dice.randbytes(cut)
            case 3:
                return b"[" * 10_000
            case 4:
                return body.replace(b'"', b"'")
            case 5:
                return b"\xff\xfe" + body
        return body * 2

    def headers(self) -> dict[str, bytes]:
        """Signatures that are none, and headers that say odd things."""
        names = (
            "Authorization", "X-Twilio-Signature", "svix-id", "svix-timestamp", "svix-signature",
            "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp",
            "x-sinch-webhook-signature", "x-sinch-webhook-signature-timestamp",
            "x-sinch-webhook-signature-nonce", "x-sinch-webhook-signature-algorithm",
            "x-amz-sns-message-type", "Content-Type", "Content-Encoding", "Host", "Expect",
        )  # fmt: skip
        values = (
            b"", b"Basic", b"Basic !!!!", b"Basic aG9va3M6", b"Bearer a.b.c", b"v1,AAAA",
            b"Basic " + b"A" * 8_000, b"\xe9\xff", b"9" * 300, b"-1", b"1772442000", b"null",
            b"Bearer eyJhbGciOiJub25lIn0.e30.", b"v1, v1, v1", b"application/json; charset=zz",
            b"multipart/form-data", b"gzip", b"Digest x",
        )  # fmt: skip
        chosen = self._dice.sample(names, self._dice.randrange(6))
        return {name: self._dice.choice(values) for name in chosen}

    def tampered(self, headers: dict[str, bytes]) -> dict[str, bytes]:
        """A genuine proof in which one character is another."""
        name = self._dice.choice([n for n in headers if len(headers[n]) > 20])
        value = bytearray(headers[name])
        place = self._dice.randrange(6, len(value) - 4)
        letters = (string.ascii_letters + string.digits).encode()
        value[place] = self._dice.choice([each for each in letters if each != value[place]])
        return {**headers, name: bytes(value)}

    def target(self, path: str) -> tuple[str, str]:
        """A method and an address: mostly the right ones."""
        method = self._dice.choices(("POST", "GET", "PUT", "HEAD"), (20, 2, 1, 1))[0]
        query = self._dice.choices(
            ("", "?message=x", "?%ff=%00&&=", "?" + "a=1&" * 1_200, "?x=" + "y" * 3_000),
            (12, 2, 1, 1, 1),
        )[0]
        return method, path + query


@pytest.fixture(params=["sqlite", "postgresql"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    url = f"sqlite:///{tmp_path}/relance.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_database"))
    state = open_state(url, workspace="boutique")
    yield Side(state, tmp_path)
    state.close()


TRIES = [pytest.param(500, id="500"), pytest.param(5_000, id="5000", marks=pytest.mark.slow)]


async def asked(client: httpx.AsyncClient, method: str, path: str, **rest: Any) -> int:
    async with asyncio.timeout(30):
        return (await client.request(method, path, **rest)).status_code


def test_every_vendor_that_reports_is_among_those_that_are_tried():
    tried = {(each.vendor, each.channel) for each in reporters("m")}
    reporting = {
        (name, channel)
        for name, vendor in VENDORS.items()
        if vendor.spec.can.events
        for channel in vendor.spec.channels - {"whatsapp"}  # Twilio's, as for SMS
    }
    assert tried == reporting


@pytest.mark.parametrize("tries", TRIES)
async def test_without_a_proof_nothing_changes_whatever_is_posted(side: Side, row: Row, tries: int):
    row.what = "Broken webhooks that prove nothing"
    row.promise = "no 500, no state changed without a valid signature"
    before, breaker = side.everything(), Breaker(tries)
    transport = httpx.ASGITransport(side.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://any.example") as client:
        for number in range(tries):
            reporter = breaker.choose(side.reporters)
            body = breaker.body(reporter)
            headers = breaker.headers()
            if reporter.genuine is not None and breaker.coin(0.3):
                proof = {k: v.encode() for k, v in reporter.genuine(b"other", day(1)).items()}
                headers |= breaker.tampered(proof)
            method, path = breaker.target(reporter.path)
            status = await asked(client, method, path, content=body, headers=headers)
            looked = method in {"HEAD", "GET"} and status == 200
            assert status in REFUSALS or looked, (number, reporter.vendor, method, path, status)
            row.figures[f"times {status}"] += 1
    assert side.everything() == before


@pytest.mark.parametrize("tries", TRIES)
async def test_a_genuine_sender_of_nonsense_breaks_nothing(side: Side, row: Row, tries: int):
    row.what = "Nonsense from genuine senders"
    row.promise = "no 500, and everything readable is kept, once"
    breaker = Breaker(tries + 1)
    genuine = [reporter for reporter in side.reporters if reporter.genuine is not None]
    transport = httpx.ASGITransport(side.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://any.example") as client:
        for number in range(tries):
            reporter = breaker.choose(genuine)
            assert reporter.genuine is not None
            body = breaker.body(reporter)
            headers = dict(reporter.genuine(body, day(1)))
            if reporter.form:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            status = await asked(client, "POST", reporter.path, content=body, headers=headers)
            assert status in {200, 202, 204, 400, 401}, (number, reporter.vendor, body, status)
            row.figures[f"times {status}"] += 1
    assert row.figures["times 200"] > tries / 4
    side.everything()  # and it can still be read
